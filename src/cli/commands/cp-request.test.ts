import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatCopySize, parseCopyOperands } from './cp-request.js';

test('parseCopyOperands() takes what is before the first colon for a container', () => {
  assert.deepEqual(parseCopyOperands(['web:/etc/a:b', 'here']), {
    way: 'out',
    container: 'web',
    source: '/etc/a:b',
    target: 'here',
  });
  assert.deepEqual(parseCopyOperands(['-', 'web:']), {
    way: 'in',
    container: 'web',
    source: '-',
    target: '',
  });
});

test('parseCopyOperands() takes a path that is absolute or begins with a dot for a local one, colons and all', () => {
  for (const source of ['./a:b', '../a:b', '/a:b', '.hidden:b'])
    assert.equal(parseCopyOperands([source, 'web:/']).source, source);
});

test('parseCopyOperands() refuses other numbers of operands, no container, and two', () => {
  for (const operands of [[], ['a'], ['a', 'b'], ['a:b', 'c:d'], ['a:b', 'c', 'd'], ['', 'a:b'], ['-', '-']])
    assert.throws(() => parseCopyOperands(operands), { code: 'ERR_USAGE' });
});

test('formatCopySize() writes sizes as docker does', () => {
  const sizes = {
    0: '0B',
    999: '999B',
    2048: '2.05kB',
    10_240: '10.2kB',
    1_536_000: '1.54MB',
    999_999: '1000kB',
  };
  for (const [bytes, text] of Object.entries(sizes)) assert.equal(formatCopySize(Number(bytes)), text);
});
