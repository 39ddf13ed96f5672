import { type ExpressionKinds, objectTypes } from './forms.js';
import { type RuleExpression } from './ruleset.js';
import { durationText } from './value-text.js';

/** Statements that keep something, in rules and in elements of sets. */
export function statefulText({ name = '', data }: RuleExpression): string {
  const as = <K extends keyof ExpressionKinds>(kind: K): ExpressionKinds[K] =>
    (kind === name ? data : {}) as ExpressionKinds[K];
  switch (name) {
    case 'counter': {
      const { packets = 0, bytes = 0 } = as('counter');
      return `counter packets ${packets} bytes ${bytes}`;
    }
    case 'limit':
      return limitText(as('limit'));
    case 'quota': {
      const { bytes = 0, flags = [], consumed = 0 } = as('quota');
      const used = Number(consumed) === 0 ? '' : ` used ${sizeText(consumed)}`;
      return `quota ${flags.includes('over') ? 'over ' : ''}${sizeText(bytes)}${used}`;
    }
    case 'connlimit': {
      const { count = 0, flags = [] } = as('connlimit');
      return `ct count ${flags.includes('over') ? 'over ' : ''}${count}`;
    }
    case 'objref': {
      const { type = 0, name: object = '' } = as('objref');
      const kinds: Readonly<Record<number, string>> = {
        ...Object.fromEntries(Object.entries(objectTypes).map(([kind, number]) => [number, `${kind} name`])),
        3: 'ct helper set',
        7: 'ct timeout set',
        9: 'ct expectation set',
        8: 'meta secmark set',
      };
      return `${kinds[type] ?? `object ${type} name`} "${object}"`;
    }
    case 'log':
      return logText(as('log'));
    case 'queue': {
      const { num = 0, total = 1, flags = 0 } = as('queue');
      const names = [...((flags & 1) === 0 ? [] : ['bypass']), ...((flags & 2) === 0 ? [] : ['fanout'])];
      return `queue${names.length === 0 ? '' : ` flags ${names.join(',')}`} to ${total > 1 ? `${num}-${num + total - 1}` : num}`;
    }
    case 'flow_offload':
      return `flow add @${as('flow_offload').name ?? ''}`;
    case 'synproxy':
      return synproxyText(as('synproxy'));
    case 'last': {
      const { set = 0, msecs = 0 } = as('last');
      return `last used ${set === 0 ? 'never' : durationText(msecs)}`;
    }
    default:
      return `[ ${name} ]`;
  }
}

function limitText({ rate = 0, unit = 1, burst = 0, type, flags = [] }: ExpressionKinds['limit']): string {
  const units: Readonly<Record<number, string>> = {
    1: 'second',
    60: 'minute',
    3600: 'hour',
    86_400: 'day',
    604_800: 'week',
  };
  const per = units[Number(unit)] ?? `${unit} seconds`;
  const over = flags.includes('over') ? 'over ' : '';
  if (type !== 'bytes') {
    const more = burst === 0 || burst === 5 ? '' : ` burst ${burst} packets`;
    return `limit rate ${over}${rate}/${per}${more}`;
  }
  return `limit rate ${over}${sizeText(rate)}/${per}${burst === 0 ? '' : ` burst ${sizeText(burst)}`}`;
}

/** In the largest unit that it is a whole number of. */
function sizeText(bytes: number | bigint): string {
  const number = BigInt(bytes);
  if (number > 0n && number % (1n << 20n) === 0n) return `${number >> 20n} mbytes`;
  if (number > 0n && number % (1n << 10n) === 0n) return `${number >> 10n} kbytes`;
  return `${number} bytes`;
}

/** NF_SYNPROXY_OPT_* */
export function synproxyText(
  { mss, wscale, flags = 0 }: ExpressionKinds['synproxy'],
  name = 'synproxy',
): string {
  return [
    name,
    ...((flags & 1) === 0 ? [] : [`mss ${mss ?? 0}`]),
    ...((flags & 2) === 0 ? [] : [`wscale ${wscale ?? 0}`]),
    ...((flags & 8) === 0 ? [] : ['timestamp']),
    ...((flags & 4) === 0 ? [] : ['sack-perm']),
  ].join(' ');
}

function logText({ prefix, group, snaplen, qthreshold, level, flags = 0 }: ExpressionKinds['log']): string {
  return [
    'log',
    ...(prefix === undefined ? [] : [`prefix "${prefix}"`]),
    ...(group === undefined ? [] : [`group ${group}`]),
    ...(snaplen === undefined || snaplen === 0 ? [] : [`snaplen ${snaplen}`]),
    ...(qthreshold === undefined || qthreshold === 0 ? [] : [`queue-threshold ${qthreshold}`]),
    ...(level === undefined || level === 'warn' || group !== undefined ? [] : [`level ${String(level)}`]),
    ...logFlags(flags),
  ].join(' ');
}

/** NF_LOG_* */
function logFlags(flags: number): string[] {
  if ((flags & 0x2f) === 0x2f) return ['flags all'];
  const tcp = [...((flags & 1) === 0 ? [] : ['sequence']), ...((flags & 2) === 0 ? [] : ['options'])];
  return [
    ...(tcp.length === 0 ? [] : [`flags tcp ${tcp.join(',')}`]),
    ...((flags & 4) === 0 ? [] : ['flags ip options']),
    ...((flags & 8) === 0 ? [] : ['flags skuid']),
    ...((flags & 0x20) === 0 ? [] : ['flags ether']),
  ];
}
