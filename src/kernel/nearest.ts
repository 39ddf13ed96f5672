/**
 * The candidates that a mistyped word was likely meant to be, best first.
 *
 * @param limit Most names returned. Default 3.
 * @returns Empty when nothing is close: a wild guess in a remedy is worse than none.
 */
export function nearestNames(word: string, candidates: readonly string[], limit = 3): string[] {
  // Longer than any name in our tables: measuring it would only cost time.
  if (word.length === 0 || word.length > 64) return [];
  const wanted = word.toLowerCase();
  return candidates
    .map((name) => ({ name, distance: closeness(wanted, name.toLowerCase()) }))
    .filter(
      ({ distance, name }) => distance <= Math.max(1, Math.floor(Math.min(word.length, name.length) / 3)),
    )
    .sort((a, b) => a.distance - b.distance || a.name.localeCompare(b.name))
    .slice(0, limit)
    .map(({ name }) => name);
}

/** `did you mean A, B?`, or undefined when nothing is close. */
export function didYouMean(word: string, candidates: readonly string[]): string | undefined {
  const names = nearestNames(word, candidates);
  return names.length === 0 ? undefined : `did you mean ${names.join(', ')}?`;
}

/** Edit distance; a whole part of a name (`ADMIN` for `SYS_ADMIN`) counts as one edit. */
function closeness(word: string, name: string): number {
  if (word.length >= 4 && name.includes(word)) return 1;
  return editDistance(word, name);
}

/** Letters left out, added, exchanged, or two neighbours in the wrong order; one row at a time. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const transposition = swapped ? (before[j - 2] ?? 0) + 1 : Infinity;
      next.push(Math.min(substitution, transposition, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    [before, row] = [row, next];
  }
  return row[b.length] ?? 0;
}
