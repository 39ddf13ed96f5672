/** Network namespaces of the machine, as commands show and find them. */
import { closeSync } from 'node:fs';
import { WarrenError, invalid, quote } from '../../errors.js';
import {
  findNamespaces,
  parseNamespaceTarget,
  readNamespaces,
  type Namespace,
} from '../../explore/namespaces/index.js';
import { addresses, openNetlink } from '../../netlink/index.js';
import { getNetwork, listNetworks, endpointsOf, type Endpoint } from '../../network/index.js';
import {
  NETNS_DIRECTORY,
  namespaceInode,
  type NamespacePlace,
  netnsNames,
  netnsPath,
  openPlace,
} from '../../network/netns/index.js';
import { pidOfContainer } from '../running-pid.js';

/** A network namespace, who is in it and who keeps it. */
export interface NetnsView {
  readonly inode: number;
  /** What to open it by; undefined: nothing that can be seen, or a mount that no process shows. */
  readonly place: NamespacePlace['namespace'] | undefined;
  /** Below /run/netns. */
  readonly names: readonly string[];
  readonly processes: readonly number[];
  readonly namespace: Namespace | undefined;
  /** The container that it belongs to: a name, or an id. */
  readonly container: string | undefined;
  readonly isOurs: boolean;
}

/** Every one that can be seen: named, of processes, held by a descriptor, a mount or a socket only. */
export async function readNetnsViews(): Promise<NetnsView[]> {
  const { namespaces } = await readNamespaces();
  const names = new Map<number, string[]>();
  for (const name of netnsNames()) {
    const inode = namespaceInode(netnsPath(name));
    if (inode !== undefined) names.set(inode, [...(names.get(inode) ?? []), name]);
  }
  const own = namespaceInode('/proc/thread-self/ns/net');
  const containers = await containersByNamespace();
  return namespaces
    .filter(({ type }) => type === 'net')
    .map((namespace) => {
      const { inode, processes } = namespace;
      const called = names.get(inode) ?? [];
      return {
        inode,
        place: placeOf(namespace, called, namespaces),
        names: called,
        processes,
        namespace,
        container: containers.get(inode) ?? shownContainer(namespace),
        isOurs: inode === own,
      };
    });
}

function shownContainer({ container }: Namespace): string | undefined {
  return container && `${container.runtime} ${container.id.slice(0, 12)}`;
}

/** Names of Warren's containers, by the inode of their network namespace. */
async function containersByNamespace(): Promise<Map<number, string>> {
  const { openContainers } = await import('../../containers/store.js');
  const found = new Map<number, string>();
  const own = namespaceInode('/proc/1/ns/net');
  for (const { record, status } of await openContainers().list()) {
    const inode = status.pid > 0 ? namespaceInode(`/proc/${status.pid}/ns/net`) : undefined;
    if (inode !== undefined && inode !== own) found.set(inode, record.name);
  }
  for (const endpoint of allEndpoints())
    if (!found.has(endpoint.namespace)) found.set(endpoint.namespace, endpoint.container.slice(0, 12));
  return found;
}

export function allEndpoints(): Endpoint[] {
  return listNetworks().flatMap(({ name }) => endpointsOf(getNetwork(name).name));
}

function placeOf(
  { inode, processes: [pid], holders }: Namespace,
  names: readonly string[],
  all: readonly Namespace[],
): NetnsView['place'] {
  if (names[0] !== undefined) return { path: `${NETNS_DIRECTORY}/${names[0]}` };
  if (pid !== undefined) return { path: `/proc/${pid}/ns/net` };
  for (const holder of holders) {
    if (holder.kind === 'descriptor') return { path: `/proc/${holder.pid}/fd/${holder.fd}` };
    if (holder.kind === 'thread') return { path: `/proc/${holder.pid}/task/${holder.tid}/ns/net` };
    if (holder.kind === 'socket') return { pid: holder.pid, socket: holder.fd };
    if (holder.kind !== 'mount') continue;
    if (holder.here) return { path: holder.path };
    // By a process there whose root is that of its mount namespace.
    const path = all
      .find((each) => each.type === 'mnt' && each.inode === holder.mountNamespace)
      ?.processes.map((each) => `/proc/${each}/root${holder.path}`)
      .find((each) => namespaceInode(each) === inode);
    if (path !== undefined) return { path };
  }
  return undefined;
}

/**
 * @returns A descriptor, for the caller to close.
 * @throws {WarrenError} `ERR_NAMESPACE_NOT_FOUND`
 */
export function openView({ inode, place }: NetnsView): number {
  const fd = place && openPlace({ inode, namespace: place });
  if (fd !== undefined) return fd;
  throw new WarrenError('ERR_NAMESPACE_NOT_FOUND', `Cannot open the network namespace ${inode}`, {
    kind: 'not-found',
    why: place
      ? 'it has ended, or is not yours to look at'
      : 'only a mount keeps it, in a mount namespace without a process that sees it',
  });
}

/**
 * The one that a user means: a container, a name below /run/netns, a process, a file, a number.
 *
 * @throws {WarrenError} `ERR_NAMESPACE_SPEC`, `ERR_NAMESPACE_NOT_FOUND`, `ERR_CONTAINER_NOT_RUNNING`
 */
export async function findNetnsView(word: string, views: readonly NetnsView[]): Promise<NetnsView> {
  const pid = /^(\d+|self)$|^\/|:/.test(word) ? undefined : await pidOfContainer(word, 'look into');
  const target = pid === undefined ? parseNamespaceTarget(word) : ({ by: 'pid', pid } as const);
  const namespaces = views.flatMap(({ namespace }) => namespace ?? []);
  const found = findNamespaces({ namespaces, listedByKernel: false, unseen: [] }, target);
  const view = views.find(({ inode }) => inode === found[0]?.inode);
  if (view) return view;
  throw invalid('ERR_NAMESPACE_SPEC', `Cannot use ${quote(word)}`, 'it is no network namespace');
}

/** For people: `blue`, `container web`, `process 7`. */
/** IPv4 addresses that are in use in any of them. */
export async function addressesIn(views: readonly NetnsView[]): Promise<Set<string>> {
  const found = new Set<string>();
  for (const view of views) {
    let fd: number;
    try {
      fd = openView(view);
    } catch {
      // It has ended, or is not ours to enter.
      continue;
    }
    const socket = openNetlink('route', { namespace: { fd } });
    try {
      for (const { local } of await addresses(socket, { family: 'inet' })) found.add(local);
    } finally {
      socket.close();
      closeSync(fd);
    }
  }
  return found;
}

export function describeView({ names, container, processes, inode, isOurs }: NetnsView): string {
  if (isOurs) return 'this namespace';
  if (container !== undefined) return `container ${container}`;
  if (names.length > 0) return `namespace ${names.join(', ')}`;
  return processes[0] === undefined ? `net:[${inode}]` : `process ${processes[0]}`;
}
