/**
 * Rules as nft(8) writes them, whoever made them. The kernel keeps a rule as a little program for registers; this runs
 * it with texts in the registers. What only says "if it is TCP" goes, where `tcp dport` says it too.
 */
import { type DataType } from './datatypes.js';
import {
  bareMetaKeys,
  bigEndianKeys,
  ctLengths,
  ctTypes,
  type HeaderBase,
  metaLengths,
  metaNames,
  metaTypes,
} from './fields.js';
import { type ExpressionKinds } from './forms.js';
import { type NftRule, type NftSet, type RuleExpression } from './ruleset.js';
import {
  bitOperations,
  bitRun,
  comparison,
  extensionValue,
  lengthOf,
  masked,
  show,
  type ShowOptions,
  showRange,
  textOf,
  type Value,
} from './rule-values.js';
import { elementsText, verdictText } from './set-text.js';
import { statefulText } from './stateful-text.js';
import {
  dupText,
  fwdText,
  natText,
  ownNatText,
  rejectText,
  type Registers,
  tproxyText,
} from './statement-text.js';
import { durationText, valueText } from './value-text.js';
import { Packet } from './packet.js';
import { matchText, targetText } from './xtables-text.js';

export interface RuleContext {
  /** Sets of the rule's table by name, for those that rules have for themselves. */
  readonly sets: ReadonlyMap<string, NftSet>;
  /** Names of devices by index, for `iif`. */
  readonly devices?: ReadonlyMap<number, string>;
}

/** The text of a rule, without its handle and comment. */
export function ruleText(rule: NftRule, context: RuleContext): string {
  return new Reader(rule, context).read();
}

class Reader implements Registers {
  readonly #rule: NftRule;
  readonly #context: RuleContext;
  readonly #show: ShowOptions;
  readonly #registers = new Map<number, Value>();
  readonly #packet: Packet;

  constructor(rule: NftRule, context: RuleContext) {
    this.#rule = rule;
    this.#context = context;
    this.#show = { devices: context.devices };
    this.#packet = new Packet(rule.family);
  }

  read(): string {
    const { expressions } = this.#rule;
    for (let index = 0; index < expressions.length; index++) {
      const current = expressions[index] as RuleExpression;
      const next = expressions[index + 1];
      if (this.#isRange(current, next)) index++;
      else this.#step(current);
    }
    return this.#packet.text();
  }

  #step(current: RuleExpression): void {
    const { name = '', data } = current;
    if (data === undefined || Buffer.isBuffer(data)) {
      this.#packet.say(name === 'notrack' ? name : `[ ${name} ]`);
      return;
    }
    const { family } = this.#rule;
    const steps: { [K in keyof ExpressionKinds]?: (data: ExpressionKinds[K]) => void } = {
      immediate: (it) => this.#immediate(it),
      cmp: (it) => this.#compare(it),
      range: (it) => this.#range(it),
      bitwise: (it) => this.#bitwise(it),
      byteorder: (it) => this.#byteorder(it),
      lookup: (it) => this.#lookup(it),
      payload: (it) => this.#payload(it),
      meta: (it) => this.#meta(it),
      ct: (it) => this.#ct(it),
      fib: (it) => this.#fib(it),
      rt: (it) => this.#rt(it),
      socket: (it) => this.#socket(it),
      osf: (it) => this.#osf(it),
      xfrm: (it) => this.#xfrm(it),
      numgen: (it) => this.#number(it.dreg, `numgen ${String(it.type)} mod ${it.modulus ?? 0}`, it.offset),
      hash: (it) => this.#hash(it),
      exthdr: (it) => this.#exthdr(it),
      dynset: (it) => this.#dynset(it),
      nat: (it) => this.#packet.say(natText(it, this, family)),
      masq: (it) => this.#packet.say(ownNatText('masquerade', it, this)),
      redir: (it) => this.#packet.say(ownNatText('redirect', it, this)),
      tproxy: (it) => this.#packet.say(tproxyText(it, this, family)),
      reject: (it) => this.#reject(it),
      dup: (it) => this.#packet.say(dupText(it, this, family)),
      fwd: (it) => this.#packet.say(fwdText(it, this)),
      objref: (it) => this.#objref(it, current),
      match: (it) => this.#packet.say(matchText(it, this.#packet.protocols.transport, family)),
      target: (it) => this.#packet.say(targetText(it, family)),
    };
    const step = steps[name as keyof ExpressionKinds] as ((it: unknown) => void) | undefined;
    if (step) step(data);
    else this.#packet.say(statefulText(current));
  }

  #put(register: number | undefined, value: Value): void {
    this.#registers.set(slot(register), value);
  }

  get(register: number | undefined): Value {
    return (
      this.#registers.get(slot(register)) ?? { text: `reg ${register ?? '?'}`, type: undefined, length: 4 }
    );
  }

  constant(register: number | undefined, type: DataType | undefined): string {
    const value = this.get(register);
    return value.bytes === undefined ? textOf(value) : show({ ...value, type }, value.bytes, this.#show);
  }

  #immediate({ dreg, data }: ExpressionKinds['immediate']): void {
    if (data?.verdict) {
      this.#packet.say(verdictText(data.verdict));
      return;
    }
    const bytes = data?.value ?? Buffer.alloc(0);
    this.#put(dreg, { text: valueText(undefined, bytes), type: undefined, length: bytes.length, bytes });
  }

  #meta({ key, dreg, sreg }: ExpressionKinds['meta']): void {
    const name = String(key);
    const shown = metaNames[name] ?? name;
    this.#keyed(bareMetaKeys.has(name) ? shown : `meta ${shown}`, metaTypes[name], metaLengths[name], {
      dreg,
      sreg,
    });
  }

  #ct({ key, direction, dreg, sreg }: ExpressionKinds['ct']): void {
    // Older rules name no protocol: it is their table's.
    const isAddress = key === 'saddr' || key === 'daddr';
    const name = isAddress ? `${this.#packet.protocols.network ?? 'ip'} ${key}` : String(key);
    const side = direction === undefined ? '' : `${String(direction)} `;
    this.#keyed(`ct ${side}${name}`, ctTypes[name], ctLengths[name], { dreg, sreg });
  }

  /** Loads what the kernel knows of a packet, or sets it. */
  #keyed(
    text: string,
    type: DataType | undefined,
    length: number | undefined,
    { dreg, sreg }: { readonly dreg: number | undefined; readonly sreg: number | undefined },
  ): void {
    if (sreg !== undefined) {
      this.#packet.say(`${text} set ${this.constant(sreg, type)}`);
      return;
    }
    this.#put(dreg, {
      text,
      type,
      length: length ?? lengthOf(type),
      ...(bigEndianKeys.has(text) ? { isNetworkOrder: true } : {}),
    });
  }

  #number(dreg: number | undefined, text: string, offset = 0): void {
    const whole = offset === 0 ? text : `${text} offset ${offset}`;
    this.#put(dreg, { text: whole, type: 'integer', length: 4 });
  }

  #hash({ type, dreg, sreg, len = 0, modulus = 0, seed, offset }: ExpressionKinds['hash']): void {
    if (type === 'symhash') {
      this.#number(dreg, `symhash mod ${modulus}`, offset);
      return;
    }
    const texts: string[] = [];
    for (let at = slot(sreg), end = at + ((len + 3) >> 2); at < end;) {
      const value = this.#registers.get(at);
      if (value) texts.push(textOf(value));
      at += ((value?.length ?? 4) + 3) >> 2;
    }
    const seeded = seed === undefined ? '' : ` seed 0x${seed.toString(16)}`;
    this.#number(dreg, `jhash ${texts.join(' . ')} mod ${modulus}${seeded}`, offset);
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
    this.#put(dreg, { text: `fib ${keys.join(' . ')} ${String(result)}`, type, length: lengthOf(type) });
  }

  #rt({ key, dreg }: ExpressionKinds['rt']): void {
    const name = String(key).replace('nexthop4', 'ip nexthop').replace('nexthop6', 'ip6 nexthop');
    const types: Readonly<Record<string, DataType>> = {
      classid: 'realm',
      nexthop4: 'ipv4_addr',
      nexthop6: 'ipv6_addr',
      ipsec: 'boolean',
    };
    const type = types[String(key)];
    this.#put(dreg, { text: `rt ${name}`, type, length: key === 'mtu' ? 2 : lengthOf(type) });
  }

  #socket({ key, level, dreg }: ExpressionKinds['socket']): void {
    const type = key === 'mark' ? 'mark' : key === 'cgroupv2' ? 'cgroupsv2' : 'integer';
    const text = key === 'cgroupv2' ? `socket cgroupv2 level ${level ?? 0}` : `socket ${String(key)}`;
    this.#put(dreg, { text, type, length: lengthOf(type) });
  }

  #osf({ dreg, ttl, flags = 0 }: ExpressionKinds['osf']): void {
    const how = { 1: ' ttl loose', 2: ' ttl skip' }[ttl ?? 0] ?? '';
    this.#put(dreg, { text: `osf${how} ${flags === 0 ? 'name' : 'version'}`, type: 'string', length: 16 });
  }

  #xfrm({ dreg, key, dir, spnum = 0 }: ExpressionKinds['xfrm']): void {
    const types: Readonly<Record<string, DataType>> = {
      'ip saddr': 'ipv4_addr',
      'ip daddr': 'ipv4_addr',
      'ip6 saddr': 'ipv6_addr',
      'ip6 daddr': 'ipv6_addr',
    };
    const type = types[String(key)] ?? 'integer';
    const which = spnum === 0 ? '' : ` spnum ${spnum}`;
    const text = `ipsec ${String(dir)}${which} ${String(key)}`;
    this.#put(dreg, { text, type, length: lengthOf(type), isNetworkOrder: key !== 'reqid' });
  }

  #exthdr({ dreg, sreg, op, type = 0, offset = 0, len = 0, flags = [] }: ExpressionKinds['exthdr']): void {
    const value = extensionValue(String(op), type, offset, len, flags.includes('present'));
    if (op === 'ipv6') this.#packet.forget('network', 'ip6');
    if (op === 'ipv4') this.#packet.forget('network', 'ip');
    if (op === 'tcpopt') this.#packet.forget('transport', 'tcp');
    if (op === 'sctp') this.#packet.forget('transport', 'sctp');
    if (dreg !== undefined) this.#put(dreg, value);
    else if (sreg !== undefined) this.#set(value, sreg);
    else this.#packet.say(`reset ${extensionValue(String(op), type, 0, 0, true).text}`);
  }

  #payload({ dreg, sreg, base = 'network', offset = 0, len = 0 }: ExpressionKinds['payload']): void {
    const header = String(base) as HeaderBase;
    const value = this.#packet.payloadValue(header, offset, len);
    if (sreg === undefined) this.#put(dreg, value);
    else this.#set(value, sreg);
  }

  /** `ip ttl set 5`: where only a part of what was loaded is changed, that part is the field. */
  #set(value: Value, sreg: number): void {
    const from = this.get(sreg);
    const { source } = value;
    const kept = from.changes;
    if (source && kept?.id === source.id) {
      const run = bitRun(kept.and.map((byte) => ~byte & 0xff));
      const field = run && source.fieldAt(source.offset + run.offset, run.length);
      if (run && field) {
        const shift = value.length * 8 - run.offset - run.length;
        const { text, type } = { text: field.name, type: field.type };
        this.#packet.say(
          `${text} set ${show({ text, type, length: value.length, isNetworkOrder: true, shift }, kept.xor)}`,
        );
        return;
      }
    }
    const shown = from.bytes === undefined ? textOf(from) : show(value, from.bytes, this.#show);
    this.#packet.say(`${value.text} set ${shown}`);
  }

  #bitwise({ sreg, dreg, mask, xor, op = 'bool', data }: ExpressionKinds['bitwise']): void {
    const value = this.get(sreg);
    if (op !== 'bool') {
      const by = data?.value ? data.value.readUIntLE(0, Math.min(4, data.value.length)) : 0;
      // Brings a field to the lowest bits, as newer versions of nft do.
      if (op === 'rshift' && value.shift === by) this.#put(dreg, { ...value, shift: 0 });
      else this.#put(dreg, { ...value, text: `${textOf(value)} ${op === 'lshift' ? '<<' : '>>'} ${by}` });
      return;
    }
    const and = mask?.value ?? Buffer.alloc(value.length, 0xff);
    const flip = xor?.value ?? Buffer.alloc(and.length);
    const changes = value.source && { id: value.source.id, and, xor: flip };
    if (flip.every((byte) => byte === 0))
      this.#put(dreg, { ...masked(value, and), ...(changes ? { changes } : {}) });
    else
      this.#put(dreg, { ...value, text: bitOperations(value, and, flip), ...(changes ? { changes } : {}) });
  }

  #byteorder({ sreg, dreg, op }: ExpressionKinds['byteorder']): void {
    const { mask, ...value } = this.get(sreg);
    // The mask was of the other order: it is said here.
    const text = mask ? textOf({ ...value, mask }) : value.text;
    this.#put(dreg, { ...value, text, isNetworkOrder: op !== 'ntoh' });
  }

  #compare({ sreg, op = '==', data }: ExpressionKinds['cmp']): void {
    const value = this.get(sreg);
    const bytes = data?.value ?? Buffer.alloc(0);
    if (value.parts && op === '==' && !value.mask && bytes.length === value.length) {
      const whole = BigInt(`0x${bytes.toString('hex')}`);
      const end = (value.source?.offset ?? 0) + value.length * 8;
      for (const part of value.parts) {
        value.source?.fieldAt(part.offset, part.length);
        const number =
          (whole >> BigInt(end - part.offset - part.length)) & ((1n << BigInt(part.length)) - 1n);
        const size = (part.length + 7) >> 3;
        const own = Buffer.from(number.toString(16).padStart(size * 2, '0'), 'hex');
        const field = { text: part.name, type: part.type, length: size, isNetworkOrder: true };
        this.#packet.say(comparison(field, '==', own, this.#show), this.#packet.learn(field, own));
      }
      return;
    }
    const text = comparison(value, String(op), bytes, this.#show);
    this.#packet.say(text, op === '==' ? this.#packet.learn(value, bytes) : undefined);
  }

  /** Two comparisons, from and to, are one range. */
  #isRange(first: RuleExpression, second: RuleExpression | undefined): boolean {
    if (first.name !== 'cmp' || second?.name !== 'cmp') return false;
    const from = first.data as ExpressionKinds['cmp'];
    const to = second.data as ExpressionKinds['cmp'];
    if (from.op !== '>=' || to.op !== '<=' || from.sreg !== to.sreg || !from.data?.value || !to.data?.value)
      return false;
    const value = this.get(from.sreg);
    this.#packet.say(`${textOf(value)} ${showRange(value, from.data.value, to.data.value, this.#show)}`);
    return true;
  }

  #range({ sreg, op, from, to }: ExpressionKinds['range']): void {
    const empty = Buffer.alloc(0);
    const value = this.get(sreg);
    const range = showRange(value, from?.value ?? empty, to?.value ?? empty, this.#show);
    this.#packet.say(`${textOf(value)} ${op === '!=' ? '!= ' : ''}${range}`);
  }

  /** The values that stand in a row from a register, as many as the set's key has parts. */
  #keyValues(register: number | undefined, set: NftSet | undefined): Value[] {
    const first = this.get(register);
    if (set === undefined || set.key.length <= 1) return [first];
    const values: Value[] = [];
    let at = slot(register);
    for (const type of set.key) {
      const value = this.#registers.get(at) ?? first;
      values.push(value);
      at += (Math.max(lengthOf(type), type === 'integer' ? value.length : 0) + 3) >> 2;
    }
    return values;
  }

  #lookup({ set: name = '', sreg, dreg, flags = [] }: ExpressionKinds['lookup']): void {
    const set = this.#context.sets.get(name);
    const keys = this.#keyValues(sreg, set);
    const key = keys.map(textOf).join(' . ');
    const isOwn = set?.flags.includes('anonymous') === true;
    const shown = isOwn
      ? elementsText(set, { stateful: statefulText, keys, devices: this.#context.devices })
      : `@${name}`;
    if (dreg === undefined) {
      const sign = flags.includes('inv') ? '!= ' : keys.length === 1 && keys[0]?.mask ? '== ' : '';
      this.#packet.say(`${key} ${sign}${shown}`);
      return;
    }
    if (dreg === 0) {
      this.#packet.say(`${key} vmap ${shown}`);
      return;
    }
    const types = set?.data === undefined || set.data === 'verdict' ? [undefined] : set.data;
    const text = `${key} map ${shown}`;
    const isWideMap = types.length > 1 || (set?.dataLength ?? 0) > lengthOf(types[0]);
    let at = slot(dreg);
    for (const type of types) {
      const length = lengthOf(type);
      this.#registers.set(at, { text, type, length, map: text, isWideMap });
      at += (length + 3) >> 2;
    }
  }

  #dynset(it: ExpressionKinds['dynset']): void {
    const { set: name = '', op = 'add', sreg_key, sreg_data, timeout = 0, expr, expressions = [] } = it;
    const set = this.#context.sets.get(name);
    const key = [
      this.#keyValues(sreg_key, set).map(textOf).join(' . '),
      ...(Number(timeout) === 0 ? [] : [`timeout ${durationText(timeout)}`]),
      ...[...(expr ? [expr] : []), ...expressions].map((each) =>
        // Of a counter only that there is one: the numbers are the elements'.
        each.name === 'counter' ? 'counter' : statefulText(each as RuleExpression),
      ),
    ].join(' ');
    const [type] = set?.data === undefined || set.data === 'verdict' ? [undefined] : set.data;
    const data = sreg_data === undefined ? '' : ` : ${this.constant(sreg_data, type)}`;
    // A set that a rule has for itself, and fills: nft's older word for it.
    const isMeter = set?.flags.includes('anonymous') === true && set.flags.includes('dynamic');
    const where = isMeter
      ? `meter ${name}${set.size === undefined ? '' : ` size ${set.size}`}`
      : `${String(op)} @${name}`;
    this.#packet.say(`${where} { ${key}${data} }`);
  }

  #objref({ sreg, set: name = '' }: ExpressionKinds['objref'], current: RuleExpression): void {
    if (sreg === undefined) {
      this.#packet.say(statefulText(current));
      return;
    }
    const set = this.#context.sets.get(name);
    const keys = this.#keyValues(sreg, set);
    const isOwn = set?.flags.includes('anonymous') === true;
    const shown = isOwn ? elementsText(set, { stateful: statefulText, keys }) : `@${name}`;
    const kind = set?.objects ?? 'object';
    const before =
      kind === 'ct helper' || kind === 'ct timeout' || kind === 'ct expectation' ? 'set' : 'name';
    this.#packet.say(`${kind} ${before} ${keys.map(textOf).join(' . ')} map ${shown}`);
  }

  #reject(it: ExpressionKinds['reject']): void {
    const { network } = this.#packet.protocols;
    if (it.type === 'icmp' && network !== undefined) this.#packet.forget('network', network);
    if (it.type === 'tcp reset' && this.#packet.isOneFamily) this.#packet.forget('transport', 'tcp');
    this.#packet.say(rejectText(it, network, this.#rule.family));
  }
}

/** Registers 1 to 4 are the old ones of 16 bytes; those from 8 are the same room in parts of 4 bytes. */
function slot(register: number | undefined): number {
  if (register === undefined || register === 0) return -1;
  return register < 8 ? (register - 1) * 4 : register - 8;
}
