/** Keys that somebody may have meant. */

/**
 * @returns At most three of `keys`, the nearest first: those that differ by a slip of the fingers, else those of the same name in
 *   another folder; none where nothing is near.
 */
export function nearKeys(path: string, keys: Iterable<string>): string[] {
  const all = [...new Set(keys)];
  const near = misspelt(path, all);
  if (near.length > 0) return near;
  const name = nameOf(path);
  const namesakes = all.filter((key) => key !== path && nameOf(key) === name);
  return (namesakes.length > 0 ? namesakes : all.filter((key) => misspelt(name, [nameOf(key)]).length > 0))
    .sort((a, b) => a.split('/').length - b.split('/').length)
    .slice(0, 3);
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function misspelt(path: string, keys: readonly string[]): string[] {
  const most = Math.max(2, Math.floor(path.length / 8));
  return keys
    .filter((key) => Math.abs(key.length - path.length) <= most)
    .map((key) => ({ key, distance: editDistance(path, key) }))
    .filter(({ distance }) => distance > 0 && distance <= most)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ key }) => key);
}

/** Letters put in, left out, replaced, or exchanged with their neighbour. */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const exchanged = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        (last[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (last[j - 1] ?? 0) + (same ? 0 : 1),
        exchanged ? (before[j - 2] ?? 0) + 1 : Infinity,
      );
    }
    [before, last] = [last, row];
  }
  return last[b.length] ?? 0;
}
