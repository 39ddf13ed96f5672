import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { WarrenError } from '../errors.js';
import {
  capabilityNames,
  decodeCapabilities,
  defaultCapabilities,
  encodeCapabilities,
  parseCapability,
  parseCapabilityMask,
  resolveCapabilities,
} from './capabilities.js';

const all = (1n << 41n) - 1n;
const mask64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });

test('capabilityNames has a name for every capability of the running kernel', () => {
  const last = Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8'));
  assert.ok(capabilityNames.length > last);
});

test('decodeCapabilities() agrees with capsh on every bit', () => {
  for (const mask of [(1n << 64n) - 1n, 0x3fffffffffn, 0x00000000a80425fbn, 0x0000038000000001n, 0n]) {
    const hex = mask.toString(16).padStart(16, '0');
    const capsh = execFileSync('/usr/sbin/capsh', [`--decode=${hex}`], { encoding: 'utf8' }).trim();
    assert.equal(`0x${hex}=${decodeCapabilities(mask).join(',').toLowerCase()}`, capsh);
  }
});

test('encodeCapabilities() is the inverse of decodeCapabilities(), nameless bits included', () => {
  fc.assert(fc.property(mask64, (mask) => encodeCapabilities(decodeCapabilities(mask)) === mask));
});

test('parseCapabilityMask() reads what toString(16) writes, with and without 0x', () => {
  fc.assert(
    fc.property(mask64, (mask) => {
      assert.equal(parseCapabilityMask(`0x${mask.toString(16)}`), mask);
      assert.equal(parseCapabilityMask(mask.toString(16).padStart(16, '0')), mask);
    }),
  );
});

test('parseCapabilityMask() refuses signs, spaces, other letters and more than 64 bits', () => {
  for (const text of ['', '0x', '-1', '+1', ' 1', '1 ', '1g', '0x10000000000000000', 'f'.repeat(65)]) {
    assert.throws(() => parseCapabilityMask(text), { code: 'ERR_CAPABILITY_MASK' }, text);
  }
  assert.throws(() => decodeCapabilities(-1n), { code: 'ERR_CAPABILITY_MASK' });
});

test('parseCapability() takes any case, with and without CAP_', () => {
  for (const text of ['net_admin', 'NET_ADMIN', 'cap_net_admin', 'CAP_Net_Admin']) {
    assert.equal(parseCapability(text), 'CAP_NET_ADMIN');
  }
});

test('parseCapability() names the nearest capability in its remedy', () => {
  assert.throws(
    () => parseCapability('SYS_ADMN'),
    (error: unknown) =>
      error instanceof WarrenError &&
      error.code === 'ERR_CAPABILITY_UNKNOWN' &&
      /\bSYS_ADMIN\b/.test(error.fix ?? ''),
  );
  for (const text of ['', 'CAP_', 'CAP_CAP_CHOWN', '0', 'chown ', 'ALL', 'constructor']) {
    assert.throws(() => parseCapability(text), { code: 'ERR_CAPABILITY_UNKNOWN' }, text);
  }
});

test('defaultCapabilities is the mask that docker containers show in /proc/PID/status', () => {
  assert.equal(encodeCapabilities(defaultCapabilities), 0xa80425fbn);
});

test('resolveCapabilities() follows docker on ALL and on names in both lists', () => {
  const resolve = (add: string[], drop: string[]): string[] =>
    decodeCapabilities(resolveCapabilities({ add, drop }, all).mask);
  const sorted = decodeCapabilities(encodeCapabilities(defaultCapabilities));
  assert.deepEqual(resolve([], []), sorted);
  assert.deepEqual(resolve(['NET_ADMIN'], ['all']), ['CAP_NET_ADMIN']);
  assert.deepEqual(resolve([], ['ALL']), []);
  assert.deepEqual(resolve(['ALL'], ['ALL']), [...capabilityNames]);
  assert.deepEqual(resolve(['ALL', 'CHOWN'], ['CHOWN']), capabilityNames.slice(1));
  assert.deepEqual(resolve(['CHOWN'], ['CHOWN']), sorted);
  assert.deepEqual(
    resolve([], ['CHOWN']),
    sorted.filter((name) => name !== 'CAP_CHOWN'),
  );
});

test('resolveCapabilities() shrinks privileged and ALL to what is available, without complaint', () => {
  const available = all & ~encodeCapabilities(['SYS_RESOURCE']);
  for (const request of [{ privileged: true }, { add: ['ALL'] }]) {
    assert.deepEqual(resolveCapabilities(request, available), { mask: available, missing: [] });
  }
  assert.deepEqual(resolveCapabilities({ privileged: true, drop: ['CHOWN'] }, all).mask, all);
});

test('resolveCapabilities() reports a capability that was asked for by name and is not available', () => {
  const available = all & ~encodeCapabilities(['SYS_RESOURCE', 'CHOWN']);
  for (const request of [
    { add: ['sys_resource'] },
    { add: ['ALL', 'SYS_RESOURCE'] },
    { add: ['SYS_RESOURCE'], drop: ['ALL'] },
  ]) {
    assert.deepEqual(resolveCapabilities(request, available).missing, ['CAP_SYS_RESOURCE']);
  }
});

test('resolveCapabilities() does not miss what it drops itself', () => {
  const available = all & ~encodeCapabilities(['SYS_RESOURCE']);
  const request = { add: ['ALL', 'SYS_RESOURCE'], drop: ['SYS_RESOURCE'] };
  assert.deepEqual(resolveCapabilities(request, available), { mask: available, missing: [] });
});

test('resolveCapabilities() refuses an unknown name even where the list has no effect', () => {
  assert.throws(() => resolveCapabilities({ privileged: true, drop: ['NOPE'] }, all), {
    code: 'ERR_CAPABILITY_UNKNOWN',
  });
});

test('resolveCapabilities() never gives more than is available', () => {
  const names = fc.array(fc.constantFrom('ALL', ...capabilityNames), { maxLength: 6 });
  fc.assert(
    fc.property(names, names, fc.boolean(), mask64, (add, drop, privileged, available) => {
      assert.equal(resolveCapabilities({ add, drop, privileged }, available).mask & ~available, 0n);
    }),
  );
});
