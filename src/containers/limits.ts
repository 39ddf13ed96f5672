/** Changes the limits of a container that runs. What they are now is read by readContainerLimits() of cgroups.ts. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { WarrenError, quote } from '../errors.js';
import {
  cgroupWritesV1,
  cgroupWritesV2,
  type CgroupLimits,
  type CgroupWrite,
  type ControllerWrites,
} from '../kernel/cgroup/limits.js';
import { checkLimits } from '../runtime/check-limits.js';
import type { LimitOptions } from '../runtime/options.js';
import { cgroupVersion, type ContainerCgroup } from './cgroups.js';

export interface UpdatedLimits {
  /** To be kept: what the container had, with the changes. */
  readonly limits: LimitOptions;
  /** Puts the old values back, for a caller who cannot keep the new ones. */
  readonly undo: () => void;
}

/**
 * All of the changes, or none: when the kernel refuses one, the files get their old values back.
 *
 * @param groups Of the running container; for one that does not run there is nothing to write.
 * @param present As it was made, or last updated.
 * @param change docker's: what is not given, or 0, stays; -1 is "no limit".
 * @throws {WarrenError} What checkLimits() throws of both together; `ERR_CGROUP_UNAVAILABLE`, `ERR_LIMIT_REFUSED`.
 */
export function updateLimits(
  groups: readonly ContainerCgroup[],
  present: LimitOptions,
  change: LimitOptions,
): UpdatedLimits {
  const limits = mergeLimits(present, change);
  const wanted = touched(checkLimits(limits), checkLimits(present), change);
  if (groups.length === 0) return { limits, undo: () => undefined };
  const version = cgroupVersion(groups);
  const all = version === 1 ? cgroupWritesV1(wanted) : cgroupWritesV2(wanted);
  const swapAsked = limits.memorySwap !== undefined;
  const targets = all.flatMap((each) => locate(groups, version, each, swapAsked));
  return { limits, undo: writeAll(inOrder(targets)) };
}

/** As docker's update has it: 0 and empty text are "not given". */
export function mergeLimits(present: LimitOptions, change: LimitOptions): LimitOptions {
  const given = Object.entries(change).filter(
    ([option, value]) =>
      value !== undefined &&
      value !== 0 &&
      value !== '' &&
      // The list "0" names the first processor.
      !(value === '0' && !option.startsWith('cpuset')),
  );
  return { ...present, ...Object.fromEntries(given) };
}

const fieldsOf: Readonly<Record<keyof LimitOptions, readonly (keyof CgroupLimits)[]>> = {
  // Swap hangs on memory in both versions: v1 has their sum, v2 their difference.
  memory: ['memoryBytes', 'memorySwapBytes'],
  memorySwap: ['memoryBytes', 'memorySwapBytes'],
  memoryReservation: ['memoryReservationBytes'],
  cpus: ['cpuQuotaUs'],
  cpuShares: ['cpuShares'],
  cpusetCpus: ['cpusetCpus'],
  cpusetMems: ['cpusetMems'],
  pids: ['pids'],
  blkioWeight: ['blkioWeight'],
};

/** What is named in the change, be it as it was: somebody else may have written the files. */
function touched(next: CgroupLimits, before: CgroupLimits, change: LimitOptions): CgroupLimits {
  const named = new Set(
    (Object.keys(change) as (keyof LimitOptions)[]).flatMap((option) => fieldsOf[option]),
  );
  return Object.fromEntries(
    (Object.keys(next) as (keyof CgroupLimits)[])
      .filter((field) => named.has(field) || next[field] !== before[field])
      .map((field) => [field, next[field]]),
  );
}

interface Target {
  readonly controller: string;
  readonly path: string;
  readonly value: string;
  /** What the file said. */
  readonly old: string;
}

function locate(
  groups: readonly ContainerCgroup[],
  version: 1 | 2,
  { controller, writes }: ControllerWrites,
  swapAsked: boolean,
): Target[] {
  const group = groups.find(
    (each) => each.version === version && (version === 2 || each.controllers.includes(controller)),
  );
  return writes.flatMap((write): Target[] => {
    const file = group && write.files.find((name) => existsSync(`${group.directory}/${name}`));
    if (file === undefined) {
      // As at the start: a kernel without accounting of swap has no such file.
      if (group && !swapAsked && isSwap(write)) return [];
      throw unavailable(controller, write, group);
    }
    const path = `${group?.directory ?? ''}/${file}`;
    return [{ controller, path, value: write.value, old: readFileSync(path, 'latin1').trim() }];
  });
}

function isSwap({ files }: CgroupWrite): boolean {
  return files.some((file) => /swap|memsw/.test(file));
}

function unavailable(
  controller: string,
  { files }: CgroupWrite,
  group: ContainerCgroup | undefined,
): WarrenError {
  return new WarrenError('ERR_CGROUP_UNAVAILABLE', `Cannot set the limits of ${controller}`, {
    kind: 'unsupported',
    why: group
      ? `the container’s group ${quote(group.directory)} has no ${files.join(' or ')}`
      : 'the container has no group of its own for it',
    fix: 'see what there is: grep cgroup /proc/self/mountinfo; a group’s controllers are set when it is started',
  });
}

/** v1 keeps memory at or below the sum of memory and swap at every moment: the sum goes first when both rise. */
function inOrder(targets: readonly Target[]): readonly Target[] {
  const memory = targets.find(({ path }) => path.endsWith('/memory.limit_in_bytes'));
  const sum = targets.find(({ path }) => path.endsWith('/memory.memsw.limit_in_bytes'));
  if (!memory || !sum) return targets;
  const number = (value: string): number => (value === '-1' ? Infinity : Number(value));
  const rises = number(memory.value) > number(sum.old);
  const pair = rises ? [sum, memory] : [memory, sum];
  return [...pair, ...targets.filter((target) => target !== memory && target !== sum)];
}

/** @returns What puts the old values back. */
function writeAll(targets: readonly Target[]): () => void {
  const done: Target[] = [];
  const undo = (): void => {
    for (const { path, old } of done.splice(0).reverse()) {
      // It may have ended meanwhile: what is to be said is why we are here.
      try {
        writeFileSync(path, `${old}\n`);
      } catch {
        continue;
      }
    }
  };
  for (const target of targets) {
    try {
      writeFileSync(target.path, target.value);
      done.push(target);
    } catch (error) {
      undo();
      throw refused(target, error);
    }
  }
  return undo;
}

const fixes: Readonly<Record<string, string>> = {
  EBUSY:
    'the container uses more than that, and it cannot be taken away: give it more, or end something in it',
  EINVAL:
    'give a value that the kernel takes here: less than the group above has, and memory below memory with swap',
  EACCES: 'give what the group above has: it cannot be exceeded',
  ENOSPC: 'give at least one processor, and one memory node: there are processes in the group',
  ENOENT: 'the container has ended meanwhile',
  ENODEV: 'the container has ended meanwhile',
};

function refused({ controller, path, value }: Target, cause: unknown): unknown {
  const { code: errno } = cause as NodeJS.ErrnoException;
  if (errno === undefined) return cause;
  return new WarrenError('ERR_LIMIT_REFUSED', `Cannot change the limits of ${controller}`, {
    kind: errno === 'EACCES' || errno === 'EPERM' ? 'permission-denied' : 'kernel',
    why: `writing ${quote(value)} to ${path} failed with ${errno}; all limits are as they were`,
    fix: fixes[errno],
    syscall: 'write',
    errno,
    cause,
  });
}
