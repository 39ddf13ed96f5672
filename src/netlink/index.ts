/**
 * Netlink in any network namespace: the codec, sockets, and on top of them devices and routes, sockets of others,
 * tracked connections and the packet filter.
 */
export * as codec from './codec/index.js';
export * from './socket/index.js';
export * from './route/index.js';
export * from './diag/index.js';
export * from './conntrack/index.js';
export * as nft from './nftables/index.js';
export * from './xtables/index.js';
export { createTun, openInNamespace, readInNamespace } from './namespace-files.js';
