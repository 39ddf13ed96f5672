/** What killed processes and dead containers have left of networks. */
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  deleteLink,
  deleteRoute,
  type Link,
  links,
  NetlinkError,
  nft,
  openNetlink,
  type NetlinkSocket,
  routes,
} from '../netlink/index.js';
import { aliasOf, UNREACHABLE_METRIC } from './device.js';
import { detachOne } from './detach.js';
import { type Endpoint, endpointsDirectory, endpointsOf } from './endpoint.js';
import { deviceNamePattern, FIRST_GROUP, LAST_GROUP } from './device-names.js';
import { dropAddress, type LeaseHolder, leasesOf, startTimeOf } from './leases.js';
import { withLock } from './lock.js';
import { namespacesInUse } from './namespaces-in-use.js';
import { allRecords, networkDirectory, networkExists, type NetworkRecord } from './record.js';
import { collectRunDirectories, removeRunDirectory } from './run-directory.js';
import { allNames, namesIn, networksDirectory } from './state.js';
import { endpointElements, networkElements, openTables, deleteRaw } from './table.js';
import { shapes, type SetKind } from './table-shape.js';

export interface NetworkGarbage {
  /** What was removed, in words: `address 10.1.0.5 of lab`. */
  readonly removed: readonly string[];
  /** What would not go, and why. */
  readonly kept: readonly string[];
}

export interface GarbageOptions {
  /**
   * Whether a container still runs. Default: the device of its place in a network, which goes with its namespace, is looked at;
   * of macvlan, whether anybody is in the namespace.
   */
  readonly isAlive?: (container: string) => boolean;
}

/** An attach takes milliseconds. What has been half made for this long was left by somebody who still lives for other reasons. */
const PATIENCE_MS = 60_000;

/**
 * Removes what belongs to nobody any more; never what is alive, and never what somebody is making at the moment: a container's
 * leases and record are made before its devices, by a process whose id they carry.
 */
export async function collectNetworkGarbage(options: GarbageOptions = {}): Promise<NetworkGarbage> {
  return withLock(async () => collectLocked(options));
}

/** For who holds the lock already. */
export async function collectLocked(options: GarbageOptions = {}): Promise<NetworkGarbage> {
  const removed: string[] = [];
  const kept: string[] = [];
  const attempt = async (what: string, act: () => unknown): Promise<void> => {
    try {
      await act();
      removed.push(what);
    } catch (error) {
      kept.push(`${what}: ${(error as Error).message}`);
    }
  };
  const socket = openNetlink('route');
  try {
    removeHalfMadeNetworks(removed);
    const records = allRecords();
    const devices = await links(socket);
    // Every process is looked at for it: once, and only where there is macvlan.
    const seen: { inodes?: Set<number> } = {};
    const inUse = (inode: number): boolean => (seen.inodes ??= namespacesInUse()).has(inode);
    for (const record of records) {
      for (const endpoint of endpointsOf(record.name)) {
        if (isAlive(endpoint, devices, inUse, options)) continue;
        await attempt(`container ${endpoint.container.slice(0, 12)} in ${record.name}`, async () =>
          detachOne(endpoint, { deleteDevice: true }),
        );
      }
      const alive = new Set(endpointsOf(record.name).map(({ container }) => container));
      for (const lease of leasesOf(record.name)) {
        if (alive.has(lease.container) || isHolderAlive(lease)) continue;
        await attempt(`address ${lease.address} of ${record.name}`, () =>
          dropAddress(record.name, lease.address, lease.container),
        );
      }
      removeTemporaryFiles(record, removed);
    }
    await collectDevices(socket, devices, records, attempt);
    await collectRoutes(socket, records, attempt);
    await collectElements(attempt);
    return { removed, kept };
  } finally {
    socket.close();
  }
}

type Attempt = (what: string, act: () => unknown) => Promise<void>;

function isAlive(
  endpoint: Endpoint,
  devices: readonly Link[],
  inUse: (inode: number) => boolean,
  options: GarbageOptions,
): boolean {
  if (options.isAlive?.(endpoint.container) === false) return false;
  const isHeld =
    endpoint.device === undefined
      ? inUse(endpoint.namespace)
      : devices.some(({ ifname }) => ifname === endpoint.device);
  return isHeld || isYoung(endpoint);
}

/** Being attached at the moment. */
function isYoung(endpoint: Endpoint): boolean {
  if (!isHolderAlive(endpoint)) return false;
  const path = join(endpointsDirectory(endpoint.network), `${endpoint.container}.json`);
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && Date.now() - stat.mtimeMs < PATIENCE_MS;
}

function isHolderAlive({ pid, startTime }: LeaseHolder | Endpoint): boolean {
  return startTimeOf(pid) === startTime;
}

/** A directory without a record: its maker was killed, for it holds the lock until there is one. */
function removeHalfMadeNetworks(removed: string[]): void {
  for (const name of namesIn(networksDirectory())) {
    if (name === 'lock' || networkExists(name)) continue;
    removeRunDirectory(name);
    rmSync(networkDirectory(name), { recursive: true, force: true });
    removed.push(`half-made network ${name}`);
  }
  removed.push(...collectRunDirectories(networksDirectory()));
}

/** `NAME.PID.NUMBER.tmp` of processes that have ended. */
function removeTemporaryFiles(record: NetworkRecord, removed: string[]): void {
  for (const directory of [networkDirectory(record.name), endpointsDirectory(record.name)]) {
    for (const name of allNames(directory)) {
      const pid = /\.(\d+)\.\d+\.tmp$/.exec(name)?.[1];
      if (pid === undefined || startTimeOf(Number(pid)) !== undefined) continue;
      rmSync(join(directory, name), { force: true });
      removed.push(`temporary file ${name}`);
    }
  }
}

/** Ends of pairs that no record tells of, and devices of networks that are gone. */
async function collectDevices(
  socket: NetlinkSocket,
  devices: readonly Link[],
  records: readonly NetworkRecord[],
  attempt: Attempt,
): Promise<void> {
  const known = new Set(records.flatMap(({ name }) => endpointsOf(name).map(({ device }) => device)));
  const aliases = new Set(records.map(aliasOf));
  for (const { ifname, ifindex, group = 0, ifalias, linkinfo } of devices) {
    if (group < FIRST_GROUP || group > LAST_GROUP) continue;
    const isLostEnd = linkinfo?.info_kind === 'veth' && deviceNamePattern.test(ifname) && !known.has(ifname);
    const isLostNetwork = linkinfo?.info_kind !== 'veth' && (ifalias === undefined || !aliases.has(ifalias));
    if (isLostEnd || isLostNetwork)
      await attempt(`device ${ifname}`, async () => deleteLink(socket, ifindex).catch(unlessGone));
  }
}

/** Those that keep a routed network's addresses from leaving. */
async function collectRoutes(
  socket: NetlinkSocket,
  records: readonly NetworkRecord[],
  attempt: Attempt,
): Promise<void> {
  const known = new Set(
    records
      .filter(({ driver }) => driver === 'routed')
      .flatMap(({ subnets }) => subnets.map(({ subnet }) => subnet)),
  );
  for (const { dst, type, metric, family } of await routes(socket, { table: 'main' })) {
    if (type !== 'unreachable' || metric !== UNREACHABLE_METRIC || known.has(dst)) continue;
    await attempt(`route ${dst}`, async () =>
      deleteRoute(socket, { dst, type: 'unreachable', metric, family: family as 'inet' | 'inet6' }).catch(
        unlessGone,
      ),
    );
  }
}

function unlessGone(error: unknown): void {
  const gone = error instanceof NetlinkError && (error.errno === 'ENODEV' || error.errno === 'ESRCH');
  if (!gone) throw error;
}

/** Elements of containers and networks that are gone. */
async function collectElements(attempt: Attempt): Promise<void> {
  const tables = openTables();
  try {
    const wanted = new Set<string>();
    // Read before the elements: what is published from now on is in neither.
    const sets = await readSets(tables);
    for (const record of allRecords())
      for (const { set, element } of [
        ...networkElements(record),
        ...endpointsOf(record.name).flatMap(endpointElements),
      ])
        wanted.add(`${set} ${nft.encodeKey(shapes[set].key, element.key).toString('hex')}`);
    for (const { set, key } of sets) {
      if (wanted.has(`${set} ${key.toString('hex')}`)) continue;
      await attempt(`element of ${set}`, async () => deleteRaw(tables, set, key));
    }
  } finally {
    tables.close();
  }
}

async function readSets(tables: NetlinkSocket): Promise<{ set: SetKind; key: Buffer }[]> {
  const found: { set: SetKind; key: Buffer }[] = [];
  for (const set of Object.keys(shapes) as SetKind[]) {
    try {
      for (const { key } of await nft.elements(tables, shapes[set]))
        if (key?.value) found.push({ set, key: key.value });
    } catch (error) {
      // There is no table.
      if (error instanceof NetlinkError && error.errno === 'ENOENT') return found;
      throw error;
    }
  }
  return found;
}
