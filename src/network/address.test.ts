import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addressNumber,
  addressText,
  canonicalAddress,
  formatBlock,
  isWithin,
  overlap,
  parseBlock,
  usable,
} from './address.js';

test('addressText() and addressNumber() are each other’s inverse', () => {
  fc.assert(
    fc.property(fc.bigInt(0n, (1n << 128n) - 1n), fc.bigInt(0n, (1n << 32n) - 1n), (six, four) => {
      // An IPv4-mapped address is written with dots, and read again.
      assert.equal(addressNumber(addressText('inet6', six)), six);
      assert.equal(addressNumber(addressText('inet', four)), four);
    }),
  );
});

test('canonicalAddress() gives an address one spelling', () => {
  assert.equal(canonicalAddress('FD00:0:0::0001'), 'fd00::1');
  for (const bad of ['10.0.0', '10.0.0.256', 'fe80::1%eth0', '', '../x'])
    assert.throws(() => canonicalAddress(bad), { code: 'ERR_IP_ADDRESS' });
});

test('parseBlock() keeps the network’s part; strict, it refuses bits beyond it', () => {
  assert.equal(formatBlock(parseBlock('10.1.2.3/16')), '10.1.0.0/16');
  assert.throws(() => parseBlock('10.1.2.3/16', { strict: true }), { code: 'ERR_IP_PREFIX' });
});

test('overlap() holds where one block is within the other, and nowhere else', () => {
  const [ten, part, other, six] = ['10.0.0.0/8', '10.9.0.0/16', '11.0.0.0/8', 'fd00::/8'].map((text) =>
    parseBlock(text),
  );
  assert.ok(overlap(ten!, part!) && overlap(part!, ten!) && isWithin(part!, ten!) && !isWithin(ten!, part!));
  assert.ok(!overlap(ten!, other!) && !overlap(ten!, six!));
});

test('usable() leaves out what no device may have', () => {
  const ends = (text: string) => {
    const block = parseBlock(text);
    const { first, last } = usable(block);
    return [first, last].map((number) => addressText(block.family, number));
  };
  assert.deepEqual(ends('10.0.0.0/24'), ['10.0.0.1', '10.0.0.254']);
  assert.deepEqual(ends('10.0.0.0/31'), ['10.0.0.0', '10.0.0.1']);
  assert.deepEqual(ends('fd00::/126'), ['fd00::1', 'fd00::3']);
});
