/** What becomes of the parameters below /proc/sys in a namespace: measured, known and explained. */
export { sysctlTables } from './document.js';
export { diffPlaces, type Difference } from './diff.js';
export { explainSysctl, type Explained, type SysctlExplanation } from './explain.js';
export { sysctlKnowledge, type Knowledge } from './knowledge.js';
export { keyPattern } from './pattern.js';
export { machineKeys } from './machine-keys.js';
export { Place, type PlaceTarget } from './place.js';
export {
  concludeIsolated,
  concludeOrigin,
  probeSysctls,
  type Finding,
  type Probed,
  type ProbeOptions,
} from './probe.js';
export { sameReading, showReading, type Access, type Reading } from '../../kernel/sysctl-reading.js';
export { remediesInContainer, remediesOnHost, type Remedy, type Setting } from './remedies.js';
export {
  applySettings,
  parseSettingsFile,
  problemOf,
  type AppliedLine,
  type SettingLine,
} from './settings-file.js';
export {
  documents,
  interfaceOf,
  sysctlFacts,
  type Combination,
  type Facts,
  type Origin,
  type Use,
} from './table/index.js';
export { measuredKernels, type MeasuredKernel } from '../../kernel/sysctl-measured.js';
export type { SysctlTools } from './tools.js';
export {
  checkIsKey,
  whySysctl,
  type Statement,
  type Verdict,
  type WhyOptions,
  type WhyReport,
} from './why.js';
export { combinationSentences, keepsOld, originSentences, scopeNames, useSentence } from './words.js';
