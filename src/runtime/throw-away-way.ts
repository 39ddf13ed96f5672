/** The way into throw-away namespaces that are like a container's, as who its root is. */
import type { ContainerConfig } from '../plan/config.js';
import { namespaceKinds, type NamespaceKind } from '../plan/constants.js';
import type { Step } from '../plan/step.js';
import { wayThrough } from '../plan/way.js';
import type { Namespaces } from './configure-namespaces.js';
import type { Host } from './host.js';

/** What decides who may write a parameter in a container. */
export interface Likeness {
  readonly namespaces: Namespaces;
  readonly host: Host;
  readonly idMap: ContainerConfig['idMap'];
  /** Those that it has before its parameters are written, besides `lo`. */
  readonly interfaces: readonly string[];
}

/**
 * Joins what the container joins, and makes anew what it has of its own; but for user namespaces, only of the kinds named.
 *
 * The host's root, mapped to itself, may write parameters that the container's root, who is somebody else outside, may not: some
 * belong to user 0 of the machine, whatever the namespace.
 */
export function wayInto(
  wantedKinds: readonly NamespaceKind[],
  { namespaces, host, idMap }: Omit<Likeness, 'interfaces'>,
): Step[] {
  const wanted = (kind: NamespaceKind): boolean => kind === 'user' || wantedKinds.includes(kind);
  const joins = namespaceKinds.flatMap((kind): [NamespaceKind, string][] => {
    const source = namespaces[kind];
    return wanted(kind) && source.from === 'path' ? [[kind, source.path]] : [];
  });
  const kinds = namespaceKinds.filter((kind) => wanted(kind) && namespaces[kind].from === 'new');
  return [...wayThrough(joins), { op: 'leave', kinds, ...rootOf(namespaces, host, idMap) }];
}

function rootOf(
  { user }: Namespaces,
  { uid, gid }: Host,
  idMap: ContainerConfig['idMap'],
): { readonly uid: number; readonly gid: number; readonly become?: boolean } {
  // Joined: root by the id that it has there.
  if (user.from === 'path') return { uid: 0, gid: 0, become: true };
  const outside = (ranges: readonly { readonly inside: number; readonly outside: number }[]): number =>
    ranges.find(({ inside }) => inside === 0)?.outside ?? 0;
  // Who is not root here has only the own id to map, and is that already.
  if (user.from !== 'new' || uid !== 0 || idMap === undefined) return { uid, gid };
  return { uid: outside(idMap.uid), gid: outside(idMap.gid), become: outside(idMap.uid) !== 0 };
}
