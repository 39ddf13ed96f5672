import { fstatSync, writeSync } from 'node:fs';
import { WarrenError } from '../errors.js';

/** Major number of /dev/null, /dev/zero and their kin. */
const MEM_MAJOR = 1;

export const STDIN = 0;
export const STDOUT = 1;
export const STDERR = 2;

/**
 * Writes text to a descriptor, all of it, before it returns.
 *
 * Not `process.stdout.write`: making that stream costs 1.6 ms at start-up, and what it buffers is lost at
 * `process.exit`. A descriptor that somebody made non-blocking is waited for; a reader that left is no error, and neither is a
 * standard error that takes nothing: there is nobody to tell.
 *
 * @throws {WarrenError} `ERR_OUTPUT`
 */
export function writeText(fd: number, text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE' || (fd === STDERR && code !== 'EAGAIN')) return;
      if (code !== 'EAGAIN') throw unwritable(fd, error as NodeJS.ErrnoException);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

function unwritable(fd: number, cause: NodeJS.ErrnoException): WarrenError {
  const what = fd === STDOUT ? 'standard output' : `descriptor ${fd}`;
  return new WarrenError('ERR_OUTPUT', `Cannot write to ${what}`, {
    kind: cause.code === 'ENOSPC' || cause.code === 'EDQUOT' ? 'resource-exhausted' : 'kernel',
    why: `write failed with ${String(cause.code)}`,
    fix: 'check where the output goes',
    syscall: 'write',
    errno: cause.code,
    cause,
  });
}

/**
 * Whether a descriptor is a terminal.
 *
 * Loading node:tty takes 9 ms, since it brings node:net: it is asked only about what may be one.
 */
export async function isTerminal(fd: number): Promise<boolean> {
  const stat = fstatSync(fd);
  if (!stat.isCharacterDevice() || stat.rdev >> 8 === MEM_MAJOR) return false;
  const { isatty } = await import('node:tty');
  return isatty(fd);
}

/** Whether a descriptor takes colour: a terminal, not `dumb`, and nobody set NO_COLOR (https://no-color.org). */
export async function hasColor(fd: number, env: NodeJS.ProcessEnv = process.env): Promise<boolean> {
  return (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb' && (await isTerminal(fd));
}
