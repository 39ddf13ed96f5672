import assert from 'node:assert/strict';
import { SocketAddress } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatIp, parseIp } from './index.js';

test('formatIp() and parseIp() are inverse for every address', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ minLength: 4, maxLength: 4 }),
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
      ),
      (bytes) => {
        assert.deepEqual(parseIp(formatIp(bytes)), Buffer.from(bytes));
      },
    ),
  );
});

test('formatIp() writes IPv6 as libuv does (RFC 5952)', () => {
  const sparse = fc.array(fc.constantFrom(0, 0, 0, 1, 0xff), { minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(sparse, (bytes) => {
      const text = formatIp(Buffer.from(bytes));
      // Deprecated "IPv4-compatible" addresses are shown dotted by some, not by iproute2.
      if (/^::[^:]+:[^:]+$/.test(text)) return;
      assert.equal(new SocketAddress({ address: text, family: 'ipv6' }).address, text);
    }),
  );
});

test('parseIp() refuses what is no address', () => {
  for (const text of [
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    ':::',
    '1::2::3',
    'fe80::1%eth0',
    '10.0.0.1/8',
    ' ::1',
  ]) {
    assert.equal(parseIp(text), undefined, text);
  }
});
