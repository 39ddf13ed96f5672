import { closeSync, openSync } from 'node:fs';
import { nsidOf, openNetlink } from '../../netlink/index.js';
import type { Namespace } from './namespace.js';

/**
 * The numbers that the caller's network namespace has for others: what `link-netnsid` refers to. See ip-netns(8).
 *
 * @returns By inode; one without a number is left out.
 */
export async function readNetnsids(namespaces: readonly Namespace[]): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  const socket = openNetlink('route');
  try {
    for (const namespace of namespaces) {
      if (namespace.type !== 'net') continue;
      const path = pathOf(namespace);
      if (path === undefined) continue;
      try {
        const fd = openSync(path, 'r');
        try {
          const nsid = await nsidOf(socket, { fd });
          if (nsid !== undefined) found.set(namespace.inode, nsid);
        } finally {
          closeSync(fd);
        }
      } catch {
        // Ended meanwhile, or not ours to open: it has no number then.
      }
    }
  } finally {
    socket.close();
  }
  return found;
}

function pathOf({ processes: [pid], holders }: Namespace): string | undefined {
  if (pid !== undefined) return `/proc/${pid}/ns/net`;
  for (const holder of holders) {
    if (holder.kind === 'mount' && holder.here) return holder.path;
    if (holder.kind === 'descriptor') return `/proc/${holder.pid}/fd/${holder.fd}`;
    if (holder.kind === 'thread') return `/proc/${holder.pid}/task/${holder.tid}/ns/net`;
  }
  return undefined;
}
