/**
 * What a rule has said of a packet so far, and which protocols that leaves: they decide which field some bytes are, and
 * which statements need not be said.
 */
import { type BitField, type HeaderBase, protocolFields } from './fields.js';
import { nftFamilies } from './forms.js';
import { type Value } from './rule-values.js';
import { type NftRule } from './ruleset.js';
import { valueText } from './value-text.js';

/** A header, or the type of an ICMP message. */
type Known = HeaderBase | 'message';
/** A statement that says only which protocol there must be: it goes when a field of that protocol follows. */
export type Implied = { readonly base: Known; readonly protocol: string } | undefined;

interface Statement {
  text: string;
  readonly implied?: Implied;
}

export class Packet {
  readonly #family: NftRule['family'];
  readonly #statements: Statement[] = [];
  readonly protocols: Partial<Record<Known, string>> = {};

  constructor(family: NftRule['family']) {
    this.#family = family;
    if (family === 'ip' || family === 'ip6' || family === 'arp') this.protocols.network = family;
    if (family === 'bridge' || family === 'netdev') this.protocols.link = 'ether';
  }

  /** Of a table of one IP version nothing else can be. */
  get isOneFamily(): boolean {
    return this.#family === 'ip' || this.#family === 'ip6';
  }

  text(): string {
    return this.#statements
      .map(({ text }) => text)
      .filter((text) => text !== '')
      .join(' ');
  }

  say(text: string, implied?: Implied): void {
    this.#statements.push(implied === undefined ? { text } : { text, implied });
  }

  payloadValue(base: HeaderBase, offset: number, length: number): Value {
    const protocols = this.#candidates(base);
    const all = protocols.flatMap((protocol) =>
      (protocolFields.get(protocol)?.fields ?? []).map((field) => ({ protocol, field })),
    );
    const message = this.protocols.message;
    const fieldAt = (at: number, bits: number): BitField | undefined => {
      const fits = all.filter(({ field }) => field.offset === at && field.length === bits);
      const own = fits.find(({ field }) => message !== undefined && field.when?.includes(message) === true);
      const found = own ?? fits.find(({ field }) => field.when === undefined) ?? fits[0];
      if (found && own) this.forget('message', message ?? '');
      if (found) this.forget(base, found.protocol, found.field.name);
      return found?.field;
    };
    const [at, bits] = [offset * 8, length * 8];
    const common = {
      length,
      isNetworkOrder: true,
      source: { offset: at, id: `${base} ${offset} ${length}`, fieldAt },
    };
    const field = fieldAt(at, bits);
    if (field) return { ...common, text: field.name, type: field.type };
    const longer = all.find(
      ({ field: { offset: start, length: whole, type } }) =>
        start === at && whole > bits && type.endsWith('_addr'),
    );
    if (longer) {
      this.forget(base, longer.protocol);
      const { name, type, length: whole } = longer.field;
      return { ...common, text: name, type, length: whole / 8, isPrefix: true };
    }
    const parts: BitField[] = [];
    for (let end = at; end < at + bits;) {
      const next = all.find((each) => each.field.offset === end && end + each.field.length <= at + bits);
      if (!next) break;
      parts.push(next.field);
      end += next.field.length;
    }
    const covered = parts.reduce((sum, each) => sum + each.length, 0) === bits;
    const short = { link: 'll', network: 'nh', transport: 'th' }[base] as string | undefined;
    return {
      ...common,
      text: `@${short ?? 'ih'},${at},${bits}`,
      type: 'integer',
      isHex: true,
      ...(covered ? { parts } : {}),
    };
  }

  #candidates(base: HeaderBase): string[] {
    const protocol = this.protocols[base];
    if (base === 'link')
      return protocol === 'vlan' ? ['ether', 'vlan'] : protocol === 'ether' ? ['ether'] : [];
    if (protocol === undefined) return base === 'transport' ? ['th'] : [];
    return [protocol];
  }

  /** A field of a protocol says itself that the protocol must be there. */
  forget(base: HeaderBase | 'message', protocol: string, field = ''): void {
    // Not so the type of what is in a VLAN, which is a type of Ethernet's itself.
    if (field === 'vlan type') return;
    const found = this.#statements.findLast(
      ({ implied, text }) => text !== '' && implied?.base === base && implied.protocol === protocol,
    );
    if (found) found.text = '';
    // ICMP's types need its IP, too.
    if (protocol === 'icmp') this.forget('network', 'ip');
    if (protocol === 'icmpv6') this.forget('network', 'ip6');
  }

  /** What a comparison tells of the packet's protocols. */
  learn(value: Value, bytes: Buffer): Implied {
    const { text, mask, type } = value;
    if (mask !== undefined) return undefined;
    if (text === 'meta iiftype' && bytes.length === 2 && bytes.readUInt16LE(0) === 1) {
      this.protocols.link = 'ether';
      return { base: 'link', protocol: 'ether' };
    }
    if (text === 'ether type' && bytes.length === 2 && bytes.readUInt16BE(0) === 0x8100) {
      this.protocols.link = 'vlan';
      return { base: 'link', protocol: 'vlan' };
    }
    if (
      text === 'meta nfproto' ||
      text === 'meta protocol' ||
      text === 'ether type' ||
      text === 'vlan type'
    ) {
      const number = bytes.length === 1 ? (bytes[0] as number) : bytes.readUInt16BE(0);
      const protocol = {
        [nftFamilies.ip]: 'ip',
        [nftFamilies.ip6]: 'ip6',
        0x0800: 'ip',
        0x86dd: 'ip6',
        0x0806: 'arp',
      }[number];
      if (protocol === undefined) return undefined;
      this.protocols.network = protocol;
      return { base: 'network', protocol };
    }
    if (text === 'meta l4proto' || text === 'ip protocol' || text === 'ip6 nexthdr') {
      const name = valueText('inet_proto', bytes);
      const protocol = { 'ipv6-icmp': 'icmpv6', ipcomp: 'comp' }[name] ?? name;
      this.protocols.transport = protocol;
      // In a table of both families it says of which the packet is, too.
      const isAll = text === 'meta l4proto' || this.isOneFamily;
      return isAll ? { base: 'transport', protocol } : undefined;
    }
    if (type === 'icmp_type' || type === 'icmpv6_type') {
      const message = valueText(type, bytes);
      this.protocols.message = message;
      return { base: 'message', protocol: message };
    }
    return undefined;
  }
}
