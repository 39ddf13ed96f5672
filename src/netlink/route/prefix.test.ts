import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkInterfaceName, formatPrefix, parsePrefix } from './index.js';

test('parsePrefix() takes ADDRESS/LENGTH, and an address as a prefix of its full length', () => {
  assert.deepEqual(parsePrefix('10.0.0.0/8'), { family: 'inet', address: '10.0.0.0', length: 8 });
  assert.deepEqual(parsePrefix('fd00::1'), { family: 'inet6', address: 'fd00::1', length: 128 });
  assert.equal(formatPrefix('10.0.0.1', 32), '10.0.0.1');
});

test('parsePrefix() refuses what is no prefix', () => {
  for (const text of [
    '',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    'x/8',
    '::/129',
    '10.0.0.0/ 8',
  ]) {
    assert.throws(() => parsePrefix(text), { code: 'ERR_IP_PREFIX' }, text);
  }
});

test('checkInterfaceName() refuses names that the kernel or a program would misread', () => {
  for (const name of [
    '',
    '.',
    '..',
    'a/b',
    'a b',
    'eth0:1',
    'veth%d',
    'sixteen-letters!',
    'a\n',
    'ünïcödeünïcöde',
  ]) {
    assert.throws(() => checkInterfaceName(name), { code: 'ERR_INTERFACE_NAME' }, name);
  }
  for (const name of ['eth0', 'eth0.100', 'a'.repeat(15), '-x', 'ü'])
    assert.equal(checkInterfaceName(name), name);
});
