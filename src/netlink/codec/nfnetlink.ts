import { struct } from './struct.js';
import { be16, u8 } from './scalars.js';

/** What stands before the attributes of every nfnetlink message (struct nfgenmsg). */
export const nfgenHeader = struct({
  /** NFPROTO_*, or AF_UNSPEC. */
  family: u8,
  version: u8,
  /** The queue, the log group, or the subsystem that a transaction is for. */
  resource: be16,
});

export const nfnlSubsystems = { ctnetlink: 1, nftables: 10, nft_compat: 11 } as const;
