/** One spelling for one address. Pure. */
import { invalid, quote } from '../errors.js';
import { codec } from '../netlink/index.js';

/** RFC 5952 for IPv6: one address has one spelling, which can be a file's name. @throws {WarrenError} `ERR_IP_ADDRESS` */
export function canonicalAddress(text: string): string {
  const bytes = codec.parseIp(text);
  if (!bytes) throw invalid('ERR_IP_ADDRESS', `Cannot use ${quote(text)} as an IP address`, 'it is none');
  return codec.formatIp(bytes);
}
