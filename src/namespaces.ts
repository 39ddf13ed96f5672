/** Every namespace of the machine, who is in it and who holds it, and the way in: what `warren ns` and `warren enter` do. */
export { WarrenError, type ErrorCode, type ErrorKind } from './errors.js';
export {
  compareNamespaces,
  findLeaks,
  findNamespaces,
  namespaceTypes,
  parseNamespaceTarget,
  readNamespaces,
  readNetnsids,
  releaseLeaks,
  type FirstProcess,
  type LeakReason,
  type Namespace,
  type NamespaceComparison,
  type NamespaceContainer,
  type NamespaceHolder,
  type NamespaceInventory,
  type NamespaceKinship,
  type NamespaceLeak,
  type NamespaceRelation,
  type NamespaceTarget,
  type NamespaceType,
  type ReleaseResult,
} from './explore/namespaces/index.js';
export { enter, type EnterOptions, type EnterTarget } from './runtime/enter/index.js';
