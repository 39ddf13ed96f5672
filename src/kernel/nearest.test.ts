import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { didYouMean, nearestNames } from './nearest.js';

const names = ['SYS_ADMIN', 'SYS_ADMIM2', 'NET_ADMIN', 'CHOWN', 'KILL'];

test('nearestNames() puts the smallest edit first', () => {
  assert.equal(nearestNames('sys_admn', names)[0], 'SYS_ADMIN');
});

test('nearestNames() counts two letters in the wrong order as one mistake', () => {
  assert.deepEqual(nearestNames('klil', names), ['KILL']);
});

test('nearestNames() finds a name by a whole part of it', () => {
  assert.deepEqual(nearestNames('admin', names).toSorted(), ['NET_ADMIN', 'SYS_ADMIN']);
});

test('nearestNames() returns nothing rather than a wild guess', () => {
  assert.deepEqual(nearestNames('zzzzzz', names), []);
  assert.equal(didYouMean('zzzzzz', names), undefined);
  assert.deepEqual(nearestNames('', names), []);
  assert.deepEqual(nearestNames('A'.repeat(100_000), names), []);
});

test('nearestNames() finds every name in which one letter was left out', () => {
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.nat(), (name, at) => {
      const cut = at % name.length;
      return nearestNames(name.slice(0, cut) + name.slice(cut + 1), names).includes(name);
    }),
  );
});
