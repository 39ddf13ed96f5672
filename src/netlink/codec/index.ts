/** Netlink's bytes: pure, without a socket. */
export * from './addresses.js';
export * from './compound.js';
export * from './message.js';
export * from './scalars.js';
export * from './struct.js';
export * from './type.js';
export { malformed, unencodable } from './errors.js';
export { align, Writer } from './writer.js';
export * from './nfnetlink.js';
