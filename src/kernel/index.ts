/** What the kernel says and takes: names, numbers, masks and the texts of /proc, without side effects unless a name says "read". */
export * from './capabilities.js';
export * from './capability-text.js';
export * from './cgroup/index.js';
export * from './exec-capabilities.js';
export * from './file-capabilities.js';
export * from './idmap.js';
export * from './idmap-write.js';
export * from './mountinfo.js';
export * from './net-sysctls.js';
export * from './passwd.js';
export * from './proc-status.js';
export * from './rlimit.js';
export * from './securebits.js';
export * from './signals.js';
export * from './size.js';
export * from './subid.js';
export { checkSysctlValue, parseSysctlName, type SysctlName } from './sysctl-name.js';
export * from './sysctl-scope.js';
