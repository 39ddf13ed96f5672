export { collectGarbage, type Garbage } from './collect-garbage.js';
export { Container } from './container.js';
export type * from './options.js';
export { CommandError, run, type RunResult } from './run.js';
export { plan, start } from './start.js';
export { readSysctl, writeSysctl, type SysctlOptions } from './sysctl-access.js';
export type { ContainerTerminal } from './terminal.js';
