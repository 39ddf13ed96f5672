/** Our table, for who lives long. */
import { nft, subscribe } from '../netlink/index.js';
import { NFT_MSG } from '../netlink/nftables/forms.js';
import { allRecords } from './record.js';
import { ensureTable, openTables } from './table.js';

/**
 * Looks whether our table stands, with all its rules and every network in it, and restores it where it does not. A look takes a
 * few dozen microseconds.
 *
 * @returns True: it had to be restored.
 * @throws {WarrenError} `ERR_NO_NFTABLES`
 */
export async function ensureNetworkRules(): Promise<boolean> {
  const records = allRecords();
  if (records.length === 0) return false;
  const tables = openTables();
  try {
    return await ensureTable(tables, records);
  } finally {
    tables.close();
  }
}

export interface KeepRulesOptions {
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Somebody had flushed the table, and it stands again. */
  readonly onRestored?: () => void;
}

const NFNLGRP_NFTABLES = 7;
const deletions: ReadonlySet<number> = new Set([
  NFT_MSG.DELTABLE,
  NFT_MSG.DELCHAIN,
  NFT_MSG.DELRULE,
  NFT_MSG.DELSET,
  NFT_MSG.DELSETELEM,
]);

/**
 * Restores our table as soon as somebody has removed something of it (`nft flush ruleset`), milliseconds later: the kernel
 * tells. Looks once at the beginning, too.
 *
 * @returns When the signal has come.
 * @throws {WarrenError} `ERR_NO_NFTABLES`
 */
export async function keepNetworkRules({ signal, onRestored }: KeepRulesOptions): Promise<void> {
  // Joined before the first look: nothing is missed in between.
  const changes = subscribe('netfilter', [NFNLGRP_NFTABLES], { signal });
  const tables = openTables();
  try {
    const look = async (): Promise<void> => {
      if (await ensureNetworkRules()) onRestored?.();
    };
    await look();
    let seen = -1;
    for await (const change of changes) {
      if (change.kind === 'message' && !deletions.has(change.message.type)) continue;
      // One transaction of somebody's is many messages.
      const generation = await nft.generation(tables);
      if (generation === seen) continue;
      await look();
      seen = generation;
    }
  } finally {
    tables.close();
    changes.close();
  }
}
