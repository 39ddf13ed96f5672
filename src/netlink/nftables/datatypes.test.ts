import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeKey, encodeValue, typeLength, typeNumber, typesOf } from './datatypes.js';
import { prefixLength, rangeText, valueText } from './value-text.js';

test('encodeKey() pads each part of a concatenation to four bytes, in its own byte order', () => {
  assert.equal(encodeKey(['inet_proto', 'inet_service'], ['tcp', 8080]).toString('hex'), '060000001f900000');
  assert.equal(encodeKey(['ipv4_addr'], ['10.0.0.1']).toString('hex'), '0a000001');
  assert.equal(encodeKey(['mark'], [5]).toString('hex'), '05000000');
});

test('encodeValue() refuses what is not of the type', () => {
  for (const [type, value] of [
    ['ipv4_addr', 'fd00::1'],
    ['ipv4_addr', 'x'],
    ['ipv6_addr', '10.0.0.1'],
    ['inet_service', 65_536],
    ['inet_service', 'http'],
    ['inet_proto', 'nothing'],
    ['ifname', 'a-name-of-16-byte'],
    ['ether_addr', '02:00'],
  ] as const) {
    assert.throws(() => encodeValue(type, value), { code: 'ERR_NFT_VALUE' }, `${type} ${value}`);
  }
  assert.throws(() => encodeKey(['mark', 'mark'], [1]), { code: 'ERR_NFT_VALUE' });
});

test('typesOf() is the inverse of typeNumber()', () => {
  for (const types of [
    ['ipv4_addr'],
    ['inet_proto', 'inet_service'],
    ['ifname', 'ipv6_addr', 'mark'],
  ] as const) {
    assert.deepEqual(typesOf(typeNumber(types)), types);
  }
  assert.equal(typeLength(['inet_proto', 'inet_service']), 8);
  assert.equal(typeLength(['inet_service']), 2);
});

test('rangeText() writes a prefix where the range is one, and only there', () => {
  const range = (from: string, to: string): string =>
    rangeText('ipv4_addr', encodeValue('ipv4_addr', from), encodeValue('ipv4_addr', to));
  assert.equal(range('10.0.0.0', '10.255.255.255'), '10.0.0.0/8');
  assert.equal(range('10.0.0.1', '10.0.0.1'), '10.0.0.1');
  assert.equal(range('10.0.0.0', '10.0.0.2'), '10.0.0.0-10.0.0.2');
  assert.equal(range('10.0.0.1', '10.0.0.2'), '10.0.0.1-10.0.0.2');
  assert.equal(range('0.0.0.0', '255.255.255.255'), '0.0.0.0/0');
});

test('valueText() knows names, and writes numbers where there are none', () => {
  assert.equal(valueText('ct_state', Buffer.from([6, 0, 0, 0])), 'established,related');
  assert.equal(valueText('inet_proto', Buffer.from([6])), 'tcp');
  assert.equal(valueText('inet_proto', Buffer.from([200])), '200');
  assert.equal(valueText('ifname', Buffer.from('veth')), '"veth*"');
  assert.equal(prefixLength(Buffer.from([255, 0, 255, 0])), undefined);
});
