import type { CgroupWrite } from './limits.js';

/** One rule of the devices controller; see the kernel's admin-guide/cgroup-v1/devices. */
export interface DeviceRule {
  readonly allow: boolean;
  /** `all` is every device, whatever its numbers. */
  readonly type: 'all' | 'char' | 'block';
  /** Undefined: any. */
  readonly major?: number | undefined;
  readonly minor?: number | undefined;
  /** Some of `r`, `w` and `m` (mknod). */
  readonly access: string;
}

const letters = { all: 'a', char: 'c', block: 'b' } as const;

/** In the order given: a later rule overrides an earlier one. What denies all first makes the rest a list of what is allowed. */
export function deviceWritesV1(rules: readonly DeviceRule[]): CgroupWrite[] {
  return rules.map(({ allow, type, major, minor, access }) => ({
    files: [allow ? 'devices.allow' : 'devices.deny'],
    // "a" alone stands for everything, and resets the list.
    value: type === 'all' ? 'a' : `${letters[type]} ${major ?? '*'}:${minor ?? '*'} ${access}`,
  }));
}

/** What docker's containers may: make any node, and use these. Further devices are appended. */
export const defaultDeviceRules: readonly DeviceRule[] = [
  { allow: false, type: 'all', access: 'rwm' },
  { allow: true, type: 'char', access: 'm' },
  { allow: true, type: 'block', access: 'm' },
  // null, zero, full, tty, random, urandom
  ...(
    [
      [1, 3],
      [1, 5],
      [1, 7],
      [5, 0],
      [1, 8],
      [1, 9],
    ] as const
  ).map(([major, minor]): DeviceRule => ({ allow: true, type: 'char', major, minor, access: 'rwm' })),
  // console, ptmx, and the terminals of devpts
  { allow: true, type: 'char', major: 5, minor: 1, access: 'rwm' },
  { allow: true, type: 'char', major: 5, minor: 2, access: 'rwm' },
  { allow: true, type: 'char', major: 136, access: 'rwm' },
];
