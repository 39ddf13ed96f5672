import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const DEADLINE_MS = 10_000;

/**
 * Looks until there is something to see, for states that nothing announces. Prefer an event where there is one.
 *
 * @param what For the message of a test that waited in vain.
 * @param look Returns undefined as long as it is not so.
 */
export async function waitFor<T>(
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (performance.now() > end) assert.fail(`waited ${deadlineMs} ms in vain for ${what}`);
    await delay(5);
  }
}

/** Waits for a file to have content that matches. */
export async function waitForFile(path: string, pattern = /./): Promise<string> {
  return waitFor(`${String(pattern)} in ${path}`, () => {
    const text = readIfThere(path);
    return text !== undefined && pattern.test(text) ? text : undefined;
  });
}

/** Waits until a process is gone or a zombie; it need not be a child of ours. */
export async function waitForExit(pid: number): Promise<void> {
  await waitFor(`process ${pid} to end`, () => {
    const stat = readIfThere(`/proc/${pid}/stat`);
    return stat === undefined || /^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2)) ? true : undefined;
  });
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}
