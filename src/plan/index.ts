/** Plans: what a start does, step by step, as plain data. */
export type * from './call.js';
export type * from './config.js';
export { planContainer } from './container.js';
export { describeStep, type StepDescription } from './describe.js';
export { planEnter, type EnterConfig, type ToolsConfig } from './enter.js';
export { encodePlan, encodeSteps, type Encoded } from './encode.js';
export { lower } from './lower/index.js';
export type * from './step.js';
