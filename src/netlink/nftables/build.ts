/** Expressions for rules: what nft(8) compiles its language to, without the language. */
import { invalid, quote } from '../../errors.js';
import { parseIp, type Encodable, unencodable } from '../codec/index.js';
import { dataTypes, encodeValue, inetProtocolNames } from './datatypes.js';
import { ctTypes, metaTypes, payloadFields } from './fields.js';
import {
  type ctKeys,
  type expression,
  type metaKeys,
  type natFlags,
  nftFamilies,
  type verdictCodes,
} from './forms.js';

export type Expression = Encodable<typeof expression>;
export type Operator = '==' | '!=' | '<' | '<=' | '>' | '>=';
/** `ip saddr`, `tcp dport`, `meta iifname`, `ct mark`. */
export type Selector = string;

/** The first 4-byte register; a value of 16 bytes takes four of them. Values that are compared together stand in a row. */
const FIRST = 8;
const VERDICT = 0;

export const ctStates = { invalid: 1, established: 2, related: 4, new: 8, untracked: 64 } as const;

/** Loads a selector's value into a register. */
function load(selector: Selector, register: number): { expressions: Expression[]; length: number } {
  const [head = '', ...rest] = selector.split(' ');
  const key = rest.join(' ');
  if (head === 'meta') {
    const type = metaTypes[key];
    return {
      expressions: [{ name: 'meta', data: { dreg: register, key: key as keyof typeof metaKeys } }],
      length: type === undefined ? 4 : dataTypes[type][1],
    };
  }
  if (head === 'ct') {
    const type = ctTypes[key];
    return {
      expressions: [{ name: 'ct', data: { dreg: register, key: key as keyof typeof ctKeys } }],
      length: type === undefined ? 4 : dataTypes[type][1],
    };
  }
  const { base, offset, length } = fieldOf(selector);
  return { expressions: [{ name: 'payload', data: { dreg: register, base, offset, len: length } }], length };
}

function fieldOf(selector: Selector): (typeof payloadFields)[number] {
  const field = payloadFields.find(({ name }) => name === selector);
  if (!field)
    throw invalid('ERR_NFT_SELECTOR', `Cannot match on ${quote(selector)}`, 'it is no field known here');
  return field;
}

/** What must hold before a field can be looked at: the rule's family, or the protocol. */
function requirement(selector: Selector, family: keyof typeof nftFamilies): Expression[] {
  if (selector.startsWith('meta ') || selector.startsWith('ct ')) return [];
  const { base, protocol } = fieldOf(selector);
  if (base === 'network' && family === 'inet') {
    return match('meta nfproto', Buffer.from([protocol === 'ip6' ? nftFamilies.ip6 : nftFamilies.ip]));
  }
  if (base === 'transport' && protocol !== 'th') {
    const name = protocol === 'icmpv6' ? 'ipv6-icmp' : protocol;
    return match('meta l4proto', Buffer.from([inetProtocolNames[name as keyof typeof inetProtocolNames]]));
  }
  return [];
}

/** Compares a selector's value with bytes, or with a value that its type can be written as. */
export function match(
  selector: Selector,
  value: string | number | Uint8Array,
  op: Operator = '==',
): Expression[] {
  const { expressions } = load(selector, FIRST);
  const bytes = value instanceof Uint8Array ? value : encodeValue(typeOf(selector), value);
  return [...expressions, { name: 'cmp', data: { sreg: FIRST, op, data: { value: bytes } } }];
}

/** As {@link match}, with what must hold for the field to be there: `tcp dport` checks for TCP first. */
export function matchField(
  family: keyof typeof nftFamilies,
  selector: Selector,
  value: string | number | Uint8Array,
  op: Operator = '==',
): Expression[] {
  return [...requirement(selector, family), ...match(selector, value, op)];
}

/** An address within a prefix (`10.0.0.0/8`), or outside. */
export function matchPrefix(
  family: keyof typeof nftFamilies,
  selector: Selector,
  prefix: string,
  op: '==' | '!=' = '==',
): Expression[] {
  const [address = '', bitsText] = prefix.split('/');
  const bytes = parseIp(address);
  const bits = bitsText === undefined ? (bytes?.length ?? 0) * 8 : Number(bitsText);
  if (
    bytes?.length !== fieldOf(selector).length ||
    !Number.isInteger(bits) ||
    bits < 0 ||
    bits > bytes.length * 8
  ) {
    throw invalid(
      'ERR_IP_PREFIX',
      `Cannot match ${quote(selector)} with ${quote(prefix)}`,
      'it is no such prefix',
    );
  }
  const mask = Buffer.alloc(bytes.length);
  for (let bit = 0; bit < bits; bit++) mask[bit >> 3] = (mask[bit >> 3] as number) | (0x80 >> (bit & 7));
  const masked = Buffer.from(bytes.map((byte, index) => byte & (mask[index] as number)));
  return [
    ...requirement(selector, family),
    ...load(selector, FIRST).expressions,
    ...(bits === bytes.length * 8 ? [] : [and(bytes.length, mask)]),
    { name: 'cmp', data: { sreg: FIRST, op, data: { value: masked } } },
  ];
}

/** Connections in any of these states. */
export function ctState(...states: readonly (keyof typeof ctStates)[]): Expression[] {
  const mask = Buffer.alloc(4);
  mask.writeUInt32LE(states.reduce((sum, state) => sum | ctStates[state], 0));
  return [
    ...load('ct state', FIRST).expressions,
    and(4, mask),
    { name: 'cmp', data: { sreg: FIRST, op: '!=', data: { value: Buffer.alloc(4) } } },
  ];
}

/** Connections whose destination (or source) was translated. */
export function ctStatus(status: 'dnat' | 'snat'): Expression[] {
  const mask = Buffer.alloc(4);
  mask.writeUInt32LE(status === 'dnat' ? 0x20 : 0x10);
  return [
    ...load('ct status', FIRST).expressions,
    and(4, mask),
    { name: 'cmp', data: { sreg: FIRST, op: '!=', data: { value: Buffer.alloc(4) } } },
  ];
}

function and(length: number, mask: Buffer): Expression {
  const data = {
    sreg: FIRST,
    dreg: FIRST,
    len: length,
    mask: { value: mask },
    xor: { value: Buffer.alloc(length) },
  };
  return { name: 'bitwise', data };
}

/** Packets to (or from) an address of this host: `fib daddr type local`. */
export function fibType(
  which: 'saddr' | 'daddr',
  type: 'unicast' | 'local' | 'broadcast' | 'multicast',
  op: '==' | '!=' = '==',
): Expression[] {
  const value = Buffer.alloc(4);
  value.writeUInt32LE({ unicast: 1, local: 2, broadcast: 3, multicast: 5 }[type]);
  return [
    { name: 'fib', data: { dreg: FIRST, result: 'type', flags: [which] } },
    { name: 'cmp', data: { sreg: FIRST, op, data: { value } } },
  ];
}

export interface LookupOptions {
  readonly inverted?: boolean;
  /** The set's `id` where it is made in the same transaction. */
  readonly setId?: number;
}

/** Selectors' values that are in a set, or not. */
export function lookup(
  family: keyof typeof nftFamilies,
  selectors: readonly Selector[],
  set: string,
  options: LookupOptions = {},
): Expression[] {
  const flags = options.inverted === true ? (['inv'] as const) : [];
  return [
    ...loadAll(family, selectors),
    { name: 'lookup', data: { set, sreg: FIRST, set_id: options.setId, flags } },
  ];
}

/** What a verdict map says of the selectors' values; goes on where it says nothing. */
export function verdictMap(
  family: keyof typeof nftFamilies,
  selectors: readonly Selector[],
  map: string,
  options: Pick<LookupOptions, 'setId'> = {},
): Expression[] {
  const data = { set: map, sreg: FIRST, dreg: VERDICT, set_id: options.setId };
  return [...loadAll(family, selectors), { name: 'lookup', data }];
}

/** Translates the destination to the address and port that a map has for the selectors' values. */
export function dnatMap(
  family: keyof typeof nftFamilies,
  selectors: readonly Selector[],
  map: string,
  options: { readonly ip: 'ip' | 'ip6'; readonly withPort: boolean } & Pick<LookupOptions, 'setId'>,
): Expression[] {
  const port = FIRST + (options.ip === 'ip' ? 1 : 4);
  return [
    ...loadAll(family, selectors),
    { name: 'lookup', data: { set: map, sreg: FIRST, dreg: FIRST, set_id: options.setId } },
    natExpression('dnat', options.ip, FIRST, options.withPort ? port : undefined, []),
  ];
}

function loadAll(family: keyof typeof nftFamilies, selectors: readonly Selector[]): Expression[] {
  const required = new Map<string, Expression[]>();
  const loads: Expression[] = [];
  let register = FIRST;
  for (const selector of selectors) {
    for (const part of [requirement(selector, family)])
      if (part.length > 0) required.set(JSON.stringify(part), part);
    const { expressions, length } = load(selector, register);
    loads.push(...expressions);
    register += (length + 3) >> 2;
  }
  return [...[...required.values()].flat(), ...loads];
}

export type VerdictName = Exclude<keyof typeof verdictCodes, 'queue' | 'jump' | 'goto'>;

export function verdict(code: VerdictName): Expression;
export function verdict(code: 'jump' | 'goto', chain: string): Expression;
export function verdict(code: VerdictName | 'jump' | 'goto', chain?: string): Expression {
  return { name: 'immediate', data: { dreg: VERDICT, data: { verdict: { code, chain } } } };
}

export function counter(): Expression {
  return { name: 'counter', data: { bytes: 0, packets: 0 } };
}

export function log(options: { readonly prefix?: string; readonly group?: number } = {}): Expression {
  return { name: 'log', data: { prefix: options.prefix, group: options.group } };
}

/** @param how Default: an ICMP or ICMPv6 "port unreachable", as the packet's family needs it. */
export function reject(
  how: 'port-unreachable' | 'admin-prohibited' | 'tcp reset' = 'port-unreachable',
): Expression {
  if (how === 'tcp reset') return { name: 'reject', data: { type: 'tcp reset', code: 0 } };
  return { name: 'reject', data: { type: 'icmpx', code: how === 'port-unreachable' ? 1 : 3 } };
}

type NatFlag = Exclude<keyof typeof natFlags, 'map_ips' | 'proto_specified' | 'proto_offset' | 'prefix'>;

export function masquerade(...flags: readonly NatFlag[]): Expression {
  return { name: 'masq', data: flags.length === 0 ? {} : { flags } };
}

export function nat(
  type: 'snat' | 'dnat',
  address: string,
  options: { readonly port?: number; readonly flags?: readonly NatFlag[] } = {},
): Expression[] {
  const bytes = parseIp(address);
  if (!bytes) throw unencodable(quote(address), 'it is not an IP address');
  const ip = bytes.length === 4 ? 'ip' : 'ip6';
  const register = FIRST + bytes.length / 4;
  return [
    { name: 'immediate', data: { dreg: FIRST, data: { value: bytes } } },
    ...(options.port === undefined ? [] : [setPort(register, options.port)]),
    natExpression(type, ip, FIRST, options.port === undefined ? undefined : register, options.flags ?? []),
  ];
}

/** To this host itself, at another port. */
export function redirect(port: number): Expression[] {
  return [setPort(FIRST, port), { name: 'redir', data: { proto_min: FIRST, flags: ['proto_specified'] } }];
}

function setPort(register: number, port: number): Expression {
  return { name: 'immediate', data: { dreg: register, data: { value: encodeValue('inet_service', port) } } };
}

function natExpression(
  type: 'snat' | 'dnat',
  family: 'ip' | 'ip6',
  address: number,
  port: number | undefined,
  flags: readonly NatFlag[],
): Expression {
  return {
    name: 'nat',
    data: {
      type,
      family,
      addr_min: address,
      proto_min: port,
      flags: ['map_ips', ...(port === undefined ? [] : (['proto_specified'] as const)), ...flags],
    },
  };
}

/** Sets the packet's or the connection's mark. */
export function setMark(which: 'meta' | 'ct', mark: number): Expression[] {
  const value = Buffer.alloc(4);
  value.writeUInt32LE(mark);
  return [
    { name: 'immediate', data: { dreg: FIRST, data: { value } } },
    which === 'meta'
      ? { name: 'meta', data: { key: 'mark', sreg: FIRST } }
      : { name: 'ct', data: { key: 'mark', sreg: FIRST } },
  ];
}

function typeOf(selector: Selector): keyof typeof dataTypes {
  if (selector.startsWith('meta ')) return metaTypes[selector.slice(5)] ?? 'mark';
  if (selector.startsWith('ct ')) return ctTypes[selector.slice(3)] ?? 'mark';
  return fieldOf(selector).type;
}
