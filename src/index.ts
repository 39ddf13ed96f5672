/** Isolated processes on Linux, from TypeScript. See docs/library.md. */
export { WarrenError, errorKinds, type ErrorCode, type ErrorKind } from './errors.js';
export * from './containers/index.js';
export * from './runtime/index.js';
