import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ruleCounts, tableRequests } from './table-shape.js';

test('ruleCounts tells how many rules tableRequests() gives each chain', () => {
  const counted: Record<string, number> = {};
  for (const { what, attributes } of tableRequests())
    if (what.startsWith('add a rule'))
      counted[String(attributes['chain'])] = (counted[String(attributes['chain'])] ?? 0) + 1;
  assert.deepEqual(counted, ruleCounts);
});
