/** Limits changed while a container runs, as the kernel takes them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { run, type LimitOptions } from '../../src/index.js';
import { containerCgroups, readContainerLimits, type ContainerCgroup } from '../../src/containers/cgroups.js';
import { updateLimits } from '../../src/containers/limits.js';
import { findCgroupHierarchies } from '../../src/kernel/index.js';
import { hold } from '../support/container.js';
import { assertFakeHost } from '../support/fake-host.js';
import { leavesNothing } from '../support/leaks.js';
import { busyboxRootfs } from '../support/rootfs.js';

assertFakeHost();

const small = busyboxRootfs();
process.on('exit', () => {
  small[Symbol.dispose]();
});
const rootfs = small.path;
const M = 2 ** 20;
// Start what only the first start needs, so that it is no trace.
await run(['true'], { rootfs, limits: { pids: 10 } });

async function withContainer(
  limits: LimitOptions,
  body: (groups: readonly ContainerCgroup[], pid: number) => void,
  prepare?: string,
): Promise<void> {
  await leavesNothing(async () => {
    const container = await hold({ rootfs, limits }, prepare);
    try {
      const [mounts, own] = ['self/mountinfo', `${container.pid}/cgroup`].map((file) =>
        readFileSync(`/proc/${file}`, 'utf8'),
      );
      body(containerCgroups(findCgroupHierarchies(mounts ?? '', own ?? ''), container.id), container.pid);
    } finally {
      await container[Symbol.asyncDispose]();
    }
  });
}

test('updateLimits() raises and lowers memory with its swap, in the order that the kernel takes', async () => {
  const present: LimitOptions = { memory: '64m', memorySwap: '96m' };
  await withContainer(present, (groups) => {
    // Above the old sum: memory alone would be refused first.
    const more = updateLimits(groups, present, { memory: '128m', memorySwap: '160m' });
    let read = readContainerLimits(groups);
    assert.deepEqual([read.memoryBytes, read.memorySwapBytes], [128 * M, 160 * M]);
    // Below the old memory: the sum alone would be refused first.
    updateLimits(groups, more.limits, { memory: '16m', memorySwap: '32m' });
    read = readContainerLimits(groups);
    assert.deepEqual([read.memoryBytes, read.memorySwapBytes], [16 * M, 32 * M]);
    updateLimits(groups, { memory: '16m', memorySwap: '32m' }, { memory: -1, memorySwap: -1 });
    assert.equal(readContainerLimits(groups).memoryBytes, undefined);
  });
});

test('updateLimits() changes the others, and its undo takes all of them back', async () => {
  const present: LimitOptions = {
    memory: '64m',
    pids: 20,
    cpus: 1,
    cpuShares: 512,
    cpusetCpus: '0-1',
    blkioWeight: 300,
  };
  await withContainer(present, (groups) => {
    const before = readContainerLimits(groups);
    const change: LimitOptions = { pids: 30, cpus: 0.25, cpuShares: 256, cpusetCpus: '1', blkioWeight: 500 };
    const { limits, undo } = updateLimits(groups, present, change);
    assert.deepEqual(limits, { ...present, ...change });
    assert.deepEqual(readContainerLimits(groups), {
      ...before,
      pids: 30,
      cpuQuotaUs: 25_000,
      cpuShares: 256,
      cpusetCpus: '1',
      blkioWeight: 500,
    });
    undo();
    assert.deepEqual(readContainerLimits(groups), before);
  });
});

test('updateLimits() says which file refused which value, and leaves all of them as they were', async () => {
  const present: LimitOptions = { memory: '64m', pids: 20, cpusetCpus: '0' };
  await withContainer(present, (groups) => {
    const before = readContainerLimits(groups);
    assert.throws(() => updateLimits(groups, present, { memory: '32m', cpusetCpus: '4000' }), {
      code: 'ERR_LIMIT_REFUSED',
      message: /"4000" to .*\/cpuset\.cpus failed with E/,
    });
    assert.deepEqual(readContainerLimits(groups), before);
  });
});

test('updateLimits() cannot take memory that is used', async () => {
  const present: LimitOptions = { memory: '128m', memorySwap: '128m' };
  await withContainer(
    present,
    (groups) => {
      assert.throws(() => updateLimits(groups, present, { memory: '16m', memorySwap: '16m' }), {
        code: 'ERR_LIMIT_REFUSED',
        errno: 'EBUSY',
      });
      assert.equal(readContainerLimits(groups).memoryBytes, 128 * M);
    },
    // What a tmpfs holds cannot be dropped, and there is no swap.
    'head -c 40000000 /dev/zero > /dev/shm/much',
  );
});

test('updateLimits() names the controller that the container has no group for', async () => {
  await withContainer({ pids: 20 }, (groups) => {
    assert.throws(() => updateLimits(groups, { pids: 20 }, { memory: '64m' }), {
      code: 'ERR_CGROUP_UNAVAILABLE',
      message: /memory/,
    });
  });
});
