/** The text of a container's /etc/hosts. Pure. See hosts(5). */
import { invalid, quote } from '../errors.js';
import { canonicalAddress } from './ip-address.js';

export interface HostsEntry {
  readonly address: string;
  readonly names: readonly string[];
}

const always: readonly HostsEntry[] = [
  { address: '127.0.0.1', names: ['localhost'] },
  { address: '::1', names: ['localhost', 'ip6-localhost', 'ip6-loopback'] },
  { address: 'fe00::', names: ['ip6-localnet'] },
  { address: 'ff00::', names: ['ip6-mcastprefix'] },
  { address: 'ff02::1', names: ['ip6-allnodes'] },
  { address: 'ff02::2', names: ['ip6-allrouters'] },
];

/**
 * @param own The container itself: its addresses, its host name.
 * @param added `--add-host`.
 * @param members Others of its networks.
 */
export function hostsFile(
  own: readonly HostsEntry[],
  added: readonly HostsEntry[] = [],
  members: readonly HostsEntry[] = [],
): string {
  return [...always, ...added, ...own, ...members]
    .filter(({ names }) => names.length > 0)
    .map(({ address, names }) => `${address}\t${[...new Set(names)].join(' ')}\n`)
    .join('');
}

/**
 * Reads docker's `--add-host NAME:ADDRESS` (or `NAME=ADDRESS`).
 *
 * @param gateway What `host-gateway` stands for: the host, as the container reaches it.
 * @throws {WarrenError} `ERR_ADD_HOST`
 */
export function parseAddHost(text: string, gateway?: string): HostsEntry {
  const match = /^([A-Za-z0-9_](?:[\w.-]{0,252}))[:=](.+)$/.exec(text);
  const bad = (why: string) =>
    invalid('ERR_ADD_HOST', `Cannot add the host ${quote(text)}`, why, 'write NAME:ADDRESS');
  const [, name, target] = match ?? [];
  if (name === undefined || target === undefined) throw bad('it is not NAME:ADDRESS');
  if (target === 'host-gateway') {
    if (gateway === undefined) throw bad('the container is in no network with a way to the host');
    return { address: gateway, names: [name] };
  }
  try {
    return { address: canonicalAddress(target.replace(/^\[|\]$/g, '')), names: [name] };
  } catch {
    throw bad(`${quote(target)} is no IP address`);
  }
}
