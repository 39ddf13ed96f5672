/** docker's `--network`, in its forms. Pure. */
import { invalid, quote } from '../errors.js';
import type { NetworkRequest } from './prepare.js';

/**
 * What a container's network is: nothing, the host's, another container's, an existing namespace (a name below /run/netns or a
 * path), or a place in a network.
 */
export type NetworkChoice =
  | { readonly mode: 'none' | 'host' }
  | { readonly mode: 'container'; readonly container: string }
  | { readonly mode: 'ns'; readonly path: string }
  | { readonly mode: 'network'; readonly request: NetworkRequest };

/**
 * Reads `none`, `host`, `container:ID`, `ns:NAME`, `ns:/PATH`, `NET` and `NET:ip=…,ip6=…,mac=…,alias=…` (`alias` may be
 * repeated; docker's long names too: `name=NET,ip=…`).
 *
 * @throws {WarrenError} `ERR_NETWORK_REQUEST`
 */
export function parseNetworkSpec(text: string): NetworkChoice {
  const bad = (why: string) =>
    invalid(
      'ERR_NETWORK_REQUEST',
      `Cannot use the network ${quote(text)}`,
      why,
      'write none, host, container:ID, ns:NAME, NETWORK or NETWORK:ip=10.0.0.5,alias=db',
    );
  if (text === 'none' || text === 'host') return { mode: text };
  const [, kind, rest = ''] = /^(container|ns):(.*)$/s.exec(text) ?? [];
  if (kind !== undefined && rest === '') throw bad(`nothing follows ${kind}:`);
  if (kind === 'container') return { mode: 'container', container: rest };
  if (kind === 'ns') {
    if (rest.startsWith('/')) return { mode: 'ns', path: rest };
    if (/[/\0]/.test(rest) || rest === '.' || rest === '..')
      throw bad('it is neither a name nor an absolute path');
    return { mode: 'ns', path: `/run/netns/${rest}` };
  }
  const isLong = text.startsWith('name=');
  const colon = text.indexOf(':');
  const name = isLong ? '' : colon < 0 ? text : text.slice(0, colon);
  const settings = isLong ? text : colon < 0 ? undefined : text.slice(colon + 1);
  const found: { network: string; ip?: string; ip6?: string; mac?: string; aliases?: string[] } = {
    network: name,
  };
  for (const part of settings?.split(',') ?? []) {
    const at = part.indexOf('=');
    const [key, value] = [part.slice(0, at), part.slice(at + 1)];
    if (at <= 0 || value === '') throw bad(`${quote(part)} is not KEY=VALUE`);
    const field = fields[key];
    if (field === undefined) throw bad(`there is no ${quote(key)}: ip, ip6, mac and alias are known`);
    if (field === 'aliases') found.aliases = [...(found.aliases ?? []), value];
    else if (found[field] !== undefined && found[field] !== '') throw bad(`${key} is given twice`);
    else found[field] = value;
  }
  if (found.network === '') throw bad('no network is named');
  return { mode: 'network', request: found };
}

const fields: Readonly<Record<string, 'network' | 'ip' | 'ip6' | 'mac' | 'aliases' | undefined>> =
  Object.assign(
    Object.create(null) as object,
    { name: 'network', ip: 'ip', ip6: 'ip6', mac: 'mac', 'mac-address': 'mac', alias: 'aliases' } as const,
  );
