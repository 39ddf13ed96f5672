/** The names of a network's containers. Pure. */
import { addressNumber, addressText, contains, familyOfAddress, parseBlock } from '../address.js';
import type { Answer } from './message.js';
import { recordTypes } from './message.js';

/** A container, as others of its networks know it. */
export interface DnsHost {
  /** Its own name, its aliases, its short id. The first is what its addresses lead back to. */
  readonly names: readonly string[];
  /** Without lengths. */
  readonly addresses: readonly string[];
  /** The network that this is of: `web.lab` is `web` in it. */
  readonly network: string;
}

export interface DnsZone {
  readonly hosts: readonly DnsHost[];
  /** Subnets whose addresses nobody else can name. */
  readonly subnets: readonly string[];
}

/** What a zone says of a question; undefined: it is for somebody else. */
export type ZoneAnswer =
  { readonly code: 'NOERROR' | 'NXDOMAIN'; readonly answers: readonly Answer[] } | undefined;

/**
 * @param name In lower case, without the final dot.
 * @param turn Which of several addresses comes first: counted up, they take turns.
 */
export function answerFrom(zone: DnsZone, name: string, type: number, turn = 0): ZoneAnswer {
  if (name.endsWith('.in-addr.arpa') || name.endsWith('.ip6.arpa')) return answerReverse(zone, name, type);
  const addresses = zone.hosts.filter((host) => isNamed(host, name)).flatMap((host) => host.addresses);
  if (addresses.length === 0) {
    // Below the name of a network there is nobody but its containers.
    const isOurs = zone.hosts.some(({ network }) => name.endsWith(`.${network.toLowerCase()}`));
    return isOurs ? { code: 'NXDOMAIN', answers: [] } : undefined;
  }
  const wanted = addresses.filter(
    (address) =>
      type === recordTypes.ANY ||
      type === (familyOfAddress(address) === 'inet' ? recordTypes.A : recordTypes.AAAA),
  );
  const first = wanted.length === 0 ? 0 : turn % wanted.length;
  return {
    code: 'NOERROR',
    answers: [...wanted.slice(first), ...wanted.slice(0, first)].map((address) => ({
      type: familyOfAddress(address) === 'inet' ? 'A' : 'AAAA',
      address,
    })),
  };
}

function isNamed({ names, network }: DnsHost, wanted: string): boolean {
  return names.some((each) => {
    const name = each.toLowerCase();
    return wanted === name || wanted === `${name}.${network.toLowerCase()}`;
  });
}

function answerReverse(zone: DnsZone, name: string, type: number): ZoneAnswer {
  const address = readReverse(name);
  if (address === undefined) return undefined;
  const host = zone.hosts.find(({ addresses }) => addresses.includes(address));
  if (!host) {
    const isOurs = zone.subnets.some((subnet) =>
      contains(parseBlock(subnet), familyOfAddress(address), addressNumber(address)),
    );
    return isOurs ? { code: 'NXDOMAIN', answers: [] } : undefined;
  }
  const [first = ''] = host.names;
  const isWanted = type === recordTypes.PTR || type === recordTypes.ANY;
  return { code: 'NOERROR', answers: isWanted ? [{ type: 'PTR', target: `${first}.${host.network}` }] : [] };
}

/** `5.0.90.10.in-addr.arpa` → `10.90.0.5`. */
function readReverse(name: string): string | undefined {
  const four = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  if (four) {
    const bytes = four.slice(1).reverse();
    return bytes.every((byte) => Number(byte) < 256) ? bytes.map(Number).join('.') : undefined;
  }
  const six = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name)?.[1];
  if (six === undefined) return undefined;
  return addressText('inet6', BigInt(`0x${six.split('.').reverse().join('')}`));
}
