import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeSecurebits } from './securebits.js';

test('decodeSecurebits() names the bits as linux/securebits.h does, and shows what has no name', () => {
  assert.deepEqual(decodeSecurebits(0), []);
  assert.deepEqual(decodeSecurebits(0x2f), [
    'SECBIT_NOROOT',
    'SECBIT_NOROOT_LOCKED',
    'SECBIT_NO_SETUID_FIXUP',
    'SECBIT_NO_SETUID_FIXUP_LOCKED',
    'SECBIT_KEEP_CAPS_LOCKED',
  ]);
  assert.deepEqual(decodeSecurebits(0x110), ['SECBIT_KEEP_CAPS', '0x100']);
});
