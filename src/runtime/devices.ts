import { readdirSync, statSync, type Stats } from 'node:fs';
import { WarrenError, invalid, quote } from '../errors.js';
import { defaultDeviceRules, parseDeviceRule, type DeviceRule } from '../kernel/cgroup/device-rules.js';
import type { DeviceNode } from '../plan/config.js';
import type { ContainerOptions } from './options.js';
import { parseDevice } from './parse-device.js';

/** Every container has these; numbers as in the kernel's devices.txt. */
const standardDevices: readonly DeviceNode[] = (
  [
    ['null', 1, 3],
    ['zero', 1, 5],
    ['full', 1, 7],
    ['random', 1, 8],
    ['urandom', 1, 9],
    ['tty', 5, 0],
  ] as const
).map(([path, major, minor]) => ({
  path,
  type: 'char',
  major,
  minor,
  mode: 0o666,
  uid: 0,
  gid: 0,
  source: `/dev/${path}`,
}));

/** Not taken over from the host's /dev: made anew, or the caller's own. */
const leftOut = /^(?:pts|shm|mqueue|fd|hugepages|console|ptmx|stdin|stdout|stderr|core)$/;

export function configureDevices({ devices = [], privileged = false }: ContainerOptions): DeviceNode[] {
  const nodes = new Map(standardDevices.map((node) => [node.path, node]));
  if (privileged) for (const node of hostDevices('')) if (!nodes.has(node.path)) nodes.set(node.path, node);
  for (const device of devices) {
    const { source, target } = parseDevice(device);
    const path = belowDev(target);
    nodes.set(path, describe(source, lookAt(source), path));
  }
  return [...nodes.values()];
}

/**
 * What the container's group may do with devices, in this order: docker's rules, `devices`, `deviceCgroupRules`.
 *
 * @returns undefined for a privileged container, which may do everything.
 * @throws {WarrenError} `ERR_DEVICE_SPEC`, `ERR_DEVICE_RULE`, `ERR_DEVICE_NOT_FOUND`.
 */
export function configureDeviceRules({
  devices = [],
  deviceCgroupRules = [],
  privileged = false,
}: ContainerOptions): readonly DeviceRule[] | undefined {
  const more = deviceCgroupRules.map(parseDeviceRule);
  if (privileged) return undefined;
  return [
    ...defaultDeviceRules,
    ...devices.map((device): DeviceRule => {
      const { source, access } = parseDevice(device);
      const { type, major, minor } = describe(source, lookAt(source), '');
      return { allow: true, type, major, minor, access };
    }),
    ...more,
  ];
}

function belowDev(target: string): string {
  if (target.startsWith('/dev/') && !target.split('/').includes('..')) return target.slice('/dev/'.length);
  throw invalid(
    'ERR_DEVICE_SPEC',
    `Cannot put a device at ${quote(target)}`,
    'it is not below /dev',
    'give a target such as /dev/mydevice',
  );
}

function lookAt(source: string): Stats {
  try {
    const stats = statSync(source);
    if (stats.isCharacterDevice() || stats.isBlockDevice()) return stats;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new WarrenError('ERR_DEVICE_NOT_FOUND', `Cannot use the device ${quote(source)}`, {
      kind: 'not-found',
      why: code === 'ENOENT' ? 'there is no such device on the host' : `stat failed with ${code}`,
      fix: 'see which there are with: ls -l /dev',
      syscall: 'stat',
      errno: code,
      cause,
    });
  }
  throw invalid(
    'ERR_DEVICE_SPEC',
    `Cannot use the device ${quote(source)}`,
    'it is neither a character nor a block device',
  );
}

function describe(source: string, stats: Stats, path: string): DeviceNode {
  return {
    path,
    source,
    type: stats.isBlockDevice() ? 'block' : 'char',
    // As glibc's gnu_dev_major(3) and gnu_dev_minor(3) for the numbers Linux gives out today.
    major: (stats.rdev >> 8) & 0xfff,
    minor: (stats.rdev & 0xff) | ((stats.rdev >> 12) & 0xfff00),
    mode: stats.mode & 0o777,
    uid: stats.uid,
    gid: stats.gid,
  };
}

function hostDevices(folder: string): DeviceNode[] {
  return readdirSync(`/dev/${folder}`, { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (leftOut.test(path)) return [];
    if (entry.isDirectory()) return hostDevices(path);
    const stats = statSync(`/dev/${path}`, { throwIfNoEntry: false });
    return stats && (entry.isCharacterDevice() || entry.isBlockDevice())
      ? [describe(`/dev/${path}`, stats, path)]
      : [];
  });
}
