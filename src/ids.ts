/** User and group ids through every level of user namespaces, of volumes too, and what stands in their way: what `warren ids` does. */
export { WarrenError, type ErrorCode, type ErrorKind } from './errors.js';
export {
  checkIds,
  examineVolume,
  readIdFacts,
  readUserNamespaces,
  resolveId,
  resolveRanges,
  type IdCheck,
  type IdFacts,
  type IdKind,
  type LevelMap,
  type MapHelperFacts,
  type ResolvedId,
  type ResolvedLevel,
  type ResolvedRange,
  type UserNamespaceChain,
  type UserNamespaceLevel,
  type VolumeOptions,
  type VolumeOwner,
  type VolumeReport,
} from './explore/ids/index.js';
export { formatIdMap, idToInside, idToOutside, parseIdMap, type IdMapRange } from './kernel/idmap.js';
