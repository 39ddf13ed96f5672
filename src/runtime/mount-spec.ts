import { quote } from '../errors.js';
import { parseSize } from '../kernel/size.js';
import { badMount, checkMountSource, checkMountTarget } from './mount-target.js';
import type { MountSpec } from './options.js';

export const mountTypes = [
  'bind',
  'tmpfs',
  'proc',
  'sysfs',
  'mqueue',
  'devpts',
  'cgroup',
] as const satisfies readonly MountSpec['type'][];

export const propagations = [
  'private',
  'rprivate',
  'slave',
  'rslave',
  'shared',
  'rshared',
] as const satisfies readonly MountSpec['propagation'][];

/** What a process can harm with least: docker's for every tmpfs. */
export const tmpfsDefaults = { noexec: true, nosuid: true, nodev: true } as const;

/**
 * Checks a mount that came as fields, and writes its target the one way.
 *
 * @throws {WarrenError} `ERR_MOUNT_SPEC`, `ERR_SIZE`.
 */
export function checkMountSpec(spec: MountSpec, given: string = JSON.stringify(spec)): MountSpec {
  if (!mountTypes.includes(spec.type)) {
    throw badMount(
      given,
      `there is no mount type ${quote(spec.type)}`,
      `the types are ${mountTypes.join(', ')}`,
    );
  }
  if (spec.propagation !== undefined && !propagations.includes(spec.propagation)) {
    throw badMount(
      given,
      `there is no propagation ${quote(spec.propagation)}`,
      `it is one of ${propagations.join(', ')}`,
    );
  }
  if (typeof spec.target !== 'string')
    throw badMount(given, 'it has no target', 'say where it goes in the container');
  const target = checkMountTarget(spec.target, spec.type, given);
  if (spec.type === 'bind') {
    if (typeof spec.source !== 'string')
      throw badMount(given, 'it has no source', 'say which path of the host it shows');
    refuseFields(spec, ['tmpfsSize', 'tmpfsMode'], given);
    return { ...spec, source: checkMountSource(spec.source, given), target };
  }
  refuseFields(spec, ['source', 'nonRecursive', 'recursiveReadOnly', 'idmap'], given);
  if (spec.type !== 'tmpfs') refuseFields(spec, ['tmpfsSize', 'tmpfsMode'], given);
  const { tmpfsMode, tmpfsSize } = spec;
  if (tmpfsMode !== undefined && !(Number.isInteger(tmpfsMode) && tmpfsMode >= 0 && tmpfsMode <= 0o7777)) {
    throw badMount(
      given,
      'its tmpfs mode is not between 0 and 0o7777',
      'give it as a number, such as 0o1777',
    );
  }
  return {
    ...spec,
    target,
    ...(tmpfsSize === undefined ? {} : { tmpfsSize: parseSize(tmpfsSize, 'tmpfs size') }),
  };
}

/** Octal digits of a mode, without a `0o`. */
export function parseTmpfsMode(text: string, given: string): number {
  if (/^[0-7]{1,5}$/.test(text) && Number.parseInt(text, 8) <= 0o7777) return Number.parseInt(text, 8);
  throw badMount(
    given,
    `its mode ${quote(text)} is not an octal number up to 7777`,
    'write it as 1777 or 0755',
  );
}

function refuseFields(spec: MountSpec, fields: readonly (keyof MountSpec)[], given: string): void {
  const present = fields.find((field) => spec[field] !== undefined);
  if (present === undefined) return;
  throw badMount(
    given,
    `${present} has no meaning for the type ${spec.type}`,
    'leave it out, or choose another type',
  );
}
