/** The last resort against a monitor that does not answer. */
import { closeSync, constants, openSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { signalPidfd } from '../native/index.js';
import { SIGKILL } from '../plan/constants.js';

/** Where a monitor has its container's directory, and its status file: FD_DIRECTORY and FD_STATUS of plan.h. */
const DIRECTORY = 5;
const STATUS = 6;

/**
 * Kills whoever holds a container's status file locked, and the container with it. Only for who holds the container's lock:
 * otherwise it might be somebody who is starting it.
 *
 * The monitor is looked for among all processes: the pid that it has written is another's when it was in another PID
 * namespace, or has not been written yet; and the kernel's list of locks names whoever took it, which was the starter.
 */
export function killMonitor(directory: string): void {
  const wanted = [
    [DIRECTORY, identity(directory)],
    [STATUS, identity(`${directory}/status`)],
  ] as const;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    let handle = -1;
    try {
      // Stays that process, whoever gets its number next; and it is a pidfd too, see pidfd_send_signal(2).
      handle = openSync(`/proc/${pid}`, constants.O_RDONLY | constants.O_DIRECTORY);
      const at = `/proc/self/fd/${handle}`;
      if (wanted.some(([fd, file]) => identity(`${at}/fd/${fd}`) !== file)) continue;
      if (/^lock:.*FLOCK.*WRITE/m.test(readFileSync(`${at}/fdinfo/${STATUS}`, 'latin1')))
        signalPidfd(handle, SIGKILL);
    } catch {
      // Gone, without such a descriptor, or another user's.
    } finally {
      if (handle >= 0) closeSync(handle);
    }
  }
}

function identity(path: string): string {
  const { dev, ino } = statSync(path, { bigint: true });
  return `${dev}:${ino}`;
}
