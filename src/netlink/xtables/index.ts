/** iptables-legacy, to read. */
export { type LegacyChain, type LegacyRule, type LegacyTable, legacyTables } from './legacy.js';
