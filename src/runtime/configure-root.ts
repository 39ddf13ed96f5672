/** The root file system, and who the command is in it. */
import { closeSync, fstatSync, lstatSync, readFileSync, statSync, type Stats } from 'node:fs';
import { WarrenError, invalid, quote } from '../errors.js';
import { resolveUser, type ResolvedUser } from '../kernel/passwd.js';
import { parseSize } from '../kernel/size.js';
import { openBelow } from '../native/index.js';
import type { ConfiguredMount, ContainerConfig, IdRange, RootConfig } from '../plan/config.js';
import { O_PATH } from '../plan/constants.js';
import { refuseNames } from './configure-names.js';
import { machineRoot, ownerOf, type LayerKeep } from './machine-root.js';
import type { ContainerOptions } from './options.js';

export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface Rootfs {
  readonly path: string;
  readonly stats: Stats;
}

export function checkRootfs({ rootfs = '' }: ContainerOptions): Rootfs {
  const action = `Cannot use the root file system ${quote(rootfs)}`;
  let stats: Stats;
  try {
    stats = statSync(rootfs);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new WarrenError('ERR_ROOTFS', action, {
      kind: code === 'EACCES' ? 'permission-denied' : 'not-found',
      why: code === 'ENOENT' ? 'no such directory' : `stat failed with ${code}`,
      fix: 'give a directory that holds a root file system: bin, etc, lib, …',
      syscall: 'stat',
      errno: code,
      cause,
    });
  }
  const root = statSync('/');
  if (stats.ino === root.ino && stats.dev === root.dev) {
    throw invalid(
      'ERR_ROOTFS',
      action,
      'it is the root of this machine',
      'leave --rootfs out: the machine’s own root, with its secrets hidden, is the default',
    );
  }
  if (!stats.isDirectory()) {
    throw invalid(
      'ERR_ROOTFS',
      action,
      'it is not a directory',
      'unpack it, or give the directory that holds bin, etc, lib, …',
    );
  }
  return { path: rootfs, stats };
}

export function configureRoot(
  options: ContainerOptions,
  rootfs: Rootfs | undefined,
  identity: Identity,
  piecewise: boolean,
  keep?: LayerKeep,
): { root: RootConfig; binds: readonly ConfiguredMount[] } {
  const sizeBytes =
    options.storageSize === undefined ? undefined : parseSize(options.storageSize, 'storage size');
  const files = identityFiles(identity, options);
  // A size is a tmpfs’s; nothing limits a directory.
  const kept = sizeBytes === undefined ? keep : undefined;
  if (!rootfs) {
    if (options.rw === true) {
      throw invalid(
        'ERR_ROOTFS',
        'Cannot write to the root itself',
        'the root is that of this machine',
        'give a directory with --rootfs, or leave --rw out',
      );
    }
    return machineRoot({ home: options.home ?? false, piecewise, files, sizeBytes, keep: kept });
  }
  if (options.rw === true) {
    refuseNames(
      options,
      'with --rw the container has the files of the directory itself, which are not changed',
      `leave --rw out, or write into ${rootfs.path}/etc`,
    );
    return { root: { kind: 'directory', path: rootfs.path }, binds: [] };
  }
  // Not through a link: the layer would hide it behind a directory of three files.
  const stats = lstatSync(`${rootfs.path}/etc`, { throwIfNoEntry: false });
  const etc = stats?.isDirectory() === true ? stats : undefined;
  if (!etc) refuseNames(options, `there is no directory etc in ${rootfs.path}`, 'make one there');
  return {
    binds: [],
    root: {
      kind: 'layers',
      sizeBytes,
      store: kept?.store,
      skeleton: undefined,
      layers: [
        {
          lower: rootfs.path,
          at: '',
          root: ownerOf(rootfs.stats),
          parents: etc ? [{ path: 'etc', ...ownerOf(etc) }] : [],
          hidden: [],
          files: etc ? files.map((file) => ({ ...file, uid: 0, gid: 0, mode: 0o644 })) : [],
        },
      ],
    },
  };
}

/** What /etc says of the container itself. */
export interface Identity {
  readonly hostname: string;
  /** Texts, where its network decides them. */
  readonly resolv?: string;
  readonly hosts?: string;
}

/** docker's init layer. With no network but loopback, the host's resolvers cannot be reached, but programs expect the file. */
function identityFiles(
  { hostname, resolv, hosts }: Identity,
  { network, domainname }: ContainerOptions,
): { path: string; content: string }[] {
  const full = domainname === undefined ? hostname : `${hostname}.${domainname} ${hostname}`;
  const own = network === 'host' ? readIfThere('/etc/hosts') : '';
  return [
    { path: 'etc/hostname', content: `${hostname}\n` },
    {
      path: 'etc/hosts',
      content:
        (hosts ?? own) ||
        `127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\t${full}\n`,
    },
    { path: 'etc/resolv.conf', content: resolv ?? readIfThere('/etc/resolv.conf') },
  ];
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Looked up in the container's files, resolved below its root: a link there must not lead to the host's. */
export function configureUser(
  options: ContainerOptions,
  root: string,
  idMap: ContainerConfig['idMap'],
): ResolvedUser {
  const user = resolveUser(
    options.user,
    { passwd: readInRoot(root, 'etc/passwd'), group: readInRoot(root, 'etc/group') },
    options.groupAdd,
  );
  if (idMap) {
    const inside = (ranges: readonly IdRange[], id: number): boolean =>
      ranges.some((range) => id >= range.inside && id < range.inside + range.length);
    if (!inside(idMap.uid, user.uid) || !inside(idMap.gid, user.gid)) {
      throw invalid(
        'ERR_USER_UNMAPPED',
        `Cannot run as the user ${user.uid}:${user.gid}`,
        'the container’s user namespace does not map that id',
        idMap.denySetgroups
          ? 'an ordinary user without ranges in /etc/subuid and /etc/subgid has one id in the container, 0; leave --user out; see: warren ids check'
          : 'map it with --uidmap and --gidmap, or choose another user',
      );
    }
  }
  if (idMap?.denySetgroups === false) {
    const stranger = user.additionalGids.find(
      (gid) => !idMap.gid.some(({ inside, length }) => gid >= inside && gid < inside + length),
    );
    if (stranger !== undefined) {
      throw invalid(
        'ERR_USER_UNMAPPED',
        `Cannot add the group ${stranger}`,
        'the container’s user namespace does not map that id',
        'map it with --gidmap, or leave it out',
      );
    }
  }
  if (idMap?.denySetgroups === true && options.groupAdd !== undefined && options.groupAdd.length > 0) {
    throw new WarrenError('ERR_GROUP_DENIED', `Cannot add the group ${quote(options.groupAdd.join(', '))}`, {
      kind: 'permission-denied',
      why: 'the kernel lets an ordinary user map ids only where setgroups(2) is denied',
      fix: 'leave --group-add out; or have ranges in /etc/subuid and /etc/subgid, see: warren ids check; or run as root',
    });
  }
  return user;
}

/** Far more than the accounts of any image, and little enough to hold. */
const maxUserFileBytes = 16 * 1024 * 1024;

/**
 * Text of a file that whoever made the root chose: it is looked at before it is opened, for a FIFO would be waited at, and
 * opening a device is an act.
 */
function readInRoot(root: string, path: string): string {
  let place: number;
  try {
    place = openBelow(root, path, O_PATH);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES' || code === 'ELOOP') return '';
    throw error;
  }
  const refuse = (why: string): WarrenError =>
    invalid(
      'ERR_USER_FILE',
      `Cannot read ${quote(`/${path}`)} of the container`,
      why,
      'put a plain file there, or none: a user can be given by number',
    );
  try {
    const stats = fstatSync(place);
    if (!stats.isFile()) throw refuse('it is not a regular file');
    if (stats.size > maxUserFileBytes)
      throw refuse(`it has ${stats.size} bytes, and more than ${maxUserFileBytes} are not read`);
    return readFileSync(`/proc/self/fd/${place}`, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') return '';
    throw error;
  } finally {
    closeSync(place);
  }
}

export function configureEnvironment(
  options: ContainerOptions,
  user: ResolvedUser,
  hostname: string,
): Map<string, string> {
  const env = new Map([
    ['PATH', DEFAULT_PATH],
    ['HOSTNAME', hostname],
    ...(options.tty === true ? [['TERM', 'xterm'] as const] : []),
  ]);
  for (const [name, value] of Object.entries(options.env ?? {})) {
    if (name === '' || name.includes('=') || name.includes('\0') || value.includes('\0')) {
      throw invalid(
        'ERR_ENV',
        `Cannot set the environment variable ${quote(name)}`,
        'a name is not empty and has no "=", and neither part has a NUL byte',
      );
    }
    env.set(name, value);
  }
  if (!env.has('HOME')) env.set('HOME', user.home);
  return env;
}

/** As execvp(3): a name with a slash is a path, anything else is looked for in PATH. */
export function execPaths(command: string, path: string): string[] {
  if (command.includes('/')) return [command];
  return path
    .split(':')
    .map((directory) => (directory === '' ? `./${command}` : `${directory.replace(/\/+$/, '')}/${command}`));
}
