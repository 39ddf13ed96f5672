import { parseMountinfo } from '../mountinfo.js';

/** A mounted hierarchy of control groups, with the place of a process in it. */
export interface CgroupHierarchy {
  readonly version: 1 | 2;
  /** v1: its controllers, as mounted (none for a named hierarchy). v2: none; they differ from directory to directory. */
  readonly controllers: readonly string[];
  /** v1: `systemd` of `name=systemd`. */
  readonly name: string | undefined;
  readonly mountPoint: string;
  /** The part of the hierarchy that the mount shows; `/` for all of it. */
  readonly mountRoot: string;
  /** The process' own cgroup, as /proc/PID/cgroup has it. */
  readonly own: string;
}

export type CgroupLayout = 'none' | 'v1' | 'hybrid' | 'v2';

/**
 * By what is mounted, not by /proc/cgroups: a controller may be known and mounted nowhere, or mounted beside cgroup2. One
 * for each mount.
 *
 * @param mountinfo The text of /proc/PID/mountinfo.
 * @param cgroup The text of /proc/PID/cgroup.
 * @see cgroups(7), "/proc/[pid]/cgroup"
 */
export function findCgroupHierarchies(mountinfo: string, cgroup: string): CgroupHierarchy[] {
  const own = parseCgroupFile(cgroup);
  const lines = mountinfo.split('\n').filter((line) => line.includes(' - cgroup'));
  return parseMountinfo(lines.join('\n')).flatMap((mount): CgroupHierarchy[] => {
    const { fsType, mountPoint, root, superOptions } = mount;
    if (fsType !== 'cgroup' && fsType !== 'cgroup2') return [];
    // v1: the hierarchy is known by its controllers, or its name; v2: by none.
    const key =
      fsType === 'cgroup2'
        ? ''
        : [...own.keys()].find(
            (each) => each !== '' && each.split(',').every((name) => superOptions.includes(name)),
          );
    const path = key === undefined ? undefined : own.get(key);
    if (key === undefined || path === undefined) return [];
    const words = key.split(',').filter((word) => word !== '');
    return [
      {
        version: fsType === 'cgroup2' ? 2 : 1,
        controllers: words.filter((word) => !word.startsWith('name=')),
        name: words.find((word) => word.startsWith('name='))?.slice('name='.length),
        mountPoint,
        mountRoot: root,
        own: path,
      },
    ];
  });
}

/** Paths by what stands before them: `memory`, `cpu,cpuacct`, `name=systemd`, or `` for cgroup2. */
export function parseCgroupFile(text: string): Map<string, string> {
  return new Map(
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [, controllers = '', ...path] = line.split(':');
        return [controllers, path.join(':')];
      }),
  );
}

/**
 * How systemd calls it: `hybrid` is v1 with a cgroup2 beside it. (Such a cgroup2 may have controllers that no v1 hierarchy
 * has taken.)
 */
export function cgroupLayout(hierarchies: readonly CgroupHierarchy[]): CgroupLayout {
  const has = (version: 1 | 2): boolean =>
    hierarchies.some((each) => each.version === version && (version === 2 || each.controllers.length > 0));
  if (has(1)) return has(2) ? 'hybrid' : 'v1';
  return has(2) ? 'v2' : 'none';
}

/**
 * The directory of a cgroup below the mount.
 *
 * @param path As /proc/PID/cgroup has it.
 * @returns undefined for one that the mount does not show.
 */
export function cgroupDirectory(hierarchy: CgroupHierarchy, path: string): string | undefined {
  const { mountPoint, mountRoot } = hierarchy;
  const below = (inside: string): string =>
    inside === '' || inside === '/' ? mountPoint : mountPoint + inside;
  if (path.startsWith('/..')) return undefined;
  if (mountRoot === '/') return below(path);
  if (path === mountRoot || path.startsWith(`${mountRoot}/`)) return below(path.slice(mountRoot.length));
  return undefined;
}
