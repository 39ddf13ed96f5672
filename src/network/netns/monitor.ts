/** Names that come and go, as `ip netns monitor` tells of them. */
import { watch } from 'node:fs';
import { mkdirSync } from 'node:fs';
import { NETNS_DIRECTORY, netnsNames } from './named.js';

export interface NetnsChange {
  readonly change: 'add' | 'delete';
  readonly name: string;
}

/** Until the signal is aborted. */
export async function* monitorNetns(signal?: AbortSignal): AsyncGenerator<NetnsChange> {
  mkdirSync(NETNS_DIRECTORY, { recursive: true, mode: 0o755 });
  let wake: () => void = () => undefined;
  const watcher = watch(NETNS_DIRECTORY, () => wake());
  const abort = (): void => wake();
  signal?.addEventListener('abort', abort);
  try {
    let known = new Set(netnsNames());
    while (signal?.aborted !== true) {
      const woken = new Promise<void>((resolve) => (wake = resolve));
      const now = new Set(netnsNames());
      for (const name of now) if (!known.has(name)) yield { change: 'add', name };
      for (const name of known) if (!now.has(name)) yield { change: 'delete', name };
      const same = now.size === known.size && [...now].every((name) => known.has(name));
      known = now;
      // Something may have happened while the caller had the changes.
      if (same) await woken;
    }
  } finally {
    signal?.removeEventListener('abort', abort);
    watcher.close();
  }
}
