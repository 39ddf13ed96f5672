import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkRange } from './check.js';

test('checkRange() takes whole numbers from the least to the most, both included', () => {
  assert.equal(checkRange('umask', 0, 0, 0o777), 0);
  assert.equal(checkRange('umask', 0o777, 0, 0o777), 0o777);
  for (const value of [-1, 0o1000, 1.5, NaN, Infinity]) {
    assert.throws(() => checkRange('umask', value, 0, 0o777), {
      code: 'ERR_RANGE',
      kind: 'invalid-argument',
    });
  }
});

test('checkRange() says what was given and what there is to choose from', () => {
  assert.throws(() => checkRange('oom score', 2000, -1000, 1000), /oom score 2000: .* -1000 to 1000/);
});
