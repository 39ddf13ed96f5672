/** From `limits` and `cgroupParent` to control groups: what is made where, and what is written there. */
import { WarrenError, invalid, quote } from '../errors.js';
import { compileDeviceRules } from '../kernel/cgroup/device-program.js';
import { deviceWritesV1, type DeviceRule } from '../kernel/cgroup/device-rules.js';
import type { CgroupHierarchy } from '../kernel/cgroup/hierarchies.js';
import {
  cgroupWritesV1,
  cgroupWritesV2,
  type CgroupLimits,
  type CgroupWrite,
} from '../kernel/cgroup/limits.js';
import type { CgroupConfig, CgroupGroup, CgroupParent } from '../plan/config.js';
import {
  controllers,
  defaultParent,
  prepare,
  reachable,
  refusedAccess,
  textOf,
  unifiedName,
  wordsOf,
  type Controller,
} from './cgroup-parents.js';
import { checkLimits, parseList } from './check-limits.js';
import { configureDeviceRules } from './devices.js';
import { readCgroupHierarchies, readHost, type Host } from './host.js';
import type { ContainerOptions } from './options.js';

/** v1's that count or stop, and limit nothing. v2 has both in every group. */
const watchers = ['cpuacct', 'freezer'] as const;

const TOP = '/sys/fs/cgroup';
/** Bits of capabilities(7). */
const [CAP_NET_ADMIN, CAP_SYS_ADMIN] = [1n << 12n, 1n << 21n];

export interface GroupOptions {
  /**
   * `asked`: groups where there is a limit to set. `all`: in every hierarchy that can count, limit or stop the container,
   * left out where it cannot be made and nothing is asked of it. Default `asked`.
   */
  readonly groups?: 'asked' | 'all';
  /** Default: those of this process. */
  readonly hierarchies?: readonly CgroupHierarchy[];
  readonly host?: Pick<Host, 'uid' | 'permitted'>;
  /** Gets what is asked for and cannot be had, where docker's runtime goes on as well. */
  readonly warnings?: string[];
}

/**
 * @param id Of the container; the groups are called `warren-` and its first twelve digits.
 * @returns undefined where there is to be none: the container stays in the caller's groups.
 * @throws {WarrenError} `ERR_SIZE`, `ERR_RANGE`, `ERR_LIMIT`, `ERR_DEVICE_RULE`, `ERR_CGROUP_PARENT`,
 *   `ERR_CGROUP_UNAVAILABLE`, `ERR_CGROUP_DENIED`, `ERR_CGROUP_BUSY`.
 */
export function configureLimits(
  options: ContainerOptions,
  id: string,
  context: GroupOptions = {},
): CgroupConfig | undefined {
  const limits = checkLimits(options.limits ?? {});
  const rules = configureDeviceRules(options);
  const asked =
    Object.values(limits).some((value) => value !== undefined) ||
    (options.deviceCgroupRules ?? []).length > 0;
  const all = context.groups === 'all';
  if (!asked && !all && options.cgroupParent === undefined) return undefined;
  const parentPath = options.cgroupParent === undefined ? undefined : checkParent(options.cgroupParent);
  const name = `warren-${id.slice(0, 12)}`;
  const parents: CgroupParent[] = [];
  const groups = place(limits, rules, options, context).flatMap((placed): CgroupGroup[] => {
    const { hierarchy, writes, asked: needed, deviceProgram } = placed;
    const { mountPoint, version } = hierarchy;
    const parent = parentPath === undefined ? defaultParent(hierarchy) : `${mountPoint}${parentPath}`;
    const refusal = refusedAccess(parent);
    if (refusal) {
      if (placed.required) throw refusal;
      return [];
    }
    const names = version === 1 ? placed.names : reachable(hierarchy, parent, placed.names, needed);
    const inherited = prepare(hierarchy, parent, names, parents);
    checkCpuset(limits, hierarchy, parent, names, inherited);
    return [
      {
        version,
        parent,
        // v1 lets nobody into a cpuset that lacks either of the two.
        writes: inherited
          ? [...inherited.filter(({ files }) => !writes.some((own) => own.files[0] === files[0])), ...writes]
          : writes,
        events: names.includes('memory')
          ? version === 1
            ? 'memory.oom_control'
            : 'memory.events'
          : undefined,
        deviceProgram,
        mount: { path: mountPoint.slice(TOP.length + 1), own: `${parent.slice(mountPoint.length)}/${name}` },
      },
    ];
  });
  return groups.length === 0 ? undefined : { name, parents, groups };
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
  /** The controllers there that are wanted, and those of them that have something to be told. */
  readonly names: readonly Controller[];
  readonly asked: readonly Controller[];
  readonly writes: readonly CgroupWrite[];
  readonly deviceProgram: Uint8Array | undefined;
  /** It is an error if the group cannot be made. */
  readonly required: boolean;
}

/** Which hierarchy has which limit. With a parent but no limit, the container is put where it can be accounted for. */
function place(
  limits: CgroupLimits,
  rules: readonly DeviceRule[] | undefined,
  options: ContainerOptions,
  { groups = 'asked', hierarchies = readCgroupHierarchies(), host = readHost(), warnings }: GroupOptions,
): Placed[] {
  const [v1, v2] = [cgroupWritesV1(limits), cgroupWritesV2(limits)];
  const placed = new Map<CgroupHierarchy, Placed & { names: Controller[]; asked: Controller[] }>();
  const at = (hierarchy: CgroupHierarchy, change: Partial<Placed> = {}): void => {
    const known = placed.get(hierarchy);
    const writes = [...(known?.writes ?? []), ...(change.writes ?? [])];
    const required = (known?.required ?? false) || (change.required ?? false);
    placed.set(hierarchy, {
      hierarchy,
      names: [...(known?.names ?? []), ...(change.names ?? [])],
      asked: [...(known?.asked ?? []), ...(change.asked ?? [])],
      deviceProgram: change.deviceProgram,
      writes,
      required,
    });
  };
  const parentAsked = options.cgroupParent !== undefined;
  for (const controller of controllers) {
    const name2 = unifiedName(controller);
    const writes1 = v1.find((each) => each.controller === controller)?.writes;
    const writes2 = v2.find((each) => each.controller === name2)?.writes;
    if (writes1 === undefined && !parentAsked && groups === 'asked') continue;
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
    at(hierarchy, {
      names: [controller],
      asked: writes1 === undefined ? [] : [controller],
      writes: ((hierarchy.version === 1 ? writes1 : writes2) ?? []).map(optionalSwap(options)),
      required: writes1 !== undefined || parentAsked,
    });
  }
  if (groups === 'all') {
    for (const hierarchy of hierarchies) {
      const watches = watchers.some((each) => hierarchy.controllers.includes(each));
      // Beside v1, too: it can freeze and kill.
      if (watches || hierarchy.version === 2) at(hierarchy);
    }
  }
  const ruled = (options.deviceCgroupRules ?? []).length > 0;
  if (rules && (placed.size > 0 || ruled)) placeDevices(rules);
  return [...placed.values()];

  function placeDevices(list: readonly DeviceRule[]): void {
    const controlled = hierarchies.find((each) => each.controllers.includes('devices'));
    const unified = hierarchies.find(({ version }) => version === 2);
    const needed = CAP_NET_ADMIN | CAP_SYS_ADMIN;
    if (controlled) {
      at(controlled, { writes: deviceWritesV1(list), required: ruled });
    } else if (unified && host.uid === 0 && (host.permitted & needed) === needed) {
      at(unified, { deviceProgram: compileDeviceRules(list), required: ruled });
    } else if (ruled) {
      const why = unified
        ? 'a program for them needs CAP_SYS_ADMIN and CAP_NET_ADMIN'
        : 'the devices controller is in no hierarchy that is mounted';
      warnings?.push(`device rules are not enforced: ${why}`);
    }
  }
}

/** A kernel without accounting of swap has no such file, which is no matter unless it was asked for. */
function optionalSwap({ limits }: ContainerOptions): (write: CgroupWrite) => CgroupWrite {
  const swapAsked = limits?.memorySwap !== undefined;
  return (write) =>
    !swapAsked && /swap|memsw/.test(write.files[0] ?? '') ? { ...write, optional: true } : write;
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
