/** Container networking: networks, addresses, published ports, names. */
export { attachAll, type Attachment } from './attach.js';
export { findFirewallBlocks, type FirewallBlock } from './firewall.js';
export { type NetworkJson, networkToJson } from './inspect.js';
export { createNetwork, type CreateNetworkOptions, pruneNetworks, removeNetwork } from './create.js';
export { detachAll, type DetachOptions, disconnectContainer, endpointsOfContainer } from './detach.js';
export { type Endpoint, endpointsOf, type PortProtocol, type PublishedPort } from './endpoint.js';
export { type SysctlChange } from './forwarding.js';
export { collectNetworkGarbage, type GarbageOptions, type NetworkGarbage } from './garbage.js';
export { formatPort, formatPublishRequest, parsePortSpec, type PublishRequest } from '../kernel/port-spec.js';
export { hostAddresses } from './port-elements.js';
export { addPorts, portBindingsOf, portsOf, removePorts } from './ports.js';
export { type NetworkChoice, parseNetworkSpec } from './network-spec.js';
export { checkNetworkRequest, type NetworkPlan, type NetworkRequest, prepareNetworks } from './prepare.js';
export {
  allRecords as listNetworks,
  getRecord as getNetwork,
  type MacvlanMode,
  macvlanModes,
  type NetworkDriver,
  networkDrivers,
  type NetworkRecord,
  type NetworkSubnet,
} from './record.js';
export { renameInNetworks } from './rename.js';
export { reroute } from './reroute.js';
export { ensureNetworkRules, keepNetworkRules, type KeepRulesOptions } from './restore.js';
export * from './dns/index.js';
export { hostsFile, type HostsEntry, parseAddHost } from '../kernel/hosts-file.js';
export {
  formatResolvConf,
  parseResolvConf,
  type ResolvConf,
  resolverFor,
  type ResolverOptions,
} from '../kernel/resolv-conf.js';
