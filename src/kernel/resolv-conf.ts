/** The text of a container's /etc/resolv.conf. Pure. See resolv.conf(5). */
import { isIP } from 'node:net';
import { invalid, quote } from '../errors.js';

export interface ResolvConf {
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

/** What the C library knows of; lines that it would not read are left out. */
export function parseResolvConf(text: string): ResolvConf {
  const nameservers: string[] = [];
  let search: string[] = [];
  const options: string[] = [];
  for (const line of text.split('\n')) {
    const [key, ...words] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    const [first] = words;
    if (key === 'nameserver' && first !== undefined && isIP(first.replace(/%.*/, '')) !== 0)
      nameservers.push(first);
    // The last one counts; `domain` is a search list of one.
    if (key === 'search' || key === 'domain') search = words;
    if (key === 'options') options.push(...words);
  }
  return { nameservers, search, options };
}

export function formatResolvConf({ nameservers, search, options }: ResolvConf): string {
  return [
    ...nameservers.map((address) => `nameserver ${address}\n`),
    ...(search.length === 0 ? [] : [`search ${search.join(' ')}\n`]),
    ...(options.length === 0 ? [] : [`options ${options.join(' ')}\n`]),
  ].join('');
}

export interface ResolverOptions {
  /** `--dns`; default: the host's. */
  readonly dns?: readonly string[] | undefined;
  /** `--dns-search`; default: the host's. A single `.`: none. */
  readonly search?: readonly string[] | undefined;
  /** `--dns-opt`; default: the host's. */
  readonly options?: readonly string[] | undefined;
  /** Where a server of ours answers inside the container; the others are for it to ask. */
  readonly responder?: string | undefined;
}

/** @throws {WarrenError} `ERR_NETWORK_REQUEST`: a resolver would not understand it, or understand more than is said. */
export function checkResolverOptions({ dns = [], search = [], options = [] }: ResolverOptions): void {
  const refuse = (name: string, text: string, why: string, fix: string) =>
    invalid('ERR_NETWORK_REQUEST', `Cannot use --${name} ${quote(text)}`, why, fix);
  for (const text of dns)
    if (isIP(text) === 0) throw refuse('dns', text, 'it is no IP address', 'write --dns 9.9.9.9');
  const isWord = (text: string): boolean => /^[^\s#;\0]+$/.test(text);
  for (const text of search)
    if (!isWord(text))
      throw refuse('dns-search', text, 'it is no domain', 'write --dns-search example.org, once for each');
  for (const text of options)
    if (!isWord(text))
      throw refuse(
        'dns-opt',
        text,
        'it is no option of resolv.conf(5)',
        'write --dns-opt ndots:2, once for each',
      );
}

/** Google's, as docker falls back to where the host has none that a container could reach. */
const FALLBACK = ['8.8.8.8', '8.8.4.4'];

/**
 * What a container gets, and whom the responder asks. A resolver on the host's loopback, such as systemd-resolved's 127.0.0.53, is
 * out of a container's reach: with a responder, which asks from the host, it stays; without, systemd-resolved's own list is to be
 * given as `host` (/run/systemd/resolve/resolv.conf).
 */
export function resolverFor(
  host: ResolvConf,
  { dns, search, options, responder }: ResolverOptions = {},
): { readonly file: ResolvConf; readonly upstreams: readonly string[] } {
  const wanted = dns ?? host.nameservers;
  const reachable =
    responder === undefined ? wanted.filter((each) => dns !== undefined || !isLoopback(each)) : wanted;
  const upstreams = reachable.length === 0 ? FALLBACK : reachable;
  const domains = search ?? host.search;
  return {
    file: {
      nameservers: responder === undefined ? upstreams : [responder],
      search: domains.length === 1 && domains[0] === '.' ? [] : domains,
      // A name with a dot may be one of ours: ndots:0 asks as it is written first.
      options: [
        ...(options ?? host.options),
        ...(responder === undefined || hasNdots(options ?? host.options) ? [] : ['ndots:0']),
      ],
    },
    upstreams,
  };
}

function hasNdots(options: readonly string[]): boolean {
  return options.some((option) => option.startsWith('ndots:'));
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}
