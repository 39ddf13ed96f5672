/** Network namespaces: named as ip-netns(8) does, looked into, wired. */
export { identifyNetns, namespaceInode, netnsPids, pidsIn } from './identify.js';
export { monitorNetns, type NetnsChange } from './monitor.js';
export {
  addNetns,
  attachNetns,
  checkNetnsName,
  NETNS_DIRECTORY,
  netnsNames,
  netnsNotFound,
  netnsPath,
  removeNetns,
} from './named.js';
export { type NamespacePlace, openPlace, type Peer, PeerFinder } from './peers.js';
export { type NetnsSnapshot, readNetns, type SocketView } from './snapshot.js';
export { carryOutWire, planWire, type WireOptions, type WireStep } from './wire.js';
export { withWireLock } from './wire-lock.js';
