import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyPattern } from './pattern.js';

const keys = [
  'net/core/somaxconn',
  'net/ipv4/conf/all/rp_filter',
  'net/ipv4/conf/eth0.100/rp_filter',
  'net/ipv4/tcp_rmem',
  'net/ipv4/tcp_wmem',
];
const matching = (text: string, within?: 'component'): string[] => keys.filter(keyPattern(text, within));

test('keyPattern() takes a key, a folder, and * for any text', () => {
  assert.deepEqual(matching('net.core.somaxconn'), ['net/core/somaxconn']);
  assert.deepEqual(matching('net/ipv4/tcp_rmem'), ['net/ipv4/tcp_rmem']);
  assert.deepEqual(matching('net.ipv4.conf'), keys.slice(1, 3));
  assert.deepEqual(matching('net.ipv4.tcp_?mem'), keys.slice(3));
  assert.deepEqual(matching('*rp_filter'), keys.slice(1, 3));
  assert.deepEqual(matching('net'), keys);
  assert.deepEqual(matching('net.ipv4.tcp'), []);
});

test('keyPattern() takes brackets as glob(7) has them', () => {
  assert.deepEqual(matching('net.ipv4.tcp_[rw]mem'), keys.slice(3));
  assert.deepEqual(matching('net.ipv4.tcp_[q-s]mem'), ['net/ipv4/tcp_rmem']);
  assert.deepEqual(matching('net.ipv4.tcp_[!q-s]mem', 'component'), ['net/ipv4/tcp_wmem']);
  assert.deepEqual(matching('net.ipv4.tcp_[^r]*'), ['net/ipv4/tcp_wmem']);
  assert.deepEqual(matching('net.ipv[[:digit:]].tcp_[[:alpha:]]mem'), keys.slice(3));
  assert.deepEqual(matching('net[!x]core/somaxconn'), []);
  assert.equal(keyPattern('a[]x]b')('a]b'), true);
  assert.equal(keyPattern('a[x-]b')('a-b'), true);
  assert.equal(keyPattern('a[!]]b')('a]b'), false);
});

test('keyPattern() lets * stay within a component where asked', () => {
  assert.deepEqual(matching('net/ipv4/*', 'component'), keys.slice(3));
  assert.deepEqual(matching('net.ipv4.conf.*.rp_filter', 'component'), keys.slice(1, 3));
});

test('keyPattern() takes a dot of a slashed key for itself, not for any character', () => {
  assert.deepEqual(matching('net/ipv4/conf/eth0.100'), ['net/ipv4/conf/eth0.100/rp_filter']);
  assert.equal(keyPattern('net/ipv4/conf/eth0.100')('net/ipv4/conf/eth0x100/rp_filter'), false);
});

test('keyPattern() refuses what could leave /proc/sys or forge a line', () => {
  for (const text of [
    '',
    '..',
    'net/../x',
    'net//x',
    '/net',
    'net/',
    'a b',
    'a\nb',
    'a\0',
    'net.[a',
    'net.a]',
    'net.[a/b]c',
    'net.[.]',
    'net.[z-a]',
    'net.[[:nothing:]]',
    'net.{a,b}',
    'a=b',
    'a+b',
  ])
    assert.throws(() => keyPattern(text), { code: 'ERR_SYSCTL_PATTERN' }, JSON.stringify(text));
});
