import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  blkioWeightOf,
  cgroupWritesV1,
  cgroupWritesV2,
  cpuSharesOf,
  cpuWeightOf,
  ioWeightOf,
  swapBytesV2,
  type CgroupLimits,
  type ControllerWrites,
} from './limits.js';

const flat = (all: readonly ControllerWrites[]): string[] =>
  all.flatMap(({ controller, writes }) =>
    writes.map(({ files, value }) => `${controller} ${files[0]}=${value}`),
  );

const limits: CgroupLimits = {
  memoryBytes: 64,
  memorySwapBytes: 96,
  memoryReservationBytes: 32,
  cpuQuotaUs: 50_000,
  cpuShares: 1024,
  cpusetCpus: '0-1',
  cpusetMems: '0',
  pids: 20,
  blkioWeight: 10,
};

describe('cgroupWritesV1()', () => {
  test('limits memory before memory with swap, and sets the period before the quota', () => {
    assert.deepEqual(flat(cgroupWritesV1(limits)), [
      'memory memory.limit_in_bytes=64',
      'memory memory.memsw.limit_in_bytes=96',
      'memory memory.soft_limit_in_bytes=32',
      'cpu cpu.cfs_period_us=100000',
      'cpu cpu.cfs_quota_us=50000',
      'cpu cpu.shares=1024',
      'cpuset cpuset.cpus=0-1',
      'cpuset cpuset.mems=0',
      'pids pids.max=20',
      'blkio blkio.weight=10',
    ]);
  });

  test('writes "no limit" as each file has it', () => {
    assert.deepEqual(
      flat(cgroupWritesV1({ memorySwapBytes: Infinity, cpuQuotaUs: Infinity, pids: Infinity })),
      [
        'memory memory.memsw.limit_in_bytes=-1',
        'cpu cpu.cfs_period_us=100000',
        'cpu cpu.cfs_quota_us=-1',
        'pids pids.max=max',
      ],
    );
  });

  test('names no controller that nothing is asked of', () => {
    assert.deepEqual(cgroupWritesV1({}), []);
    assert.deepEqual(cgroupWritesV2({}), []);
  });
});

describe('cgroupWritesV2()', () => {
  test('limits swap apart from memory, and joins quota and period', () => {
    assert.deepEqual(flat(cgroupWritesV2(limits)), [
      'memory memory.max=64',
      'memory memory.swap.max=32',
      'memory memory.low=32',
      'cpu cpu.max=50000 100000',
      'cpu cpu.weight=100',
      'cpuset cpuset.cpus=0-1',
      'cpuset cpuset.mems=0',
      'pids pids.max=20',
      'io io.weight=1',
    ]);
    assert.deepEqual(flat(cgroupWritesV2({ cpuQuotaUs: Infinity, memoryBytes: Infinity })), [
      'memory memory.max=max',
      'cpu cpu.max=max 100000',
    ]);
  });
});

describe('swapBytesV2()', () => {
  test('refuses a sum without its part, or less than it', () => {
    assert.throws(() => swapBytesV2({ memorySwapBytes: 1 }), RangeError);
    assert.throws(() => swapBytesV2({ memorySwapBytes: 1, memoryBytes: 2 }), RangeError);
    assert.equal(swapBytesV2({ memorySwapBytes: 2, memoryBytes: 2 }), 0);
    assert.equal(swapBytesV2({ memorySwapBytes: Infinity, memoryBytes: 2 }), Infinity);
  });
});

describe('the weights of v1 and v2', () => {
  test('meet at both ends and at the default', () => {
    assert.deepEqual([2, 1024, 262_144].map(cpuWeightOf), [1, 100, 10_000]);
    assert.deepEqual([10, 1000].map(ioWeightOf), [1, 10_000]);
  });

  test('keep their order, and come back as a number that stands for the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 262_143 }), (shares) => {
        assert.ok(cpuWeightOf(shares) <= cpuWeightOf(shares + 1));
        assert.equal(cpuWeightOf(cpuSharesOf(cpuWeightOf(shares))), cpuWeightOf(shares));
      }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 1000 }), (weight) => {
        assert.equal(blkioWeightOf(ioWeightOf(weight)), weight);
      }),
    );
  });
});
