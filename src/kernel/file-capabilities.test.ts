import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeFileCapabilities,
  encodeFileCapabilities,
  formatFileCapabilities,
  parseFileCapabilities,
} from './file-capabilities.js';

const mask = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const anyCapabilities = fc
  .record({
    permitted: mask,
    inheritable: mask,
    effective: fc.boolean(),
    rootId: fc.option(fc.nat(), { nil: undefined }),
  })
  .map(({ rootId, ...rest }) => (rootId === undefined ? rest : { ...rest, rootId }));

test('decodeFileCapabilities() reads what encodeFileCapabilities() writes: version 3 with a root id, else version 2', () => {
  fc.assert(
    fc.property(anyCapabilities, (capabilities) => {
      const bytes = encodeFileCapabilities(capabilities);
      assert.equal(bytes.length, 'rootId' in capabilities ? 24 : 20);
      assert.deepEqual(decodeFileCapabilities(bytes), capabilities);
    }),
  );
});

test('decodeFileCapabilities() reads version 1, which has 32 bits', () => {
  const bytes = Buffer.from('010000010100008000000002', 'hex');
  assert.deepEqual(decodeFileCapabilities(bytes), {
    permitted: 0x80000001n,
    inheritable: 0x02000000n,
    effective: true,
  });
});

test('decodeFileCapabilities() refuses any other bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        decodeFileCapabilities(Buffer.from(bytes));
        assert.ok([12, 20, 24].includes(bytes.length));
      } catch (error) {
        assert.equal((error as { code?: unknown }).code, 'ERR_FILE_CAPABILITIES');
      }
    }),
  );
  assert.throws(() => decodeFileCapabilities(Buffer.alloc(20)), { code: 'ERR_FILE_CAPABILITIES' });
});

test('parseFileCapabilities() refuses what one effective bit for the file cannot hold', () => {
  assert.deepEqual(parseFileCapabilities('cap_chown=eip'), {
    permitted: 1n,
    inheritable: 1n,
    effective: true,
  });
  assert.deepEqual(parseFileCapabilities('='), { permitted: 0n, inheritable: 0n, effective: false });
  assert.throws(() => parseFileCapabilities('cap_chown=ep cap_kill=p'), { code: 'ERR_CAPABILITY_TEXT' });
});

test('formatFileCapabilities() shows the effective bit on all that the file has', () => {
  assert.equal(
    formatFileCapabilities({ permitted: 1n, inheritable: 1n << 5n, effective: true }),
    'cap_kill=ei cap_chown+ep',
  );
});
