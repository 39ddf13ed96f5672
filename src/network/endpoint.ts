/** A container's place in a network, as it is kept. */
import { join } from 'node:path';
import type { PortProtocol } from '../kernel/port-spec.js';
import { runDirectory } from './run-directory.js';
import { damaged, isThere, namesIn, readIfThere, removeFile, writeAtomically } from './state.js';

export type { PortProtocol };

/** One published port. */
export interface PublishedPort {
  /** The host's address; `0.0.0.0` and `::`: every one of that family; absent: of both. */
  readonly hostIp?: string;
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: PortProtocol;
}

/** endpoints/ID.json. */
export interface Endpoint {
  readonly version: 1;
  /** The container's id. */
  readonly container: string;
  readonly network: string;
  /** In the container. */
  readonly interface: string;
  /** On the host: the other end; absent for macvlan. */
  readonly device?: string;
  readonly mac: string;
  /** With their lengths: `10.90.0.5/24`. */
  readonly addresses: readonly string[];
  readonly gateways: readonly string[];
  readonly mtu: number;
  /** Inode of the network namespace: `/proc/PID/ns/net`. */
  readonly namespace: number;
  readonly aliases: readonly string[];
  readonly ports: readonly PublishedPort[];
  /** Who attached it; see LeaseHolder. */
  readonly pid: number;
  readonly startTime: string;
}

export function endpointsDirectory(network: string): string {
  return join(runDirectory(network), 'endpoints');
}

function endpointPath(network: string, container: string): string {
  return join(endpointsDirectory(network), `${container}.json`);
}

/** Not synced: after a reboot neither the namespace nor the device is there. */
export function writeEndpoint(endpoint: Endpoint): void {
  writeAtomically(endpointPath(endpoint.network, endpoint.container), JSON.stringify(endpoint));
}

/** @returns False: it was not there. */
export function removeEndpoint(network: string, container: string): boolean {
  return removeFile(endpointPath(network, container));
}

/** As {@link findEndpoint}, for where there is likely none: the error of a file that is not there costs more than the look. */
export function hasEndpoint(network: string, container: string): boolean {
  return isThere(endpointPath(network, container));
}

/** @returns Undefined: the container is not in the network. */
export function findEndpoint(network: string, container: string): Endpoint | undefined {
  const path = endpointPath(network, container);
  const text = readIfThere(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Endpoint;
  } catch (cause) {
    throw damaged(path, cause);
  }
}

export function endpointsOf(network: string): Endpoint[] {
  return namesIn(endpointsDirectory(network)).flatMap((name) =>
    name.endsWith('.json') ? (findEndpoint(network, name.slice(0, -'.json'.length)) ?? []) : [],
  );
}
