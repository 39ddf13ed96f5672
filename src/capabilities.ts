/** Capabilities of processes and files, what they become at an execve, and what they are for: what `warren caps` does. */
export { WarrenError, type ErrorCode, type ErrorKind } from './errors.js';
export {
  defaultSets,
  execProcessOf,
  explainCapability,
  readExecutable,
  readFileCapabilities,
  readProcessCapabilities,
  removeFileCapabilities,
  setFileCapabilities,
  walkFiles,
  type CapabilityExplanation,
  type CapabilityFacts,
  type CapabilityReach,
  type DefaultSet,
  type ExecutableFacts,
  type ProcessCapabilities,
  type TreeFile,
} from './explore/capabilities/index.js';
export {
  capabilityNames,
  decodeCapabilities,
  encodeCapabilities,
  parseCapability,
  type Capability,
} from './kernel/capabilities.js';
export {
  capabilitiesAfterExec,
  type ExecFile,
  type ExecOutcome,
  type ExecProcess,
} from './kernel/exec-capabilities.js';
export {
  formatFileCapabilities,
  parseFileCapabilities,
  type FileCapabilities,
} from './kernel/file-capabilities.js';
