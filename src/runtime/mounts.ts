import { lstatSync, statSync, type Stats } from 'node:fs';
import { WarrenError, invalid, quote } from '../errors.js';
import { parseSize } from '../kernel/size.js';
import type { BindMount, ConfiguredMount, FileSystemMount } from '../plan/config.js';
import type { ContainerOptions, MountSpec } from './options.js';
import { parseMounts } from './parse-mounts.js';

/** Each keeps a descriptor until its place is there, and the launcher has room for so many. */
const MAX_MOUNTS = 160;

/** What the container shows besides its root, outer mounts before those inside them. */
export function configureMounts(options: ContainerOptions): ConfiguredMount[] {
  if (!options.mounts?.length && !options.volumes?.length && !options.tmpfs?.length) return [];
  const specs = parseMounts(options);
  if (specs.length > MAX_MOUNTS) {
    throw invalid(
      'ERR_MOUNT_COUNT',
      `Cannot mount ${specs.length} things`,
      `a container has at most ${MAX_MOUNTS}`,
      'mount a directory that holds several of them',
    );
  }
  return specs
    .map((spec) => (spec.type === 'bind' ? configureBind(spec) : configureFileSystem(spec, options)))
    .sort((a, b) => depth(a.target) - depth(b.target));
}

function depth(target: string): number {
  return target.split('/').length;
}

function configureBind(spec: MountSpec): BindMount {
  const { source = '' } = spec;
  const stats = lookAtSource(source);
  const readOnly = spec.readOnly ?? false;
  return {
    kind: 'bind',
    source,
    target: spec.target.slice(1),
    file: !stats.isDirectory(),
    recursive: spec.nonRecursive !== true && stats.isDirectory(),
    recursiveReadOnly: spec.recursiveReadOnly ?? true,
    propagation: spec.propagation ?? 'rprivate',
    idMapped: spec.idmap ?? false,
    readOnly,
    noexec: spec.noexec ?? false,
    nosuid: spec.nosuid ?? false,
    nodev: spec.nodev ?? false,
  };
}

/**
 * Both are what the kernel would say with fewer words, or not at all.
 *
 * @throws {WarrenError} `ERR_MOUNT_IDMAP`.
 */
export function checkIdMapped(mounts: readonly ConfiguredMount[], isMapped: boolean, uid: number): void {
  const mount = mounts.find((each) => each.kind === 'bind' && each.idMapped);
  if (mount?.kind !== 'bind' || (isMapped && uid === 0)) return;
  throw new WarrenError('ERR_MOUNT_IDMAP', `Cannot change the ids of the volume ${quote(mount.source)}`, {
    ...(uid === 0
      ? {
          kind: 'invalid-argument',
          why: 'the container has no user namespace, and its ids are the caller’s',
          fix: 'map its ids, as in --uidmap 0:100000:65536, or leave "idmap" out',
        }
      : {
          kind: 'permission-denied',
          why: `only whoever has CAP_SYS_ADMIN where its file system was mounted may, and the caller is user ${uid}`,
          fix: 'run as root, or leave "idmap" out; your own files are root’s in the container as it is',
        }),
  });
}

function lookAtSource(source: string): Stats {
  try {
    return statSync(source);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const dangling = code === 'ENOENT' && lstatSync(source, { throwIfNoEntry: false }) !== undefined;
    throw new WarrenError('ERR_MOUNT_SOURCE', `Cannot mount ${quote(source)}`, {
      kind: code === 'ENOENT' || code === 'ENOTDIR' ? 'not-found' : 'permission-denied',
      why: dangling
        ? 'it is a symbolic link to nothing'
        : code === 'ENOENT'
          ? 'there is no such file or directory on the host'
          : `stat failed with ${code}`,
      fix: 'make it first; Warren does not create the sources of volumes',
      syscall: 'stat',
      errno: code,
      cause,
    });
  }
}

/**
 * A second procfs, sysfs or cgroup file system has nothing masked, and root in the container is root to many of its files
 * (`kernel.core_pattern`): read-only, unless that is waived. Not so at /proc itself, which is treated as our own.
 */
function isReadOnly(
  { type, target, readOnly }: MountSpec,
  { privileged = false }: ContainerOptions,
): boolean {
  if (readOnly !== undefined) return readOnly;
  return ['proc', 'sysfs', 'cgroup'].includes(type) && target !== '/proc' && !privileged;
}

function configureFileSystem(spec: MountSpec, options: ContainerOptions): FileSystemMount {
  const data: [string, string | null][] = [];
  if (spec.type === 'tmpfs') {
    data.push(['mode', (spec.tmpfsMode ?? 0o1777).toString(8)]);
    if (spec.tmpfsSize !== undefined) data.push(['size', String(parseSize(spec.tmpfsSize, 'tmpfs size'))]);
  }
  if (spec.type === 'devpts') data.push(['newinstance', null], ['ptmxmode', '0666'], ['mode', '0620']);
  return {
    kind: 'filesystem',
    type: spec.type === 'cgroup' ? 'cgroup2' : spec.type,
    target: spec.target.slice(1),
    data,
    readOnly: isReadOnly(spec, options),
    noexec: spec.noexec ?? false,
    nosuid: spec.nosuid ?? false,
    nodev: spec.nodev ?? false,
  };
}
