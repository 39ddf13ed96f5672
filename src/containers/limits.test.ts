import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { ContainerCgroup } from './cgroups.js';
import { mergeLimits, updateLimits } from './limits.js';

const M = 2 ** 20;

/** Directories that look like a container's groups; nothing enforces anything there. */
function fakeGroups(
  version: 1 | 2,
  files: Readonly<Record<string, string>>,
): { groups: ContainerCgroup[]; read: (file: string) => string } & Disposable {
  const directory = mkdtempSync(join(tmpdir(), 'limits-'));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, file), `${text}\n`);
  const controllers = version === 1 ? ['memory', 'cpu', 'cpuset', 'pids', 'blkio'] : [];
  return {
    groups: [{ version, controllers, name: undefined, directory }],
    read: (file) => readFileSync(join(directory, file), 'latin1').trim(),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true }),
  };
}

describe('mergeLimits()', () => {
  test('keeps what is not given, and takes 0 for that', () => {
    assert.deepEqual(
      mergeLimits(
        { memory: '64m', memorySwap: -1, pids: 5 },
        { memory: 0, memorySwap: '0', pids: 7, cpusetCpus: '', cpusetMems: '0' },
      ),
      { memory: '64m', memorySwap: -1, pids: 7, cpusetMems: '0' },
    );
  });
});

describe('updateLimits()', () => {
  test('writes what is named, and what hangs on it, and nothing else', () => {
    const fake = fakeGroups(1, {
      'memory.limit_in_bytes': String(64 * M),
      'memory.memsw.limit_in_bytes': String(128 * M),
      'pids.max': 'max',
      'cpu.shares': '77',
    });
    try {
      const present = { memory: '64m', cpuShares: 512 };
      const { limits, undo } = updateLimits(fake.groups, present, { memory: '32m', pids: 9 });
      assert.deepEqual(limits, { memory: '32m', cpuShares: 512, pids: 9 });
      // As much swap as memory, as at the start.
      assert.equal(fake.read('memory.memsw.limit_in_bytes'), String(64 * M));
      assert.equal(fake.read('memory.limit_in_bytes'), String(32 * M));
      assert.equal(fake.read('pids.max'), '9');
      assert.equal(fake.read('cpu.shares'), '77');
      undo();
      assert.equal(fake.read('memory.limit_in_bytes'), String(64 * M));
      assert.equal(fake.read('pids.max'), 'max');
    } finally {
      fake[Symbol.dispose]();
    }
  });

  test('gives v2 swap by itself, which hangs on memory', () => {
    const fake = fakeGroups(2, { 'memory.max': String(64 * M), 'memory.swap.max': String(32 * M) });
    try {
      updateLimits(fake.groups, { memory: '64m', memorySwap: '96m' }, { memory: '48m' });
      assert.equal(fake.read('memory.max'), String(48 * M));
      assert.equal(fake.read('memory.swap.max'), String(48 * M));
    } finally {
      fake[Symbol.dispose]();
    }
  });

  test('checks the changes together with what there is, before anything is written', () => {
    const fake = fakeGroups(1, { 'memory.limit_in_bytes': String(64 * M) });
    try {
      const present = { memory: '64m', memorySwap: '96m' };
      assert.throws(() => updateLimits(fake.groups, present, { memory: '128m' }), { code: 'ERR_LIMIT' });
      assert.equal(fake.read('memory.limit_in_bytes'), String(64 * M));
    } finally {
      fake[Symbol.dispose]();
    }
  });

  test('puts everything back when one is refused, and says which by file and value', () => {
    const fake = fakeGroups(1, { 'pids.max': '5', 'cpu.shares': '1024' });
    const file = `${fake.groups[0]?.directory}/pids.max`;
    try {
      // It is there, can be read, and refuses every write, root's too.
      rmSync(file);
      symlinkSync('/proc/version', file);
      assert.throws(() => updateLimits(fake.groups, {}, { cpuShares: 512, pids: 9 }), {
        code: 'ERR_LIMIT_REFUSED',
        message: /writing "9" to .*pids\.max failed with E/,
      });
      assert.equal(fake.read('cpu.shares'), '1024');
    } finally {
      fake[Symbol.dispose]();
    }
  });

  test('names the controller that the container has no group for', () => {
    const fake = fakeGroups(2, { 'memory.max': 'max' });
    try {
      assert.throws(() => updateLimits(fake.groups, {}, { pids: 3 }), {
        code: 'ERR_CGROUP_UNAVAILABLE',
        message: /pids/,
      });
    } finally {
      fake[Symbol.dispose]();
    }
  });

  test('of a container that does not run only checks and merges', () => {
    assert.deepEqual(updateLimits([], { pids: 3 }, { cpus: 1 }).limits, { pids: 3, cpus: 1 });
    assert.throws(() => updateLimits([], {}, { pids: -7 }), { code: 'ERR_RANGE' });
  });
});
