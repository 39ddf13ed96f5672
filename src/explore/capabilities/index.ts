/** Capabilities of processes and files, what they are for, and which one a command lacks. */
export * from './default-sets.js';
export * from './exec-file.js';
export * from './explain.js';
export { capabilityFacts, type CapabilityFacts, type CapabilityReach } from './facts.js';
export * from './files.js';
export type { RefusedCall } from './refused-calls.js';
export * from './show.js';
export * from './why.js';
