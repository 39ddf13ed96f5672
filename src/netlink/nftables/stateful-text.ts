import { type ExpressionKinds } from './forms.js';
import { type RuleExpression } from './ruleset.js';

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
      const used = Number(consumed) === 0 ? '' : ` used ${consumed} bytes`;
      return `quota ${flags.includes('over') ? 'over ' : ''}${bytes} bytes${used}`;
    }
    case 'connlimit': {
      const { count = 0, flags = [] } = as('connlimit');
      return `ct count ${flags.includes('over') ? 'over ' : ''}${count}`;
    }
    case 'objref': {
      const { type = 0, name: object = '' } = as('objref');
      const kinds: Readonly<Record<number, string>> = {
        1: 'counter',
        2: 'quota',
        3: 'ct helper set',
        4: 'limit',
      };
      return `${kinds[type] ?? `object ${type}`}${type === 3 ? '' : ' name'} "${object}"`;
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
    case 'last':
      return 'last';
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
  const sized = (bytes: number): string =>
    bytes >= 1 << 20 && bytes % (1 << 20) === 0
      ? `${bytes >> 20} mbytes`
      : bytes >= 1024 && bytes % 1024 === 0
        ? `${bytes >> 10} kbytes`
        : `${bytes} bytes`;
  return `limit rate ${over}${sized(Number(rate))}/${per}${burst === 0 ? '' : ` burst ${sized(burst)}`}`;
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
