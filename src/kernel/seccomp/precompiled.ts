/**
 * Filters compiled beforehand, base64, by the key of `defaultSeccompFilter()`. Empty here: scripts/bundle.mjs puts in those
 * of docker's default capabilities, which saves every `warren run` the 4 ms that a first compilation takes.
 */
export const precompiledFilters: Readonly<Record<string, string>> = {};
