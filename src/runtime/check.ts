import { invalid } from '../errors.js';

/** @throws {WarrenError} `ERR_RANGE`. */
export function checkRange(what: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw invalid(
    'ERR_RANGE',
    `Cannot use the ${what} ${value}`,
    `it is not a whole number from ${least} to ${most}`,
    `give a number from ${least} to ${most}`,
  );
}
