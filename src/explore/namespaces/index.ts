/** Every namespace of the machine: who is in it, who holds it, what it lies below. */
export { compareNamespaces, type NamespaceComparison, type NamespaceKinship } from './compare.js';
export { containerOfCgroup } from './container.js';
export { findNamespaces, parseNamespaceTarget, type NamespaceTarget } from './find.js';
export { readNamespaces } from './inventory.js';
export { findLeaks, releaseLeaks, type LeakReason, type NamespaceLeak, type ReleaseResult } from './leaks.js';
export * from './namespace.js';
export { readNetnsids } from './netnsid.js';
