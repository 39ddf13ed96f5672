import { posix } from 'node:path';
import { invalid, quote } from '../errors.js';

/** PATH_MAX of Linux, its final NUL included. */
const maxPathBytes = 4096;

/** The files below /proc that runc lets a bind mount cover: lxcfs shows a container's own numbers there. */
const coverableProcFiles: ReadonlySet<string> = new Set([
  '/proc/cpuinfo',
  '/proc/diskstats',
  '/proc/meminfo',
  '/proc/stat',
  '/proc/swaps',
  '/proc/uptime',
  '/proc/loadavg',
  '/proc/slabinfo',
  '/proc/net/dev',
  '/proc/sys/kernel/ns_last_pid',
  '/proc/sys/crypto/fips_enabled',
]);

/**
 * Checks a mount's place in the container, and writes it the one way: no doubled or trailing slashes, no `.`.
 *
 * A `..` is refused and not resolved: where it leads depends on symlinks in the container. What would hide /proc is refused as in runc:
 * a container that can put files there can fool whoever writes its sysctls and labels (CVE-2019-16884).
 *
 * @param type Of the mount: only a fresh `proc` may lie on /proc.
 * @param given The whole option, for the message.
 * @throws {WarrenError} `ERR_MOUNT_SPEC`.
 */
export function checkMountTarget(target: string, type: string, given: string): string {
  const fault = pathFault(target, 'target');
  if (fault !== undefined)
    throw badMount(given, fault, 'give an absolute path in the container, such as /data');
  const path = posix.normalize(target).replace(/(.)\/$/, '$1');
  if (path === '/') {
    throw badMount(
      given,
      'its target is "/", the root itself',
      'choose the root with --rootfs, or mount below it',
    );
  }
  if (path === '/proc' && type !== 'proc') {
    throw badMount(given, 'its target is /proc, which must be a fresh proc', 'mount it somewhere else');
  }
  if (path.startsWith('/proc/') && !(type === 'bind' && coverableProcFiles.has(path))) {
    throw badMount(
      given,
      'its target is inside /proc',
      `only bind mounts on ${[...coverableProcFiles].join(', ')} are allowed there`,
    );
  }
  return path;
}

/**
 * Checks the path of a bind mount's source on the host. It is not rewritten: `..` after a symlink is the kernel's to resolve.
 *
 * @throws {WarrenError} `ERR_MOUNT_SPEC`.
 */
export function checkMountSource(source: string, given: string): string {
  if (source !== '' && !source.startsWith('/')) {
    const why = source.includes('/')
      ? `its source ${quote(source)} is a relative path`
      : `its source ${quote(source)} is not a path, and named volumes are not supported yet`;
    throw badMount(given, why, `give an absolute path, such as "$PWD/${source.replace(/^\.\//, '')}"`);
  }
  const fault = pathFault(source, 'source', { allowDotDot: true });
  if (fault !== undefined) throw badMount(given, fault, 'give an absolute path on the host');
  return source;
}

/** What is wrong with an absolute path, as the end of a sentence; undefined when it is fine. */
export function pathFault(
  path: string,
  what: string,
  { allowDotDot = false }: { readonly allowDotDot?: boolean } = {},
): string | undefined {
  if (path === '') return `its ${what} is empty`;
  if (path.includes('\0')) return `its ${what} holds a NUL`;
  if (Buffer.byteLength(path) >= maxPathBytes) return `its ${what} is longer than ${maxPathBytes - 1} bytes`;
  if (!path.startsWith('/')) return `its ${what} ${quote(path)} is not absolute`;
  if (!allowDotDot && path.split('/').includes('..')) return `its ${what} ${quote(path)} holds ".."`;
  return undefined;
}

export function badMount(given: string, why: string, fix?: string): Error {
  return invalid('ERR_MOUNT_SPEC', `Cannot use the mount ${quote(given)}`, why, fix);
}
