import { invalid, quote } from '../../errors.js';
import { parseIp } from '../codec/index.js';
import { type IpFamily } from './constants.js';

export interface Prefix {
  readonly family: IpFamily;
  readonly address: string;
  readonly length: number;
}

/**
 * Reads `10.0.0.0/8`, or an address, which is a prefix of its full length.
 *
 * @throws {WarrenError} `ERR_IP_PREFIX`
 */
export function parsePrefix(text: string): Prefix {
  const [address = '', given, ...more] = text.split('/');
  const bytes = parseIp(address);
  const full = (bytes?.length ?? 0) * 8;
  const length = given === undefined ? full : /^\d{1,3}$/.test(given) ? Number(given) : NaN;
  if (!bytes || more.length > 0 || !(length <= full)) {
    throw invalid('ERR_IP_PREFIX', `Cannot use ${quote(text)} as an IP prefix`, 'it is not ADDRESS/LENGTH');
  }
  return { family: full === 32 ? 'inet' : 'inet6', address, length };
}

/** As `ip -json` has it: without the length where that is the full one. */
export function formatPrefix(address: string, length: number): string {
  return length === (address.includes(':') ? 128 : 32) ? address : `${address}/${length}`;
}
