/**
 * The `events` file of the state directory: one line an event, `SECONDS.NANOSECONDS ID ACTION key=value…`, appended with
 * one write by whoever acts. Values are URI-encoded. The monitors' own lines (start, die, oom, restart, destroy) bear no name.
 */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';

export type EventAttributes = Readonly<Record<string, string>>;

export interface ContainerEvent {
  readonly id: string;
  /** docker's words: create, start, die, stop, kill, pause, … */
  readonly action: string;
  readonly attributes: EventAttributes;
}

/** A full disk loses the event, and nothing else. */
export function appendEvent(root: string, { id, action, attributes }: ContainerEvent): void {
  const now = Date.now();
  const time = `${Math.floor(now / 1000)}.${String((now % 1000) * 1_000_000).padStart(9, '0')}`;
  const words = Object.entries(attributes).map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
  try {
    appendFileSync(join(root, 'events'), `${[time, id, action, ...words].join(' ')}\n`, { mode: 0o600 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOSPC' && code !== 'EDQUOT' && code !== 'ENOENT') throw error;
  }
}
