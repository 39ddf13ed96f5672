/** Puts containers into networks. */
import { closeSync, fstatSync } from 'node:fs';
import {
  links,
  type NetworkNamespace,
  openNetlink,
  type NetlinkSocket,
  openNetworkNamespace,
} from '../netlink/index.js';
import { attachOne, type AttachContext } from './attach-one.js';
import { checkContainerId } from './container-id.js';
import { detachOne } from './detach.js';
import type { Endpoint, PublishedPort } from './endpoint.js';
import { canPublish, type NetworkPlan } from './prepare.js';
import { canServe, publishPorts } from './publish.js';
import { hasDefaultRoute, isWayOut } from './reroute.js';

/** A container's interface in a network. */
export interface Attachment {
  readonly network: string;
  readonly networkId: string;
  readonly interface: string;
  /** The other end, on the host. */
  readonly device?: string;
  readonly mac: string;
  readonly addresses: readonly string[];
  readonly gateways: readonly string[];
  readonly aliases: readonly string[];
  readonly ports: readonly PublishedPort[];
}

/**
 * Carries out a plan for one container: leases, devices, addresses, routes, published ports. All of it, or nothing.
 *
 * @param namespace The container's network namespace.
 * @param container Its id, 12 to 64 hexadecimal digits.
 * @param options `running`: it may have interfaces and routes already. Default: a namespace with a loopback and nothing else.
 * @throws {WarrenError} `ERR_ADDRESS_IN_USE`, `ERR_ADDRESS_OUTSIDE`, `ERR_NETWORK_FULL`, `ERR_PORT_IN_USE`,
 *   `ERR_ALREADY_ATTACHED`, `ERR_NAMESPACE_NOT_FOUND`
 */
export async function attachAll(
  plan: NetworkPlan,
  namespace: NetworkNamespace,
  container: string,
  options: { readonly running?: boolean } = {},
): Promise<Attachment[]> {
  checkContainerId(container);
  if (plan.attachments.length === 0) return [];
  const isRunning = options.running === true;
  const fd = openNetworkNamespace(namespace);
  const done: Endpoint[] = [];
  const sockets: NetlinkSocket[] = [];
  try {
    const host = openNetlink('route');
    sockets.push(host);
    const inside = openNetlink('route', { namespace: { fd } });
    sockets.push(inside);
    const { ino } = fstatSync(fd);
    let index = isRunning ? await firstFreeInterface(inside) : 0;
    let needsRoute = !isRunning || !(await hasDefaultRoute(inside));
    for (const planned of plan.attachments) {
      const leadsOut = needsRoute && isWayOut(planned.record);
      const context: AttachContext = { host, inside, fd, ino, container, index, defaultRoute: leadsOut };
      done.push(await attachOne(planned, context));
      if (leadsOut) needsRoute = false;
      index++;
    }
    await publish(plan, done);
    return done.map((endpoint) => toAttachment(endpoint, plan));
  } catch (error) {
    for (const endpoint of done) await detachOne(endpoint, { deleteDevice: true }).catch(() => undefined);
    throw error;
  } finally {
    for (const socket of sockets) socket.close();
    if (!('fd' in namespace)) closeSync(fd);
  }
}

/** On the first network that can, and has what the host's addresses need if there is such a one. */
async function publish(plan: NetworkPlan, done: Endpoint[]): Promise<void> {
  if (plan.publish.length === 0) return;
  const able = [...done.keys()].filter((index) => {
    const planned = plan.attachments[index];
    return planned !== undefined && canPublish(planned.record);
  });
  const fits = (endpoint: Endpoint | undefined): boolean =>
    endpoint !== undefined && plan.publish.every((request) => canServe(endpoint, request));
  const at = able.find((index) => fits(done[index])) ?? able[0] ?? -1;
  const endpoint = done[at];
  if (endpoint) done[at] = await publishPorts(endpoint, plan.publish);
}

/** The number N of the first ethN that is not there. */
async function firstFreeInterface(inside: NetlinkSocket): Promise<number> {
  const names = new Set((await links(inside)).map(({ ifname }) => ifname));
  let index = 0;
  while (names.has(`eth${index}`)) index++;
  return index;
}

function toAttachment(endpoint: Endpoint, plan: NetworkPlan): Attachment {
  const record = plan.attachments.find((each) => each.record.name === endpoint.network)?.record;
  const { network, device, mac, addresses, gateways, aliases, ports } = endpoint;
  return {
    network,
    networkId: record?.id ?? '',
    interface: endpoint.interface,
    ...(device === undefined ? {} : { device }),
    mac,
    addresses,
    gateways,
    aliases,
    ports,
  };
}
