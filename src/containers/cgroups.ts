/** Where a running container's control groups are, found by its first process: the names alone do not tell the parent. */
import { readFileSync } from 'node:fs';
import {
  cgroupDirectory,
  findCgroupHierarchies,
  type CgroupHierarchy,
} from '../kernel/cgroup/hierarchies.js';
import { readCgroupLimits, type ReadCgroupFile } from '../kernel/cgroup/read.js';
import type { CgroupLimits } from '../kernel/cgroup/limits.js';
import type { ContainerSnapshot } from './record.js';

export interface ContainerCgroup {
  readonly version: 1 | 2;
  /** v1: of its hierarchy. */
  readonly controllers: readonly string[];
  /** v1: `systemd` of `name=systemd`. */
  readonly name: string | undefined;
  /** On the host. */
  readonly directory: string;
}

/**
 * The container's own groups; not those it shares with whoever started it.
 *
 * @param mountinfo The text of /proc/self/mountinfo, where the caller has read it already.
 * @returns Empty for one that does not run.
 */
export function findContainerCgroups(
  { record, status }: ContainerSnapshot,
  mountinfo?: string,
): readonly ContainerCgroup[] {
  if (status.pid === 0) return [];
  const cgroup = readProcText(`/proc/${status.pid}/cgroup`);
  if (cgroup === undefined) return [];
  const mounts = mountinfo ?? readFileSync('/proc/self/mountinfo', 'utf8');
  return containerCgroups(findCgroupHierarchies(mounts, cgroup), record.id);
}

/** @param hierarchies With the place of the container's first process in them. */
export function containerCgroups(hierarchies: readonly CgroupHierarchy[], id: string): ContainerCgroup[] {
  const name = `warren-${id.slice(0, 12)}`;
  return hierarchies.flatMap((hierarchy): ContainerCgroup[] => {
    // The container may have moved its first process further down.
    const parts = hierarchy.own.split('/');
    const at = parts.indexOf(name);
    const directory = at < 0 ? undefined : cgroupDirectory(hierarchy, parts.slice(0, at + 1).join('/'));
    if (directory === undefined) return [];
    return [
      { version: hierarchy.version, controllers: hierarchy.controllers, name: hierarchy.name, directory },
    ];
  });
}

/** The version that has the controllers here: on a hybrid host it is the first. */
export function cgroupVersion(cgroups: readonly ContainerCgroup[]): 1 | 2 {
  return cgroups.some(({ version, controllers }) => version === 1 && controllers.length > 0) ? 1 : 2;
}

/** Reads a file such as `memory.stat` where its controller is. */
export function cgroupFiles(cgroups: readonly ContainerCgroup[]): ReadCgroupFile {
  const version = cgroupVersion(cgroups);
  return (file) => {
    const controller = file.slice(0, file.indexOf('.'));
    const group = cgroups.find(
      (each) => each.version === version && (version === 2 || each.controllers.includes(controller)),
    );
    return group && readProcText(`${group.directory}/${file}`);
  };
}

/** The limits as the kernel has them now. */
export function readContainerLimits(cgroups: readonly ContainerCgroup[]): CgroupLimits {
  return readCgroupLimits(cgroupVersion(cgroups), cgroupFiles(cgroups));
}

/** @returns undefined where it is not there (any more), or is for others to read. */
export function readProcText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    // ESRCH and ENODEV: it went between open and read.
    if (['ENOENT', 'ESRCH', 'ENODEV', 'EACCES', 'EPERM', 'EOPNOTSUPP', 'EINVAL'].includes(code))
      return undefined;
    throw error;
  }
}
