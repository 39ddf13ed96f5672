/** Which capability a command lacks, by experiment: it is given one more, and the refused call is looked at again. */
import type { Capability } from '../../kernel/capabilities.js';
import { capabilityFacts } from './facts.js';
import { likelyCapabilities } from './likely-capabilities.js';
import type { TracedCall } from './trace-records.js';

/** One run of the command in a container with a user namespace of its own. */
export interface ObservedRun {
  readonly exitCode: number;
  /** Those that were refused, and all of the system calls that were watched. */
  readonly calls: readonly TracedCall[];
}

/** Runs the command with these capabilities added; `watched` are names of system calls. */
export type Observe = (added: readonly Capability[], watched: ReadonlySet<string>) => Promise<ObservedRun>;

export interface ExperimentOptions {
  /** What the command has anyway. */
  readonly held: ReadonlySet<Capability>;
  /** What it may be given for an experiment. */
  readonly mayTry: ReadonlySet<Capability>;
  /** The capabilities with which the seccomp filter lets a call through; all of them, where it needs none. */
  readonly opens: (syscall: string) => 'always' | 'never' | readonly Capability[];
  /** Runs of the command at most. Default 32; 1 makes no experiment. */
  readonly maxRuns?: number;
}

export interface Measured {
  readonly program: string;
  readonly syscall: string;
  readonly arguments: string;
  readonly errno: 'EPERM' | 'EACCES';
  readonly times: number;
  /**
   * With these, given in the container's own user namespace, the same call was no longer refused; usually one. Undefined
   * where none was found.
   */
  readonly cure: readonly Capability[] | undefined;
  /** Not given to it, because what they allow does not end at a container; one of them likely is what it lacks. */
  readonly notTried: readonly Capability[];
  /** Why there is no cure, as far as it was measured, and what is likely. */
  readonly because: string | undefined;
}

export interface Experiment {
  readonly runs: number;
  /**
   * With these the command as a whole succeeded, though no call was seen to be cured by them: what netlink refuses, it says in
   * a message. Undefined where there are none.
   */
  readonly whole: readonly Capability[] | undefined;
  /** Of the first run, and of one with all that cured. */
  readonly exitCodes: { readonly without: number; readonly with: number };
  readonly diagnoses: readonly Measured[];
  /** All that cured something. */
  readonly added: readonly Capability[];
}

/** Different refused calls that are looked into. */
const maxCalls = 16;

/** Finds the cure of each refused call, one after the other. */
export async function experiment(observe: Observe, options: ExperimentOptions): Promise<Experiment> {
  const laboratory = new Laboratory(observe, options.maxRuns ?? 32);
  const tryable = [...options.mayTry].filter((name) => !options.held.has(name));
  const first = await laboratory.run([]);
  const found = new Map<string, Measured>();
  let run = first ?? { exitCode: 0, calls: [] };
  let added: readonly Capability[] = [];
  for (;;) {
    const call = run.calls.find((each) => each.errno !== undefined && !found.has(keyOf(each)));
    if (call?.errno === undefined || found.size >= maxCalls) break;
    const { errno } = call;
    const outcome =
      options.maxRuns === 1
        ? { cure: undefined, because: 'only looked at' }
        : await findCure(
            async (names) => laboratory.outcome(call, names),
            likelyCapabilities(call.syscall, errno),
            added,
            tryable,
          );
    const { cure } = outcome;
    if (cure !== undefined) {
      added = [...added, ...cure];
      run = (await laboratory.run(added)) ?? run;
    }
    found.set(keyOf(call), {
      program: call.program,
      syscall: call.syscall,
      arguments: call.arguments,
      errno,
      times: Math.max(1, (first ?? run).calls.filter((each) => isRefused(each, call)).length),
      cure,
      ...(cure === undefined ? explainFailure(call, outcome.because, options) : noFailure),
    });
  }
  const whole =
    run.exitCode === 0 || options.maxRuns === 1 ? undefined : await cureWhole(laboratory, added, tryable);
  if (whole !== undefined) {
    added = [...added, ...whole];
    run = (await laboratory.run(added)) ?? run;
  }
  return {
    runs: laboratory.runs,
    whole,
    exitCodes: { without: first?.exitCode ?? 0, with: run.exitCode },
    diagnoses: [...found.values()],
    added,
  };
}

const noFailure = { notTried: [], because: undefined } as const;

type Outcome = 'refused' | 'passed' | 'absent' | 'not run';

/** Runs the command, never twice for the same question, and not too often. */
class Laboratory {
  runs = 0;
  readonly #watched = new Set<string>();
  readonly #known = new Map<string, { readonly run: ObservedRun; readonly watched: ReadonlySet<string> }>();

  constructor(
    private readonly observe: Observe,
    private readonly maxRuns: number,
  ) {}

  /** @returns Undefined where there have been too many already. */
  async run(added: readonly Capability[], watch?: string): Promise<ObservedRun | undefined> {
    const key = [...added].sort().join();
    const known = this.#known.get(key);
    if (known !== undefined && (watch === undefined || known.watched.has(watch))) return known.run;
    if (this.runs >= this.maxRuns) return undefined;
    this.runs += 1;
    if (watch !== undefined) this.#watched.add(watch);
    const watched = new Set(this.#watched);
    const run = await this.observe(added, watched);
    for (const { errno, syscall } of run.calls) if (errno !== undefined) this.#watched.add(syscall);
    this.#known.set(key, { run, watched });
    return run;
  }

  /** `absent`: the command went another way, and did not make that call. */
  async outcome(call: TracedCall, added: readonly Capability[]): Promise<Outcome> {
    const run = await this.run(added, call.syscall);
    if (run === undefined) return 'not run';
    if (run.calls.some((each) => isRefused(each, call))) return 'refused';
    return run.calls.some((each) => keyOf(each) === keyOf(call)) ? 'passed' : 'absent';
  }
}

/** One that is likely; else by halves. */
async function findCure(
  outcomeWith: (names: readonly Capability[]) => Promise<Outcome>,
  likely: readonly Capability[],
  added: readonly Capability[],
  tryable: readonly Capability[],
): Promise<{ cure: readonly Capability[] | undefined; because: string }> {
  const rest = tryable.filter((name) => !added.includes(name));
  for (const name of likely.filter((each) => rest.includes(each))) {
    if ((await outcomeWith([...added, name])) === 'passed') return { cure: [name], because: '' };
  }
  const whole = rest.length === 0 ? 'refused' : await outcomeWith([...added, ...rest]);
  if (whole !== 'passed') return { cure: undefined, because: whole };
  let cure: readonly Capability[] = rest;
  // Half of it, as long as one half alone does; then one after the other is left out.
  halving: while (cure.length > 1) {
    const middle = Math.ceil(cure.length / 2);
    for (const half of [cure.slice(0, middle), cure.slice(middle)]) {
      if ((await outcomeWith([...added, ...half])) !== 'passed') continue;
      cure = half;
      continue halving;
    }
    break;
  }
  for (const name of cure.length > 1 ? cure : []) {
    const fewer = cure.filter((each) => each !== name);
    if ((await outcomeWith([...added, ...fewer])) === 'passed') cure = fewer;
  }
  return { cure, because: '' };
}

async function cureWhole(
  laboratory: Laboratory,
  added: readonly Capability[],
  tryable: readonly Capability[],
): Promise<readonly Capability[] | undefined> {
  const outcomeWith = async (names: readonly Capability[]): Promise<Outcome> => {
    const run = await laboratory.run(names);
    if (run === undefined) return 'not run';
    return run.exitCode === 0 ? 'passed' : 'refused';
  };
  return (await findCure(outcomeWith, ['CAP_NET_ADMIN'], added, tryable)).cure;
}

const none = 'no --cap-add cures it';

function explainFailure(
  { syscall, errno, identity }: TracedCall,
  outcome: string,
  { opens, mayTry, held }: ExperimentOptions,
): Pick<Measured, 'notTried' | 'because'> {
  const likely = likelyCapabilities(syscall, errno ?? 'EPERM');
  const open = opens(syscall);
  if (open === 'never')
    return { notTried: [], because: `${none}: the seccomp filter refuses it whatever the capabilities` };
  const wanted = open === 'always' ? likely : open;
  const notTried = wanted.filter((name) => !mayTry.has(name) && !held.has(name));
  const [beyond] = notTried;
  if (beyond !== undefined) {
    const short = beyond.slice('CAP_'.length);
    const because =
      capabilityFacts[beyond].scope === 'first user namespace only'
        ? `likely lacks ${beyond}: not tried, for it counts in the first user namespace alone, never in one of the container’s own`
        : `likely cured by --cap-add ${short}: not tried, for it reaches beyond the container (--try ${short} tries it)`;
    return { notTried, because };
  }
  if (outcome === 'not run' || outcome === 'only looked at') {
    const [name] = wanted;
    const why = outcome === 'not run' ? 'there were too many runs already' : outcome;
    return {
      notTried: [],
      because: name === undefined ? why : `likely lacks ${name}: not tried (${why})`,
    };
  }
  if (outcome === 'absent') {
    return {
      notTried: [],
      because:
        'no cure was found: with more capabilities the command went another way, and did not make this call',
    };
  }
  const measured = 'with all that could be tried in its own user namespace it is refused as well';
  const first = likely.find((name) => isAskedOfFirst(name, syscall, identity));
  if (first !== undefined) {
    return {
      notTried: [],
      because: `${none}: ${measured}; likely ${first} is asked of the first user namespace, where nobody has it in a container with one of its own`,
    };
  }
  return {
    notTried: [],
    because: `${none}; it is not for want of a capability: ${measured}; likely the permissions of a file whose owner has no id in the container, a mount that is locked or read-only, or a rule of the call itself`,
  };
}

/** As far as it is known which namespace the kernel looks at: that cannot be measured from inside. */
function isAskedOfFirst(name: Capability, syscall: string, identity: string): boolean {
  // mknod(2): only devices are for CAP_MKNOD. S_IFCHR is 02…, S_IFBLK 06….
  if (syscall.startsWith('mknod')) return /(^|, )0(2|6)0\d{3}(,|$)/.test(identity);
  return capabilityFacts[name].scope !== 'namespaced' && name !== 'CAP_DAC_READ_SEARCH';
}

function isRefused(each: TracedCall, call: TracedCall): boolean {
  return each.errno !== undefined && keyOf(each) === keyOf(call);
}

function keyOf({ program, syscall, identity }: TracedCall): string {
  return [program, syscall, identity].join('\0');
}
