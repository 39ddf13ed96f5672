/** Control groups, versions 1 and 2: where they are, what is written for which limit, and what they say. */
export * from './device-program.js';
export * from './device-rules.js';
export * from './hierarchies.js';
export * from './limits.js';
export * from './read.js';
