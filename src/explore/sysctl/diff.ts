import type { Place } from './place.js';
import { sameReading, type Reading } from '../../kernel/sysctl-reading.js';

/** A key that two places answer differently; `undefined` where one has no such key. */
export interface Difference {
  readonly path: string;
  readonly a: Reading | undefined;
  readonly b: Reading | undefined;
}

/** Values that differ at every look. */
const restless: ReadonlySet<string> = new Set([
  'net/netfilter/nf_conntrack_count',
  'net/core/netdev_rss_key',
]);

/** Compares all keys that namespaces isolate, as far as both places have such namespaces. */
export async function diffPlaces(
  a: Place,
  b: Place,
  matches: (path: string) => boolean = () => true,
): Promise<Difference[]> {
  const [keysOfA, keysOfB] = [new Set(await a.keys()), new Set(await b.keys())];
  const paths = [...new Set([...keysOfA, ...keysOfB])]
    .filter((path) => matches(path) && !restless.has(path))
    .sort();
  const differences: Difference[] = [];
  const [readingsOfA, readingsOfB] = [
    await a.readMany(paths.filter((path) => keysOfA.has(path))),
    await b.readMany(paths.filter((path) => keysOfB.has(path))),
  ];
  for (const path of paths) {
    const [inA, inB] = [readingsOfA.get(path), readingsOfB.get(path)];
    if (inA && inB ? !sameReading(inA, inB) : inA !== inB) differences.push({ path, a: inA, b: inB });
  }
  return differences;
}
