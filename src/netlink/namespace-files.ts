/** Files and devices of another network namespace that netlink does not reach. */
import { closeSync, constants } from 'node:fs';
import { quote, WarrenError } from '../errors.js';
import { netlinkAddon } from '../native/index.js';
import { checkInterfaceName } from './route/index.js';
import { socketError } from './socket/error.js';
import { type NetworkNamespace, withNamespace } from './socket/namespace.js';

/**
 * Opens a file whose content depends on the network namespace of who opens it: `/proc/thread-self/net/…` and
 * `/proc/sys/net/…`. The caller closes the descriptor.
 *
 * @param flags Default: to read.
 * @throws {WarrenError} `ERR_NAMESPACE_FILE`
 */
export function openInNamespace(
  namespace: NetworkNamespace | undefined,
  path: string,
  flags: number = constants.O_RDONLY,
): number {
  return withNamespace(namespace, (fd) => {
    try {
      return netlinkAddon().openIn(fd, path, flags);
    } catch (cause) {
      const { code = 'EUNKNOWN', syscall } = cause as NodeJS.ErrnoException;
      throw new WarrenError('ERR_NAMESPACE_FILE', `Cannot open ${quote(path)} in the network namespace`, {
        kind:
          code === 'ENOENT'
            ? 'not-found'
            : code === 'EACCES' || code === 'EPERM'
              ? 'permission-denied'
              : 'kernel',
        why: `${syscall ?? 'open'} failed with ${code}`,
        syscall,
        errno: code,
        cause,
      });
    }
  });
}

/**
 * Reads such files whole, all at once: far cheaper than to open one after the other.
 *
 * @returns One for each path: its text, or the number of the errno.
 * @throws {WarrenError} `ERR_NAMESPACE_FILE` where the namespace cannot be entered.
 */
export function readInNamespace(
  namespace: NetworkNamespace | undefined,
  paths: readonly string[],
): (string | number)[] {
  return withNamespace(namespace, (fd) => {
    try {
      return netlinkAddon().readIn(fd, paths);
    } catch (cause) {
      const { code = 'EUNKNOWN', syscall } = cause as NodeJS.ErrnoException;
      throw new WarrenError('ERR_NAMESPACE_FILE', 'Cannot read files in the network namespace', {
        kind: code === 'EPERM' ? 'permission-denied' : 'kernel',
        why: `${syscall ?? 'setns'} failed with ${code}`,
        syscall,
        errno: code,
        cause,
      });
    }
  });
}

const IFF_TUN = 0x1;
const IFF_TAP = 0x2;
const IFF_NO_PI = 0x1000;

/**
 * Makes a tun or tap device, which netlink cannot. It stays until it is deleted.
 *
 * @throws {WarrenError} `ERR_NETLINK_SOCKET`
 */
export function createTun(
  ifname: string,
  options: { readonly kind?: 'tun' | 'tap'; readonly namespace?: NetworkNamespace } = {},
): void {
  const { kind = 'tun', namespace } = options;
  checkInterfaceName(ifname);
  const flags = (kind === 'tun' ? IFF_TUN : IFF_TAP) | IFF_NO_PI;
  withNamespace(namespace, (fd) => {
    try {
      closeSync(netlinkAddon().tunIn(fd, ifname, flags, 1));
    } catch (cause) {
      throw socketError(`Cannot create the ${kind} device ${quote(ifname)}`, cause);
    }
  });
}
