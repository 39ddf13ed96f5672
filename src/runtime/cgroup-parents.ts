/** What stands above a container's group: which directory it goes into, and what that must be told before. */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { WarrenError, quote } from '../errors.js';
import { cgroupDirectory, type CgroupHierarchy } from '../kernel/cgroup/hierarchies.js';
import type { CgroupWrite } from '../kernel/cgroup/limits.js';
import type { CgroupParent } from '../plan/config.js';

/** Those that limit something, by v1's names; v2 calls blkio io. */
export const controllers = ['memory', 'cpu', 'cpuset', 'pids', 'blkio'] as const;
export type Controller = (typeof controllers)[number];

/**
 * v1: the caller's own group, so that its limits hold for the container too. v2: the one above, for a group with
 * processes of its own can give no controllers to those below it (cgroups(7), "no internal processes").
 */
export function defaultParent(hierarchy: CgroupHierarchy): string {
  const own = cgroupDirectory(hierarchy, hierarchy.own) ?? hierarchy.mountPoint;
  return hierarchy.version === 1 || own === hierarchy.mountPoint ? own : dirname(own);
}

/** Undefined where a group can be made below `parent`, itself to be made if it is not there. */
export function refusedAccess(parent: string): WarrenError | undefined {
  let directory = parent;
  while (!existsSync(directory)) directory = dirname(directory);
  try {
    accessSync(directory, constants.W_OK);
    return undefined;
  } catch (cause) {
    const { code: errno } = cause as NodeJS.ErrnoException;
    return new WarrenError('ERR_CGROUP_DENIED', `Cannot make a control group in ${quote(directory)}`, {
      kind: 'permission-denied',
      why: `access failed with ${errno}`,
      fix: 'limits need root, or with --cgroup-parent a group that is yours',
      syscall: 'access',
      errno,
      cause,
    });
  }
}

/**
 * v2: the controllers that groups below `parent` can have. A directory hands one down only if it has no processes itself
 * (the root of the hierarchy excepted), and if its file for that may be written.
 *
 * @param needed Those of them without which there is no start.
 * @see cgroups(7), "No internal processes rule"
 */
export function reachable(
  hierarchy: CgroupHierarchy,
  parent: string,
  names: readonly Controller[],
  needed: readonly Controller[],
): readonly Controller[] {
  let left = names;
  for (const path of pathsTo(hierarchy, parent).filter((each) => existsSync(each))) {
    const enabled = wordsOf(`${path}/cgroup.subtree_control`);
    const missing = left.filter((name) => !enabled.includes(unifiedName(name)));
    if (missing.length === 0) continue;
    const fault = handDownFault(path);
    if (!fault) continue;
    const wanted = missing.filter((name) => needed.includes(name));
    if (wanted.length > 0) {
      const all = wanted.map(unifiedName).join(', ');
      throw new WarrenError(fault.code, `Cannot set the limits of ${all}`, {
        kind: fault.code === 'ERR_CGROUP_BUSY' ? 'conflict' : 'permission-denied',
        why: `${quote(path)} hands no ${all} down to the groups in it, and ${fault.why}`,
        fix: fault.fix,
      });
    }
    left = left.filter((name) => !missing.includes(name));
  }
  return left;
}

function handDownFault(
  path: string,
): { readonly code: 'ERR_CGROUP_BUSY' | 'ERR_CGROUP_DENIED'; why: string; fix: string } | undefined {
  // Only the root of a hierarchy has no type; one that a cgroup namespace shows as the root has.
  if (existsSync(`${path}/cgroup.type`) && textOf(`${path}/cgroup.procs`) !== '') {
    return {
      code: 'ERR_CGROUP_BUSY',
      why: 'it cannot while it has processes of its own',
      fix: 'move them to a group below it, or name another place with --cgroup-parent',
    };
  }
  try {
    accessSync(`${path}/cgroup.subtree_control`, constants.W_OK);
    return undefined;
  } catch (error) {
    return {
      code: 'ERR_CGROUP_DENIED',
      why: `access to its cgroup.subtree_control failed with ${(error as NodeJS.ErrnoException).code}`,
      fix: 'run as root, or have the controllers delegated (systemd: Delegate=yes)',
    };
  }
}

export function unifiedName(name: Controller): string {
  return name === 'blkio' ? 'io' : name;
}

/** The directories from the mount to `parent`. */
function pathsTo({ mountPoint }: CgroupHierarchy, parent: string): string[] {
  const below = parent
    .slice(mountPoint.length)
    .split('/')
    .filter((part) => part !== '');
  return [mountPoint, ...below.map((_, index) => `${mountPoint}/${below.slice(0, index + 1).join('/')}`)];
}

/**
 * Adds what the directories above need before a group can be made below `parent`.
 *
 * @returns For a v1 cpuset, what the group must have of its parent's.
 */
export function prepare(
  hierarchy: CgroupHierarchy,
  parent: string,
  names: readonly Controller[],
  parents: CgroupParent[],
): readonly CgroupWrite[] | undefined {
  let inherited: readonly CgroupWrite[] | undefined;
  for (const path of pathsTo(hierarchy, parent)) {
    const make = !existsSync(path);
    const writes: CgroupWrite[] = [];
    if (hierarchy.version === 2) {
      const enabled = wordsOf(`${path}/cgroup.subtree_control`);
      const missing = names.map(unifiedName).filter((name) => !enabled.includes(name));
      if (missing.length > 0)
        writes.push({
          files: ['cgroup.subtree_control'],
          value: missing.map((name) => `+${name}`).join(' '),
        });
    } else if (names.includes('cpuset')) {
      const before = inherited;
      inherited = ['cpuset.cpus', 'cpuset.mems'].map((file, index): CgroupWrite => {
        const own = textOf(`${path}/${file}`);
        if (own !== '' || before === undefined) return { files: [file], value: own };
        const write = { files: [file], value: before[index]?.value ?? '' };
        writes.push(write);
        return write;
      });
    }
    if (make || writes.length > 0) parents.push({ path, make, writes });
  }
  return inherited;
}

export function wordsOf(path: string): string[] {
  return textOf(path)
    .split(' ')
    .filter((word) => word !== '');
}

/** Empty for what is not there. */
export function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENODEV' || code === 'EOPNOTSUPP') return '';
    throw error;
  }
}
