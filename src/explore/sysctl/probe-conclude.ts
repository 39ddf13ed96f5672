/** From what was seen in throw-away namespaces to what it means. */
import { netSysctlFact } from '../../kernel/net-sysctls.js';
import { sameReading, showReading, type Access, type Reading } from '../../kernel/sysctl-reading.js';
import { atLeast, measuredOf, seriesOf } from '../../kernel/sysctl-measured.js';
import type { Probed } from './probe.js';
import { sysctlFacts } from './table/index.js';

/** What was written in a throw-away namespace, and what the host had before and after. */
export interface MarkSeen {
  readonly value: string;
  readonly hostBefore: Reading;
  readonly hostAfter: Reading;
}

/** All that was seen of one parameter. */
export interface Sight {
  readonly host: Reading;
  readonly fresh: Reading;
  /** Of a namespace made inside the marked one. */
  readonly child: Reading;
  readonly access: Access;
  readonly mark: MarkSeen | undefined;
  /** Whether the host's namespace is the machine's first: the only one whose values others might copy. */
  readonly hostIsInitial: boolean;
}

/** The first Linux that makes a parameter read-only in other namespaces when its variable is the kernel's own. */
const guardedSince = '5.13';

/** Written by nobody but on purpose, since more happens than a value changing. */
const actions = /\/(?:flush|stable_secret|disable_ipv6|addr_gen_mode|nf_hooks_lwtunnel|mtu)$/;

/**
 * Whether a write in a namespace is known to stay there, before it is tried: the two hold different values at this moment, or a
 * census of this kernel's series has tried it, or the table says that this kernel is new enough.
 */
export function isOwnForSure(path: string, host: Reading, fresh: Reading, release: string): boolean {
  if (actions.test(path) || netSysctlFact(path)?.state === 'global') return false;
  if ('value' in host && 'value' in fresh && host.value !== fresh.value) return true;
  const measured = measuredOf(path, seriesOf(release));
  if (measured?.leaks !== undefined) return !measured.leaks;
  const since = sysctlFacts(path)?.since;
  return since !== undefined && atLeast(release, since);
}

export function isolation({ host, fresh, access, mark }: Sight, release: string): Probed['isolated'] {
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
  if (access !== 'read-only')
    return { undecided: 'it takes no other value there, or a write is not known to stay there' };
  if (!atLeast(release, guardedSince))
    return { undecided: 'it cannot be written there, and shows what the host has' };
  return {
    answer: false,
    evidence: `it cannot be written there and shows what the host has: since Linux ${guardedSince} the kernel does this to variables that are its own`,
  };
}

export function origin({ host, fresh, child, mark, hostIsInitial }: Sight): Probed['origin'] {
  if (!('value' in fresh)) return { undecided: 'it cannot be read in a fresh namespace' };
  if (mark && 'value' in child && child.value === mark.value && mark.value !== fresh.value) {
    return { answer: 'creator', evidence: 'a namespace made inside another had that one’s value' };
  }
  if (!hostIsInitial) {
    return { undecided: 'this is not the machine’s first namespace, whose values new ones may copy' };
  }
  if ('value' in host && host.value !== fresh.value) {
    return {
      answer: 'not-initial',
      evidence: `the host has ${showReading(host)}, a namespace made now ${showReading(fresh)}`,
    };
  }
  return { undecided: 'the host has the same value as a fresh namespace' };
}
