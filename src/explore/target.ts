import { open } from 'node:fs/promises';
import { WarrenError, invalid, quote } from '../errors.js';

/** A process to look at: its id, or this one. */
export type ProcessTarget = number | 'self';

/**
 * @param text `self`, or a process id in decimal digits.
 * @throws {WarrenError} `ERR_TARGET`.
 */
export function parseProcessTarget(text: string): ProcessTarget {
  if (text === 'self') return text;
  // The kernel's PID_MAX_LIMIT.
  if (/^[1-9]\d{0,6}$/.test(text) && Number(text) <= 4_194_304) return Number(text);
  throw invalid(
    'ERR_TARGET',
    `Cannot find the process ${quote(text)}`,
    'it is neither a process id, self, nor the name of a container',
    'write for example 1234; warren ps lists containers',
  );
}

/**
 * Looks at one process, whose directory in /proc is held: should it end half-way and its id go to another, what is read
 * fails, and is never the other's.
 *
 * @param look Gets the path of the directory.
 * @throws {WarrenError} `ERR_PROCESS_NOT_FOUND`, `ERR_PROCESS_DENIED`.
 */
export async function withProcess<T>(
  target: ProcessTarget,
  look: (directory: string) => Promise<T>,
): Promise<T> {
  try {
    const handle = await open(`/proc/${target}`, 'r');
    try {
      return await look(`/proc/self/fd/${handle.fd}`);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw processError(target, error);
  }
}

function processError(target: ProcessTarget, error: unknown): unknown {
  const errno = errnoOf(error);
  if (error instanceof WarrenError || errno === undefined) return error;
  const action = `Cannot look at process ${target}`;
  // ESRCH: it ended between open and read.
  if (errno === 'ESRCH' || errno === 'ENOENT') {
    return new WarrenError('ERR_PROCESS_NOT_FOUND', action, {
      kind: 'not-found',
      why: 'there is no such process, or it has ended',
      fix: 'check the pid; it is looked up in your own PID namespace',
      errno,
      cause: error,
    });
  }
  if (errno === 'EACCES' || errno === 'EPERM') {
    return new WarrenError('ERR_PROCESS_DENIED', action, {
      kind: 'permission-denied',
      why: `the kernel shows it to its own user, and to who may trace it, only (${errno})`,
      fix: 'run as that user, or as root',
      errno,
      cause: error,
    });
  }
  return error;
}

/** The errno's name of a system error, undefined for any other. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
