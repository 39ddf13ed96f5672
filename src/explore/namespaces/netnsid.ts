import { closeSync } from 'node:fs';
import { type NetworkNamespace, nsidOf, openNetlink, openNetworkNamespace } from '../../netlink/index.js';
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
      const place = placeOf(namespace);
      if (place === undefined) continue;
      try {
        const fd = openNetworkNamespace(place);
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

function placeOf({ processes: [pid], holders }: Namespace): NetworkNamespace | undefined {
  if (pid !== undefined) return { pid };
  for (const holder of holders) {
    if (holder.kind === 'mount' && holder.here) return { path: holder.path };
    if (holder.kind === 'descriptor') return { path: `/proc/${holder.pid}/fd/${holder.fd}` };
    if (holder.kind === 'thread') return { path: `/proc/${holder.pid}/task/${holder.tid}/ns/net` };
    if (holder.kind === 'socket') return { pid: holder.pid, socket: holder.fd };
  }
  return undefined;
}
