/** Networks in docker's shapes. Pure. */
import { familyOfAddress } from './address.js';
import type { Endpoint } from './endpoint.js';
import type { NetworkRecord } from './record.js';

/** As `docker network inspect` has it. */
export interface NetworkJson {
  readonly Name: string;
  readonly Id: string;
  readonly Created: string;
  readonly Scope: 'local';
  readonly Driver: string;
  readonly EnableIPv6: boolean;
  readonly IPAM: {
    readonly Driver: 'default';
    readonly Options: Readonly<Record<string, string>>;
    readonly Config: readonly {
      readonly Subnet: string;
      readonly IPRange?: string;
      readonly Gateway?: string;
    }[];
  };
  readonly Internal: boolean;
  readonly Attachable: boolean;
  readonly Ingress: boolean;
  readonly ConfigFrom: { readonly Network: string };
  readonly ConfigOnly: boolean;
  readonly Containers: Readonly<Record<string, NetworkContainerJson>>;
  readonly Options: Readonly<Record<string, string>>;
  readonly Labels: Readonly<Record<string, string>>;
}

export interface NetworkContainerJson {
  readonly Name: string;
  readonly EndpointID: string;
  readonly MacAddress: string;
  readonly IPv4Address: string;
  readonly IPv6Address: string;
}

/** @param names Of containers, by id. Default: none has one. */
export function networkToJson(
  record: NetworkRecord,
  endpoints: readonly Endpoint[],
  names: ReadonlyMap<string, string> = new Map(),
): NetworkJson {
  return {
    Name: record.name,
    Id: record.id,
    Created: record.createdAt,
    Scope: 'local',
    Driver: record.driver,
    EnableIPv6: record.subnets.some(({ subnet }) => familyOfAddress(subnet) === 'inet6'),
    IPAM: {
      Driver: 'default',
      Options: {},
      Config: record.subnets.map(({ subnet, ipRange, gateway }) => ({
        Subnet: subnet,
        ...(ipRange === undefined ? {} : { IPRange: ipRange }),
        ...(gateway === undefined ? {} : { Gateway: gateway }),
      })),
    },
    Internal: record.internal,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: Object.fromEntries(
      endpoints.map((endpoint) => [
        endpoint.container,
        containerJson(record, endpoint, names.get(endpoint.container)),
      ]),
    ),
    Options: record.options,
    Labels: record.labels,
  };
}

function containerJson(
  record: NetworkRecord,
  endpoint: Endpoint,
  name: string | undefined,
): NetworkContainerJson {
  const of = (family: string) => endpoint.addresses.find((each) => familyOfAddress(each) === family) ?? '';
  return {
    Name: name ?? endpoint.container.slice(0, 12),
    // A container is in a network once: the two ids say which endpoint is meant.
    EndpointID: (endpoint.container + record.id).padEnd(64, '0').slice(0, 32) + record.id.slice(0, 32),
    MacAddress: endpoint.mac,
    IPv4Address: of('inet'),
    IPv6Address: of('inet6'),
  };
}
