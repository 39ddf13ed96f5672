/** The process or the namespace that is to be entered, looked at and held. */
import { closeSync, readFileSync, statSync } from 'node:fs';
import { WarrenError, invalid, quote } from '../../errors.js';
import { parseIdMapText, type IdMapRange } from '../../kernel/idmap.js';
import { parseProcStatus, type ProcStatus } from '../../kernel/proc-status.js';
import { namespaceAddon, signalPidfd } from '../../native/index.js';
import { decodeFacts, encodeRequests } from '../../native/namespace.js';
import { namespaceKinds, type NamespaceKind } from '../../plan/constants.js';
import type { EnterTarget } from './options.js';

/** A process that is held: should it end, the kernel refuses to join it, and never takes another for it. */
export interface HeldProcess {
  readonly pid: number;
  readonly pidfd: number;
  /** Of the namespaces that were asked about, those that are not the caller's. */
  readonly others: readonly NamespaceKind[];
  /** Undefined: not asked for. */
  readonly status: ProcStatus | undefined;
  /** Undefined where its user namespace is not among `others`. */
  readonly ids: ProcessIdMaps | undefined;
  /** The pidfd was opened here, and is ours to close. */
  readonly isOurs: boolean;
}

/** Of its user namespace, as the caller sees them. */
export interface ProcessIdMaps {
  readonly uid: readonly IdMapRange[];
  readonly gid: readonly IdMapRange[];
  /** setgroups(2) is denied there. */
  readonly denySetgroups: boolean;
}

/**
 * Reads what is needed, and no more: to enter a network namespace is to take less than a millisecond.
 *
 * @throws {WarrenError} `ERR_PROCESS_NOT_FOUND`, `ERR_ENTER_DENIED`.
 */
export function holdProcess(
  target: Extract<EnterTarget, number | { pidfd: number }>,
  wanted: { readonly kinds: readonly NamespaceKind[] | undefined; readonly status: boolean },
): HeldProcess {
  const given = typeof target === 'number' ? undefined : target;
  const pid = typeof target === 'number' ? target : target.pid;
  if (!Number.isInteger(pid) || pid < 1 || pid > MAX_PID) {
    throw invalid(
      'ERR_TARGET',
      `Cannot enter the process ${pid}`,
      'it is no process id',
      'write for example 1234',
    );
  }
  let pidfd = given?.pidfd ?? -1;
  try {
    if (!given) pidfd = namespaceAddon().openProcess(pid);
    const read = (file: string): string => readFileSync(`/proc/${pid}/${file}`, 'utf8');
    const others = otherNamespaces(pid, wanted.kinds ?? namespaceKinds);
    const held = {
      pid,
      pidfd,
      others,
      status: wanted.status ? parseProcStatus(read('status')) : undefined,
      ids: others.includes('user')
        ? {
            uid: parseIdMapText(read('uid_map')),
            gid: parseIdMapText(read('gid_map')),
            denySetgroups: read('setgroups').trim() === 'deny',
          }
        : undefined,
      isOurs: given === undefined,
    };
    // What was read is of the process behind the pidfd: that one lives, so nobody else has had its number.
    assertAlive(pidfd);
    return held;
  } catch (error) {
    if (!given && pidfd >= 0) closeSync(pidfd);
    throw targetError(pid, error);
  }
}

/** To be called when everything is read that is known by the pid alone. @throws {WarrenError} `ERR_PROCESS_NOT_FOUND`. */
export function assertStillThere({ pid, pidfd }: HeldProcess): void {
  try {
    assertAlive(pidfd);
  } catch (error) {
    throw targetError(pid, error);
  }
}

/** The kernel's PID_MAX_LIMIT. */
const MAX_PID = 4_194_304;

function otherNamespaces(pid: number, kinds: readonly NamespaceKind[]): NamespaceKind[] {
  return kinds.filter((kind) => {
    // A kernel without this type has none of its files.
    const own = statSync(`/proc/self/ns/${kind}`, { throwIfNoEntry: false });
    return own !== undefined && statSync(`/proc/${pid}/ns/${kind}`).ino !== own.ino;
  });
}

/** Signal 0 asks only. @throws the system error ESRCH of pidfd_send_signal(2). */
function assertAlive(pidfd: number): void {
  try {
    signalPidfd(pidfd, 0);
  } catch (error) {
    // EPERM: it is somebody else's, and lives.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
  }
}

function targetError(pid: number, error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (error instanceof WarrenError || syscall === undefined) return error;
  const action = `Cannot enter the namespaces of process ${pid}`;
  if (code === 'ENOENT' || code === 'ESRCH' || code === 'EINVAL') {
    return new WarrenError('ERR_PROCESS_NOT_FOUND', action, {
      kind: 'not-found',
      why: 'there is no such process, or it has ended',
      fix: 'check the pid; it is looked up in your own PID namespace',
      syscall,
      errno: code,
      cause: error,
    });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new WarrenError('ERR_ENTER_DENIED', action, {
      kind: 'permission-denied',
      why: `${code}: it runs as another user, has capabilities that we lack, or may not be dumped, so that we may not trace it (ptrace(2), "Ptrace access mode checking")`,
      fix: 'run as root, or as the user of that process',
      syscall,
      errno: code,
      cause: error,
    });
  }
  return error;
}

/** Which type of namespace a file is. @throws {WarrenError} `ERR_NAMESPACE_NOT_FOUND`, `ERR_NAMESPACE_SPEC`. */
export async function namespaceOfFile(path: string): Promise<{ kind: NamespaceKind; inode: number }> {
  const [facts] = decodeFacts(await namespaceAddon().inspectNamespaces(encodeRequests([{ path }])));
  if (facts && facts.errno === undefined) return { kind: facts.type, inode: facts.inode };
  const errno = facts?.errno ?? 'EINVAL';
  if (errno === 'EINVAL') {
    throw invalid(
      'ERR_NAMESPACE_SPEC',
      `Cannot enter ${quote(path)}`,
      'it is no namespace file',
      'give a file such as /run/netns/blue or /proc/1234/ns/net',
    );
  }
  const denied = errno === 'EACCES' || errno === 'EPERM';
  throw new WarrenError('ERR_NAMESPACE_NOT_FOUND', `Cannot enter the namespace ${quote(path)}`, {
    kind: denied ? 'permission-denied' : 'not-found',
    why: `open failed with ${errno}`,
    fix: denied ? 'run as root' : 'warren ns ls shows those there are',
    syscall: 'open',
    errno,
  });
}
