import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { writeText } from './output.js';

test('writeText() says that the output cannot be written, which is no defect of ours', () => {
  const full = openSync('/dev/full', 'w');
  try {
    assert.throws(
      () => {
        writeText(full, 'text');
      },
      { code: 'ERR_OUTPUT', errno: 'ENOSPC', kind: 'resource-exhausted' },
    );
  } finally {
    closeSync(full);
  }
});
