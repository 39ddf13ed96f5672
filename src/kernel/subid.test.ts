import assert from 'node:assert/strict';
import { test } from 'node:test';
import { subordinateIdsOf } from './subid.js';

test('subordinateIdsOf() finds ranges by name and by number, and passes over what it cannot read', () => {
  const text = '# a comment\n\nalice:100000:65536\n1000:500000:10\nbob:300000:65536\nalice:1:x\n';
  assert.deepEqual(subordinateIdsOf(['1000', 'alice'], text), {
    ranges: [
      { start: 100000, count: 65536, line: 3 },
      { start: 500000, count: 10, line: 4 },
    ],
    overlaps: [],
    damaged: [6],
  });
});

test('subordinateIdsOf() finds who else has the same ids', () => {
  const { overlaps } = subordinateIdsOf(['a'], 'a:100:10\nb:110:10\nc:109:1\n');
  assert.deepEqual(
    overlaps.map(({ owner }) => owner),
    ['c'],
  );
});
