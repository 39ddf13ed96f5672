/** nf_tables: read, change in transactions, and show as nft(8) does. */
export * from './build.js';
export { type DataType, dataTypes, encodeKey } from './datatypes.js';
export { type NftFamily, nftFamilies } from './forms.js';
export * from './requests.js';
export * from './ruleset.js';
export { type RuleContext, ruleText } from './rule-text.js';
export { rulesetText, type RulesetTextOptions } from './ruleset-text.js';
