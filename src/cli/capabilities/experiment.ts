/** `warren caps why` where the kernel does not tell which capability it asked for: it is found out by trying. */
import { invalid, quote } from '../../errors.js';
import {
  experiment,
  type Experiment,
  type Measured,
  type ObservedRun,
} from '../../explore/capabilities/experiment.js';
import { capabilitiesThatOpen, isOpenWithAll } from '../../explore/capabilities/refused-calls.js';
import { TraceRecords, type TracedCall } from '../../explore/capabilities/trace-records.js';
import { containedCapabilities } from '../../explore/capabilities/why.js';
import {
  capabilityNames,
  decodeCapabilities,
  encodeCapabilities,
  type Capability,
} from '../../kernel/capabilities.js';
import { parseIdMap } from '../../kernel/idmap.js';
import { nativeSyscallArch, syscallNumber } from '../../kernel/syscalls/index.js';
import { configureCapabilities } from '../../runtime/configure-privilege.js';
import { readHost } from '../../runtime/host.js';
import type { ContainerOptions } from '../../runtime/options.js';
import { runTraced } from '../../runtime/traced-run.js';
import { flags, isRoot, sharedNamespaces, show } from './why-words.js';

/** Ids that systemd's list (UIDS-GIDS) and the useradd of distributions leave alone: nobody's. */
const nobodysIds = '0:1879048192:65536';
/** Calls kept of one run: a command may go on asking for ever. */
const maxKept = 10_000;

/**
 * The command's own output goes to standard error, of its first run only.
 *
 * @returns `mapped`: `warren run` would not give it a user namespace of its own.
 */
export async function experimentWith(
  command: readonly string[],
  given: ContainerOptions,
  maxRuns: number | undefined,
  tries: readonly Capability[],
): Promise<Experiment & { readonly mapped: boolean }> {
  const arch = nativeSyscallArch(process.arch);
  const host = readHost();
  const options = contained(given, host.uid);
  const { bounding } = configureCapabilities(options, host, true);
  // Root has all of the bounding set, anybody else nothing.
  const asRoot = isRoot(options.user);
  const held = asRoot ? decodeCapabilities(bounding) : [];
  let isFirst = true;
  const observe = async (
    added: readonly Capability[],
    watched: ReadonlySet<string>,
  ): Promise<ObservedRun> => {
    options.signal?.throwIfAborted();
    const records = new TraceRecords(arch);
    const calls: TracedCall[] = [];
    const output = isFirst ? { stdout: process.stderr, stderr: process.stderr } : {};
    isFirst = false;
    const caps = { ...options.caps, add: [...(options.caps?.add ?? []), ...added] };
    const numbers = [...watched].flatMap((name) => syscallNumber(arch, name) ?? []);
    const ambient = asRoot ? 0n : encodeCapabilities(added);
    const traced = { ...options, ...output, caps, ambient };
    const { exitCode } = await runTraced(command, traced, numbers, (bytes) => {
      for (const call of records.add(bytes)) if (calls.length < maxKept) calls.push(call);
    });
    options.signal?.throwIfAborted();
    return { exitCode, calls };
  };
  const filters = options.seccomp === undefined || options.seccomp === 'default';
  const found = await experiment(observe, {
    held: new Set(capabilityNames.filter((name) => held.includes(name))),
    mayTry: new Set([...containedCapabilities(sharedNamespaces(options)), ...tries]),
    opens: (syscall) => {
      if (!filters) return 'always';
      const names = capabilitiesThatOpen(syscall, arch);
      if (names.length > 0) return names;
      return isOpenWithAll(syscall, arch) ? 'always' : 'never';
    },
    ...(maxRuns === undefined ? {} : { maxRuns }),
  });
  return { ...found, mapped: options !== given };
}

/**
 * What is given to the command for an experiment must count nowhere but in a user namespace of its own, in which nobody is
 * root of this machine.
 */
function contained(options: ContainerOptions, uid: number): ContainerOptions {
  const refuse = (why: string, fix: string): never => {
    throw invalid('ERR_USAGE', 'Cannot try capabilities', why, fix);
  };
  if (options.userns !== undefined && options.userns !== 'private') {
    refuse(
      `they are tried in a user namespace of their own, and this one is ${quote(options.userns)}`,
      'leave --userns out, or use --by tracepoint (root, Linux 6.14 or newer)',
    );
  }
  if (options.privileged === true) refuse('with --privileged nothing is held back', 'leave --privileged out');
  if (uid !== 0) return options;
  if (options.uidMap === undefined && options.gidMap === undefined) {
    return { ...options, uidMap: [nobodysIds], gidMap: [nobodysIds] };
  }
  const maps = [options.uidMap, options.gidMap].filter((map) => map !== undefined);
  const ranges = maps.flatMap((map) => parseIdMap(map));
  if (ranges.some(({ outside }) => outside === 0)) {
    refuse(
      'the map makes somebody in the container root of this machine',
      `leave --uidmap and --gidmap out, or map other ids: --uidmap ${nobodysIds}`,
    );
  }
  return options;
}

export function experimentText(
  { runs, exitCodes, diagnoses, added, mapped, whole }: Experiment & { readonly mapped: boolean },
  user: string | undefined,
): string {
  const ended = (code: number): string => (code === 0 ? 'succeeded' : `ended with exit code ${code}`);
  const lines = diagnoses.flatMap((call) => [refusalLine(call), ...remedyLines(call, user)]);
  if (diagnoses.length === 0) {
    lines.push(`No call failed with EPERM or EACCES; the command ${ended(exitCodes.without)}.`);
  }
  if (whole !== undefined) {
    lines.push(
      `The command succeeds with ${wordsOf(whole)} in the container’s own user namespace: tried. Which call wanted it does not show; what netlink refuses, it says in a message.`,
    );
  }
  if (added.length > 0) {
    lines.push(
      '',
      isRoot(user) ? `Tried: ${flags(added)}` : `Tried, as ambient capabilities: ${wordsOf(added)}`,
      `With it the command ${ended(exitCodes.with)}; without, it ${ended(exitCodes.without)}.`,
    );
  } else if (diagnoses.length > 0) lines.push('', `The command ${ended(exitCodes.without)}.`);
  lines.push(
    `Found by experiment, in ${runs} ${runs === 1 ? 'run' : 'runs'}; each container had a user namespace of its own${mapped ? ', which with these options warren run does not make: there less may be refused' : ''}.`,
  );
  return `${lines.join('\n')}\n`;
}

function refusalLine({ program, syscall, arguments: args, errno, times }: Measured): string {
  return `${show(program)}: ${syscall}(${args}) ${errno}${times > 1 ? `, ${times} times` : ''}`;
}

function remedyLines({ cure, because }: Measured, user: string | undefined): string[] {
  if (cure === undefined) return [`    ${because ?? ''}`];
  const lack = `    lacked ${wordsOf(cure)} in the container’s own user namespace`;
  if (isRoot(user)) return [`${lack}; cured by ${flags(cure)}: tried`];
  return [
    `${lack}: tried`,
    `    the command runs as ${show(user ?? '')}, whom --cap-add gives nothing: run it as root, or give its file the capability (warren caps file set)`,
  ];
}

function wordsOf(names: readonly Capability[]): string {
  return names.map((name) => name.toLowerCase()).join(' and ');
}
