/** The doors to somebody's namespaces. */
import { closeSync, constants, openSync, statSync } from 'node:fs';
import { WarrenError, invalid, quote } from '../../errors.js';
import { isNamespaceFile } from '../../kernel/nsfs.js';
import { namespaceAddon } from '../../native/index.js';
import { decodeFacts, encodeRequests } from '../../native/namespace.js';
import { networkFolders } from '../../kernel/sysctl-files.js';
import { errnoOf } from '../../kernel/sysctl-reading.js';
import type { NamespaceKind } from '../../plan/constants.js';
import type { Step } from '../../plan/step.js';
import type { IsolatedScope } from './place.js';
import type { SysctlTools } from './tools.js';

/** @throws {WarrenError} `ERR_NAMESPACE_NOT_FOUND`, `ERR_NAMESPACE_SPEC` */
export function openNamespace(file: string): number {
  try {
    // Asked first: to open a device is to do something with it.
    if (isNamespaceFile(file)) return openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const errno = errnoOf(cause);
    throw new WarrenError('ERR_NAMESPACE_NOT_FOUND', `Cannot use the namespace ${quote(file)}`, {
      kind: errno === 'EACCES' || errno === 'EPERM' ? 'permission-denied' : 'not-found',
      why: `open failed with ${errno}`,
      fix: 'name a process that runs, a network namespace of /run/netns, or a file such as /proc/1234/ns/net',
      syscall: 'open',
      errno,
      cause,
    });
  }
  throw noParameters(file, 'it is no namespace file');
}

function noParameters(file: string, why: string): WarrenError {
  return invalid(
    'ERR_NAMESPACE_SPEC',
    `Cannot use the namespace ${quote(file)}`,
    why,
    'give a process, or a file such as /run/netns/blue or /proc/1234/ns/ipc',
  );
}

/** What keys a namespace file has, wherever it is mounted. @throws {WarrenError} `ERR_NAMESPACE_SPEC` */
export async function scopeOfFile(file: string): Promise<IsolatedScope> {
  const fd = openNamespace(file);
  try {
    const path = `/proc/${process.pid}/fd/${fd}`;
    const [facts] = decodeFacts(await namespaceAddon().inspectNamespaces(encodeRequests([{ path }])));
    const type = facts?.errno === undefined ? facts?.type : undefined;
    if (type === 'net') return 'network';
    if (type === 'ipc' || type === 'uts' || type === 'user') return type;
    throw noParameters(file, `it is a namespace without parameters${type === undefined ? '' : ` (${type})`}`);
  } finally {
    closeSync(fd);
  }
}

/**
 * Who is not root may join what a user namespace owns only by joining that first, as the one who made it.
 *
 * @param ofProcess They are a process's, with its user namespace among them; else of a file, which knows its owner only.
 * @returns Its descriptor, of a file's the caller's to close; undefined where there is none, or no need.
 */
export function ownerToJoin(
  others: readonly (readonly [IsolatedScope, number])[],
  ofProcess: boolean,
): number | undefined {
  if (process.geteuid?.() === 0) return undefined;
  const user = others.find(([scope]) => scope === 'user')?.[1];
  const [first] = others;
  if (user !== undefined || ofProcess || !first) return user;
  let owner: number;
  try {
    owner = namespaceAddon().openNamespaceOwner(first[1]);
  } catch {
    // Out of our sight, and so not ours to join: the kernel refuses what follows.
    return undefined;
  }
  if (!isOwn(owner, 'user')) return owner;
  closeSync(owner);
  return undefined;
}

/** Every folder of network parameters that is there, opened from inside. */
export async function openFolders(
  tools: SysctlTools,
  way: readonly Step[],
): Promise<ReadonlyMap<string, number | undefined>> {
  return new Map(
    await Promise.all(
      [...networkFolders].map(async (path) => [path, await tools.openSysctls(way, path)] as const),
    ),
  );
}

export function isOwn(fd: number, kind: NamespaceKind): boolean {
  const [a, b] = [statSync(`/proc/self/fd/${fd}`), statSync(`/proc/self/ns/${kind}`)];
  return a.ino === b.ino && a.dev === b.dev;
}
