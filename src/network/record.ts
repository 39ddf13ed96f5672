/** A network as it is kept: what it was made with, and what was chosen for it. */
import { join } from 'node:path';
import { invalid, quote, WarrenError } from '../errors.js';
import { damaged, isThere, namesIn, networksDirectory, readIfThere } from './state.js';

/** The drivers that networks can be made with. `none` and `host` are no networks: nothing is made for them. */
export const networkDrivers = ['bridge', 'routed', 'macvlan'] as const;
export type NetworkDriver = (typeof networkDrivers)[number];

export const macvlanModes = ['bridge', 'private', 'vepa', 'passthru'] as const;
export type MacvlanMode = (typeof macvlanModes)[number];

export interface NetworkSubnet {
  /** `10.90.0.0/24` */
  readonly subnet: string;
  /** Absent for macvlan without one. */
  readonly gateway?: string;
  /** Addresses are chosen from this part of the subnet. */
  readonly ipRange?: string;
}

/** network.json. */
export interface NetworkRecord {
  readonly version: 1;
  readonly name: string;
  /** 64 hexadecimal digits. */
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  readonly driver: NetworkDriver;
  /** One of IPv4, one of IPv6, or both. */
  readonly subnets: readonly NetworkSubnet[];
  /** Without a way to anywhere else. */
  readonly internal: boolean;
  /** Containers of the network reach each other. */
  readonly icc: boolean;
  /** Packets that leave for elsewhere get the host's address. */
  readonly masquerade: boolean;
  /** Default: that of the route out, when a container is attached. */
  readonly mtu?: number;
  /** The bridge; of `routed`, the device that holds the gateway's addresses; of `macvlan`, the parent. */
  readonly device: string;
  readonly macvlanMode?: MacvlanMode;
  /** The device group (ip-link(8)) of all its devices on the host: what the rules know it by. */
  readonly group: number;
  readonly labels: Readonly<Record<string, string>>;
  /** As given by `--opt`, to be shown. */
  readonly options: Readonly<Record<string, string>>;
}

/** @throws {WarrenError} `ERR_NETWORK_NAME` */
export function checkNetworkName(name: string): string {
  const why = reserved.has(name)
    ? 'it is the name of a mode'
    : /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(name)
      ? undefined
      : 'a name is up to 64 letters, digits, _ . - and begins with a letter or digit';
  if (why !== undefined)
    throw invalid('ERR_NETWORK_NAME', `Cannot use ${quote(name)} as the name of a network`, why);
  return name;
}

const reserved: ReadonlySet<string> = new Set(['none', 'host', 'private', 'container', 'ns', 'lock']);

export function networkDirectory(name: string): string {
  return join(networksDirectory(), name);
}

export function recordPath(name: string): string {
  return join(networkDirectory(name), 'network.json');
}

/** @returns Undefined: there is no such network. */
export function findRecord(name: string): NetworkRecord | undefined {
  if (reserved.has(name) || !/^[\w.-]+$/.test(name) || name.startsWith('.')) return undefined;
  return readRecord(recordPath(name));
}

/**
 * The network of a name, an id, or the beginning of an id that no other has.
 *
 * @throws {WarrenError} `ERR_NETWORK_NOT_FOUND`, `ERR_NETWORK_AMBIGUOUS`
 */
export function getRecord(nameOrId: string): NetworkRecord {
  const found = findRecord(nameOrId);
  if (found) return found;
  const byId = /^[0-9a-f]+$/.test(nameOrId) ? allRecords().filter(({ id }) => id.startsWith(nameOrId)) : [];
  if (byId.length > 1) {
    throw new WarrenError('ERR_NETWORK_AMBIGUOUS', `Cannot tell which network ${quote(nameOrId)} is`, {
      kind: 'conflict',
      why: `the ids of ${byId.map(({ name }) => quote(name)).join(', ')} begin with it`,
      fix: 'give more digits, or the name',
    });
  }
  const [only] = byId;
  if (only) return only;
  throw new WarrenError('ERR_NETWORK_NOT_FOUND', `Cannot find the network ${quote(nameOrId)}`, {
    kind: 'not-found',
    why: 'there is none of that name or id',
    fix: `warren network ls shows those there are; warren network create makes one`,
  });
}

/** By name. */
export function allRecords(): NetworkRecord[] {
  return namesIn(networksDirectory())
    .sort()
    .flatMap((name) => findRecord(name) ?? []);
}

function readRecord(path: string): NetworkRecord | undefined {
  const text = readIfThere(path);
  if (text === undefined) return undefined;
  let record: Partial<NetworkRecord>;
  try {
    record = JSON.parse(text) as Partial<NetworkRecord>;
  } catch (cause) {
    throw damaged(path, cause);
  }
  if (record.version !== 1 || typeof record.group !== 'number' || !Array.isArray(record.subnets))
    throw damaged(path, undefined);
  return record as NetworkRecord;
}

export function networkExists(name: string): boolean {
  return isThere(recordPath(name));
}
