/** Which name has the namespace of a process, and which processes are in a named one. */
import { readdirSync, statSync } from 'node:fs';
import { WarrenError } from '../../errors.js';
import { netnsNames, netnsNotFound, netnsPath } from './named.js';

/** @returns Undefined: it is gone, or not ours to look at. */
export function namespaceInode(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined;
  }
}

/**
 * @returns Names; there may be several, or none.
 * @throws {WarrenError} `ERR_NAMESPACE_NOT_FOUND`
 */
export function identifyNetns(pid: number): string[] {
  const inode = namespaceInode(`/proc/${pid}/ns/net`);
  if (inode === undefined) {
    throw new WarrenError('ERR_NAMESPACE_NOT_FOUND', `Cannot find the network namespace of process ${pid}`, {
      kind: 'not-found',
      why: 'there is no such process, or it is not yours to look at',
    });
  }
  return netnsNames().filter((name) => namespaceInode(netnsPath(name)) === inode);
}

/** @throws {WarrenError} `ERR_NETNS_NOT_FOUND` */
export function netnsPids(name: string): number[] {
  const inode = namespaceInode(netnsPath(name));
  if (inode === undefined) throw netnsNotFound(name);
  return pidsIn(inode);
}

/** Processes in a network namespace, ascending. */
export function pidsIn(inode: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && namespaceInode(`/proc/${name}/ns/net`) === inode)
    .map(Number)
    .sort((a, b) => a - b);
}
