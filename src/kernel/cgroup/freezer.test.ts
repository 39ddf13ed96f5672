import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findFreezer, freezerState, freezerV1, freezerV2 } from './freezer.js';

describe('findFreezer()', () => {
  const [v1, other, v2] = [
    { version: 1, controllers: ['freezer'] },
    { version: 1, controllers: ['cpu'] },
    { version: 2, controllers: [] },
  ] as const;

  test('prefers cgroup2, also on a hybrid machine', () => {
    assert.deepEqual(findFreezer([other, v1, v2]), { hierarchy: v2, freezer: freezerV2 });
  });

  test('takes v1 where there is no cgroup2, or an old one', () => {
    assert.deepEqual(findFreezer([other, v1]), { hierarchy: v1, freezer: freezerV1 });
    assert.deepEqual(
      findFreezer([v2, v1], () => false),
      { hierarchy: v1, freezer: freezerV1 },
    );
  });

  test('finds none where there is none', () => {
    assert.equal(findFreezer([other]), undefined);
  });
});

describe('freezerState()', () => {
  test('reads v1’s words', () => {
    const states = ['THAWED\n', 'FREEZING\n', 'FROZEN\n'].map((text) => freezerState(freezerV1, text));
    assert.deepEqual(states, ['thawed', 'freezing', 'frozen']);
  });

  test('needs both of v2’s files to tell what is being frozen', () => {
    assert.equal(freezerState(freezerV2, 'populated 1\nfrozen 0\n', '0\n'), 'thawed');
    assert.equal(freezerState(freezerV2, 'populated 1\nfrozen 0\n', '1\n'), 'freezing');
    assert.equal(freezerState(freezerV2, 'populated 1\nfrozen 1\n', '1\n'), 'frozen');
  });
});
