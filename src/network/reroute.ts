/** A container that was taken out of the network that led out of it, and is in others. */
import {
  addRouteRequest,
  openNetlink,
  routes,
  type NetlinkSocket,
  type NetworkNamespace,
} from '../netlink/index.js';
import { familyOfAddress } from './address.js';
import { endpointsOfContainer } from './detach.js';
import type { Endpoint } from './endpoint.js';
import { canPublish } from './prepare.js';
import { canServe, publishPorts } from './publish.js';
import { getRecord, type NetworkRecord } from './record.js';

/**
 * Gives it a default route through another of its networks, and publishes there what the one that is gone published.
 *
 * @param gone Its place in the network that it was taken out of.
 * @returns Its ports as they are published now; fewer where no other network can.
 * @throws {WarrenError} `ERR_PORT_IN_USE` where somebody was faster.
 */
export async function reroute(gone: Endpoint, namespace: NetworkNamespace): Promise<Endpoint['ports']> {
  const left = endpointsOfContainer(gone.container).map((endpoint) => ({
    endpoint,
    record: getRecord(endpoint.network),
  }));
  const socket = openNetlink('route', { namespace });
  try {
    for (const { record } of left.filter((each) => isWayOut(each.record))) await routeOut(socket, record);
  } finally {
    socket.close();
  }
  const publisher = left.find(({ record }) => canPublish(record));
  if (gone.ports.length === 0 || !publisher) return [];
  const others = left.filter((each) => each !== publisher).flatMap(({ endpoint }) => endpoint.ports);
  const ports = gone.ports.filter((port) => canServe(publisher.endpoint, port));
  const now = await publishPorts(
    publisher.endpoint,
    ports.map(({ hostPort, ...port }) => ({ ...port, hostPorts: { first: hostPort, last: hostPort } })),
    others,
  );
  return now.ports.slice(publisher.endpoint.ports.length);
}

/** Whether a default route can go through it. */
export function isWayOut({ internal, subnets }: NetworkRecord): boolean {
  return !internal && subnets.some(({ gateway }) => gateway !== undefined);
}

export async function hasDefaultRoute(inside: NetlinkSocket, family?: 'inet' | 'inet6'): Promise<boolean> {
  return (await routes(inside, { table: 'main', family })).some(({ dst }) => dst === 'default');
}

async function routeOut(inside: NetlinkSocket, { subnets }: NetworkRecord): Promise<void> {
  for (const { gateway } of subnets) {
    if (gateway === undefined) continue;
    const family = familyOfAddress(gateway);
    if (await hasDefaultRoute(inside, family)) continue;
    const [made] = await inside.batch([
      addRouteRequest({ dst: 'default', gateway, family, protocol: 'boot' }),
    ]);
    if (made?.error) throw made.error;
  }
}
