import { invalid, quote } from '../../errors.js';
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

/**
 * docker's `--device-cgroup-rule`: `TYPE MAJOR:MINOR ACCESS`, as in `c 13:* rw`. What it names is allowed.
 *
 * @throws {WarrenError} `ERR_DEVICE_RULE`.
 */
export function parseDeviceRule(text: string): DeviceRule {
  const bad = (why: string): Error =>
    invalid(
      'ERR_DEVICE_RULE',
      `Cannot use the device rule ${quote(text)}`,
      why,
      'write TYPE MAJOR:MINOR ACCESS, as in "c 13:* rw"',
    );
  const [, letter, major = '', minor = '', access = ''] =
    /^([abc]) (\*|\d{1,4}):(\*|\d{1,7}) ([rwm]{1,3})$/.exec(text) ?? [];
  if (letter === undefined) throw bad('it has another form');
  if (new Set(access).size < access.length) throw bad('its access names something twice');
  const numbers = [major, minor].map((each) => (each === '*' ? undefined : Number(each)));
  // As the kernel keeps them: 12 and 20 bits.
  if ((numbers[0] ?? 0) > 4095 || (numbers[1] ?? 0) > 1_048_575) throw bad('no device has so large a number');
  if (letter === 'a' && numbers.some((each) => each !== undefined))
    throw bad('"a" stands for all devices, whatever their numbers');
  return {
    allow: true,
    type: letter === 'a' ? 'all' : letter === 'b' ? 'block' : 'char',
    major: numbers[0],
    minor: numbers[1],
    access,
  };
}
