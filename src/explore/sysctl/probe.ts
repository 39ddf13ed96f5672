/**
 * Asks the running kernel about every parameter that a namespace isolates, in throw-away namespaces. The host's values are read and
 * never written: where they cannot decide, the probe says so.
 */
import { netSysctlFact } from '../../kernel/net-sysctls.js';
import type { Access, Reading } from '../../kernel/sysctl-reading.js';
import { sysctlScope } from '../../kernel/sysctl-scope.js';
import { probeLocal } from './probe-local.js';
import { probeNetwork } from './probe-network.js';
import { localKeys } from './survey.js';
import type { Origin } from './table/index.js';
import type { SysctlTools } from './tools.js';

/** An answer, and what it was read from; `undecided` where nothing shows it. */
export type Finding<T> = { readonly answer: T; readonly evidence: string } | { readonly undecided: string };

export interface Probed {
  readonly path: string;
  readonly host: Reading;
  readonly fresh: Reading;
  /** What root of the host's user namespace may do in a fresh namespace; of a user namespace itself, root of a new one. */
  readonly access: Access;
  /** What root of a new user namespace, who is nobody outside, may do in a namespace that belongs to it. */
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

/** @throws {WarrenError} `ERR_STEP` where namespaces cannot be made. */
export async function probeSysctls(tools: SysctlTools, options: ProbeOptions): Promise<Map<string, Probed>> {
  const { paths, release } = options;
  const scopeOf = (path: string): string => sysctlScope(path).scope;
  const network = paths?.filter((path) => scopeOf(path) === 'network');
  const local = paths?.filter((path) => !['network', 'host'].includes(scopeOf(path))) ?? localKeys();
  const [ofNetwork, ofLocal] = await Promise.all([
    network?.length === 0 ? [] : probeNetwork(tools, release, network),
    local.length === 0 ? [] : probeLocal(tools, release, local),
  ]);
  return new Map([...ofNetwork, ...ofLocal].map((each) => [each.path, each]));
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
