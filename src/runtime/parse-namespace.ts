import { invalid, quote } from '../errors.js';
import { didYouMean } from '../kernel/nearest.js';
import { pathFault } from './mount-target.js';
import { isUserNetwork, userNetworkWords } from './user-network/words.js';

/** The namespaces a user chooses for; a mount namespace is always a new one. */
export const namespaceKinds = ['pid', 'ipc', 'uts', 'network', 'cgroup', 'user', 'time'] as const;

export type NamespaceKind = (typeof namespaceKinds)[number];

/** A `NamespaceChoice`, read. */
export type NamespaceSource =
  | { readonly from: 'private' }
  | { readonly from: 'host' }
  /** Network alone: a new one in which no device is ever put. */
  | { readonly from: 'none' }
  | { readonly from: 'path'; readonly path: string }
  | { readonly from: 'pid'; readonly pid: number };

/** The kernel's PID_MAX_LIMIT on 64-bit machines. */
const maxPid = 4_194_304;

/** docker's words that need what Warren does not have yet, or has under another name. */
const laterWords: ReadonlyMap<string, string> = new Map([
  [
    'bridge',
    'there is no network of that name from the start: make one (warren network create), and name it',
  ],
  [
    'default',
    'there is no network of that name from the start: make one (warren network create), and name it',
  ],
  ['shareable', 'shared IPC namespaces of containers are not supported yet'],
  ['container', 'namespaces of containers by name are not supported yet'],
]);

/**
 * @param kind Which namespace; it decides the words (`none` is for network alone).
 * @param text `private`, `host`, `none`, `ns:PATH` or `pid:N`; of a network namespace also `ns:NAME`, of `ip netns`.
 * @throws {WarrenError} `ERR_NAMESPACE_SPEC`.
 */
export function parseNamespace(kind: NamespaceKind, text: string): NamespaceSource {
  if (text === 'private' || text === 'host') return { from: text };
  if (text === 'none' && kind === 'network') return { from: 'none' };
  // A new one, which a program connects: see user-network/.
  if (kind === 'network' && isUserNetwork(text)) return { from: 'private' };
  if (text.startsWith('ns:')) return { from: 'path', path: namespacePath(kind, text) };
  if (text.startsWith('pid:')) return { from: 'pid', pid: namespacePid(kind, text) };
  throw unknownWord(kind, text);
}

function namespacePath(kind: NamespaceKind, text: string): string {
  const given = text.slice('ns:'.length);
  // As ip-netns(8) has them.
  const isName = kind === 'network' && /^[^/\0]+$/.test(given) && given !== '.' && given !== '..';
  const path = isName ? `/run/netns/${given}` : given;
  const fault = pathFault(path, 'path', { allowDotDot: true });
  if (fault === undefined) return path;
  throw bad(kind, text, fault, 'give the absolute path of a namespace file, as in ns:/run/netns/blue');
}

function namespacePid(kind: NamespaceKind, text: string): number {
  const digits = text.slice('pid:'.length);
  const pid = /^[1-9]\d{0,6}$/.test(digits) ? Number(digits) : 0;
  if (pid >= 1 && pid <= maxPid) return pid;
  throw bad(
    kind,
    text,
    `${quote(digits)} is not a process id, a number from 1 to ${maxPid}`,
    'write it as pid:1234',
  );
}

function unknownWord(kind: NamespaceKind, text: string): Error {
  const words = [
    'private',
    'host',
    ...(kind === 'network' ? ['none', ...userNetworkWords] : []),
    'ns:PATH',
    'pid:N',
  ];
  const list = `the choices are ${words.join(', ')}`;
  const later = laterWords.get(text.split(':')[0] ?? '');
  if (later !== undefined) return bad(kind, text, later, list);
  if (text === 'none') return bad(kind, text, '"none" is a choice for the network namespace alone', list);
  return bad(kind, text, 'it is no choice of a namespace', didYouMean(text, words) ?? list);
}

function bad(kind: NamespaceKind, text: string, why: string, fix: string): Error {
  return invalid('ERR_NAMESPACE_SPEC', `Cannot use the ${kind} namespace ${quote(text)}`, why, fix);
}
