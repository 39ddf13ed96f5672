/** Netlink sockets in any network namespace. */
export { errnoName, NetlinkError } from './error.js';
export { openNetworkNamespace, type NetworkNamespace } from './namespace.js';
export { netlinkRequest, type NetlinkRequest } from './request.js';
export {
  type BatchResult,
  type NetlinkOptions,
  NetlinkSocket,
  openNetlink,
  type RequestOptions,
} from './socket.js';
export {
  mapSubscription,
  type Notification,
  subscribe,
  type SubscribeOptions,
  type Subscription,
} from './subscription.js';
