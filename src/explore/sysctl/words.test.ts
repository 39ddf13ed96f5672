import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measuredKernels } from '../../kernel/sysctl-measured.js';
import { sysctlScope } from '../../kernel/sysctl-scope.js';
import { sysctlFacts } from './table/index.js';
import { combinationSentences, originSentences, useSentence } from './words.js';

const clauses = (text: string): string[][] =>
  text
    .split(/[.:;] |\.$/)
    .map((clause) => clause.toLowerCase().match(/[a-z0-9’]+(?:\.[a-z]+)?/g) ?? [])
    .filter((words) => words.length >= 5);

test('no trap of a key says again what its origin, use or combination says', () => {
  const paths = new Set(measuredKernels.flatMap(({ groups }) => groups.flatMap(({ keys }) => keys)));
  assert.ok(paths.size > 300);
  const again: string[] = [];
  for (const path of paths) {
    const facts = sysctlFacts(path);
    if (facts?.trap === undefined) continue;
    const said = [
      facts.use && useSentence(facts.use, sysctlScope(path).scope),
      facts.combination && combinationSentences[facts.combination],
      facts.origin && originSentences[facts.origin],
    ].flatMap((text) => (text === undefined ? [] : clauses(text)));
    for (const clause of clauses(facts.trap)) {
      const repeats = (other: readonly string[]): boolean =>
        clause.filter((word) => other.includes(word)).length >= 0.6 * clause.length;
      if (said.some(repeats)) again.push(`${path}: ${clause.join(' ')}`);
    }
  }
  assert.deepEqual(again, []);
});
