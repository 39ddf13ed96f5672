/** Commands in namespaces that exist. */
export { enter, planOfEnter } from './enter.js';
export type { EnterOptions, EnterRequest, EnterTarget } from './options.js';
