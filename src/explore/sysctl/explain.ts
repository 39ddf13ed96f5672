/** All that is known of one key, and what the running kernel says of it. */
import { parseSysctlName } from '../../kernel/sysctl-name.js';
import type { Access } from '../../kernel/sysctl-reading.js';
import type { SysctlScope } from '../../kernel/sysctl-scope.js';
import { sysctlKnowledge, type Knowledge } from './knowledge.js';
import { concludeIsolated, concludeOrigin, probeSysctls, type Probed } from './probe.js';
import { documents, type Combination, type Origin, type Use } from './table/index.js';
import type { SysctlTools } from './tools.js';
import { checkIsKey } from './why.js';

/** What cannot be told is undefined. */
export interface SysctlExplanation {
  /** Dotted, as sysctl(8) prints it. */
  readonly key: string;
  /** The kind of namespace that has its own; `host` is none. */
  readonly scope: SysctlScope;
  readonly origin: Origin | undefined;
  readonly originSource: 'census' | 'table' | undefined;
  /** Whether a namespace has a value of its own. */
  readonly isolated: boolean | undefined;
  /** The first Linux in which it has. */
  readonly since: string | undefined;
  /** When a value counts. */
  readonly use: Use | undefined;
  /** Which of `conf.all` and the interface's own counts. */
  readonly combination: Combination | undefined;
  /** What root may do in a fresh namespace. */
  readonly access: Access | undefined;
  /** What root of a new user namespace may do in one that belongs to it. */
  readonly userAccess: Access | undefined;
  readonly restriction: string | undefined;
  readonly trap: string | undefined;
  readonly limit: string | undefined;
  readonly kubernetes: Knowledge['kubernetes'];
  readonly kubernetesSafeSince: string | undefined;
  readonly docker: Knowledge['docker'];
  /** Where to read on. */
  readonly document: string | undefined;
}

export interface Explained {
  readonly explanation: SysctlExplanation;
  readonly knowledge: Knowledge;
  /** Undefined where no namespace can be made: the tables still answer. */
  readonly probed: Probed | undefined;
}

/**
 * @param release Of the kernel, as uname(2) says.
 * @throws {WarrenError} `ERR_SYSCTL_NAME`, `ERR_SYSCTL_NOT_FOUND` for a folder.
 */
export async function explainSysctl(name: string, tools: SysctlTools, release: string): Promise<Explained> {
  const key = parseSysctlName(name);
  checkIsKey(key);
  const knowledge = sysctlKnowledge(key.path, release);
  const probed = knowledge.scope === 'host' ? undefined : await probeOne(key.path, tools, release);
  const { facts, origin } = knowledge;
  return {
    knowledge,
    probed,
    explanation: {
      key: knowledge.name,
      scope: knowledge.scope,
      origin: probed ? concludeOrigin(probed, origin) : origin,
      originSource: knowledge.originSource,
      isolated: probed && concludeIsolated(probed, origin),
      since: facts?.since,
      use: facts?.use,
      combination: facts?.combination,
      access: probed?.access,
      userAccess: probed?.userAccess,
      restriction: knowledge.restriction?.reason,
      trap: facts?.trap,
      limit: facts?.limit,
      kubernetes: knowledge.kubernetes,
      kubernetesSafeSince: knowledge.kubernetesSafeSince,
      docker: knowledge.docker,
      document: facts && documents[facts.document],
    },
  };
}

async function probeOne(path: string, tools: SysctlTools, release: string): Promise<Probed | undefined> {
  try {
    return (await probeSysctls(tools, { release, paths: [path] })).get(path);
  } catch (error) {
    const { errno } = error as { errno?: unknown };
    if (errno === 'EPERM' || errno === 'ENOSPC') return undefined;
    throw error;
  }
}
