/** Why the kernel refused to let somebody in, from what can be seen: it says EPERM of everything. */
import { readFileSync } from 'node:fs';
import { WarrenError } from '../../errors.js';
import { namespaceAddon } from '../../native/index.js';
import { decodeFacts, encodeRequests, type NamespaceRequest } from '../../native/namespace.js';
import type { NamespaceKind } from '../../plan/constants.js';
import { readHost } from '../host.js';

const CAP_SYS_CHROOT = 1n << 18n;
const CAP_SYS_ADMIN = 1n << 21n;

/** Where a namespace that was to be joined can be looked at. */
export interface JoinedNamespace {
  readonly kind: NamespaceKind;
  /** Absolute. */
  readonly path: string;
}

/** What was to be entered. */
export interface Entered {
  readonly what: string;
  readonly joined: readonly JoinedNamespace[];
  /** Another root is entered than that of the mount namespace. */
  readonly hasOwnRoot: boolean;
}

/** The error with what is known of the namespaces, where it is a refusal to join them; else as it is. */
export async function explainDenied(error: unknown, { what, joined, hasOwnRoot }: Entered): Promise<unknown> {
  if (!(error instanceof WarrenError)) return error;
  if (error.code === 'ERR_COMMAND_NOT_FOUND') {
    const isElsewhere = hasOwnRoot || joined.some(({ kind }) => kind === 'mnt');
    return new WarrenError(error.code, error.message, {
      kind: error.kind,
      fix: isElsewhere
        ? 'it is looked for in the root that is entered; bring the programs of this machine: --tools'
        : 'it is looked for among the programs of this machine: the mount namespace stays the caller’s',
      syscall: error.syscall,
      errno: error.errno,
      cause: error,
    });
  }
  if (error.code !== 'ERR_STEP') return error;
  const { errno, syscall } = error;
  if (syscall === 'setns' && errno === 'ESRCH') {
    return new WarrenError('ERR_PROCESS_NOT_FOUND', `Cannot enter ${what}`, {
      kind: 'not-found',
      why: 'the process has ended',
      syscall,
      errno,
      cause: error,
    });
  }
  if (syscall === 'clone3' && errno === 'ENOMEM' && joined.some(({ kind }) => kind === 'pid')) {
    return new WarrenError('ERR_ENTER_DENIED', `Cannot enter ${what}`, {
      kind: 'conflict',
      why: 'the first process of its PID namespace has ended: the kernel starts nobody in there any more (pid_namespaces(7))',
      fix: 'see who holds the namespace still: warren ns leaks',
      syscall,
      errno,
      cause: error,
    });
  }
  if (syscall !== 'setns' || (errno !== 'EPERM' && errno !== 'EACCES')) return error;
  const reasons = await findReasons(joined);
  return new WarrenError('ERR_ENTER_DENIED', `Cannot enter ${what}`, {
    kind: 'permission-denied',
    why: `setns failed with ${errno}: ${reasons.join('; ') || 'the kernel does not say why'}`,
    fix: 'run as root of the machine, or as who made the user namespace (and then join it too)',
    syscall,
    errno,
    cause: error,
  });
}

async function findReasons(joined: readonly JoinedNamespace[]): Promise<string[]> {
  const host = readHost();
  const requests = joined.flatMap(({ path }): NamespaceRequest[] => [{ path }, { path, steps: 'u' }]);
  const facts = decodeFacts(await namespaceAddon().inspectNamespaces(encodeRequests(requests)));
  const own = host.permitted & CAP_SYS_ADMIN;
  const reasons = joined.flatMap(({ kind }, index): string[] => {
    const [namespace, owner] = [facts[index * 2], facts[index * 2 + 1]];
    if (kind === 'user') {
      if (namespace?.errno !== undefined || namespace === undefined) return [];
      return namespace.uid === host.uid && host.uid !== 0
        ? []
        : [
            `the user namespace user:[${namespace.inode}] was made by user ${namespace.uid}, and we are ${host.uid}`,
          ];
    }
    if (owner?.errno !== undefined || owner === undefined)
      return [`the ${kind} namespace belongs to a user namespace out of our sight`];
    return own === 0n || owner.uid !== host.uid
      ? [`the ${kind} namespace belongs to user:[${owner.inode}], where joining it needs CAP_SYS_ADMIN`]
      : [];
  });
  if (own === 0n) reasons.push('we have no CAP_SYS_ADMIN');
  else if (joined.some(({ kind }) => kind === 'mnt') && (host.permitted & CAP_SYS_CHROOT) === 0n)
    reasons.push('a mount namespace needs CAP_SYS_CHROOT too, which we lack');
  const scope = ptraceScope();
  if (scope !== undefined && scope > 0)
    reasons.push(`kernel.yama.ptrace_scope is ${scope}, which hinders tracing, and is not asked here`);
  return reasons;
}

function ptraceScope(): number | undefined {
  try {
    return Number(readFileSync('/proc/sys/kernel/yama/ptrace_scope', 'latin1'));
  } catch {
    // A kernel without Yama.
    return undefined;
  }
}
