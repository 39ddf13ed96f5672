import { readFileSync, statSync } from 'node:fs';
import { WarrenError, quote } from '../errors.js';
import { parseCapabilityMask } from '../kernel/capabilities.js';
import { parseMountinfo } from '../kernel/mountinfo.js';
import type { CgroupMount, HostFacts } from '../plan/config.js';

/** What does not change while this process lives, read once. */
export interface Host extends HostFacts {
  readonly gid: number;
  /** What this process can use at most. */
  readonly bounding: bigint;
  readonly permitted: bigint;
  /** Hard limit of open files: Node has raised the soft one to it. */
  readonly nofileHard: bigint;
}

const known: { host?: Host } = {};

export function readHost(): Host {
  return (known.host ??= read());
}

function read(): Host {
  const status = readFileSync('/proc/self/status', 'latin1');
  const mask = (field: string): bigint =>
    parseCapabilityMask(new RegExp(`^${field}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0');
  return {
    uid: process.geteuid?.() ?? 0,
    gid: process.getegid?.() ?? 0,
    lastCapability: Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'latin1')),
    bounding: mask('CapBnd'),
    permitted: mask('CapPrm'),
    nofileHard: BigInt(
      /^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1] ?? 4096,
    ),
    cgroups: readCgroups(),
  };
}

/**
 * By what is mounted, not by /proc/cgroups: a controller may be known and mounted nowhere, or mounted beside cgroup2. See
 * cgroups(7), "/proc/[pid]/cgroup".
 */
function readCgroups(): CgroupMount[] {
  const top = '/sys/fs/cgroup';
  const own = new Map(
    readFileSync('/proc/self/cgroup', 'utf8')
      .split('\n')
      .map((line) => {
        const [, controllers = '', ...path] = line.split(':');
        return [controllers, path.join(':')];
      }),
  );
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const mounts = parseMountinfo(lines.filter((line) => line.includes(' - cgroup')).join('\n'));
  return mounts.flatMap((mount): CgroupMount[] => {
    const { fsType, mountPoint, superOptions } = mount;
    if (!fsType.startsWith('cgroup') || !(mountPoint === top || mountPoint.startsWith(`${top}/`))) return [];
    // v1: the hierarchy is known by its controllers, or its name; v2: by none.
    const hierarchy =
      fsType === 'cgroup2'
        ? ''
        : [...own.keys()].find(
            (key) => key !== '' && key.split(',').every((name) => superOptions.includes(name)),
          );
    const path = hierarchy === undefined ? undefined : own.get(hierarchy);
    return path === undefined ? [] : [{ path: mountPoint.slice(top.length + 1), own: path }];
  });
}

/** The namespace file of this process, or of another, as something that can be compared. */
export function namespaceIdentity(path: string): string {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code;
    throw new WarrenError('ERR_NAMESPACE_NOT_FOUND', `Cannot use the namespace ${quote(path)}`, {
      kind: errno === 'EACCES' || errno === 'EPERM' ? 'permission-denied' : 'not-found',
      why: `${errno ?? 'error'} when looking at it`,
      fix:
        errno === 'EACCES' || errno === 'EPERM'
          ? 'looking into another process needs its user id and capabilities, or CAP_SYS_PTRACE: run as root'
          : 'see which there are with: lsns, ip netns list',
      syscall: 'stat',
      errno,
      cause,
    });
  }
}
