/** From `limits` and `cgroupParent` to control groups: what is made where, and what is written there. */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { WarrenError, invalid, quote } from '../errors.js';
import { cgroupDirectory, type CgroupHierarchy } from '../kernel/cgroup/hierarchies.js';
import {
  cgroupWritesV1,
  cgroupWritesV2,
  type CgroupLimits,
  type CgroupWrite,
} from '../kernel/cgroup/limits.js';
import { parseSize } from '../kernel/size.js';
import type { CgroupConfig, CgroupGroup, CgroupParent } from '../plan/config.js';
import { checkRange } from './check.js';
import { readCgroupHierarchies } from './host.js';
import type { ContainerOptions, LimitOptions, Size } from './options.js';

/** By v1's names; v2 calls blkio io. */
const controllers = ['memory', 'cpu', 'cpuset', 'pids', 'blkio'] as const;
type Controller = (typeof controllers)[number];

const TOP = '/sys/fs/cgroup';
/** docker's; the start itself needs some. */
const LEAST_MEMORY = 6 * 1024 * 1024;
const PERIOD_US = 100_000;

/**
 * @param id Of the container; the groups are called `warren-` and its first twelve digits.
 * @returns undefined where nothing is asked for: the container stays in the caller's groups.
 * @throws {WarrenError} `ERR_SIZE`, `ERR_RANGE`, `ERR_LIMIT`, `ERR_CGROUP_PARENT`, `ERR_CGROUP_UNAVAILABLE`,
 *   `ERR_CGROUP_DENIED`.
 */
export function configureLimits(options: ContainerOptions, id: string): CgroupConfig | undefined {
  const limits = checkLimits(options.limits ?? {});
  const asked = Object.values(limits).some((value) => value !== undefined);
  if (!asked && options.cgroupParent === undefined) return undefined;
  const parentPath = options.cgroupParent === undefined ? undefined : checkParent(options.cgroupParent);
  const name = `warren-${id.slice(0, 12)}`;
  const parents: CgroupParent[] = [];
  const groups = place(limits, options).map(({ hierarchy, names, writes }): CgroupGroup => {
    const { mountPoint } = hierarchy;
    const parent = parentPath === undefined ? defaultParent(hierarchy) : `${mountPoint}${parentPath}`;
    checkAccess(parent);
    const inherited = prepare(hierarchy, parent, names, parents);
    checkCpuset(limits, hierarchy, parent, names, inherited);
    return {
      parent,
      // v1 lets nobody into a cpuset that lacks either of the two.
      writes: inherited
        ? [...inherited.filter(({ files }) => !writes.some((own) => own.files[0] === files[0])), ...writes]
        : writes,
      events: names.includes('memory')
        ? hierarchy.version === 1
          ? 'memory.oom_control'
          : 'memory.events'
        : undefined,
      mount: { path: mountPoint.slice(TOP.length + 1), own: `${parent.slice(mountPoint.length)}/${name}` },
    };
  });
  return { name, parents, groups };
}

/** docker's words: 0 is "not given", -1 "no limit". */
export function checkLimits(options: LimitOptions): CgroupLimits {
  const memoryBytes = size(options.memory, 'memory limit');
  const memorySwapBytes = size(options.memorySwap, 'limit of memory and swap');
  const memoryReservationBytes = size(options.memoryReservation, 'memory reservation');
  if (memoryBytes !== undefined && memoryBytes < LEAST_MEMORY) {
    throw invalid('ERR_LIMIT', `Cannot limit memory to ${memoryBytes} bytes`, 'the least is 6m', 'give more');
  }
  if (memorySwapBytes !== undefined && memorySwapBytes !== Infinity) {
    if (memoryBytes === undefined) {
      throw invalid(
        'ERR_LIMIT',
        'Cannot limit memory and swap',
        'that is a sum, and memory alone has no limit',
        'limit memory as well (-m)',
      );
    }
    if (memorySwapBytes < memoryBytes) {
      throw invalid(
        'ERR_LIMIT',
        `Cannot limit memory and swap to ${memorySwapBytes} bytes`,
        `it is a sum, and memory alone may have ${memoryBytes}`,
        'give the same for no swap, more for some, -1 for no limit',
      );
    }
  }
  if (
    memoryBytes !== undefined &&
    memoryReservationBytes !== undefined &&
    memoryReservationBytes > memoryBytes
  ) {
    throw invalid(
      'ERR_LIMIT',
      `Cannot reserve ${memoryReservationBytes} bytes of memory`,
      `the limit is ${memoryBytes}`,
      'reserve less than the limit',
    );
  }
  const { cpus, cpuShares, pids, blkioWeight } = options;
  return {
    memoryBytes,
    // docker's default: as much swap as memory.
    memorySwapBytes: memorySwapBytes ?? (memoryBytes === undefined ? undefined : memoryBytes * 2),
    memoryReservationBytes,
    cpuQuotaUs: cpus === undefined || cpus === 0 ? undefined : quotaOf(cpus),
    cpuShares: given(cpuShares, (value) => checkRange('CPU shares', value, 2, 262_144)),
    cpusetCpus: cpuList('cpuset-cpus', options.cpusetCpus),
    cpusetMems: cpuList('cpuset-mems', options.cpusetMems),
    pids: given(pids, (value) =>
      value === -1 ? Infinity : checkRange('limit of processes', value, 1, 2 ** 22),
    ),
    blkioWeight: given(blkioWeight, (value) => checkRange('block I/O weight', value, 10, 1000)),
  };
}

function given<T>(value: number | undefined, check: (value: number) => T): T | undefined {
  return value === undefined || value === 0 ? undefined : check(value);
}

function size(value: Size | undefined, what: string): number | undefined {
  if (value === undefined) return undefined;
  if (value === -1 || value === '-1') return Infinity;
  const bytes = parseSize(value, what);
  return bytes === 0 ? undefined : bytes;
}

function quotaOf(cpus: number): number {
  const most = availableParallelism();
  if (cpus >= 0.01 && cpus <= most) return Math.round(cpus * PERIOD_US);
  throw invalid('ERR_RANGE', `Cannot give the container ${cpus} CPUs`, `there are 0.01 … ${most}`);
}

function cpuList(option: string, text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined;
  if (parseList(text) !== undefined) return text;
  throw invalid(
    'ERR_LIMIT',
    `Cannot take ${option} ${quote(text)}`,
    'it is no list of numbers',
    'write it as 0-2,5',
  );
}

/** cpuset(7), "List format". */
function parseList(text: string): Set<number> | undefined {
  const numbers = new Set<number>();
  for (const part of text.trim().split(',')) {
    const [, first, last = first] = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part) ?? [];
    if (first === undefined || Number(first) > Number(last)) return undefined;
    for (let each = Number(first); each <= Number(last); each++) numbers.add(each);
  }
  return numbers;
}

/** As from the root of each hierarchy. A path of the user's, but not one that leads elsewhere. */
function checkParent(path: string): string {
  const parts = path.split('/').filter((part) => part !== '');
  if (parts.some((part) => part === '.' || part === '..' || part.includes('\0') || part.length > 255)) {
    throw invalid(
      'ERR_CGROUP_PARENT',
      `Cannot use the parent control group ${quote(path)}`,
      'it has a part that is no name',
      'write it as in /batch/night, from the root of the hierarchy',
    );
  }
  return parts.map((part) => `/${part}`).join('');
}

interface Placed {
  readonly hierarchy: CgroupHierarchy;
  /** The controllers there that are wanted. */
  readonly names: readonly Controller[];
  readonly writes: readonly CgroupWrite[];
}

/** Which hierarchy has which limit. With a parent but no limit, the container is put where it can be accounted for. */
function place(limits: CgroupLimits, options: ContainerOptions): Placed[] {
  const hierarchies = readCgroupHierarchies();
  const [v1, v2] = [cgroupWritesV1(limits), cgroupWritesV2(limits)];
  const placed = new Map<CgroupHierarchy, { names: Controller[]; writes: CgroupWrite[] }>();
  for (const controller of controllers) {
    const name2 = controller === 'blkio' ? 'io' : controller;
    const writes1 = v1.find((each) => each.controller === controller)?.writes;
    const writes2 = v2.find((each) => each.controller === name2)?.writes;
    if (writes1 === undefined && options.cgroupParent === undefined) continue;
    const hierarchy =
      hierarchies.find((each) => each.controllers.includes(controller)) ??
      hierarchies.find(
        (each) => each.version === 2 && wordsOf(`${each.mountPoint}/cgroup.controllers`).includes(name2),
      );
    if (hierarchy === undefined) {
      if (writes1 === undefined) continue;
      throw new WarrenError('ERR_CGROUP_UNAVAILABLE', `Cannot set the limits of ${controller}`, {
        kind: 'unsupported',
        why: `the controller ${controller} is in no hierarchy that is mounted`,
        fix: 'see what there is: cat /proc/cgroups; grep cgroup /proc/self/mountinfo',
      });
    }
    const entry = placed.get(hierarchy) ?? { names: [], writes: [] };
    entry.names.push(controller);
    entry.writes.push(...((hierarchy.version === 1 ? writes1 : writes2) ?? []).map(optionalSwap(options)));
    placed.set(hierarchy, entry);
  }
  return [...placed].map(([hierarchy, entry]) => ({ hierarchy, ...entry }));
}

/** A kernel without accounting of swap has no such file, which is no matter unless it was asked for. */
function optionalSwap({ limits }: ContainerOptions): (write: CgroupWrite) => CgroupWrite {
  const swapAsked = limits?.memorySwap !== undefined;
  return (write) =>
    !swapAsked && /swap|memsw/.test(write.files[0] ?? '') ? { ...write, optional: true } : write;
}

/**
 * v1: the caller's own group, so that its limits hold for the container too. v2: the one above, for a group with
 * processes of its own can give no controllers to those below it (cgroups(7), "no internal processes").
 */
function defaultParent(hierarchy: CgroupHierarchy): string {
  const own = cgroupDirectory(hierarchy, hierarchy.own) ?? hierarchy.mountPoint;
  return hierarchy.version === 1 || own === hierarchy.mountPoint ? own : dirname(own);
}

function checkAccess(parent: string): void {
  let directory = parent;
  while (!existsSync(directory)) directory = dirname(directory);
  try {
    accessSync(directory, constants.W_OK);
  } catch (cause) {
    const { code: errno } = cause as NodeJS.ErrnoException;
    throw new WarrenError('ERR_CGROUP_DENIED', `Cannot make a control group in ${quote(directory)}`, {
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
 * Adds what the directories above need before a group can be made below `parent`.
 *
 * @returns For a v1 cpuset, what the group must have of its parent's.
 */
function prepare(
  { version, mountPoint }: CgroupHierarchy,
  parent: string,
  names: readonly Controller[],
  parents: CgroupParent[],
): readonly CgroupWrite[] | undefined {
  const below = parent
    .slice(mountPoint.length)
    .split('/')
    .filter((part) => part !== '');
  const directories = [
    mountPoint,
    ...below.map((_, index) => `${mountPoint}/${below.slice(0, index + 1).join('/')}`),
  ];
  let inherited: readonly CgroupWrite[] | undefined;
  for (const path of directories) {
    const make = !existsSync(path);
    const writes: CgroupWrite[] = [];
    if (version === 2) {
      const enabled = wordsOf(`${path}/cgroup.subtree_control`);
      const missing = names
        .map((name) => (name === 'blkio' ? 'io' : name))
        .filter((name) => !enabled.includes(name));
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

/** Of what the parent may use; the kernel would only say EACCES. */
function checkCpuset(
  limits: CgroupLimits,
  { version }: CgroupHierarchy,
  parent: string,
  names: readonly Controller[],
  inherited: readonly CgroupWrite[] | undefined,
): void {
  if (!names.includes('cpuset')) return;
  for (const [file, wanted] of [
    ['cpuset.cpus', limits.cpusetCpus],
    ['cpuset.mems', limits.cpusetMems],
  ] as const) {
    const there =
      version === 1
        ? inherited?.find(({ files }) => files[0] === file)?.value
        : textOf(`${parent}/${file}.effective`) || undefined;
    const available = there === undefined ? undefined : parseList(there);
    if (wanted === undefined || available === undefined) continue;
    if ([...(parseList(wanted) ?? [])].every((each) => available.has(each))) continue;
    throw invalid(
      'ERR_RANGE',
      `Cannot give the container ${file.slice('cpuset.'.length)} ${quote(wanted)}`,
      `there are ${there}`,
    );
  }
}

function wordsOf(path: string): string[] {
  return textOf(path)
    .split(' ')
    .filter((word) => word !== '');
}

/** Empty for what is not there. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENODEV') return '';
    throw error;
  }
}
