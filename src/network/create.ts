/** Makes and removes networks. */
import { rmSync } from 'node:fs';
import { quote, WarrenError } from '../errors.js';
import { randomBytes } from '../native/index.js';
import { nft, openNetlink } from '../netlink/index.js';
import { parseBlock } from './address.js';
import { chooseSubnets } from './choose-subnets.js';
import { ensureDevice, removeDevice } from './device.js';
import { FIRST_GROUP } from './device-names.js';
import { collectLocked } from './garbage.js';
import { endpointsOf } from './endpoint.js';
import { checkUsable } from './free-subnet.js';
import { withLock } from './lock.js';
import { readSettings } from './settings.js';
import {
  allRecords,
  checkNetworkName,
  getRecord,
  networkDirectory,
  type NetworkDriver,
  networkExists,
  type NetworkRecord,
  recordPath,
} from './record.js';
import { makeRunDirectory, removeRunDirectory } from './run-directory.js';
import { writeDurably } from './state.js';
import {
  addRequests,
  deleteTable,
  deleteWhatIsThere,
  ensureTable,
  networkElements,
  openTables,
} from './table.js';

export interface CreateNetworkOptions {
  /** Default bridge. */
  readonly driver?: NetworkDriver;
  /** `10.90.0.0/24`, `fd90::/64`; one a family. Default: an IPv4 one that nothing on this host knows of. */
  readonly subnets?: readonly string[];
  /** Default: the first address of the subnet. */
  readonly gateways?: readonly string[];
  /** The part of the subnet from which addresses are chosen. Default: all of it. */
  readonly ipRanges?: readonly string[];
  /** Also choose an IPv6 subnet where none is given. Default false. */
  readonly ipv6?: boolean;
  /** Without a way to anywhere else. Default false. */
  readonly internal?: boolean;
  /** docker's `--opt`: see settings.ts. */
  readonly options?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

/**
 * Makes a network: its record, its device, its rules.
 *
 * @throws {WarrenError} `ERR_NETWORK_NAME`, `ERR_NETWORK_EXISTS`, `ERR_NETWORK_SUBNET`, `ERR_NETWORK_OVERLAP`,
 *   `ERR_NETWORK_NO_SUBNET`, `ERR_NETWORK_OPTION`, `ERR_NETWORK_DEVICE`, `ERR_NO_NFTABLES`
 */
export async function createNetwork(
  name: string,
  options: CreateNetworkOptions = {},
): Promise<NetworkRecord> {
  checkNetworkName(name);
  const driver = options.driver ?? 'bridge';
  const settings = readSettings(driver, options.options ?? {});
  const given = (options.subnets ?? []).map((text) => parseBlock(text, { strict: true }));
  for (const block of given) checkUsable(block);
  return withLock(async () => {
    if (networkExists(name)) throw exists(name);
    const others = allRecords();
    const socket = openNetlink('route');
    try {
      const id = randomBytes(32).toString('hex');
      const group = freeGroup(others);
      const subnets = await chooseSubnets(socket, driver, id, given, options, others, settings);
      const record: NetworkRecord = {
        version: 1,
        name,
        id,
        createdAt: new Date().toISOString(),
        driver,
        subnets,
        internal: options.internal ?? false,
        icc: settings.icc ?? true,
        masquerade: settings.masquerade ?? true,
        ...(settings.mtu === undefined ? {} : { mtu: settings.mtu }),
        device: settings.device ?? `wr-${id.slice(0, 12)}`,
        ...(driver === 'macvlan' ? { macvlanMode: settings.macvlanMode ?? 'bridge' } : {}),
        group,
        labels: options.labels ?? {},
        options: options.options ?? {},
      };
      makeRunDirectory(name, id);
      try {
        await ensureDevice(socket, record, { fresh: true });
        // Last: from here on it is there, for restoreTable() too.
        writeDurably(recordPath(name), `${JSON.stringify(record, undefined, 2)}\n`);
        await addToTable(record);
      } catch (error) {
        rmSync(recordPath(name), { force: true });
        await removeDevice(socket, record).catch(() => undefined);
        removeRunDirectory(name);
        rmSync(networkDirectory(name), { recursive: true, force: true });
        throw error;
      }
      return record;
    } finally {
      socket.close();
    }
  });
}

async function addToTable(record: NetworkRecord): Promise<void> {
  const elements = networkElements(record);
  if (elements.length === 0) return;
  const tables = openTables();
  try {
    // Making the table reads every record, this one too.
    if (!(await ensureTable(tables, []))) await nft.commit(tables, addRequests(elements));
  } finally {
    tables.close();
  }
}

/** With the last network goes the table. */
async function removeFromTable(record: NetworkRecord): Promise<void> {
  const elements = networkElements(record);
  if (elements.length === 0) return;
  const tables = openTables();
  try {
    if (allRecords().some((each) => networkElements(each).length > 0))
      await deleteWhatIsThere(tables, elements);
    else await deleteTable(tables);
  } finally {
    tables.close();
  }
}

/**
 * Removes a network that no container is in.
 *
 * @throws {WarrenError} `ERR_NETWORK_NOT_FOUND`, `ERR_NETWORK_IN_USE`
 */
export async function removeNetwork(nameOrId: string): Promise<NetworkRecord> {
  return withLock(async () => {
    const record = getRecord(nameOrId);
    // The dead are no users.
    if (endpointsOf(record.name).length > 0) await collectLocked();
    const users = endpointsOf(record.name);
    if (users.length > 0) {
      throw new WarrenError('ERR_NETWORK_IN_USE', `Cannot remove the network ${quote(record.name)}`, {
        kind: 'conflict',
        why: `${users.length === 1 ? 'a container is' : `${users.length} containers are`} in it: ${users
          .slice(0, 3)
          .map(({ container }) => container.slice(0, 12))
          .join(', ')}${users.length > 3 ? ', …' : ''}`,
        fix: 'stop them, or: warren network disconnect NETWORK CONTAINER',
      });
    }
    // The record first: what is left then is known to be garbage.
    rmSync(recordPath(record.name), { force: true });
    removeRunDirectory(record.name);
    rmSync(networkDirectory(record.name), { recursive: true, force: true });
    await removeFromTable(record);
    const socket = openNetlink('route');
    try {
      await removeDevice(socket, record);
    } finally {
      socket.close();
    }
    return record;
  });
}

/** Removes every network that no container is in. @returns Their names. */
export async function pruneNetworks(): Promise<string[]> {
  const removed: string[] = [];
  await withLock(async () => collectLocked());
  for (const { name } of allRecords()) {
    if (endpointsOf(name).length > 0) continue;
    try {
      await removeNetwork(name);
      removed.push(name);
    } catch (error) {
      // A container came into it, or somebody else removed it.
      const { code } = error as WarrenError;
      if (code !== 'ERR_NETWORK_IN_USE' && code !== 'ERR_NETWORK_NOT_FOUND') throw error;
    }
  }
  return removed;
}

function exists(name: string): WarrenError {
  return new WarrenError('ERR_NETWORK_EXISTS', `Cannot create the network ${quote(name)}`, {
    kind: 'already-exists',
    why: 'there is one of that name',
    fix: 'take another name, or remove it: warren network rm NAME',
  });
}

function freeGroup(others: readonly NetworkRecord[]): number {
  const taken = new Set(others.map(({ group }) => group));
  let group = FIRST_GROUP;
  while (taken.has(group)) group++;
  return group;
}
