import { constants, openSync } from 'node:fs';
import { quote, WarrenError } from '../errors.js';
import type { NetworkNamespace } from '../netlink/index.js';

/**
 * A descriptor of a network namespace: for the caller to close, unless it was given as one.
 *
 * @throws {WarrenError} `ERR_NAMESPACE_NOT_FOUND`
 */
export function openNamespace(namespace: NetworkNamespace): number {
  if ('fd' in namespace) return namespace.fd;
  const path = 'path' in namespace ? namespace.path : `/proc/${namespace.pid}/ns/net`;
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    throw new WarrenError('ERR_NAMESPACE_NOT_FOUND', `Cannot use the network namespace ${quote(path)}`, {
      kind: code === 'EACCES' || code === 'EPERM' ? 'permission-denied' : 'not-found',
      why: `open failed with ${code}`,
      fix: 'warren netns ls shows those there are',
      syscall: 'open',
      errno: code,
      cause,
    });
  }
}
