/** Network namespaces of the machine, as commands show and find them. */
import { WarrenError, invalid, quote } from '../../errors.js';
import {
  findNamespaces,
  parseNamespaceTarget,
  readNamespaces,
  type Namespace,
} from '../../explore/namespaces/index.js';
import { getNetwork, listNetworks, endpointsOf, type Endpoint } from '../../network/index.js';
import { NETNS_DIRECTORY, namespaceInode, netnsNames, netnsPath } from '../../network/netns/index.js';

/** A network namespace, who is in it and who keeps it. */
export interface NetnsView {
  readonly inode: number;
  /** A file to open it by; undefined: only a socket, or a mount elsewhere, keeps it. */
  readonly path: string | undefined;
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
        path: pathOf(namespace, called),
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

function pathOf({ processes: [pid], holders }: Namespace, names: readonly string[]): string | undefined {
  if (names[0] !== undefined) return `${NETNS_DIRECTORY}/${names[0]}`;
  if (pid !== undefined) return `/proc/${pid}/ns/net`;
  for (const holder of holders) {
    if (holder.kind === 'descriptor') return `/proc/${holder.pid}/fd/${holder.fd}`;
    if (holder.kind === 'thread') return `/proc/${holder.pid}/task/${holder.tid}/ns/net`;
    if (holder.kind === 'mount' && holder.here) return holder.path;
  }
  return undefined;
}

/**
 * The one that a user means: a container, a name below /run/netns, a process, a file, a number.
 *
 * @throws {WarrenError} `ERR_NAMESPACE_SPEC`, `ERR_NAMESPACE_NOT_FOUND`, `ERR_CONTAINER_NOT_RUNNING`
 */
export async function findNetnsView(word: string, views: readonly NetnsView[]): Promise<NetnsView> {
  const pid = /^(\d+|self)$|^\/|:/.test(word) ? undefined : await pidOfContainer(word);
  const target = pid === undefined ? parseNamespaceTarget(word) : ({ by: 'pid', pid } as const);
  const namespaces = views.flatMap(({ namespace }) => namespace ?? []);
  const found = findNamespaces({ namespaces, listedByKernel: false, unseen: [] }, target);
  const view = views.find(({ inode }) => inode === found[0]?.inode);
  if (view) return view;
  throw invalid('ERR_NAMESPACE_SPEC', `Cannot use ${quote(word)}`, 'it is no network namespace');
}

async function pidOfContainer(word: string): Promise<number | undefined> {
  const { openContainers } = await import('../../containers/store.js');
  try {
    const { status } = (await openContainers().find(word)).snapshot();
    if (status.pid > 0) return status.pid;
  } catch (error) {
    if (error instanceof WarrenError && error.code === 'ERR_CONTAINER_NOT_FOUND') return undefined;
    throw error;
  }
  const { notRunningError } = await import('../../containers/not-running.js');
  throw notRunningError(word, 'look into');
}

/** For people: `blue`, `container web`, `process 7`. */
export function describeView({ names, container, processes, inode, isOurs }: NetnsView): string {
  if (isOurs) return 'this namespace';
  if (container !== undefined) return `container ${container}`;
  if (names.length > 0) return `namespace ${names.join(', ')}`;
  return processes[0] === undefined ? `net:[${inode}]` : `process ${processes[0]}`;
}
