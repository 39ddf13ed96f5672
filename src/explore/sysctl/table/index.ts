/** What is known of every parameter that a namespace isolates: rows by folder, and what holds for the rest of a folder. */
import { sysctlTemplate } from '../../../kernel/sysctl-measured.js';
import { sysctlScope } from '../../../kernel/sysctl-scope.js';
import { coreRows, unixRows } from './core.js';
import { ipv4ConfRows, ipv4Rows, routeRows } from './ipv4.js';
import { ipv6ConfRows, ipv6RouteRows, ipv6Rows } from './ipv6.js';
import { netfilterRows, trackedTimeoutTrap } from './netfilter.js';
import { ipcRows, mqueueRows, userRows, utsRows } from './others.js';
import { tcpRows } from './tcp.js';
import type { Document, Facts, Rows } from './types.js';

export type { Combination, Document, Facts, Origin, Use } from './types.js';

interface Folder {
  /** Slashed; ends in what every key of it begins with. `*` stands for an interface, `all` or `default`. */
  readonly prefix: string;
  readonly document: Document;
  /** What holds where a row says nothing else. */
  readonly rest: Omit<Facts, 'document'>;
  readonly rows?: Rows;
}

const neighbourDefaults =
  'The folder of an interface is copied from the machine’s own neigh/default when the interface appears, in every namespace.';

const neighbours: Omit<Facts, 'document'> = {
  origin: 'neigh-default',
  use: 'each-use',
  limit: 'gc_thresh1, 2 and 3 of the machine’s neigh/default bound the entries of all namespaces together.',
};

const user: Omit<Facts, 'document'> = {
  origin: 'default',
  since: '4.9',
  use: 'each-use',
  trap: 'A container shares the host’s user namespace unless it is given one. A new one starts without limit, but whatever is made there counts against the limits of every namespace above as well.',
};

/** The first that fits counts. */
const folders: readonly Folder[] = [
  {
    prefix: 'net/ipv4/conf/*/',
    document: 'ip-sysctl',
    rest: { use: 'each-use' },
    rows: ipv4ConfRows,
  },
  {
    prefix: 'net/ipv6/conf/*/',
    document: 'ip-sysctl',
    rest: { use: 'each-use' },
    rows: ipv6ConfRows,
  },
  { prefix: 'net/ipv4/neigh/*/', document: 'ip-sysctl', rest: neighbours },
  { prefix: 'net/ipv6/neigh/*/', document: 'ip-sysctl', rest: neighbours },
  {
    prefix: 'net/ipv4/route/',
    document: 'ip-sysctl',
    rest: { origin: 'default', use: 'each-use' },
    rows: routeRows,
  },
  {
    prefix: 'net/ipv6/route/',
    document: 'ip-sysctl',
    rest: { origin: 'default', use: 'each-use' },
    rows: ipv6RouteRows,
  },
  { prefix: 'net/ipv6/icmp/', document: 'ip-sysctl', rest: { origin: 'default', use: 'each-use' } },
  { prefix: 'net/ipv4/tcp_', document: 'ip-sysctl', rest: { origin: 'default' }, rows: tcpRows },
  { prefix: 'net/ipv4/', document: 'ip-sysctl', rest: { origin: 'default' }, rows: ipv4Rows },
  { prefix: 'net/ipv6/', document: 'ip-sysctl', rest: { origin: 'default' }, rows: ipv6Rows },
  { prefix: 'net/core/xfrm_', document: 'xfrm', rest: { origin: 'default', since: '2.6.29', use: 'entry' } },
  { prefix: 'net/core/', document: 'net', rest: { origin: 'default' }, rows: coreRows },
  { prefix: 'net/unix/', document: 'net', rest: { origin: 'default' }, rows: unixRows },
  { prefix: 'net/mptcp/', document: 'mptcp', rest: { origin: 'default' } },
  { prefix: 'net/bridge/', document: 'bridge', rest: { origin: 'default', since: '5.3', use: 'each-use' } },
  { prefix: 'net/netfilter/nf_log/', document: 'conntrack', rest: { origin: 'default', use: 'each-use' } },
  { prefix: 'net/netfilter/', document: 'conntrack', rest: { origin: 'default' }, rows: netfilterRows },
  { prefix: 'net/', document: 'net', rest: {} },
  { prefix: 'fs/mqueue/', document: 'mqueue', rest: { origin: 'default' }, rows: mqueueRows },
  { prefix: 'user/', document: 'user', rest: user, rows: userRows },
];

/** Lists of the machine's, which cannot be written anywhere. */
const listings: ReadonlySet<string> = new Set([
  'net/mptcp/available_path_managers',
  'net/mptcp/available_schedulers',
]);

/**
 * What is known of a key.
 *
 * @param path Slashed, below /proc/sys.
 * @returns undefined where no namespace isolates it.
 */
export function sysctlFacts(path: string): Facts | undefined {
  const { scope } = sysctlScope(path);
  if (scope === 'host') return undefined;
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (scope === 'uts') return { document: 'uts', ...utsRows[name] };
  if (scope === 'ipc' && path.startsWith('kernel/'))
    return { document: 'sysvipc', origin: 'default', ...ipcRows[name] };
  const folder = folders.find(({ prefix }) => sysctlTemplate(path).startsWith(prefix));
  if (!folder) return { document: 'net' };
  const row: Rows[string] = {
    ...folder.rest,
    ...folder.rows?.[name],
    ...confOrigin(path, folder.rows?.[name]),
  };
  return { document: folder.document, ...row, ...special(path, row) };
}

/** The interface, `all` or `default` of a key that has one. */
export function interfaceOf(path: string): string | undefined {
  return /^net\/ipv[46]\/(?:conf|neigh)\/([^/]+)\/[^/]+$/.exec(path)?.[1];
}

/** What the kernel settles by itself for the loopback device. */
const ofLoopback =
  /^net\/(?:ipv4\/conf\/lo\/disable_(?:policy|xfrm)|ipv6\/conf\/lo\/(?:accept_dad|use_tempaddr))$/;

function confOrigin(path: string, row: Rows[string] | undefined): Pick<Facts, 'origin' | 'use'> {
  if (!/^net\/ipv[46]\/conf\//.test(path)) return {};
  const device = interfaceOf(path);
  const use = device === 'default' ? ({ use: 'interface' } as const) : {};
  if (ofLoopback.test(path)) return { origin: 'computed' };
  if (row?.origin !== undefined) return use;
  if (device !== 'all' && device !== 'default') return { origin: 'conf-default' };
  return { origin: path.startsWith('net/ipv4/') ? 'initial' : 'default', ...use };
}

function special(path: string, row: Rows[string]): Partial<Facts> {
  if (listings.has(path)) return { origin: 'shared' };
  // Of an interface, the origin says as much.
  if (/^net\/ipv[46]\/neigh\/default\//.test(path)) return { trap: neighbourDefaults };
  if (path.startsWith('net/netfilter/nf_conntrack_') && path.includes('timeout'))
    return { use: 'entry', trap: row.trap ?? trackedTimeoutTrap };
  return {};
}

/** Where to read on. */
export const documents: Readonly<Record<Document, string>> = {
  'ip-sysctl': 'https://docs.kernel.org/networking/ip-sysctl.html',
  net: 'https://docs.kernel.org/admin-guide/sysctl/net.html',
  conntrack: 'https://docs.kernel.org/networking/nf_conntrack-sysctl.html',
  mptcp: 'https://docs.kernel.org/networking/mptcp-sysctl.html',
  xfrm: 'https://docs.kernel.org/networking/xfrm_sysctl.html',
  bridge: 'https://docs.kernel.org/networking/ip-sysctl.html',
  sysvipc: 'sysvipc(7), https://docs.kernel.org/admin-guide/sysctl/kernel.html',
  mqueue: 'mq_overview(7)',
  uts: 'uts_namespaces(7)',
  user: 'proc_sys_user(5), user_namespaces(7)',
};
