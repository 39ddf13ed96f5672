import { goQuote } from './quote.js';
import {
  formatNumber,
  formatValue,
  goExponent,
  isNil,
  kindOf,
  sortedEntries,
  structEntries,
} from './values.js';

/** Go's limit too. */
const MAX_WIDTH = 1_000_000;
const directive = /%([-+# 0]*)(?:\[(\d{1,6})\])?(\*|\d+)?(?:\.(\*|\d*))?(?:\[(\d{1,6})\])?(.)?/gsu;

interface Directive {
  readonly minus: boolean;
  readonly plus: boolean;
  readonly sharp: boolean;
  readonly space: boolean;
  readonly zero: boolean;
  readonly width: number | undefined;
  readonly precision: number | undefined;
  readonly verb: string;
}

/**
 * Go's fmt.Sprintf with the verbs `v s q d x X o b c U e f g t T %`, flags, width, precision, `*` and `[n]`. As in Go, a
 * verb that does not suit its value is no error: `%!d(string=hi)`.
 */
export function sprintf(format: string, args: readonly unknown[]): string {
  const at = { next: 0, reordered: false };
  const star = (text: string | undefined): number | undefined | 'bad' => {
    if (text === undefined) return undefined;
    const value = text === '*' ? args[at.next++] : Number(text);
    return typeof value === 'number' && Number.isInteger(value) && Math.abs(value) <= MAX_WIDTH
      ? value
      : 'bad';
  };
  const text = format.replace(
    directive,
    (_, flags: string, before: string | undefined, width: string | undefined, precision, after, verb) => {
      const index = before ?? (after as string | undefined);
      if (index !== undefined) {
        at.reordered = true;
        at.next = Number(index) - 1;
      }
      const wide = star(width);
      const exact = star(precision as string | undefined);
      if (wide === 'bad') return '%!(BADWIDTH)';
      if (exact === 'bad') return '%!(BADPREC)';
      if (verb === undefined) return '%!(NOVERB)';
      if (verb === '%') return '%';
      if (at.next >= args.length || at.next < 0)
        return `%!${verb as string}(${index === undefined ? 'MISSING' : 'BADINDEX'})`;
      return formatOne(args[at.next++], {
        minus: flags.includes('-') || (wide ?? 0) < 0,
        plus: flags.includes('+'),
        sharp: flags.includes('#'),
        space: flags.includes(' '),
        zero: flags.includes('0') && !flags.includes('-') && (wide ?? 0) >= 0,
        width: wide === undefined ? undefined : Math.abs(wide),
        precision: exact !== undefined && exact < 0 ? undefined : exact,
        verb: verb as string,
      });
    },
  );
  if (at.reordered || at.next >= args.length) return text;
  const extra = args
    .slice(at.next)
    .map((arg) => (isNil(arg) ? '<nil>' : `${typeName(arg)}=${formatValue(arg)}`));
  return `${text}%!(EXTRA ${extra.join(', ')})`;
}

function formatOne(value: unknown, spec: Directive): string {
  if (spec.verb === 'T') return pad(isNil(value) ? '<nil>' : typeName(value), spec);
  const kind = kindOf(value);
  if (kind === 'none' || kind === 'nil')
    return spec.verb === 'v' ? pad('<nil>', spec) : `%!${spec.verb}(<nil>)`;
  if (kind === 'list') return `[${(value as unknown[]).map((each) => formatOne(each, spec)).join(' ')}]`;
  if (kind === 'map') {
    const entries = sortedEntries(value as Map<unknown, unknown>);
    return `map[${entries.map(([key, each]) => `${formatOne(key, spec)}:${formatOne(each, spec)}`).join(' ')}]`;
  }
  if (kind === 'struct') {
    const fields = structEntries(value as object);
    const names = spec.plus && spec.verb === 'v';
    return `{${fields.map(([name, each]) => (names ? `${name}:` : '') + formatOne(each, spec)).join(' ')}}`;
  }
  const text =
    kind === 'number'
      ? formatNumeric(value as number, spec)
      : kind === 'string'
        ? formatString(value as string, spec)
        : kind === 'bool' && 'vt'.includes(spec.verb)
          ? pad(String(value), spec)
          : undefined;
  return text ?? `%!${spec.verb}(${typeName(value)}=${formatValue(value)})`;
}

function formatString(text: string, spec: Directive): string | undefined {
  const { precision } = spec;
  const cut = precision === undefined ? text : Array.from(text).slice(0, precision).join('');
  switch (spec.verb) {
    case 'v':
      return pad(spec.sharp ? goQuote(cut) : cut, spec);
    case 's':
      return pad(cut, spec);
    case 'q':
      return pad(spec.sharp && !/[`\p{Cc}]/u.test(cut) ? `\`${cut}\`` : goQuote(cut), spec);
    case 'x':
    case 'X': {
      const bytes = Buffer.from(text).subarray(0, precision);
      const digits = bytes.toString('hex').replace(/..(?!$)/g, spec.space ? '$& ' : '$&');
      return pad(spec.verb === 'X' ? digits.toUpperCase() : digits, spec);
    }
    default:
      return undefined;
  }
}

const radixes: Readonly<Record<string, readonly [radix: number, prefix: string]>> = {
  b: [2, '0b'],
  o: [8, '0'],
  O: [8, ''],
  d: [10, ''],
  x: [16, '0x'],
  X: [16, '0X'],
};

/** A whole number is an int: JavaScript cannot tell 3 from 3.0, so `%f` takes it as well. */
function formatNumeric(value: number, spec: Directive): string | undefined {
  const whole = Number.isInteger(value);
  const verb = spec.verb === 'v' && whole ? 'd' : spec.verb;
  const code = whole && value >= 0 && value <= 0x10ffff ? String.fromCodePoint(value) : '\ufffd';
  const radix = radixes[verb];
  // `%+v` asks for the names of fields, not for signs.
  const plus = spec.plus && spec.verb !== 'v';
  if (radix !== undefined && whole) {
    const [base, prefix] = radix;
    let digits = BigInt(Math.abs(value)).toString(base);
    if (verb === 'X') digits = digits.toUpperCase();
    if (spec.precision !== undefined) digits = digits.padStart(spec.precision, '0');
    const lead = verb === 'O' ? '0o' : spec.sharp ? prefix : '';
    return padNumber(value < 0, lead, digits, {
      ...spec,
      plus,
      zero: spec.zero && spec.precision === undefined,
    });
  }
  switch (verb) {
    case 'c':
      return whole ? pad(code, spec) : undefined;
    case 'q':
      return whole
        ? pad(`'${code === "'" ? "\\'" : goQuote(code).slice(1, -1).replace('\\"', '"')}'`, spec)
        : undefined;
    case 'U':
      return whole ? pad(`U+${value.toString(16).toUpperCase().padStart(4, '0')}`, spec) : undefined;
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
    case 'v': {
      if (!Number.isFinite(value)) return pad(formatNumber(value), spec);
      const digits = floatDigits(Math.abs(value), verb.toLowerCase(), spec.precision);
      return padNumber(value < 0, '', /[EG]/.test(verb) ? digits.toUpperCase() : digits, { ...spec, plus });
    }
    default:
      return undefined;
  }
}

/** toFixed() and its kin know 100 digits, which is more than a number has. */
function floatDigits(value: number, verb: string, precision: number | undefined): string {
  const exact = precision === undefined ? undefined : Math.min(precision, 100);
  if (verb === 'f') {
    const text = value.toFixed(exact ?? 6);
    return text.includes('e') ? BigInt(value).toString() : text;
  }
  if (verb === 'e') return exponential(value.toExponential(exact ?? 6));
  if (exact === undefined) return formatNumber(value);
  const digits = Math.max(1, exact);
  const power = Number(value.toExponential(digits - 1).split('e')[1]);
  if (power < -4 || power >= digits) {
    return exponential(
      value
        .toExponential(digits - 1)
        .replace(/\.?0*(?=e)/, (zeros, at: number, text: string) =>
          text.slice(0, at + zeros.length).includes('.') ? '' : zeros,
        ),
    );
  }
  const text = value.toFixed(Math.min(100, digits - 1 - power));
  return text.includes('.') ? text.replace(/\.?0*$/, '') : text;
}

function exponential(text: string): string {
  const [digits = '', power = '0'] = text.split('e');
  return `${digits}e${goExponent(Number(power))}`;
}

function padNumber(negative: boolean, prefix: string, digits: string, spec: Directive): string {
  const sign = negative ? '-' : spec.plus ? '+' : spec.space ? ' ' : '';
  const lead = sign + prefix;
  if (!spec.zero || spec.width === undefined) return pad(lead + digits, spec);
  return lead + digits.padStart(spec.width - lead.length, '0');
}

/** By characters, not by UTF-16 units. */
function pad(text: string, { width = 0, minus, zero }: Directive): string {
  const missing = width - Array.from(text).length;
  if (missing <= 0) return text;
  return minus ? text + ' '.repeat(missing) : (zero ? '0' : ' ').repeat(missing) + text;
}

function typeName(value: unknown): string {
  switch (kindOf(value)) {
    case 'number':
      return Number.isInteger(value) ? 'int' : 'float64';
    case 'list':
      return '[]interface {}';
    case 'map':
      return 'map[string]interface {}';
    case 'method':
      return 'func()';
    case 'none':
    case 'nil':
    case 'bool':
    case 'string':
    case 'struct':
      return kindOf(value);
  }
}
