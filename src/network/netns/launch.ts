/** System calls that Node lacks, made by the launcher in the caller's own namespaces. */
import { closeSync, openSync } from 'node:fs';
import { quote, WarrenError } from '../../errors.js';
import { errnoName } from '../../netlink/index.js';
import { type LauncherHandle, spawnLauncher } from '../../native/index.js';
import type { Call } from '../../plan/call.js';
import * as c from '../../plan/constants.js';
import { encodePlan } from '../../plan/encode.js';

/** @throws {WarrenError} `ERR_NETNS` with the system call that failed. */
export async function runCalls(action: string, name: string, calls: readonly Call[]): Promise<void> {
  const encoded = encodePlan([{ calls: [...calls, { op: 'exit', code: 0 }] }]);
  const nowhere = openSync('/dev/null', 'r+');
  const kept: LauncherHandle[] = [];
  let failure: Buffer | undefined;
  try {
    await new Promise<void>((resolve) => {
      // Kept in a list until it has ended: when it is collected as garbage, the launcher ends too.
      kept.push(
        spawnLauncher(encoded.bytes, [nowhere, nowhere, nowhere], (packet, fd) => {
          if (fd >= 0) closeSync(fd);
          if (packet === null) resolve();
          else if (packet.readUInt32LE(0) === c.MSG_FAILED) failure = packet;
        }),
      );
    });
  } finally {
    kept.pop();
    closeSync(nowhere);
  }
  if (!failure) return;
  const { call } = encoded.locate(failure.readInt32LE(4)) ?? {};
  const errno = errnoName(failure.readInt32LE(8));
  const syscall = call?.op === 'call' ? call.name : undefined;
  throw new WarrenError('ERR_NETNS', `Cannot ${action} the network namespace ${quote(name)}`, {
    kind:
      errno === 'EPERM' || errno === 'EACCES'
        ? 'permission-denied'
        : errno === 'ENOENT'
          ? 'not-found'
          : 'kernel',
    why: `${syscall ?? 'a step'} failed with ${errno}`,
    fix: errno === 'EPERM' ? 'be root: names of namespaces are mounts' : undefined,
    syscall,
    errno,
  });
}
