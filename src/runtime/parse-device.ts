import { invalid, quote } from '../errors.js';
import { pathFault } from './mount-target.js';
import type { DeviceSpec } from './options.js';

/** What may be done with it: read, write, and make its node (mknod). */
const accessWords = /^(?!.*(.).*\1)[rwm]{1,3}$/;

/**
 * docker's `--device SRC[:DST[:ACCESS]]`, or the same in fields. `SRC:rwm` gives the access alone, as in docker.
 *
 * @returns With every field set.
 * @throws {WarrenError} `ERR_DEVICE_SPEC`.
 */
export function parseDevice(device: string | DeviceSpec): Required<DeviceSpec> {
  const given = typeof device === 'string' ? device : JSON.stringify(device);
  const {
    source,
    target = source,
    access = 'rwm',
  } = typeof device === 'string' ? splitDevice(device) : device;
  const fault = pathFault(source, 'source') ?? pathFault(target, 'target');
  if (fault !== undefined)
    throw bad(given, fault, 'give absolute paths, as in /dev/fuse or /dev/sdb:/dev/xvdb');
  if (target.endsWith('/')) throw bad(given, 'its target is a directory', 'name the device node itself');
  if (!accessWords.test(access)) {
    throw bad(
      given,
      `its access ${quote(access)} is not made of "r", "w" and "m", each once`,
      'write rwm, rw or r',
    );
  }
  return { source, target, access };
}

function splitDevice(text: string): DeviceSpec {
  const [source = '', second, third, ...rest] = text.split(':');
  if (rest.length > 0)
    throw bad(text, 'it has more than three parts', 'write SOURCE, SOURCE:TARGET or SOURCE:TARGET:rwm');
  if (second === undefined) return { source };
  if (third === undefined && accessWords.test(second)) return { source, access: second };
  return { source, target: second, ...(third === undefined ? {} : { access: third }) };
}

function bad(given: string, why: string, fix: string): Error {
  return invalid('ERR_DEVICE_SPEC', `Cannot use the device ${quote(given)}`, why, fix);
}
