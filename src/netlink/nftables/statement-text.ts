/** Statements that lead packets elsewhere: translation, rejection, copies. */
import { type DataType } from './datatypes.js';
import { type ExpressionKinds, nftFamilies } from './forms.js';
import { type NftRule } from './ruleset.js';
import { rangeText, valueText } from './value-text.js';
import { type Value } from './rule-values.js';

/** What the statements take out of registers. */
export interface Registers {
  get(register: number | undefined): Value;
  /** A constant as its type is written, or the text of what was loaded. */
  constant(register: number | undefined, type: DataType): string;
}

export function natText(
  { type, family = 'ip', addr_min, addr_max, proto_min, proto_max, flags }: ExpressionKinds['nat'],
  registers: Registers,
  ruleFamily: NftRule['family'],
): string {
  const address = addr_min === undefined ? undefined : registers.get(addr_min);
  const isPrefix = flags?.includes('prefix') === true;
  let target = '';
  if (address?.map !== undefined) target = address.text;
  else if (address?.bytes && isPrefix)
    target = rangeText(addressType(family), address.bytes, registers.get(addr_max).bytes ?? address.bytes);
  else if (address) target = rangeOf(registers, addr_min, addr_max, addressType(family));
  const port = proto_min === undefined ? undefined : registers.get(proto_min);
  // A map that gives address and port is said once.
  if (port && !(port.map !== undefined && port.map === address?.map)) {
    const ports = rangeOf(registers, proto_min, proto_max, 'inet_service');
    target = `${address?.bytes && family === 'ip6' ? bracketed(target) : target}:${ports}`;
  }
  const isNamed = address !== undefined && (ruleFamily === 'inet' || address.isWideMap === true);
  return [
    String(type),
    ...(isNamed ? [String(family)] : []),
    ...(isPrefix ? ['prefix'] : []),
    `to ${target}${flagText(flags)}`,
  ].join(' ');
}

function addressType(family: string | number): DataType {
  return family === 'ip6' || family === nftFamilies.ip6 ? 'ipv6_addr' : 'ipv4_addr';
}

/** `[fd00::1]-[fd00::9]` */
function bracketed(addresses: string): string {
  return addresses
    .split('-')
    .map((each) => `[${each}]`)
    .join('-');
}

function rangeOf(
  registers: Registers,
  from: number | undefined,
  to: number | undefined,
  type: DataType,
): string {
  const first = registers.constant(from, type);
  const last = to === undefined ? first : registers.constant(to, type);
  return first === last ? first : `${first}-${last}`;
}

/** `redirect`, `masquerade`. */
export function ownNatText(
  name: string,
  { proto_min, proto_max, flags }: ExpressionKinds['redir'],
  registers: Registers,
): string {
  const ports =
    proto_min === undefined ? '' : ` to :${rangeOf(registers, proto_min, proto_max, 'inet_service')}`;
  return `${name}${ports}${flagText(flags)}`;
}

function flagText(flags: readonly string[] = []): string {
  const shown = ['random', 'fully-random', 'persistent'].filter((each) => flags.includes(each));
  return shown.length === 0 ? '' : ` ${shown.join(',')}`;
}

export function tproxyText(
  { family, addr, port }: ExpressionKinds['tproxy'],
  registers: Registers,
  ruleFamily: NftRule['family'],
): string {
  const is6 = family === nftFamilies.ip6;
  const address = addr === undefined ? '' : registers.constant(addr, is6 ? 'ipv6_addr' : 'ipv4_addr');
  const named = ruleFamily === 'inet' && address !== '' ? ` ${is6 ? 'ip6' : 'ip'}` : '';
  const ports = port === undefined ? '' : `:${registers.constant(port, 'inet_service')}`;
  return `tproxy${named} to ${is6 && address !== '' ? `[${address}]` : address}${ports}`;
}

export function rejectText(
  { type, code = 0 }: ExpressionKinds['reject'],
  network: string | undefined,
  family: NftRule['family'],
): string {
  const bytes = Buffer.from([code]);
  if (type === 'tcp reset') return 'reject with tcp reset';
  if (type === 'icmpx') return code === 1 ? 'reject' : `reject with icmpx ${valueText('icmpx_code', bytes)}`;
  const kind = network === 'ip6' ? 'icmpv6' : 'icmp';
  // What plain "reject" says in a table of one family.
  if (code === (kind === 'icmp' ? 3 : 4) && (family === 'ip' || family === 'ip6')) return 'reject';
  return `reject with ${kind} ${valueText(`${kind}_code`, bytes)}`;
}

export function dupText(
  { addr, dev }: ExpressionKinds['dup'],
  registers: Registers,
  family: NftRule['family'],
): string {
  if (addr === undefined) return `dup to ${registers.constant(dev, 'iface_index')}`;
  const device = dev === undefined ? '' : ` device ${registers.constant(dev, 'iface_index')}`;
  return `dup to ${registers.constant(addr, family === 'ip6' ? 'ipv6_addr' : 'ipv4_addr')}${device}`;
}

export function fwdText({ dev, addr, nfproto }: ExpressionKinds['fwd'], registers: Registers): string {
  if (addr === undefined) return `fwd to ${registers.constant(dev, 'iface_index')}`;
  const is6 = nfproto === nftFamilies.ip6;
  const address = registers.constant(addr, is6 ? 'ipv6_addr' : 'ipv4_addr');
  return `fwd ${is6 ? 'ip6' : 'ip'} to ${address} device ${registers.constant(dev, 'iface_index')}`;
}
