import { readFile } from 'node:fs/promises';
import { WarrenError } from '../../errors.js';
import { type ExecProcess } from '../../kernel/exec-capabilities.js';
import { idToInside, idToOutside } from '../../kernel/idmap.js';
import { type ProcStatus, parseProcStatus } from '../../kernel/proc-status.js';
import { ownSecurebits } from '../../native/credentials.js';
import { type UserNamespaceChain, readUserNamespaces } from '../ids/levels.js';
import { type ProcessTarget, withProcess } from '../target.js';

/** What a process may do. */
export interface ProcessCapabilities {
  /** Ids in it are as the reader's user namespace calls them. */
  readonly status: ProcStatus;
  /** Undefined for another process: the kernel tells nobody but the process itself; see PR_GET_SECUREBITS. */
  readonly securebits: number | undefined;
  /** Undefined where the kernel does not show them to the reader. */
  readonly userNamespaces: UserNamespaceChain | undefined;
}

/**
 * The capabilities of a process, of its main thread.
 *
 * @throws {WarrenError} `ERR_PROCESS_NOT_FOUND`, `ERR_PROCESS_DENIED`.
 * @see capabilities(7), proc_pid_status(5)
 */
export async function readProcessCapabilities(target: ProcessTarget): Promise<ProcessCapabilities> {
  return withProcess(target, async (directory) => {
    const status = parseProcStatus(await readFile(`${directory}/status`, 'utf8'));
    const isSelf = target === 'self' || target === process.pid;
    return {
      status,
      securebits: isSelf ? ownSecurebits() : undefined,
      userNamespaces: await readUserNamespaces(target).catch((error: unknown) => {
        if (error instanceof WarrenError && error.code === 'ERR_PROCESS_DENIED') return undefined;
        throw error;
      }),
    };
  });
}

/** What decides over its next execve(2): its ids as itself sees them. Unknown securebits are taken for none. */
export function execProcessOf(
  { status, securebits }: ProcessCapabilities,
  userNamespaces: UserNamespaceChain,
): ExecProcess {
  const [own] = userNamespaces.levels;
  const inside = (kind: 'uid' | 'gid', id: number): number =>
    idToInside(own?.[kind]?.ranges ?? [], id) ?? UNMAPPED;
  const rootIds = userNamespaces.levels.flatMap(({ uid }) => idToOutside(uid?.ranges ?? [], 0) ?? []);
  return {
    uid: { real: inside('uid', status.uid.real), effective: inside('uid', status.uid.effective) },
    gid: { real: inside('gid', status.gid.real), effective: inside('gid', status.gid.effective) },
    groups: status.groups.map((group) => inside('gid', group)),
    capabilities: status.capabilities,
    securebits: securebits ?? 0,
    noNewPrivileges: status.noNewPrivileges,
    rootIds,
  };
}

/** What an id without a name is shown as: kernel.overflowuid, unless changed. */
const UNMAPPED = 65534;
