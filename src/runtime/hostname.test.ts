import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkHostname } from './hostname.js';

test('checkHostname() takes labels of letters, digits and inner hyphens', () => {
  for (const name of [
    'a',
    '1',
    'web-1',
    'WEB.example.org',
    '0123456789ab',
    'a'.repeat(63),
    `${'a'.repeat(31)}.${'b'.repeat(32)}`,
  ]) {
    assert.equal(checkHostname(name), name);
  }
});

test('checkHostname() refuses more than 64 bytes, labels of more than 63, and other characters', () => {
  const wrong = [
    '',
    '.',
    'a.',
    '.a',
    'a..b',
    '-a',
    'a-',
    'a.-b',
    'a_b',
    'a b',
    'a\nb',
    'a\n',
    'a\0',
    'ä',
    'a/b',
    'a'.repeat(64),
  ];
  for (const name of [
    ...wrong,
    `${'a'.repeat(32)}.${'b'.repeat(32)}`,
    `${'a'.repeat(60)}.${'b'.repeat(60)}`,
  ]) {
    assert.throws(() => checkHostname(name), { code: 'ERR_HOSTNAME' }, JSON.stringify(name));
  }
});

test('checkHostname() says which of the two names it refuses', () => {
  assert.throws(() => checkHostname('a b', 'domainname'), { message: /domainname "a b"/ });
});
