import { closeSync, constants, openSync } from 'node:fs';
import { quote, WarrenError } from '../../errors.js';
import { namespaceAddon } from '../../native/index.js';

/**
 * A network namespace: by an open descriptor, a path (`/run/netns/blue`, `/proc/7/ns/net`), a process in it, or a socket in
 * it, which is descriptor `socket` of the process `pid` (Linux 5.6).
 */
export type NetworkNamespace =
  { readonly fd: number } | { readonly path: string } | { readonly pid: number; readonly socket?: number };

/**
 * Calls with a descriptor of the namespace, which is open for the time of the call; with -1 for our own.
 *
 * @throws {WarrenError} `ERR_NAMESPACE_NOT_FOUND`
 */
export function withNamespace<T>(namespace: NetworkNamespace | undefined, use: (fd: number) => T): T {
  if (namespace === undefined) return use(-1);
  if ('fd' in namespace) return use(namespace.fd);
  const fd = openNetworkNamespace(namespace);
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * A descriptor of a network namespace: for the caller to close, unless it was given as one.
 *
 * @throws {WarrenError} `ERR_NAMESPACE_NOT_FOUND`
 */
export function openNetworkNamespace(namespace: NetworkNamespace): number {
  if ('fd' in namespace) return namespace.fd;
  const path =
    'path' in namespace
      ? namespace.path
      : namespace.socket === undefined
        ? `/proc/${namespace.pid}/ns/net`
        : `/proc/${namespace.pid}/fd/${namespace.socket}`;
  try {
    if (!('path' in namespace) && namespace.socket !== undefined)
      return namespaceAddon().openSocketNamespace(namespace.pid, namespace.socket);
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const { code = '', syscall = 'open' } = cause as NodeJS.ErrnoException;
    throw new WarrenError('ERR_NAMESPACE_NOT_FOUND', `Cannot use the network namespace ${quote(path)}`, {
      kind: code === 'EACCES' || code === 'EPERM' ? 'permission-denied' : 'not-found',
      why: `${syscall} failed with ${code}`,
      fix: 'warren netns ls shows those there are',
      syscall,
      errno: code,
      cause,
    });
  }
}
