/** A container's networks: made before it starts, held by its monitor over all its runs, given back when it has ended. */
import {
  closeSync,
  existsSync,
  lstatSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { WarrenError } from '../errors.js';
import { newNetworkNamespaceInBackground, signalPidfd } from '../native/index.js';
import { openNetlink, setLink } from '../netlink/index.js';
import {
  attachAll,
  detachAll,
  endpointsOfContainer,
  formatResolvConf,
  hostsFile,
  parseAddHost,
  parsePortSpec,
  parseResolvConf,
  prepareNetworks,
  renameInNetworks,
  resolverFor,
  type Attachment,
  type NetworkRequest,
} from '../network/index.js';
import type { BindMount, ContainerConfig } from '../plan/config.js';
import { stateError } from './files.js';
import { collectNetworks } from './network-garbage.js';
import { joinHosts, leaveHosts, makeOwnHosts, sharedHosts } from './network-hosts.js';
import { notRunningError } from './not-running.js';
import type { ContainerRecord, StoredNetworking } from './record.js';

export interface ReadyNetwork {
  /** Of the network namespace, for the monitor to hold; the caller closes its own. */
  readonly fd: number;
  readonly attachments: readonly Attachment[];
  /** `/etc/hosts`, `/etc/hostname`, `/etc/resolv.conf`. */
  readonly binds: readonly BindMount[];
}

/** Where the monitor has it; see native/launcher/plan.h. */
const MONITOR_NETWORK = '/proc/self/fd/7';

/**
 * @param directory The container's; three files are written there.
 * @throws {WarrenError} what `prepareNetworks()` and `attachAll()` throw; nothing is left then.
 */
export async function setUpNetwork(
  root: string,
  directory: string,
  { id, name, options }: ContainerRecord,
  networking: StoredNetworking,
): Promise<ReadyNetwork> {
  // What an earlier run had, whose end nobody saw.
  await giveBackNetworks(root, id);
  const requests = requestsOf(networking, name);
  const publish = (networking.publish ?? []).flatMap(parsePortSpec);
  const plan = await withRoom(root, async () => prepareNetworks(requests, { publish }));
  // Half of what the kernel has to do for a start: others may start meanwhile.
  const fd = await newNetworkNamespaceInBackground();
  try {
    const attachments = await withRoom(root, async () => attachAll(plan, { fd }, id));
    // It was taken out of its last one: as `--network none` then.
    if (attachments.length === 0) await bringLoopbackUp(fd);
    const hostname = options.hostname ?? id.slice(0, 12);
    const binds = writeFiles(root, directory, { id, hostname, networking, attachments });
    return { fd, attachments, binds };
  } catch (error) {
    closeSync(fd);
    await giveBackNetworks(root, id).catch(() => undefined);
    throw error;
  }
}

/**
 * The network of another container that runs, with its names and resolvers: docker's `--network container:NAME`.
 *
 * @throws {WarrenError} `ERR_CONTAINER_NOT_FOUND`, `ERR_CONTAINER_NOT_RUNNING`.
 */
export async function shareNetwork(root: string, nameOrId: string): Promise<ReadyNetwork> {
  // Which has need of this file.
  const { openContainers } = await import('./store.js');
  const other = await openContainers(root).find(nameOrId);
  const connection = await other.connect();
  try {
    if (!connection || connection.pidfd < 0) throw notRunningError(other.name, 'share the network of');
    const fd = openSync(`/proc/${connection.pid}/ns/net`, 'r');
    try {
      // By its number: it is the one only if it is still there.
      signalPidfd(connection.pidfd, 0);
    } catch {
      closeSync(fd);
      throw notRunningError(other.name, 'share the network of');
    }
    return { fd, attachments: [], ...filesOf(other.directory) };
  } finally {
    connection?.close();
  }
}

/** Those that its present run was given. */
export function filesOf(directory: string): Pick<ReadyNetwork, 'binds'> {
  const files = ['hosts', 'hostname', 'resolv.conf'].map((name) => ({
    target: `etc/${name}`,
    path: join(directory, name),
  }));
  return {
    binds: files
      .filter(({ path }) => existsSync(path))
      .map(({ path, target }) => bindFile(path, target, lstatSync(path).isSymbolicLink())),
  };
}

/** Of one that has ended: its addresses, its ports, its names. Its devices go with its namespace. */
export async function giveBackNetworks(root: string, id: string): Promise<void> {
  const endpoints = endpointsOfContainer(id);
  if (endpoints.length === 0) return;
  for (const { network } of endpoints) leaveHosts(root, network, id);
  await detachAll(id);
}

/** With what is set up, the start joins it instead of making one. */
export function joinNetwork(
  config: ContainerConfig,
  { binds }: Pick<ReadyNetwork, 'binds'>,
): ContainerConfig {
  if (config.namespaces.user.from !== 'host') {
    throw new WarrenError('ERR_NETWORK_USERNS', 'Cannot put the container into a network', {
      kind: 'unsupported',
      why: 'it has a user namespace of its own, which would have to own its network namespace',
      fix: 'leave out --userns and --uidmap, or use --network none',
    });
  }
  return {
    ...config,
    namespaces: { ...config.namespaces, net: { from: 'path', path: MONITOR_NETWORK } },
    mounts: [...binds, ...config.mounts],
  };
}

async function bringLoopbackUp(fd: number): Promise<void> {
  const socket = openNetlink('route', { namespace: { fd } });
  try {
    await setLink(socket, 'lo', { up: true });
  } finally {
    socket.close();
  }
}

/** A network that is full, or a port that is taken: perhaps by somebody who is dead. */
async function withRoom<T>(root: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const code = error instanceof WarrenError ? error.code : '';
    if (!['ERR_NETWORK_FULL', 'ERR_ADDRESS_IN_USE', 'ERR_PORT_IN_USE'].includes(code)) throw error;
    const { removed } = await collectNetworks(root);
    if (removed.length === 0) throw error;
    return act();
  }
}

/** docker's: the options without a network of their own are for the first one. */
function requestsOf({ networks, ip, ip6, mac, aliases }: StoredNetworking, name: string): NetworkRequest[] {
  return networks.map((request, index) => ({
    ...(index > 0
      ? {}
      : {
          ...(ip === undefined ? {} : { ip }),
          ...(ip6 === undefined ? {} : { ip6 }),
          ...(mac === undefined ? {} : { mac }),
        }),
    ...request,
    // Its name is one of its names; a name that no resolver would look up is none.
    aliases: [...(isHostName(name) ? [name] : []), ...(request.aliases ?? []), ...(aliases ?? [])],
  }));
}

export function isHostName(name: string): boolean {
  return /^[A-Za-z0-9_]([\w-]{0,61}[A-Za-z0-9_])?$/.test(name);
}

interface Identity {
  readonly id: string;
  readonly hostname: string;
  readonly networking: StoredNetworking;
  readonly attachments: readonly Attachment[];
}

function writeFiles(root: string, directory: string, identity: Identity): BindMount[] {
  const { hostname, networking } = identity;
  const write = (file: string, text: string): string => {
    const path = join(directory, file);
    try {
      writeFileSync(path, text, { mode: 0o644 });
    } catch (cause) {
      throw stateError(path, cause);
    }
    return path;
  };
  const { dns, dnsSearch, dnsOptions } = networking;
  const { file } = resolverFor(parseResolvConf(hostResolvers()), {
    dns,
    search: dnsSearch,
    options: dnsOptions,
  });
  const hosts = writeHosts(root, directory, identity);
  return [
    bindFile(hosts.path, 'etc/hosts', hosts.isShared),
    bindFile(write('hostname', `${hostname}\n`), 'etc/hostname', false),
    bindFile(write('resolv.conf', formatResolvConf(file)), 'etc/resolv.conf', false),
  ];
}

/** systemd-resolved listens on a loopback that is not the container's; its own servers are in another file. */
function hostResolvers(): string {
  const read = (path: string): string | undefined => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return undefined;
    }
  };
  const text = read('/etc/resolv.conf') ?? '';
  return /^nameserver\s+127\.0\.0\.53/m.test(text)
    ? (read('/run/systemd/resolve/resolv.conf') ?? text)
    : text;
}

/**
 * Who is in one network and adds no names has the network's own file, read-only. Others have a file of their own, which is kept
 * current too.
 */
function writeHosts(
  root: string,
  directory: string,
  { id, hostname, networking, attachments }: Identity,
): { readonly path: string; readonly isShared: boolean } {
  announce(root, id, hostname, attachments);
  const [only, ...more] = attachments;
  const added = networking.addHosts ?? [];
  // By this path also where it is shared: a container that is put into another network later has a file of its own then.
  const path = join(directory, 'hosts');
  const isShared = only !== undefined && more.length === 0 && added.length === 0;
  if (isShared) {
    rmSync(path, { force: true });
    symlinkSync(sharedHosts(root, only.network), path);
  } else {
    const gateway = attachments.flatMap(({ gateways }) => gateways)[0];
    const head = hostsFile(
      [],
      added.map((text) => parseAddHost(text, gateway)),
    );
    makeOwnHosts(
      root,
      id,
      head,
      attachments.map(({ network }) => network),
    );
  }
  return { path, isShared };
}

/** The new name of a container that is called otherwise from now on, in the files of the networks that it is in. */
export async function announceName(root: string, old: ContainerRecord, name: string): Promise<void> {
  const { id, options } = old;
  const places = await renameInNetworks(id, old.name, isHostName(name) ? name : undefined);
  announce(root, id, options.hostname ?? id.slice(0, 12), places);
}

/** Its names, in the files of its networks. */
export function announce(
  root: string,
  id: string,
  hostname: string,
  attachments: readonly Pick<Attachment, 'network' | 'addresses' | 'aliases'>[],
): void {
  for (const { network, addresses, aliases } of attachments) {
    joinHosts(
      root,
      network,
      id,
      addresses.map((address) => ({
        address: plainAddress(address),
        names: [...aliases, hostname, id.slice(0, 12)],
      })),
    );
  }
}

function plainAddress(address: string): string {
  return address.slice(0, address.indexOf('/'));
}

export function bindFile(source: string, target: string, readOnly: boolean): BindMount {
  return {
    kind: 'bind',
    source,
    target,
    file: true,
    recursive: false,
    recursiveReadOnly: false,
    propagation: 'rprivate',
    idMapped: false,
    readOnly,
    noexec: false,
    nosuid: true,
    nodev: true,
  };
}
