/** IPv4, IPv6 and link-layer addresses, as text. */
import { isIPv4, isIPv6 } from 'node:net';
import { malformed, unencodable } from './errors.js';
import { type Type } from './type.js';

/** RFC 5952: lower case, the longest run of zero groups shortened, an IPv4-mapped address with its dotted end. */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups: number[] = [];
  for (let at = 0; at < 16; at += 2) groups.push(((bytes[at] as number) << 8) | (bytes[at + 1] as number));
  const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (mapped) return `::ffff:${bytes.subarray(12).join('.')}`;

  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const hex = groups.map((group) => group.toString(16));
  if (best.start < 0) return hex.join(':');
  return `${hex.slice(0, best.start).join(':')}::${hex.slice(best.start + best.length).join(':')}`;
}

/** The 4 or 16 bytes of an address; undefined when the text is none (an IPv6 zone is not taken). */
export function parseIp(text: string): Buffer | undefined {
  if (isIPv4(text)) return Buffer.from(text.split('.').map(Number));
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const tail = dotted ? (parseIp(dotted[2] as string) as Buffer) : undefined;
  const hex = tail
    ? `${dotted?.[1] ?? ''}${tail.readUInt16BE(0).toString(16)}:${tail.readUInt16BE(2).toString(16)}`
    : text;
  const [head = '', rest] = hex.split('::');
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => parseInt(group, 16));
  const before = groups(head);
  const after = rest === undefined ? [] : groups(rest);
  const zeros = rest === undefined ? [] : new Array<number>(8 - before.length - after.length).fill(0);
  const bytes = Buffer.alloc(16);
  [...before, ...zeros, ...after].forEach((group, index) => bytes.writeUInt16BE(group, index * 2));
  return bytes;
}

function address(name: string, sizes: readonly number[]): Type<string> {
  return {
    read(bytes, start, end) {
      if (!sizes.includes(end - start)) throw malformed(`an ${name} address`, `it has ${end - start} bytes`);
      return formatIp(bytes.subarray(start, end));
    },
    write(out, value) {
      const bytes = parseIp(value);
      if (bytes === undefined || !sizes.includes(bytes.length)) {
        throw unencodable(JSON.stringify(value), `it is not an ${name} address`);
      }
      out.append(bytes);
    },
  };
}

export const ipv4: Type<string> & { readonly size: number } = { size: 4, ...address('IPv4', [4]) };
export const ipv6: Type<string> & { readonly size: number } = { size: 16, ...address('IPv6', [16]) };
/** Either, told apart by length. */
export const ip: Type<string> = address('IPv4 or IPv6', [4, 16]);

/** A link-layer address of any length: `02:42:ac:11:00:02`. */
export const lladdr: Type<string> = {
  read(bytes, start, end) {
    return bytes.toString('hex', start, end).replace(/..(?!$)/g, '$&:');
  },
  write(out, value) {
    if (!/^[0-9a-f]{2}(:[0-9a-f]{2})*$|^$/i.test(value)) {
      throw unencodable(
        JSON.stringify(value),
        'a link-layer address is bytes in hexadecimal with colons between',
      );
    }
    out.append(Buffer.from(value.replaceAll(':', ''), 'hex'));
  },
};
