/** User and group ids through every level of user namespaces, of volumes too, and what stands in their way. */
export * from './check.js';
export * from './levels.js';
export * from './resolve.js';
export * from './volume.js';
