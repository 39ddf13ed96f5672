/** What a published port is in the table's maps. Pure. */
import type { nft } from '../netlink/index.js';
import { isEveryAddress } from '../kernel/port-spec.js';
import { familyOfAddress } from './address.js';
import type { Endpoint, PublishedPort } from './endpoint.js';
import type { SetKind } from './table-shape.js';

/** An element, and the set that it belongs to. */
export interface PortElement {
  readonly set: SetKind;
  readonly element: nft.NewElement;
}

/**
 * The elements of one published port: of IPv4 and of IPv6, where the container has an address and the host's is not of the
 * other one. Their comment is the container's id, by which what a killed process left is found.
 */
export function portElements(
  endpoint: Pick<Endpoint, 'container' | 'addresses' | 'gateways'>,
  port: PublishedPort,
): PortElement[] {
  const comment = endpoint.container;
  return endpoint.addresses.flatMap((withLength) => {
    const address = withLength.slice(0, withLength.indexOf('/'));
    const family = familyOfAddress(address);
    if (port.hostIp !== undefined && familyOfAddress(port.hostIp) !== family) return [];
    const version = family === 'inet' ? 4 : 6;
    const isEvery = isEveryAddress(port.hostIp);
    const at = isEvery ? '' : '_at';
    const key = [...(isEvery ? [] : [port.hostIp ?? '']), port.protocol, port.hostPort];
    const gateway = endpoint.gateways.find((each) => familyOfAddress(each) === family);
    const found: PortElement[] = [
      { set: `publish${version}${at}`, element: { key, data: [address, port.containerPort], comment } },
    ];
    const isReached = isEvery || port.hostIp?.startsWith('127.') === true || port.hostIp === '::1';
    if (isReached && gateway !== undefined)
      found.push({ set: `loopback${version}${at}`, element: { key, data: [gateway], comment } });
    return found;
  });
}

/** The addresses of the host that it has, as docker writes them: one on every address is on one of each family that there is. */
export function hostAddresses(
  { addresses }: Pick<Endpoint, 'addresses'>,
  { hostIp }: Pick<PublishedPort, 'hostIp'>,
): string[] {
  if (hostIp !== undefined) return [hostIp];
  const families = new Set(addresses.map(familyOfAddress));
  return [...(families.has('inet') ? ['0.0.0.0'] : []), ...(families.has('inet6') ? ['::'] : [])];
}

/** Those of a container with published ports, whatever they are. */
export function selfElements({
  container,
  addresses,
  ports,
}: Pick<Endpoint, 'container' | 'addresses' | 'ports'>): PortElement[] {
  if (ports.length === 0) return [];
  return addresses.map((withLength) => {
    const address = withLength.slice(0, withLength.indexOf('/'));
    const set = familyOfAddress(address) === 'inet' ? 'itself4' : 'itself6';
    return { set, element: { key: [address, address], comment: container } };
  });
}
