/** `warren caps why`. */
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { WarrenError, invalid, quote } from '../../errors.js';
import { openTracer } from '../../explore/capabilities/tracer.js';
import {
  type Diagnosis,
  type Explanation,
  containedCapabilities,
  explainRefusals,
  traceRun,
} from '../../explore/capabilities/why.js';
import {
  capabilityNames,
  decodeCapabilities,
  parseCapability,
  parseCapabilityMask,
  type Capability,
} from '../../kernel/capabilities.js';
import { nativeSyscallArch } from '../../kernel/syscalls/index.js';
import type { ContainerOptions } from '../../runtime/options.js';
import { run } from '../../runtime/run.js';
import { commandOf } from '../commands/run.js';
import { runOptionTable } from '../commands/run-options.js';
import { readRunRequest } from '../commands/run-request.js';
import { parseOptions } from '../options.js';
import { STDOUT, writeText } from '../output.js';
import { helpText } from './why-help.js';
import { flags, isRoot, sharedNamespaces, show } from './why-words.js';

const ownOptions = {
  once: { kind: 'flag', help: 'run the command once only: look, and try no cure', group: 'Options' },
  try: {
    kind: 'list',
    placeholder: 'CAP',
    complete: 'capability',
    help: 'also try this one, though it reaches beyond the container',
    group: 'Options',
  },
  by: {
    kind: 'value',
    placeholder: 'WAY',
    complete: ['tracepoint', 'experiment'],
    help: 'tracepoint: the kernel tells (root, Linux 6.14); experiment: it is tried. Default: what works here',
    group: 'Options',
  },
  json: { kind: 'flag', help: 'print one JSON object', group: 'Options' },
  help: { kind: 'flag', help: 'print this text', group: 'Help' },
} as const;

/** @param args What follows `why`. @returns 0 when nothing was refused for want of a capability, else 1. */
export async function explainCommand(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  asJson: boolean,
): Promise<number> {
  const parsed = parseOptions({ ...runOptionTable, ...ownOptions }, args, {
    command: 'warren caps why',
    stopAtOperand: true,
  });
  const { once = false, json = asJson, help = false, try: tries = [], by, ...values } = parsed.values;
  if (help) {
    writeText(STDOUT, helpText);
    return 0;
  }
  const command = commandOf(parsed, 'caps why');
  const request = readRunRequest(values, { env, readFile: (path) => readFileSync(path, 'utf8') });
  const { options } = request;
  for (const [given, name] of [
    [request.interactive, '-i'],
    [options.tty, '-t'],
    [request.plan, '--plan'],
  ] as const) {
    if (given === undefined || given === false) continue;
    throw invalid(
      'ERR_USAGE',
      `Cannot use ${name} with warren caps why`,
      'the command may be run several times',
      'leave it out',
    );
  }
  return untilInterrupted(async (signal) => {
    const cancellable = { ...options, signal };
    const maxRuns = once ? 1 : undefined;
    const toTry = tries.map(parseCapability);
    if (chooseWay(by) === 'experiment') {
      const { experimentText, experimentWith } = await import('./experiment.js');
      const found = await experimentWith(command, cancellable, maxRuns, toTry);
      writeText(
        STDOUT,
        json ? `${JSON.stringify({ by: 'experiment', ...found })}\n` : experimentText(found, options.user),
      );
      return found.diagnoses.length === 0 && found.whole === undefined ? 0 : 1;
    }
    const explanation = await explainContainer(command, cancellable, maxRuns, toTry);
    writeText(
      STDOUT,
      json
        ? `${JSON.stringify({ by: 'tracepoint', ...explanation })}\n`
        : explanationText(explanation, options.user),
    );
    return explanation.diagnoses.length === 0 ? 0 : 1;
  });
}

/** What is set up in tracefs, and the command, must be taken down again. @returns 128 and the signal's number where one came. */
async function untilInterrupted(act: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const abort = new AbortController();
  let by: NodeJS.Signals | undefined;
  const cancel = (signal: NodeJS.Signals): void => {
    by ??= signal;
    abort.abort(interrupted(signal));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, cancel);
  try {
    return await act(abort.signal);
  } catch (error) {
    if (by === undefined || !(error instanceof WarrenError) || error.kind !== 'cancelled') throw error;
    return 128 + constants.signals[by];
  }
}

/** The kernel's own word, where it can be had. */
function chooseWay(by: string | undefined): 'tracepoint' | 'experiment' {
  if (by === 'tracepoint' || by === 'experiment') return by;
  if (by !== undefined) {
    throw invalid(
      'ERR_USAGE',
      `Cannot use --by ${quote(by)}`,
      'there are two ways',
      'tracepoint, or experiment',
    );
  }
  try {
    openTracer(nativeSyscallArch(process.arch)).close();
    return 'tracepoint';
  } catch (error) {
    if (error instanceof WarrenError && error.code === 'ERR_TRACE_UNSUPPORTED') return 'experiment';
    throw error;
  }
}

function interrupted(signal: string): WarrenError {
  return new WarrenError('ERR_CANCELLED', 'Cannot say what the command lacks', {
    kind: 'cancelled',
    why: `${signal} ended it`,
  });
}

/** The command's own output goes to standard error, of its first run only. */
async function explainContainer(
  command: readonly string[],
  options: ContainerOptions,
  maxRuns: number | undefined,
  tries: readonly Capability[],
): Promise<Explanation> {
  const arch = nativeSyscallArch(process.arch);
  const runWith = async (added: readonly Capability[], isFirst: boolean): Promise<number> => {
    options.signal?.throwIfAborted();
    const caps = { ...options.caps, add: [...(options.caps?.add ?? []), ...added] };
    const output = isFirst ? { stdout: process.stderr, stderr: process.stderr } : {};
    const { exitCode } = await run(command, { ...options, ...output, caps, rejectOnFailure: false });
    options.signal?.throwIfAborted();
    return exitCode;
  };
  let isFirst = true;
  return explainRefusals(
    async (added) => {
      const shows = isFirst;
      isFirst = false;
      return traceRun(arch, async (each) => runWith(each, shows), added);
    },
    {
      ownUserNamespace: options.userns === 'private' || options.uidMap !== undefined,
      available: availableCapabilities(options),
      mayTry: new Set([...containedCapabilities(sharedNamespaces(options)), ...tries]),
      ...(maxRuns === undefined ? {} : { maxRuns }),
    },
  );
}

/** In a user namespace of its own a container can have all; else nobody can give what they lack. */
function availableCapabilities(options: ContainerOptions): ReadonlySet<Capability> {
  if (options.userns !== undefined && options.userns !== 'host') return new Set(capabilityNames);
  const bounding = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
  const names = decodeCapabilities(parseCapabilityMask(bounding));
  return new Set(capabilityNames.filter((name) => names.includes(name)));
}

/** @param user Whom the command runs as, where that is not root. */
export function explanationText({ runs, diagnoses, added }: Explanation, user?: string): string {
  const [first] = runs;
  const last = runs.at(-1);
  if (first === undefined || last === undefined) return '';
  const lines: string[] = [];
  for (const call of diagnoses) lines.push(refusalLine(call), ...remedyLines(call, user));
  const lost = runs.reduce((sum, run) => sum + run.lost, 0);
  if (lost > 0) lines.push(`Not all was seen: ${lost} events came too fast.`);
  const ended = (code: number): string => (code === 0 ? 'succeeded' : `ended with exit code ${code}`);
  if (diagnoses.length === 0) {
    lines.push(`No call was refused for want of a capability; the command ${ended(first.exitCode)}.`);
  } else if (added.length > 0) {
    lines.push(
      '',
      `Tried: ${flags(added)}`,
      `With it the command ${ended(last.exitCode)}; without, it ${ended(first.exitCode)}.`,
    );
  } else lines.push('', `The command ${ended(first.exitCode)}.`);
  return `${lines.join('\n')}\n`;
}

function refusalLine({
  program,
  syscall,
  errno,
  times,
  by,
  namespace,
  capabilities,
  arguments: args,
}: Diagnosis): string {
  const names = capabilities.map((name) => name.toLowerCase()).join(' or ');
  const lack =
    by === 'seccomp filter'
      ? `the seccomp filter refuses it${names === '' ? '' : ` without ${names}`}`
      : `lacked ${names} in ${namespace === 'first' ? 'the first user namespace' : 'a user namespace that is not the first one: the container’s own, or one below it'}`;
  return `${show(program)}: ${syscall}(${args}) ${errno}${times > 1 ? `, ${times} times` : ''}: ${lack}`;
}

function remedyLines(
  { capabilities, cure, hopeless, inVain, notTried }: Diagnosis,
  user: string | undefined,
): string[] {
  if (cure !== undefined) return [`    cured by ${flags([cure])}: tried`];
  if (hopeless !== undefined) return [`    no --cap-add cures it: ${hopeless}`];
  const lines: string[] = [];
  if (inVain.length > 0) lines.push(`    not cured by ${flags(inVain)}: tried`);
  if (inVain.length > 0 && user !== undefined && !isRoot(user)) {
    lines.push(
      `    the command runs as ${show(user)}, whom --cap-add gives nothing: run it as root, or give its file the capability (warren caps file set)`,
    );
  }
  const [beyond] = notTried;
  const [likely] = capabilities;
  if (beyond !== undefined) {
    lines.push(
      `    likely cured by ${flags([beyond])}: not tried, for it reaches beyond the container (--try ${beyond.slice('CAP_'.length)} tries it)`,
    );
  } else if (inVain.length === 0 && likely !== undefined)
    lines.push(`    likely cured by ${flags([likely])}: not tried`);
  return lines;
}
