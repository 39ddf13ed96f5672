/**
 * Asks the running kernel about every parameter of a network namespace, in throw-away namespaces. The host's values are read and
 * never written: where they cannot decide, the probe says so.
 */
import { ANSWER_SLOTS } from '../../plan/lower/probe.js';
import { netSysctlFact } from '../../kernel/net-sysctls.js';
import type { NetworkSysctls } from '../../kernel/sysctl-files.js';
import { otherValues } from './other-value.js';
import { errnoNames, Place } from './place.js';
import {
  accessOfErrno,
  sameReading,
  showReading,
  type Access,
  type Reading,
} from '../../kernel/sysctl-reading.js';
import { inInitialNetwork } from './surroundings.js';
import { sysctlFacts, type Origin } from './table/index.js';
import { atLeast, measuredOf, seriesOf } from '../../kernel/sysctl-measured.js';
import type { SysctlTools } from './tools.js';

/** An answer, and what it was read from; `undecided` where nothing shows it. */
export type Finding<T> = { readonly answer: T; readonly evidence: string } | { readonly undecided: string };

export interface Probed {
  readonly path: string;
  readonly host: Reading;
  readonly fresh: Reading;
  /** What root of the host's user namespace may do in a fresh namespace. */
  readonly access: Access;
  /** What root of a new user namespace may do in a namespace that belongs to it. */
  readonly userAccess: Access;
  /** Whether the namespace has a value of its own. */
  readonly isolated: Finding<boolean>;
  /** Where the first value came from: what the probe alone can tell. */
  readonly origin: Finding<'not-initial' | 'creator'>;
}

export interface ProbeOptions {
  /** As uname(2) says. */
  readonly release: string;
  /** Only these keys, slashed. Default: all that the host and a fresh namespace have. */
  readonly paths?: readonly string[];
}

/** The first Linux that makes a parameter read-only in other namespaces when its variable is the kernel's own. */
const guardedSince = '5.13';

/** Written by nobody but on purpose, since more happens than a value changing. */
const actions = /\/(?:flush|stable_secret|disable_ipv6|addr_gen_mode|nf_hooks_lwtunnel|mtu)$/;

/** @throws {WarrenError} `ERR_STEP` where namespaces cannot be made. */
export async function probeSysctls(tools: SysctlTools, options: ProbeOptions): Promise<Map<string, Probed>> {
  const host = Place.own(tools);
  const fresh = await Place.fresh(tools);
  try {
    const paths = options.paths ?? union(host.network?.keys() ?? [], fresh.network?.keys() ?? []);
    const creator = await marked(tools, paths, networkOf(host), networkOf(fresh), options.release);
    try {
      const child = await Place.fresh(tools, { from: creator.place.networkFd ?? -1 });
      try {
        const userAccess = await userAccesses(tools, paths);
        return new Map(
          paths.map((path) => [
            path,
            conclude(path, userAccess.get(path) ?? 'absent', options.release, {
              host: networkOf(host),
              fresh: networkOf(fresh),
              child: networkOf(child),
              marks: creator.marks,
            }),
          ]),
        );
      } finally {
        child.close();
      }
    } finally {
      creator.place.close();
    }
  } finally {
    fresh.close();
    host.close();
  }
}

interface Mark {
  readonly value: string;
  readonly hostBefore: Reading;
  readonly hostAfter: Reading;
}

/** A namespace in which everything has another value, as far as it is certain that only the namespace gets it. */
async function marked(
  tools: SysctlTools,
  paths: readonly string[],
  host: NetworkSysctls,
  fresh: NetworkSysctls,
  release: string,
): Promise<{ place: Place; marks: ReadonlyMap<string, Mark> }> {
  const place = await Place.fresh(tools);
  const files = networkOf(place);
  const marks = new Map<string, Mark>();
  const allowed = files.read('net/ipv4/tcp_allowed_congestion_control');
  const choices = 'value' in allowed ? allowed.value.split(' ') : [];
  for (const path of paths) {
    const hostBefore = host.read(path);
    const first = fresh.read(path);
    if (!('value' in first) || !isOwnForSure(path, hostBefore, first, release)) continue;
    for (const candidate of otherValues(path, first.value, choices)) {
      if (files.write(path, candidate) !== undefined) continue;
      const now = files.read(path);
      if (!('value' in now) || now.value === first.value) continue;
      marks.set(path, { value: now.value, hostBefore, hostAfter: host.read(path) });
      break;
    }
  }
  return { place, marks };
}

/**
 * Whether a write in a namespace is known to stay there, before it is tried: the two hold different values at this moment, or a
 * census of this kernel's series has tried it, or the table says that this kernel is new enough.
 */
function isOwnForSure(path: string, host: Reading, fresh: Reading, release: string): boolean {
  if (actions.test(path) || netSysctlFact(path)?.state === 'global') return false;
  if ('value' in host && 'value' in fresh && host.value !== fresh.value) return true;
  const measured = measuredOf(path, seriesOf(release));
  if (measured?.leaks !== undefined) return !measured.leaks;
  const since = sysctlFacts(path)?.since;
  return since !== undefined && atLeast(release, since);
}

/** In a user namespace of the launcher's own, one after the other. */
async function userAccesses(
  tools: SysctlTools,
  paths: readonly string[],
): Promise<ReadonlyMap<string, Access>> {
  const found = new Map<string, Access>();
  for (let start = 0; start < paths.length; start += ANSWER_SLOTS) {
    const some = paths.slice(start, start + ANSWER_SLOTS);
    const reply = await tools.ask({
      steps: [
        {
          op: 'leave',
          kinds: ['user', 'net'],
          uid: process.geteuid?.() ?? 0,
          gid: process.getegid?.() ?? 0,
        },
        { op: 'probe-sysctls', paths: some },
      ],
    });
    for (const [index, path] of some.entries()) {
      const answer = reply.readInt32LE(4 + index * 4);
      found.set(path, answer >= 0 ? 'writable' : accessOfErrno(errnoNames.get(-answer) ?? 'ENOENT'));
    }
  }
  return found;
}

interface Seen {
  readonly host: NetworkSysctls;
  readonly fresh: NetworkSysctls;
  /** Made inside the marked one. */
  readonly child: NetworkSysctls;
  readonly marks: ReadonlyMap<string, Mark>;
}

function conclude(path: string, userAccess: Access, release: string, seen: Seen): Probed {
  const host = seen.host.read(path);
  const fresh = seen.fresh.read(path);
  const access = seen.fresh.access(path);
  const mark = seen.marks.get(path);
  return {
    path,
    host,
    fresh,
    access,
    userAccess,
    isolated: isolation(host, fresh, access, mark, release),
    origin: origin(host, fresh, seen.child.read(path), mark),
  };
}

function isolation(
  host: Reading,
  fresh: Reading,
  access: Access,
  mark: Mark | undefined,
  release: string,
): Finding<boolean> {
  if (access === 'absent') return { answer: false, evidence: 'a fresh namespace does not have it' };
  if (mark) {
    const stayed = sameReading(mark.hostBefore, mark.hostAfter);
    return {
      answer: stayed,
      evidence: `${showReading({ value: mark.value })} was written in a throw-away namespace, and the host ${stayed ? 'kept' : 'then had'} ${showReading(mark.hostAfter)}`,
    };
  }
  if ('value' in host && 'value' in fresh && host.value !== fresh.value) {
    return {
      answer: true,
      evidence: `the host has ${showReading(host)}, a fresh namespace ${showReading(fresh)}`,
    };
  }
  if (access !== 'read-only') return { undecided: 'writing it could reach the host' };
  if (!atLeast(release, guardedSince))
    return { undecided: 'it cannot be written there, and shows what the host has' };
  return {
    answer: false,
    evidence: `it cannot be written there and shows what the host has: since Linux ${guardedSince} the kernel does this to variables that are its own`,
  };
}

function origin(host: Reading, fresh: Reading, child: Reading, mark: Mark | undefined): Probed['origin'] {
  if (!('value' in fresh)) return { undecided: 'it cannot be read in a fresh namespace' };
  if (mark && 'value' in child && child.value === mark.value && mark.value !== fresh.value) {
    return { answer: 'creator', evidence: 'a namespace made inside another had that one’s value' };
  }
  if (!inInitialNetwork()) {
    return { undecided: 'this is not the machine’s first network namespace, whose values new ones copy' };
  }
  if ('value' in host && host.value !== fresh.value) {
    return {
      answer: 'not-initial',
      evidence: `the host has ${showReading(host)}, a namespace made now ${showReading(fresh)}`,
    };
  }
  return { undecided: 'the host has the same value as a fresh namespace' };
}

function networkOf(place: Place): NetworkSysctls {
  if (!place.network) throw new TypeError('it has a network');
  return place.network;
}

function union(a: readonly string[], b: readonly string[]): string[] {
  return [...new Set([...a, ...b])].sort();
}

/** The probe's word where it decided, else the census's or the table's; undefined where they contradict each other. */
export function concludeOrigin(probed: Probed, known: Origin | undefined): Origin | undefined {
  if ('undecided' in probed.origin) return known;
  if (probed.origin.answer === 'creator') return 'creator';
  return known === 'initial' ? undefined : known;
}

/** As `concludeOrigin()`, for whether a namespace has its own. */
export function concludeIsolated(probed: Probed, known: Origin | undefined): boolean | undefined {
  if ('answer' in probed.isolated) return probed.isolated.answer;
  if (netSysctlFact(probed.path)?.state === 'global' || known === 'shared') return false;
  return known === undefined ? undefined : true;
}
