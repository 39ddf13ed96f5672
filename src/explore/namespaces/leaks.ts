/** Namespaces that nobody is in, who keeps them, and letting go of those that can be. */
import { lstatSync, unlinkSync } from 'node:fs';
import { namespaceAddon } from '../../native/index.js';
import type { Namespace, NamespaceHolder, NamespaceInventory } from './namespace.js';

/**
 * Why a namespace without a process is still there.
 *
 * - `named`: it has a name below /run/netns, which is what keeps it on purpose. - `mounted`: by bind mounts alone. -
 * `open`: a process keeps it open, a thread is in it, a socket belongs to it, or a next child will be in it. - `related`:
 * it is the parent or owner of another, and goes with that one. - `unseen`: by nothing that can be seen.
 */
export type LeakReason = 'named' | 'mounted' | 'open' | 'related' | 'unseen';

export interface NamespaceLeak {
  readonly namespace: Namespace;
  readonly reason: LeakReason;
  /** Why it cannot be released from here, one sentence; undefined: it can. */
  readonly obstacle: string | undefined;
}

/** In the inventory's order. What has a process in it is no leak. */
export function findLeaks(inventory: NamespaceInventory): NamespaceLeak[] {
  return inventory.namespaces
    .filter(({ processes }) => processes.length === 0)
    .map((namespace) => {
      const reason = reasonOf(namespace.holders);
      return { namespace, reason, obstacle: obstacleOf(namespace.holders, reason) };
    });
}

function reasonOf(holders: readonly NamespaceHolder[]): LeakReason {
  if (holders.some(({ kind }) => ['thread', 'next-child', 'descriptor', 'socket'].includes(kind)))
    return 'open';
  const mounts = holders.filter((holder) => holder.kind === 'mount');
  if (mounts.some(({ path }) => isName(path))) return 'named';
  if (mounts.length > 0) return 'mounted';
  return holders.length > 0 ? 'related' : 'unseen';
}

/** As ip-netns(8) keeps them; /var/run is a link to /run. */
function isName(path: string): boolean {
  return /^(?:\/var)?\/run\/netns\/[^/]+$/.test(path);
}

function obstacleOf(holders: readonly NamespaceHolder[], reason: LeakReason): string | undefined {
  switch (reason) {
    case 'open':
      return 'it goes when those processes end or close it';
    case 'related':
      return 'it goes with the namespaces below it';
    case 'unseen':
      return 'nothing that can be seen holds it: likely a descriptor on its way through a socket';
    case 'named':
    case 'mounted': {
      const elsewhere = holders.find((holder) => holder.kind === 'mount' && !holder.here);
      return elsewhere?.kind === 'mount'
        ? `it is mounted in the mount namespace ${elsewhere.mountNamespace} too, which is not ours`
        : undefined;
    }
  }
}

export interface ReleaseResult {
  /** Unmounted, in the caller's mount namespace. */
  readonly released: readonly { readonly inode: number; readonly path: string }[];
  readonly kept: readonly { readonly inode: number; readonly why: string }[];
}

/**
 * Unmounts what keeps namespaces without a process. Safe: each mount is compared with the namespace by descriptor before it
 * goes, nothing with a process, thread, socket or descriptor is touched, and of a namespace that is mounted in other mount
 * namespaces too nothing is touched.
 *
 * @param wanted Inodes; undefined: all that are `mounted`. Only by its number is a named one released.
 */
export function releaseLeaks(
  leaks: readonly NamespaceLeak[],
  wanted: ReadonlySet<number> | undefined,
): ReleaseResult {
  const released: { inode: number; path: string }[] = [];
  const kept: { inode: number; why: string }[] = [];
  for (const { namespace, reason, obstacle } of leaks) {
    const { inode, holders } = namespace;
    if (wanted ? !wanted.has(inode) : reason === 'related') continue;
    if (obstacle !== undefined) {
      kept.push({ inode, why: obstacle });
      continue;
    }
    if (!wanted && reason === 'named') {
      kept.push({ inode, why: 'it has a name, so somebody wants it: give its number to release it' });
      continue;
    }
    for (const holder of holders) {
      if (holder.kind !== 'mount') continue;
      try {
        unmount(holder.path, inode);
        released.push({ inode, path: holder.path });
      } catch (error) {
        const { code, syscall } = error as NodeJS.ErrnoException;
        kept.push({ inode, why: `${holder.path}: ${syscall} failed with ${code}` });
      }
    }
  }
  return { released, kept };
}

function unmount(path: string, inode: number): void {
  namespaceAddon().unmountNamespace(path, inode);
  // The empty file that it was mounted on, as `ip netns delete` does; elsewhere it is not ours to judge.
  const below = isName(path) ? lstatSync(path, { throwIfNoEntry: false }) : undefined;
  if (below?.isFile() === true && below.size === 0) unlinkSync(path);
}
