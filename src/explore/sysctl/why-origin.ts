/** What a key comes down to that a namespace has of its own. */
import { parseSysctlName } from '../../kernel/sysctl-name.js';
import { showReading, type Reading } from '../../kernel/sysctl-reading.js';
import type { SysctlScope } from '../../kernel/sysctl-scope.js';
import type { Origin } from './table/index.js';
import type { Verdict } from './why.js';

export interface Decision {
  readonly verdict: Verdict;
  /** One sentence. */
  readonly summary: string;
}

export interface OwnKey {
  readonly name: string;
  readonly scope: SysctlScope;
  readonly origin: Origin | undefined;
  /** Keys that are combined with it so that another value counts, slashed. */
  readonly overriding: readonly string[];
  /** What the user calls the container. */
  readonly place: string;
  /** Whether it is one that runs. */
  readonly running: boolean;
  readonly fresh: Reading | undefined;
}

export function decideByOrigin({ name, scope, origin, overriding, place, running, fresh }: OwnKey): Decision {
  const [other, ...others] = overriding;
  if (other !== undefined) {
    const which = `${parseSysctlName(other).name}${others.length === 0 ? '' : ` and ${others.length} more`}`;
    return {
      verdict: 'overridden',
      summary: `${name} alone does not decide in ${place}: it is combined with ${which}, and another value counts.`,
    };
  }
  const value = fresh && 'value' in fresh ? ` (${showReading(fresh)})` : '';
  if (scope === 'user') {
    return {
      verdict: 'reset',
      summary: running
        ? `${name} belongs to the user namespace, and ${place} has its own, which started without limit${value}: the host's value still bounds what is made there.`
        : `${name} belongs to the user namespace: an ordinary container shares the host's, and has the host's value; one of its own starts without limit${value}.`,
    };
  }
  switch (origin) {
    case 'initial':
    case 'creator':
      return {
        verdict: 'copied',
        summary: `${name} was copied when the namespace was made: later changes on the host do not reach ${place}.`,
      };
    case 'conf-default':
    case 'neigh-default':
      return {
        verdict: 'interface',
        summary: `${name} was taken over when the interface appeared: later changes of the default do not reach it.`,
      };
    case 'default':
    case 'computed':
      return {
        verdict: 'reset',
        summary: `${name} does not follow the host: every namespace has its own, and a new one starts with the kernel’s ${origin === 'computed' ? 'computed value' : 'default'}${value}.`,
      };
    case 'shared':
    case 'none':
    case undefined:
      return {
        verdict: 'unknown',
        summary: `${name} is the namespace’s own: the host’s value does not hold in ${place}.`,
      };
  }
}
