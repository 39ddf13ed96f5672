import { invalid, quote } from '../errors.js';

/** It becomes a part of names of files, devices and elements. @throws {WarrenError} `ERR_CONTAINER_ID` */
export function checkContainerId(id: string): void {
  if (!/^[0-9a-f]{12,64}$/.test(id)) {
    throw invalid(
      'ERR_CONTAINER_ID',
      `Cannot use ${quote(id)} as the id of a container`,
      'it is not 12 to 64 hexadecimal digits',
    );
  }
}
