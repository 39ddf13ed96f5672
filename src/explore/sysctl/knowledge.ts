/** One answer for a key, from what was measured on a kernel of this series and what is known of all. */
import { netSysctlFact, type NetSysctlFact } from '../../kernel/net-sysctls.js';
import { isSafeSysctl, safeSysctls, sysctlScope, type SysctlScope } from '../../kernel/sysctl-scope.js';
import { sysctlFacts, type Facts, type Origin } from './table/index.js';
import { measuredOf, seriesOf, type Measured } from '../../kernel/sysctl-measured.js';

export interface Knowledge {
  readonly path: string;
  /** As sysctl(8) prints it. */
  readonly name: string;
  readonly scope: SysctlScope;
  /** Why that scope: a sentence. */
  readonly scopeReason: string;
  readonly facts: Facts | undefined;
  readonly measured: Measured | undefined;
  /** Why a new network namespace lacks it or cannot write it. */
  readonly restriction: NetSysctlFact | undefined;
  readonly origin: Origin | undefined;
  /** What the origin rests on. */
  readonly originSource: 'census' | 'table' | undefined;
  readonly kubernetes: 'safe' | 'unsafe' | 'refused';
  readonly kubernetesSafeSince: string | undefined;
  readonly docker: 'accepted' | 'refused';
}

/** Names that docker takes; the rest it refuses. */
const dockerNames: ReadonlySet<string> = new Set([
  'kernel/msgmax',
  'kernel/msgmnb',
  'kernel/msgmni',
  'kernel/sem',
  'kernel/shmall',
  'kernel/shmmax',
  'kernel/shmmni',
  'kernel/shm_rmid_forced',
]);

/**
 * @param path Slashed, below /proc/sys.
 * @param release Of the kernel, as uname(2) says.
 */
export function sysctlKnowledge(path: string, release: string): Knowledge {
  const { scope, why } = sysctlScope(path);
  const facts = sysctlFacts(path);
  const measured = measuredOf(path, seriesOf(release));
  const safe = safeSysctls.find((each) => each.path === path);
  const byPrefix = path.startsWith('net/') || path.startsWith('fs/mqueue/') || dockerNames.has(path);
  return {
    path,
    name: path.replace(/[./]/g, (mark) => (mark === '/' ? '.' : '/')),
    scope,
    scopeReason: why,
    facts,
    measured,
    restriction: netSysctlFact(path),
    ...originOf(facts, measured),
    kubernetes: isSafeSysctl(path)
      ? 'safe'
      : byPrefix || /^kernel\/(?:shm|msg)/.test(path)
        ? 'unsafe'
        : 'refused',
    kubernetesSafeSince: safe?.sinceKubernetes,
    docker: byPrefix ? 'accepted' : 'refused',
  };
}

/** What was measured comes first; the table tells a default from a computed value, and whose default an interface took. */
function originOf(
  facts: Facts | undefined,
  measured: Measured | undefined,
): Pick<Knowledge, 'origin' | 'originSource'> {
  const known = facts?.origin;
  if (measured?.origin === undefined)
    return { origin: known, originSource: known === undefined ? undefined : 'table' };
  if (measured.origin !== 'default-or-computed') return { origin: measured.origin, originSource: 'census' };
  const agrees = known === 'computed' || known === 'conf-default';
  return { origin: agrees ? known : 'default', originSource: 'census' };
}
