import { statSync } from 'node:fs';
import { WarrenError, invalid, quote } from '../../errors.js';
import { isNamespaceFile } from '../../kernel/nsfs.js';
import { namespaceTypes, type Namespace, type NamespaceInventory, type NamespaceType } from './namespace.js';

/** A namespace or a process, as a user names it. */
export type NamespaceTarget =
  | { readonly by: 'pid'; readonly pid: number }
  | { readonly by: 'inode'; readonly inode: number; readonly type: NamespaceType | undefined }
  | { readonly by: 'path'; readonly path: string };

/** The kernel's PID_MAX_LIMIT; namespaces have inodes far above. */
const maxPid = 4_194_304;

/**
 * `1234` or `self` (a process), `4026531840` or `net:[4026531840]` or `net:4026531840` (a namespace), `/run/netns/blue` (its
 * file), `blue` (its name below /run/netns).
 *
 * @throws {WarrenError} `ERR_NAMESPACE_SPEC`.
 */
export function parseNamespaceTarget(text: string): NamespaceTarget {
  if (text === 'self') return { by: 'pid', pid: process.pid };
  if (/^[1-9]\d{0,9}$/.test(text)) {
    const number = Number(text);
    return number <= maxPid ? { by: 'pid', pid: number } : { by: 'inode', inode: number, type: undefined };
  }
  const [, name, bracketed, plain] = /^([a-z]+):(?:\[(\d{1,10})\]|(\d{1,10}))$/.exec(text) ?? [];
  const type = namespaceTypes.find((each) => each === name);
  if (type !== undefined) return { by: 'inode', inode: Number(bracketed ?? plain), type };
  if (text.startsWith('/') && !text.includes('\0')) return { by: 'path', path: text };
  if (/^[^/\0]+$/.test(text) && text !== '.' && text !== '..')
    return { by: 'path', path: `/run/netns/${text}` };
  throw invalid(
    'ERR_NAMESPACE_SPEC',
    `Cannot use the namespace ${quote(text)}`,
    'it is neither a process id, a namespace’s number, a name nor an absolute path',
    'write 1234, self, net:[4026531840], blue or /run/netns/blue',
  );
}

/** The namespaces that are meant: one, or all of a process. @throws {WarrenError} `ERR_NAMESPACE_NOT_FOUND`. */
export function findNamespaces(inventory: NamespaceInventory, target: NamespaceTarget): Namespace[] {
  switch (target.by) {
    case 'pid': {
      const found = inventory.namespaces.filter(({ processes }) => includes(processes, target.pid));
      if (found.length > 0) return found;
      throw notFound(`process ${target.pid}`, 'there is no such process, or it is not yours to look at');
    }
    case 'inode': {
      const found = inventory.namespaces.filter(
        ({ inode, type }) => inode === target.inode && (target.type ?? type) === type,
      );
      if (found.length > 0) return found;
      throw notFound(`the namespace ${target.inode}`, 'nobody who can be seen is in it or holds it');
    }
    case 'path':
      return findNamespaces(inventory, { by: 'inode', inode: inodeOf(target.path), type: undefined });
  }
}

/** Sorted: a search that does not grow with the machine. */
function includes(sorted: readonly number[], value: number): boolean {
  let [low, high] = [0, sorted.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const seen = sorted[middle] ?? NaN;
    if (seen === value) return true;
    if (seen < value) low = middle + 1;
    else high = middle - 1;
  }
  return false;
}

function inodeOf(path: string): number {
  try {
    // A number by itself is no namespace: that of a file elsewhere may be one’s by chance.
    if (isNamespaceFile(path)) return statSync(path).ino;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new WarrenError('ERR_NAMESPACE_NOT_FOUND', `Cannot find the namespace ${quote(path)}`, {
      kind: code === 'EACCES' ? 'permission-denied' : 'not-found',
      why: `stat failed with ${code}`,
      fix: 'warren ns ls shows those there are',
      syscall: 'stat',
      errno: code,
      cause,
    });
  }
  throw invalid(
    'ERR_NAMESPACE_SPEC',
    `Cannot find the namespace ${quote(path)}`,
    'it is no namespace file',
    'give a file such as /run/netns/blue or /proc/1234/ns/net',
  );
}

function notFound(what: string, why: string): WarrenError {
  return new WarrenError('ERR_NAMESPACE_NOT_FOUND', `Cannot find ${what}`, {
    kind: 'not-found',
    why,
    fix: 'warren ns ls shows those there are',
  });
}
