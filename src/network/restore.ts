import { allRecords } from './record.js';
import { ensureTable, openTables } from './table.js';

/**
 * Looks whether our table stands, with all its rules and every network in it, and restores it where it does not. For who lives
 * long: a look takes a few dozen microseconds, and can be made each second.
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
