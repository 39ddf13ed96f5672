/**
 * Rules as nft(8) writes them, whoever made them. The kernel keeps a rule as a little program for registers; this runs
 * it with texts in the registers. What only says "if it is TCP" goes, where `tcp dport` says it too.
 */
import { type DataType, dataTypes } from './datatypes.js';
import { bareMetaKeys, ctTypes, type HeaderBase, metaTypes, payloadFields } from './fields.js';
import { type ExpressionKinds, nftFamilies } from './forms.js';
import { type NftRule, type NftSet, type RuleExpression } from './ruleset.js';
import { elementsText, verdictText } from './set-text.js';
import { statefulText } from './stateful-text.js';
import { durationText, isBits, prefixLength, rangeText, valueText } from './value-text.js';
import { matchText, targetText } from './xtables-text.js';

export interface RuleContext {
  /** Sets of the rule's table by name, for those that rules have for themselves. */
  readonly sets: ReadonlyMap<string, NftSet>;
  /** Names of devices by index, for `iif`. */
  readonly devices?: ReadonlyMap<number, string>;
}

interface Value {
  readonly text: string;
  readonly type: DataType | undefined;
  readonly length: number;
  /** Known, for what the rule itself put there. */
  readonly bytes?: Buffer;
  readonly mask?: Buffer;
  /** Whether the bytes come out of a packet, thus in network order. */
  readonly fromPacket?: boolean;
  /** Of addresses: only the first bytes were loaded. */
  readonly prefix?: boolean;
  /** What a map gave: the text is said once, for all its parts. */
  readonly map?: string;
}

interface Statement {
  text: string;
  /** It says only which protocol there must be, and goes when a field of that protocol follows. */
  readonly implied?: { readonly base: HeaderBase; readonly protocol: string };
}

/** The text of a rule, without its handle and comment. */
export function ruleText(rule: NftRule, context: RuleContext): string {
  return new Reader(rule, context).read();
}

class Reader {
  readonly #rule: NftRule;
  readonly #context: RuleContext;
  readonly #registers = new Map<number, Value>();
  readonly #statements: Statement[] = [];
  /** The protocol of each header, as far as it is known. */
  readonly #protocols: Partial<Record<HeaderBase, string>> = {};

  constructor(rule: NftRule, context: RuleContext) {
    this.#rule = rule;
    this.#context = context;
    const { family } = rule;
    if (family === 'ip' || family === 'ip6' || family === 'arp') this.#protocols.network = family;
  }

  read(): string {
    const { expressions } = this.#rule;
    for (let index = 0; index < expressions.length; index++) {
      const current = expressions[index] as RuleExpression;
      const next = expressions[index + 1];
      if (this.#isRange(current, next)) index++;
      else this.#step(current);
    }
    return this.#statements
      .map(({ text }) => text)
      .filter((text) => text !== '')
      .join(' ');
  }

  #step(current: RuleExpression): void {
    const { name = '', data } = current;
    if (data === undefined || Buffer.isBuffer(data)) {
      this.#say(name === 'notrack' ? name : `[ ${name} ]`);
      return;
    }
    const steps: { [K in keyof ExpressionKinds]?: (data: ExpressionKinds[K]) => void } = {
      immediate: (it) => this.#immediate(it),
      cmp: (it) => this.#compare(it),
      range: (it) => this.#range(it),
      bitwise: (it) => this.#bitwise(it),
      byteorder: (it) => this.#copy(it.sreg, it.dreg),
      lookup: (it) => this.#lookup(it),
      payload: (it) => this.#payload(it),
      meta: (it) => this.#meta(it),
      ct: (it) => this.#ct(it),
      fib: (it) => this.#fib(it),
      rt: (it) => this.#put(it.dreg, { text: `rt ${String(it.key)}`, type: undefined, length: 4 }),
      socket: (it) =>
        this.#put(it.dreg, {
          text: `socket ${String(it.key)}`,
          type: it.key === 'mark' ? 'mark' : 'integer',
          length: 4,
        }),
      numgen: (it) =>
        this.#put(it.dreg, {
          text: `numgen ${String(it.type)} mod ${it.modulus ?? 0}`,
          type: 'integer',
          length: 4,
        }),
      hash: (it) =>
        this.#put(it.dreg, { text: `${String(it.type)} mod ${it.modulus ?? 0}`, type: 'integer', length: 4 }),
      exthdr: (it) => this.#exthdr(it),
      dynset: (it) => this.#dynset(it),
      nat: (it) => this.#nat(it),
      masq: (it) => this.#say(`masquerade${this.#ports(it.proto_min, it.proto_max)}${flagText(it.flags)}`),
      redir: (it) => this.#say(`redirect${this.#ports(it.proto_min, it.proto_max)}${flagText(it.flags)}`),
      tproxy: (it) =>
        this.#say(
          `tproxy to ${this.#constant(it.addr, 'ipv4_addr')}:${this.#constant(it.port, 'inet_service')}`,
        ),
      reject: (it) => this.#reject(it),
      match: (it) => this.#say(matchText(it, this.#protocols.transport)),
      target: (it) => this.#say(targetText(it)),
    };
    const step = steps[name as keyof ExpressionKinds] as ((it: unknown) => void) | undefined;
    if (step) step(data);
    else this.#say(statefulText(current));
  }

  #say(text: string, implied?: Statement['implied']): void {
    this.#statements.push(implied === undefined ? { text } : { text, implied });
  }

  #put(register: number | undefined, value: Value): void {
    this.#registers.set(slot(register), value);
  }

  #get(register: number | undefined): Value {
    return (
      this.#registers.get(slot(register)) ?? { text: `reg ${register ?? '?'}`, type: undefined, length: 4 }
    );
  }

  #copy(from: number | undefined, to: number | undefined): void {
    this.#put(to, this.#get(from));
  }

  #immediate({ dreg, data }: ExpressionKinds['immediate']): void {
    if (data?.verdict) {
      this.#say(verdictText(data.verdict));
      return;
    }
    const bytes = data?.value ?? Buffer.alloc(0);
    this.#put(dreg, { text: valueText(undefined, bytes), type: undefined, length: bytes.length, bytes });
  }

  #meta({ key, dreg, sreg }: ExpressionKinds['meta']): void {
    const name = String(key);
    const text = bareMetaKeys.has(name) ? name : `meta ${name}`;
    const type = metaTypes[name];
    if (sreg !== undefined) {
      this.#say(`${text} set ${this.#constant(sreg, type)}`);
      return;
    }
    this.#put(dreg, { text, type, length: type === undefined ? 4 : dataTypes[type][1] });
  }

  #ct({ key, direction, dreg, sreg }: ExpressionKinds['ct']): void {
    const name = String(key);
    const type =
      ctTypes[name] ??
      (name === 'saddr' || name === 'daddr'
        ? this.#protocols.network === 'ip6'
          ? 'ipv6_addr'
          : 'ipv4_addr'
        : undefined);
    const text = direction === undefined ? `ct ${name}` : `ct ${String(direction)} ${name}`;
    if (sreg !== undefined) {
      this.#say(`${text} set ${this.#constant(sreg, type)}`);
      return;
    }
    this.#put(dreg, { text, type, length: type === undefined ? 4 : dataTypes[type][1] });
  }

  #fib({ dreg, result, flags = [] }: ExpressionKinds['fib']): void {
    const keys = ['saddr', 'daddr', 'mark', 'iif', 'oif'].filter((each) => flags.includes(each as 'oif'));
    const type = flags.includes('present')
      ? 'boolean'
      : result === 'type'
        ? 'fib_addrtype'
        : result === 'oifname'
          ? 'ifname'
          : 'iface_index';
    this.#put(dreg, { text: `fib ${keys.join(' . ')} ${String(result)}`, type, length: 4 });
  }

  #exthdr({ dreg, op, type, offset = 0, len = 0, flags = [] }: ExpressionKinds['exthdr']): void {
    const isPresence = flags.includes('present');
    const text = `${op === 'tcpopt' ? 'tcp option' : `${String(op)} exthdr`} ${type ?? 0}`;
    this.#put(dreg, {
      text: isPresence ? text : `${text} @${offset * 8},${len * 8}`,
      type: isPresence ? 'boolean' : 'integer',
      length: len,
      fromPacket: true,
    });
  }

  #payload({ dreg, sreg, base = 'network', offset = 0, len = 0 }: ExpressionKinds['payload']): void {
    const header = String(base) as HeaderBase;
    const protocol = this.#protocols[header];
    const fits = payloadFields.filter((each) => each.base === header && each.offset === offset);
    const of = (name: string | undefined) => fits.filter((each) => each.protocol === name);
    const candidates = [
      ...of(protocol),
      ...(header === 'link' ? [...of('ether'), ...of('vlan')] : []),
      ...(protocol === undefined ? of('th') : []),
    ];
    const field = candidates.find((each) => each.length === len);
    const start = candidates.find(
      (each) => each.length > len && (each.type === 'ipv4_addr' || each.type === 'ipv6_addr'),
    );
    const short = { link: 'll', network: 'nh', transport: 'th' }[header] as string | undefined;
    const value: Value = field
      ? { text: field.name, type: field.type, length: len, fromPacket: true }
      : start
        ? { text: start.name, type: start.type, length: start.length, fromPacket: true, prefix: true }
        : {
            text: `@${short ?? 'ih'},${offset * 8},${len * 8}`,
            type: 'integer',
            length: len,
            fromPacket: true,
          };
    const chosen = field ?? start;
    if (chosen) this.#forget(chosen.base, chosen.protocol);
    if (sreg === undefined) this.#put(dreg, value);
    else this.#say(`${value.text} set ${this.#constant(sreg, value.type)}`);
  }

  /** A field of a protocol says itself that the protocol must be there. */
  #forget(base: HeaderBase, protocol: string): void {
    const wanted = protocol === 'icmpv6' ? 'icmpv6' : protocol;
    const found = this.#statements.findLast(
      ({ implied, text }) => text !== '' && implied?.base === base && implied.protocol === wanted,
    );
    if (found) found.text = '';
    // ICMP's types need its IP, too.
    if (protocol === 'icmp') this.#forget('network', 'ip');
    if (protocol === 'icmpv6') this.#forget('network', 'ip6');
  }

  #bitwise({ sreg, dreg, mask, xor, op = 'bool', data }: ExpressionKinds['bitwise']): void {
    const value = this.#get(sreg);
    if (op !== 'bool') {
      const shift = data?.value ? data.value.readUIntLE(0, Math.min(4, data.value.length)) : 0;
      this.#put(dreg, { ...value, text: `${value.text} ${op === 'lshift' ? '<<' : '>>'} ${shift}` });
      return;
    }
    const and = mask?.value ?? Buffer.alloc(value.length, 0xff);
    const or = xor?.value ?? Buffer.alloc(0);
    // The VLAN's id is the lower twelve bits of its field.
    if (value.text === 'vlan id' && and.toString('hex') === '0fff') {
      this.#put(dreg, value);
      return;
    }
    if (or.every((byte) => byte === 0)) {
      this.#put(dreg, { ...value, mask: and });
      return;
    }
    const { type, fromPacket } = value;
    const text = `${value.text} & ${valueText(type, and, fromPacket)} ^ ${valueText(type, or, fromPacket)}`;
    this.#put(dreg, { ...value, text });
  }

  #compare({ sreg, op = '==', data }: ExpressionKinds['cmp']): void {
    const value = this.#get(sreg);
    const bytes = data?.value ?? Buffer.alloc(0);
    const text = this.#comparison(value, String(op), bytes);
    this.#say(text, op === '==' ? this.#learn(value, bytes) : undefined);
  }

  #comparison(value: Value, op: string, bytes: Buffer): string {
    const { text, type, mask, prefix, fromPacket } = value;
    const shown = (of: Buffer): string => this.#shown(value, of);
    const sign = op === '==' ? '' : `${op} `;
    if (prefix === true) {
      const whole = Buffer.alloc(value.length);
      bytes.copy(whole);
      return `${text} ${sign}${valueText(type, whole)}/${bytes.length * 8}`;
    }
    if (mask === undefined) {
      const explicit = op === '==' && isBits(type) ? '== ' : sign;
      return `${text} ${explicit}${shown(bytes)}`;
    }
    const length = type === 'ipv4_addr' || type === 'ipv6_addr' ? prefixLength(mask) : undefined;
    if (length !== undefined) return `${text} ${sign}${shown(bytes)}/${length}`;
    const isZero = bytes.every((byte) => byte === 0);
    if (isBits(type)) {
      if (isZero) return op === '!=' ? `${text} ${shown(mask)}` : `${text} ! ${shown(mask)}`;
      return `${text} ${op === '==' ? '' : '!= '}${shown(bytes)} / ${shown(mask)}`;
    }
    return `${text} & ${valueText(type, mask, fromPacket)} ${op} ${shown(bytes)}`;
  }

  #shown({ type, fromPacket }: Value, bytes: Buffer): string {
    if (type === 'iface_index' && bytes.length === 4) {
      const name = this.#context.devices?.get(bytes.readUInt32LE(0));
      if (name !== undefined) return `"${name}"`;
    }
    return valueText(type, bytes, type === 'integer' ? fromPacket : undefined);
  }

  /** What a comparison tells of the packet's protocols. */
  #learn({ text, mask }: Value, bytes: Buffer): Statement['implied'] {
    if (mask !== undefined) return undefined;
    if (text === 'iiftype' && bytes.length === 2 && bytes.readUInt16LE(0) === 1)
      return { base: 'link', protocol: 'ether' };
    if (text === 'ether type' && bytes.length === 2 && bytes.readUInt16BE(0) === 0x8100) {
      return { base: 'link', protocol: 'vlan' };
    }
    if (text === 'meta nfproto' || text === 'meta protocol' || text === 'ether type') {
      const number = bytes.length === 1 ? (bytes[0] as number) : bytes.readUInt16BE(0);
      const protocol = {
        [nftFamilies.ip]: 'ip',
        [nftFamilies.ip6]: 'ip6',
        0x0800: 'ip',
        0x86dd: 'ip6',
        0x0806: 'arp',
      }[number];
      if (protocol === undefined) return undefined;
      this.#protocols.network = protocol;
      return { base: 'network', protocol };
    }
    if (text === 'meta l4proto' || text === 'ip protocol' || text === 'ip6 nexthdr') {
      const name = valueText('inet_proto', bytes);
      const protocol = name === 'ipv6-icmp' ? 'icmpv6' : name;
      this.#protocols.transport = protocol;
      return text === 'meta l4proto' ? { base: 'transport', protocol } : undefined;
    }
    return undefined;
  }

  /** Two comparisons, from and to, are one range. */
  #isRange(first: RuleExpression, second: RuleExpression | undefined): boolean {
    if (first.name !== 'cmp' || second?.name !== 'cmp') return false;
    const from = first.data as ExpressionKinds['cmp'];
    const to = second.data as ExpressionKinds['cmp'];
    if (from.op !== '>=' || to.op !== '<=' || from.sreg !== to.sreg || !from.data?.value || !to.data?.value)
      return false;
    this.#rangeOf(this.#get(from.sreg), '', from.data.value, to.data.value);
    return true;
  }

  #range({ sreg, op, from, to }: ExpressionKinds['range']): void {
    const empty = Buffer.alloc(0);
    this.#rangeOf(this.#get(sreg), op === '!=' ? '!= ' : '', from?.value ?? empty, to?.value ?? empty);
  }

  #rangeOf(value: Value, sign: string, from: Buffer, to: Buffer): void {
    const { type, text } = value;
    const isAddress = type === 'ipv4_addr' || type === 'ipv6_addr';
    const range = isAddress
      ? rangeText(type, from, to)
      : `${this.#shown(value, from)}-${this.#shown(value, to)}`;
    this.#say(`${text} ${sign}${range}`);
  }

  /** The values that stand in a row from a register, as many as the set's key has parts. */
  #key(register: number | undefined, set: NftSet | undefined): string {
    const first = this.#get(register);
    if (set === undefined || set.key.length <= 1) return first.text;
    const texts: string[] = [];
    let at = slot(register);
    for (const type of set.key) {
      texts.push((this.#registers.get(at) ?? first).text);
      at += type === undefined ? 1 : (dataTypes[type][1] + 3) >> 2;
    }
    return texts.join(' . ');
  }

  #lookup({ set: name = '', sreg, dreg, flags = [] }: ExpressionKinds['lookup']): void {
    const set = this.#context.sets.get(name);
    const key = this.#key(sreg, set);
    const isOwn = set?.flags.includes('anonymous') === true;
    const shown = isOwn ? elementsText(set, (each) => statefulText(each)) : `@${name}`;
    if (dreg === undefined) {
      this.#say(`${key} ${flags.includes('inv') ? '!= ' : ''}${shown}`);
      return;
    }
    if (dreg === 0) {
      this.#say(`${key} vmap ${shown}`);
      return;
    }
    const types = set?.data === undefined || set.data === 'verdict' ? [undefined] : set.data;
    const text = `${key} map ${shown}`;
    let at = slot(dreg);
    for (const type of types) {
      const length = type === undefined ? 4 : dataTypes[type][1];
      this.#registers.set(at, { text, type, length, map: text });
      at += (length + 3) >> 2;
    }
  }

  #dynset(it: ExpressionKinds['dynset']): void {
    const { set: name = '', op = 'add', sreg_key, sreg_data, timeout, expr, expressions = [] } = it;
    const set = this.#context.sets.get(name);
    const parts = [
      this.#key(sreg_key, set),
      ...(timeout === undefined ? [] : [`timeout ${durationText(timeout)}`]),
      ...[...(expr ? [expr] : []), ...expressions].map((each) => statefulText(each as RuleExpression)),
    ];
    const data = sreg_data === undefined ? '' : ` : ${this.#get(sreg_data).text}`;
    this.#say(`${String(op)} @${name} { ${parts.join(' ')}${data} }`);
  }

  /** What a statement takes out of a register: a constant as its type is written, or what was loaded. */
  #constant(register: number | undefined, type: DataType | undefined): string {
    const value = this.#get(register);
    return value.bytes === undefined ? value.text : valueText(type, value.bytes);
  }

  #nat({
    type,
    family = 'ip',
    addr_min,
    addr_max,
    proto_min,
    proto_max,
    flags,
  }: ExpressionKinds['nat']): void {
    const address = addr_min === undefined ? undefined : this.#get(addr_min);
    const isMap = address?.map !== undefined;
    const kind = family === 'ip6' ? 'ipv6_addr' : 'ipv4_addr';
    const range = (from: number | undefined, to: number | undefined, of: DataType): string => {
      const first = this.#constant(from, of);
      const last = to === undefined ? first : this.#constant(to, of);
      return first === last ? first : `${first}-${last}`;
    };
    let target = address === undefined ? '' : isMap ? address.text : range(addr_min, addr_max, kind);
    const withPort = proto_min !== undefined && this.#get(proto_min).map === undefined;
    if (withPort) {
      const ports = range(proto_min, proto_max, 'inet_service');
      target = `${family === 'ip6' && target !== '' ? `[${target}]` : target}:${ports}`;
    }
    const named =
      this.#rule.family === 'inet' || (isMap && proto_min !== undefined) ? ` ${String(family)}` : '';
    this.#say(`${String(type)}${address === undefined ? '' : named} to ${target}${flagText(flags)}`);
  }

  #reject(it: ExpressionKinds['reject']): void {
    const { network } = this.#protocols;
    const isIcmp = it.type === 'icmp' && network !== undefined;
    if (isIcmp) this.#forget('network', network);
    this.#say(rejectText(it, network, this.#rule.family));
  }

  #ports(from: number | undefined, to: number | undefined): string {
    if (from === undefined) return '';
    const first = this.#constant(from, 'inet_service');
    const last = to === undefined ? first : this.#constant(to, 'inet_service');
    return ` to :${first === last ? first : `${first}-${last}`}`;
  }
}

/** Registers 1 to 4 are the old ones of 16 bytes; those from 8 are the same room in parts of 4 bytes. */
function slot(register: number | undefined): number {
  if (register === undefined || register === 0) return -1;
  return register < 8 ? (register - 1) * 4 : register - 8;
}

function flagText(flags: readonly string[] = []): string {
  const shown = ['random', 'fully-random', 'persistent'].filter((each) => flags.includes(each));
  return shown.length === 0 ? '' : ` ${shown.join(',')}`;
}

function rejectText(
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
