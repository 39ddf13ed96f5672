/** Named stateful objects, as nft(8) writes them. */
import { nftFamilies, type objectData } from './forms.js';
import { type NftObject } from './ruleset.js';
import { statefulText, synproxyText } from './stateful-text.js';
import { valueText } from './value-text.js';

type Data = { readonly [K in keyof typeof objectData]: ReturnType<(typeof objectData)[K]['read']> };

/** @param handle What follows the opening brace. */
export function objectText(object: NftObject, handle: string): string {
  const { type, name, comment } = object;
  const lines = [...(comment === undefined ? [] : [`comment "${comment}"`]), ...objectLines(object)];
  return `\t${type} ${name} {${handle}\n${lines.map((line) => `\t\t${line}\n`).join('')}\t}\n`;
}

function objectLines({ type, data }: NftObject): string[] {
  const as = <K extends keyof Data>(kind: K): Data[K] => (kind === type ? data : {});
  switch (type) {
    case 'counter':
    case 'quota':
    case 'limit':
      return [statefulText({ name: type, data: data }).replace(/^\w+ /, '')];
    case 'ct helper': {
      const { name = '', l3proto = 0, l4proto = 0 } = as('ct helper');
      return [`type "${name}" protocol ${protocolText(l4proto)}`, `l3proto ${familyText(l3proto)}`];
    }
    case 'ct timeout': {
      const { l3proto = 0, l4proto = 0, policy = [] } = as('ct timeout');
      return [
        `protocol ${protocolText(l4proto)}`,
        `l3proto ${familyText(l3proto)}`,
        `policy = { ${policyText(l4proto, policy)} }`,
      ];
    }
    case 'ct expectation': {
      const { l3proto = 0, l4proto = 0, dport = 0, timeout = 0, size = 0 } = as('ct expectation');
      return [
        `protocol ${protocolText(l4proto)}`,
        `dport ${dport}`,
        `timeout ${valueText('duration', milliseconds(timeout))}`,
        `size ${size}`,
        `l3proto ${familyText(l3proto)}`,
      ];
    }
    case 'secmark':
      return [`"${as('secmark').context ?? ''}"`];
    case 'synproxy':
      return synproxyLines(as('synproxy'));
    default:
      return [`[ ${type} ]`];
  }
}

function milliseconds(number: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(number));
  return bytes;
}

function protocolText(number: number): string {
  return valueText('inet_proto', Buffer.from([number]));
}

function familyText(number: number): string {
  return Object.entries(nftFamilies).find(([, value]) => value === number)?.[0] ?? String(number);
}

/** CTA_TIMEOUT_TCP_*, CTA_TIMEOUT_UDP_*, from 1, each with what nft takes for the kernel's own: that is not said. */
const timeouts: Readonly<Record<number, readonly (readonly [string, number])[]>> = {
  6: [
    ['syn_sent', 120],
    ['syn_recv', 60],
    ['established', 432_000],
    ['fin_wait', 120],
    ['close_wait', 60],
    ['last_ack', 30],
    ['time_wait', 120],
    ['close', 10],
    ['syn_sent2', 120],
    ['retrans', 300],
    ['unack', 300],
  ],
  17: [
    ['unreplied', 30],
    ['replied', 120],
  ],
};

function policyText(protocol: number, seconds: readonly number[]): string {
  return seconds
    .map((each, index) => [timeouts[protocol]?.[index] ?? [String(index + 1)], each] as const)
    .filter(([[, usual], each]) => each !== usual)
    .map(([[name], each]) => `${name} : ${each}`)
    .join(', ');
}

/** Two lines where there are options at all. */
function synproxyLines(data: Data['synproxy']): string[] {
  const flags = data.flags ?? 0;
  const rest = synproxyText({ ...data, flags: flags & ~3 }, '').trim();
  return [
    ...((flags & 1) === 0 ? [] : [`mss ${data.mss ?? 0}`]),
    ...((flags & 2) === 0 ? [] : [`wscale ${data.wscale ?? 0}`]),
    ...(rest === '' ? [] : [rest]),
  ];
}
