import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { editDistance, nearKeys } from './near-sysctls.js';

const keys = ['net/ipv4/tcp_keepalive_time', 'net/ipv4/tcp_keepalive_intvl', 'net/core/somaxconn'];

test('nearKeys() finds what a slip of the fingers was meant to be, and nothing far away', () => {
  assert.deepEqual(nearKeys('net/ipv4/tcp_keepalive_tiem', keys), ['net/ipv4/tcp_keepalive_time']);
  assert.deepEqual(nearKeys('net/core/somaxcon', keys), ['net/core/somaxconn']);
  assert.deepEqual(nearKeys('net/ipv4/no_such', keys), []);
  assert.deepEqual(nearKeys('net/core/somaxconn', keys), []);
});

test('nearKeys() finds a name that is in another folder, or in none', () => {
  assert.deepEqual(nearKeys('net/ipv4/somaxconn', keys), ['net/core/somaxconn']);
  assert.deepEqual(nearKeys('somaxconn', keys), ['net/core/somaxconn']);
  assert.deepEqual(nearKeys('net/core/tcp_keepalive_tme', keys), ['net/ipv4/tcp_keepalive_time']);
});

test('editDistance() is 0 for the same text only, and the same both ways', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
      assert.equal(editDistance(a, b), editDistance(b, a));
      assert.equal(editDistance(a, b) === 0, a === b);
      assert.ok(editDistance(a, b) <= Math.max(a.length, b.length));
    }),
  );
});
