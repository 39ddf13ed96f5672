import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkLimits } from './check-limits.js';
import { configureLimits } from './configure-limits.js';
import type { LimitOptions } from './options.js';

const given = (options: LimitOptions): unknown =>
  Object.fromEntries(Object.entries(checkLimits(options)).filter(([, value]) => value !== undefined));

describe('checkLimits()', () => {
  test('reads sizes as text, CPUs as a quota', () => {
    assert.deepEqual(given({ memory: '64m', cpus: 1 }), {
      memoryBytes: 67_108_864,
      memorySwapBytes: 134_217_728,
      cpuQuotaUs: 100_000,
    });
  });

  test('takes 0 for "not given" and -1 for "no limit", as docker does', () => {
    assert.deepEqual(
      given({ memory: 0, cpus: 0, cpuShares: 0, pids: 0, blkioWeight: 0, cpusetCpus: '' }),
      {},
    );
    assert.deepEqual(given({ pids: -1, memorySwap: '-1' }), { pids: Infinity, memorySwapBytes: Infinity });
    assert.deepEqual(given({ memory: '8m', memorySwap: -1 }), {
      memoryBytes: 8 * 2 ** 20,
      memorySwapBytes: Infinity,
    });
  });

  const refusals: readonly [options: LimitOptions, code: string][] = [
    [{ memory: '12x' }, 'ERR_SIZE'],
    [{ memoryReservation: 'much' }, 'ERR_SIZE'],
    [{ memory: '5m' }, 'ERR_LIMIT'],
    [{ memorySwap: '64m' }, 'ERR_LIMIT'],
    [{ memory: '64m', memorySwap: '32m' }, 'ERR_LIMIT'],
    [{ memory: '64m', memoryReservation: '65m' }, 'ERR_LIMIT'],
    [{ cpus: 0.001 }, 'ERR_RANGE'],
    [{ cpus: 100_000 }, 'ERR_RANGE'],
    [{ cpus: NaN }, 'ERR_RANGE'],
    [{ cpuShares: 1 }, 'ERR_RANGE'],
    [{ pids: -2 }, 'ERR_RANGE'],
    [{ pids: 1.5 }, 'ERR_RANGE'],
    [{ blkioWeight: 9 }, 'ERR_RANGE'],
    [{ cpusetCpus: '1-0' }, 'ERR_LIMIT'],
    [{ cpusetMems: '0,' }, 'ERR_LIMIT'],
  ];
  for (const [options, code] of refusals) {
    test(`refuses ${JSON.stringify(options)} with ${code}`, () => {
      assert.throws(() => checkLimits(options), { code });
    });
  }
});

describe('configureLimits()', () => {
  const id = 'a'.repeat(64);

  test('asks for no groups where there is no limit', () => {
    assert.equal(configureLimits({ limits: {} }, id), undefined);
  });

  test('names the controller that no hierarchy has; what nobody asked for is left out', () => {
    const none = { hierarchies: [] };
    assert.throws(() => configureLimits({ limits: { pids: 5 } }, id, none), {
      code: 'ERR_CGROUP_UNAVAILABLE',
      message: /pids/,
    });
    assert.equal(configureLimits({}, id, { ...none, groups: 'all' }), undefined);
  });

  test('warns where device rules are asked for and cannot be had', () => {
    const warnings: string[] = [];
    const options = { deviceCgroupRules: ['c 60:7 r'] };
    assert.equal(configureLimits(options, id, { hierarchies: [], warnings }), undefined);
    assert.match(warnings.join('\n'), /devices controller/);
  });

  test('refuses a parent that could lead elsewhere', () => {
    for (const cgroupParent of ['/a/../b', '..', '/a/./b', '/a\0b'])
      assert.throws(() => configureLimits({ cgroupParent }, id), { code: 'ERR_CGROUP_PARENT' }, cgroupParent);
  });
});
