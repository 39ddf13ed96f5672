/** rtnetlink(7): devices, addresses, routes, rules, neighbours, queueing. */
export * from './address.js';
export { type IpFamily, routeGroups, type TableName } from './constants.js';
export * from './link.js';
export {
  addLinkRequest,
  type BridgePortSettings,
  type BridgeSettings,
  checkInterfaceName,
  deleteLinkRequest,
  type LinkFlag,
  type LinkSettings,
  type LinkTarget,
  type NamespaceTarget,
  type NewLink,
  setBridgePortRequest,
  setBridgeRequest,
  setLinkRequest,
  type VethPeer,
} from './link-requests.js';
export { linkForm } from './link-attributes.js';
export * from './neighbour.js';
export * from './nsid.js';
export { formatPrefix, parsePrefix, type Prefix } from './prefix.js';
export * from './qdisc.js';
export { qdiscForm } from './qdisc-attributes.js';
export * from './route.js';
export { nextHopFlags, routeForm, routeTypes } from './route-attributes.js';
export * from './rule.js';
