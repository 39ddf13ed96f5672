import { invalid, quote } from '../errors.js';
import { didYouMean } from '../kernel/nearest.js';

/** What a shell may offer for a value: a closed set, or a kind of name that the shell itself can list. */
export type Completion = readonly string[] | 'file' | 'directory' | 'user' | 'signal' | 'capability';

interface CommonSpec {
  /** One letter. */
  readonly short?: string;
  /** Other long names, which are understood and not shown. */
  readonly aliases?: readonly string[];
  readonly help: string;
  /** The heading in the help text. */
  readonly group: string;
}

interface ValueSpec extends CommonSpec {
  /** What stands for the value in the help text: `DIR`. */
  readonly placeholder: string;
  readonly complete?: Completion;
}

/**
 * One option.
 *
 * - `flag`: true or false: `--tty`, `-t`, `--tty=false`. - `value`: the last one given counts. - `list`: may be repeated.
 * - `optional`: a value only with `=`, otherwise `implied`: `--plan`, `--plan=json`.
 */
export type OptionSpec =
  | (CommonSpec & { readonly kind: 'flag' })
  | (ValueSpec & { readonly kind: 'value' | 'list' })
  | (ValueSpec & { readonly kind: 'optional'; readonly implied: string });

/** A command's options by long name, in the order of the help text. */
export type OptionTable = Readonly<Record<string, OptionSpec>>;

type OptionValue<S extends OptionSpec> = S['kind'] extends 'flag'
  ? boolean
  : S['kind'] extends 'list'
    ? readonly string[]
    : string;

/** What was given, by long name. Nothing stands for an option that was not given. */
export type OptionValues<T extends OptionTable> = { readonly [K in keyof T]?: OptionValue<T[K]> };

export interface ParsedOptions<T extends OptionTable> {
  readonly values: OptionValues<T>;
  /** The words that are no options, up to `--`. */
  readonly operands: readonly string[];
  /** What follows `--`; undefined where there is none. */
  readonly afterDashes: readonly string[] | undefined;
}

export interface ParseSettings {
  /** For messages: `warren run`. */
  readonly command: string;
  /** Take the first operand and all that follows it as operands, whatever it looks like. Default false. */
  readonly stopAtOperand?: boolean;
}

/**
 * Reads a command line by the rules of docker's: `--name VALUE`, `--name=VALUE`, `-n VALUE`, `-nVALUE`, `-n=VALUE`, flags in
 * one cluster (`-it`), `--flag=false`, `--` before what is not to be looked at.
 *
 * Not by parseArgs of node:util, which cannot stop at the first operand, takes `-v=x` for `=x` and `--flag=false` for an
 * error, and takes 0.8 ms to load.
 *
 * @throws {WarrenError} `ERR_OPTION_UNKNOWN`, `ERR_OPTION_VALUE_MISSING`, `ERR_OPTION_VALUE`.
 */
export function parseOptions<T extends OptionTable>(
  table: T,
  args: readonly string[],
  settings: ParseSettings,
): ParsedOptions<T> {
  const reader = new Reader(table, args, settings);
  reader.read();
  return {
    // The reader stores what OptionValue says for each kind.
    values: Object.fromEntries(reader.values) as OptionValues<T>,
    operands: reader.operands,
    afterDashes: reader.afterDashes,
  };
}

class Reader {
  readonly values = new Map<string, boolean | string | string[]>();
  readonly operands: string[] = [];
  afterDashes: readonly string[] | undefined;
  private next = 0;
  private readonly longNames = new Map<string, string>();
  private readonly shortNames = new Map<string, string>();

  constructor(
    private readonly table: OptionTable,
    private readonly args: readonly string[],
    private readonly settings: ParseSettings,
  ) {
    for (const [name, spec] of Object.entries(table)) {
      for (const long of [name, ...(spec.aliases ?? [])]) this.longNames.set(long, name);
      if (spec.short !== undefined) this.shortNames.set(spec.short, name);
    }
  }

  read(): void {
    for (;;) {
      const arg = this.args[this.next++];
      if (arg === undefined) return;
      if (arg === '--') {
        this.afterDashes = this.args.slice(this.next);
        return;
      }
      if (arg.startsWith('--')) this.readLong(arg);
      else if (arg.startsWith('-') && arg !== '-') this.readCluster(arg);
      else if (this.settings.stopAtOperand === true) {
        this.operands.push(...this.args.slice(this.next - 1));
        return;
      } else this.operands.push(arg);
    }
  }

  private readLong(arg: string): void {
    const equals = arg.indexOf('=');
    const given = equals < 0 ? arg : arg.slice(0, equals);
    const name = this.longNames.get(given.slice(2));
    if (name === undefined) throw this.unknown(given);
    this.store(name, given, equals < 0 ? undefined : arg.slice(equals + 1));
  }

  /** `-it`, `-e KEY=V`, `-eKEY=V`, `-e=KEY=V`, `-itv /a:/b`: the first letter that takes a value takes the rest. */
  private readCluster(arg: string): void {
    const letters = Array.from(arg.slice(1));
    for (const [index, letter] of letters.entries()) {
      const given = `-${letter}`;
      const name = this.shortNames.get(letter);
      if (name === undefined) throw this.unknown(given, arg);
      const rest = letters.slice(index + 1).join('');
      if (rest.startsWith('=')) {
        this.store(name, given, rest.slice(1));
        return;
      }
      const takesValue = this.spec(name).kind === 'value' || this.spec(name).kind === 'list';
      if (takesValue && rest !== '') {
        this.store(name, given, rest);
        return;
      }
      this.store(name, given, undefined);
    }
  }

  private store(name: string, given: string, attached: string | undefined): void {
    const spec = this.spec(name);
    switch (spec.kind) {
      case 'flag':
        this.values.set(name, attached === undefined || this.truth(given, attached));
        return;
      case 'optional':
        this.values.set(name, attached ?? spec.implied);
        return;
      case 'value':
        this.values.set(name, attached ?? this.nextArg(given, spec.placeholder));
        return;
      case 'list': {
        const value = attached ?? this.nextArg(given, spec.placeholder);
        const list = this.values.get(name);
        if (Array.isArray(list)) list.push(value);
        else this.values.set(name, [value]);
      }
    }
  }

  private spec(name: string): OptionSpec {
    const spec = this.table[name];
    if (spec === undefined) throw new TypeError(`no option ${name}`);
    return spec;
  }

  private nextArg(given: string, placeholder: string): string {
    const value = this.args[this.next++];
    if (value !== undefined) return value;
    throw invalid(
      'ERR_OPTION_VALUE_MISSING',
      `Cannot take option ${given}`,
      'its value is missing',
      `write ${given} ${placeholder}; see: ${this.settings.command} --help`,
    );
  }

  /** The words that Go's strconv.ParseBool knows, which docker's users may write. */
  private truth(given: string, text: string): boolean {
    if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
    if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return false;
    throw invalid(
      'ERR_OPTION_VALUE',
      `Cannot take option ${given}=${quote(text)}`,
      'its value is neither true nor false',
      `write ${given}, ${given}=true or ${given}=false`,
    );
  }

  private unknown(given: string, cluster = given): Error {
    // A single dash before a whole word is a common slip: -rootfs for --rootfs.
    const word = cluster.replace(/^-*/, '--').replace(/=.*/s, '');
    const names = [...this.longNames.keys()].map((name) => `--${name}`);
    const near = word.length > 3 ? didYouMean(word, names) : undefined;
    const hint = near === undefined ? '' : `${near} `;
    return invalid(
      'ERR_OPTION_UNKNOWN',
      `Cannot take option ${quote(given)}${cluster === given ? '' : ` in ${quote(cluster)}`}`,
      `${this.settings.command} has no such option`,
      `${hint}see: ${this.settings.command} --help`,
    );
  }
}
