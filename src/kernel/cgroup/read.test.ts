import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defaultDeviceRules, deviceWritesV1 } from './device-rules.js';
import { readCgroupLimits, readCgroupUsage } from './read.js';

const files =
  (all: Readonly<Record<string, string>>) =>
  (name: string): string | undefined =>
    all[name];

describe('readCgroupLimits()', () => {
  test('takes v1’s largest number of pages, -1 and max for no limit', () => {
    const read = files({
      'memory.limit_in_bytes': '9223372036854771712\n',
      'cpu.cfs_quota_us': '-1\n',
      'pids.max': 'max\n',
      'cpuset.cpus': '\n',
    });
    assert.deepEqual(readCgroupLimits(1, read), {});
  });

  test('gives v2 in the words of v1: memory and swap together, shares', () => {
    const read = files({
      'memory.max': '64\n',
      'memory.swap.max': '32\n',
      'memory.low': '0\n',
      'cpu.max': '50000 100000\n',
      'cpu.weight': '1\n',
      'pids.max': '20\n',
      'io.weight': 'default 10000\n8:0 5\n',
    });
    assert.deepEqual(readCgroupLimits(2, read), {
      memoryBytes: 64,
      memorySwapBytes: 96,
      cpuQuotaUs: 50_000,
      cpuPeriodUs: 100_000,
      cpuShares: 2,
      pids: 20,
      blkioWeight: 1000,
    });
  });
});

describe('readCgroupUsage()', () => {
  test('counts kills for want of memory, not the switch of a like name', () => {
    const v1 = files({ 'memory.oom_control': 'oom_kill_disable 1\nunder_oom 0\noom_kill 3\n' });
    assert.equal(readCgroupUsage(1, v1).oomKills, 3);
    const v2 = files({ 'memory.events': 'low 0\nhigh 0\nmax 9\noom 4\noom_kill 2\n' });
    assert.equal(readCgroupUsage(2, v2).oomKills, 2);
  });

  test('gives CPU time in microseconds in both versions', () => {
    const v1 = files({ 'cpuacct.usage': '1500999\n', 'cpu.stat': 'nr_periods 1\nthrottled_time 2000\n' });
    assert.deepEqual([readCgroupUsage(1, v1).cpuUs, readCgroupUsage(1, v1).throttledUs], [1500, 2]);
    const v2 = files({ 'cpu.stat': 'usage_usec 7\nthrottled_usec 8\n' });
    assert.deepEqual([readCgroupUsage(2, v2).cpuUs, readCgroupUsage(2, v2).throttledUs], [7, 8]);
  });

  test('leaves open what has no file', () => {
    assert.equal(readCgroupUsage(1, files({})).memoryBytes, undefined);
  });
});

describe('deviceWritesV1()', () => {
  test('denies all first, then allows in the order given', () => {
    const writes = deviceWritesV1([
      ...defaultDeviceRules,
      { allow: true, type: 'block', major: 8, minor: 0, access: 'r' },
    ]).map(({ files: [file], value }) => `${file} ${value}`);
    assert.equal(writes[0], 'devices.deny a');
    assert.ok(writes.includes('devices.allow c *:* m'));
    assert.ok(writes.includes('devices.allow c 136:* rwm'));
    assert.equal(writes.at(-1), 'devices.allow b 8:0 r');
  });
});
