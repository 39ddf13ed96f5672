/**
 * Limits on a machine that has cgroup v2 alone, in a virtual one: npm run test:vm. The machine is thrown away, so these tests
 * need not look for what is left elsewhere.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { run, start, type ContainerOptions, type LimitOptions } from '../../src/index.js';
import { containerCgroups, readContainerLimits } from '../../src/containers/cgroups.js';
import { updateLimits } from '../../src/containers/limits.js';
import { cgroupLayout, findCgroupHierarchies, readCgroupUsage } from '../../src/kernel/index.js';
import { configureLimits } from '../../src/runtime/configure-limits.js';
import { readCgroupHierarchies } from '../../src/runtime/host.js';
import { hold, linesOf, sh } from '../support/container.js';
import { busyboxRootfs } from '../support/rootfs.js';
import { testState } from '../support/state.js';

const top = '/sys/fs/cgroup';
// Where this fails the tests were not started by scripts/vm.sh: they write to the root of the hierarchy.
assert.equal(cgroupLayout(readCgroupHierarchies()), 'v2');

const small = busyboxRootfs();
process.on('exit', () => {
  small[Symbol.dispose]();
});
const rootfs = small.path;
const noSwap = { memory: '16m', memorySwap: '16m' } as const satisfies LimitOptions;
const M = 2 ** 20;

const text = (path: string): string => readFileSync(path, 'latin1');
const groupOf = (id: string, parent = ''): string => `${top}${parent}/warren-${id.slice(0, 12)}`;

function groupsOf({
  id,
  pid,
}: {
  readonly id: string;
  readonly pid: number;
}): ReturnType<typeof containerCgroups> {
  return containerCgroups(
    findCgroupHierarchies(text('/proc/self/mountinfo'), text(`/proc/${pid}/cgroup`)),
    id,
  );
}

function ownGroups(): string[] {
  return readdirSync(top).filter((name) => name.startsWith('warren-'));
}

describe('limits on cgroup v2', () => {
  test('stand in the container’s group, and are read back as they were given', async () => {
    const limits: LimitOptions = {
      memory: '64m',
      memorySwap: '96m',
      memoryReservation: '32m',
      cpus: 0.5,
      cpuShares: 512,
      cpusetCpus: '0',
      cpusetMems: '0',
      pids: 50,
      blkioWeight: 300,
    };
    const container = await hold({ rootfs, limits });
    try {
      const directory = groupOf(container.id);
      assert.equal(text(`${directory}/memory.swap.max`), `${32 * M}\n`);
      assert.match(text(`${directory}/io.weight`), /^default 293[0-9]$/m);
      const read = readContainerLimits(groupsOf(container));
      // Of shares the weight is kept, which stands for others near them as well.
      assert.ok(Math.abs((read.cpuShares ?? 0) - 512) < 20, String(read.cpuShares));
      assert.deepEqual(
        { ...read, cpuShares: 512 },
        {
          memoryBytes: 64 * M,
          memorySwapBytes: 96 * M,
          memoryReservationBytes: 32 * M,
          cpuQuotaUs: 50_000,
          cpuPeriodUs: 100_000,
          cpuShares: 512,
          cpusetCpus: '0',
          cpusetMems: '0',
          pids: 50,
          blkioWeight: 300,
        },
      );
      const usage = readCgroupUsage(2, (name) => text(`${directory}/${name}`));
      assert.equal(usage.pids, 1);
      assert.equal(usage.oomKills, 0);
      assert.equal(text(`${directory}/cgroup.procs`), `${container.pid}\n`);
    } finally {
      await container[Symbol.asyncDispose]();
    }
    assert.deepEqual(ownGroups(), []);
  });

  test('of memory: the kernel kills, and oomKilled says so', async () => {
    const result = await run(['tail', '/dev/zero'], { rootfs, limits: noSwap, rejectOnFailure: false });
    assert.deepEqual([result.exitCode, result.oomKilled], [137, true]);
    const other = await run(['false'], { rootfs, limits: noSwap, rejectOnFailure: false });
    assert.equal(other.oomKilled, false);
  });

  test('of processes hold', async () => {
    const script = 'for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done; echo all';
    const { stdout, stderr } = await run(['sh', '-c', script], {
      rootfs,
      limits: { pids: 5 },
      rejectOnFailure: false,
    });
    assert.ok(!stdout.includes('all'));
    assert.match(stderr, /fork/);
  });

  test('of CPU time hold: it is throttled', async () => {
    // Ends only when the kernel has counted it.
    const script = 'until grep -q "^nr_throttled [1-9]" /sys/fs/cgroup/cpu.stat; do :; done; echo throttled';
    assert.equal(await sh(script, { rootfs, limits: { cpus: 0.05 } }), 'throttled');
  });

  test('of processors hold', async () => {
    const script = 'sed -n "s/^Cpus_allowed_list:\\t//p" /proc/self/status';
    assert.equal(await sh(script, { rootfs, limits: { cpusetCpus: '1' } }), '1');
  });

  test('show inside at /sys/fs/cgroup, whose root is the container’s own group', async () => {
    const script = 'cat /sys/fs/cgroup/pids.max; cat /proc/self/cgroup';
    assert.deepEqual(linesOf(await sh(script, { rootfs, limits: { pids: 9 } })), ['9', '0::/']);
  });

  test('daemons without a PID namespace are ended with the group', async () => {
    const script = '(setsid sleep 72001 >/dev/null 2>&1 &) ; echo started';
    assert.equal(await sh(script, { rootfs, pid: 'host', limits: { pids: 10 } }), 'started');
    assert.deepEqual(ownGroups(), []);
  });
});

describe('device rules on cgroup v2', () => {
  // Nothing has this number: who may open it hears that there is no such device, who may not that it is not permitted.
  const script = `
    mknod /dev/local c 60 7
    for how in '<' '>>'; do sh -c "true $how /dev/local" 2>&1 | sed 's/.*: //'; done
    echo > /dev/null`;
  const [denied, allowed] = ['Operation not permitted', 'No such device or address'];
  const cases: readonly [options: ContainerOptions, answers: readonly string[]][] = [
    [{}, [denied, denied]],
    [{ deviceCgroupRules: ['c 60:7 r'] }, [allowed, denied]],
    [{ deviceCgroupRules: ['c 60:* rw'] }, [allowed, allowed]],
    [{ privileged: true }, [allowed, allowed]],
  ];
  for (const [options, answers] of cases) {
    test(`${JSON.stringify(options)}: ${answers.join(', ')}`, async () => {
      assert.deepEqual(linesOf(await sh(script, { rootfs, limits: { pids: 20 }, ...options })), answers);
    });
  }
});

test('pause() and unpause() use the freezer of cgroup v2', async () => {
  // The VM's /tmp is on overlayfs.
  await using state = testState('/run');
  const container = await state.store.run(['sleep', '73777'], { rootfs, limits: { pids: 20 } });
  const frozen = (): string =>
    /^frozen (\d)$/m.exec(text(`${groupOf(container.id)}/cgroup.events`))?.[1] ?? 'untold';
  assert.equal(frozen(), '0');
  await container.pause();
  assert.equal(frozen(), '1');
  assert.equal(container.status().state, 'paused');
  await container.unpause();
  assert.equal(frozen(), '0');
  await container.remove({ force: true });
});

test('a frozen container is killed all the same', async () => {
  const container = await hold({ rootfs, limits: { pids: 20 } });
  const directory = groupOf(container.id);
  writeFileSync(`${directory}/cgroup.freeze`, '1');
  await container[Symbol.asyncDispose]();
  assert.ok(!existsSync(directory));
});

describe('a parent group on cgroup v2', () => {
  test('is made with the controllers handed down, level by level', async () => {
    try {
      const parent = '/batch/night';
      const container = await hold({ rootfs, cgroupParent: parent, limits: { pids: 20, memory: '64m' } });
      try {
        assert.equal(text(`${groupOf(container.id, parent)}/pids.max`), '20\n');
        for (const path of ['/batch', parent])
          assert.match(text(`${top}${path}/cgroup.subtree_control`), /memory.*pids|pids.*memory/);
      } finally {
        await container[Symbol.asyncDispose]();
      }
    } finally {
      for (const path of ['/batch/night', '/batch']) rmdirSync(`${top}${path}`);
    }
  });

  test('that has processes of its own is refused by name, before anything is made', async () => {
    const busy = `${top}/busy`;
    mkdirSync(busy);
    writeFileSync(`${busy}/cgroup.procs`, String(process.pid));
    try {
      await assert.rejects(start(['true'], { rootfs, cgroupParent: '/busy', limits: { pids: 5 } }), {
        code: 'ERR_CGROUP_BUSY',
        message: /pids.*\/busy|\/busy.*pids/,
      });
      assert.deepEqual(
        readdirSync(busy).filter((name) => name.startsWith('warren-')),
        [],
      );
      // Where nothing is asked of it, the container is there all the same, without controllers.
      const all = configureLimits({ cgroupParent: '/busy' }, 'a'.repeat(64)) ?? assert.fail('no groups');
      assert.deepEqual(
        all.groups.map(({ events, writes }) => [events, writes]),
        [[undefined, []]],
      );
      // The default is beside the caller’s group, not in it.
      const container = await hold({ rootfs, limits: { pids: 5 } });
      assert.equal(text(`${groupOf(container.id)}/pids.max`), '5\n');
      await container[Symbol.asyncDispose]();
    } finally {
      writeFileSync(`${top}/cgroup.procs`, String(process.pid));
      rmdirSync(busy);
    }
  });
});

describe('updateLimits() on cgroup v2', () => {
  test('changes a running container, up and down', async () => {
    const present: LimitOptions = { memory: '64m', pids: 20, cpus: 0.5 };
    const container = await hold({ rootfs, limits: present });
    try {
      const directory = groupOf(container.id);
      const groups = groupsOf(container);
      const more = updateLimits(groups, present, { memory: '128m', cpus: 1, cpusetCpus: '0' });
      assert.equal(text(`${directory}/memory.max`), `${128 * M}\n`);
      assert.equal(text(`${directory}/memory.swap.max`), `${128 * M}\n`);
      assert.equal(text(`${directory}/cpu.max`), '100000 100000\n');
      assert.equal(text(`${directory}/cpuset.cpus`), '0\n');
      const less = updateLimits(groups, more.limits, { memory: '32m', memorySwap: -1, pids: -1 });
      assert.equal(text(`${directory}/memory.max`), `${32 * M}\n`);
      assert.equal(text(`${directory}/memory.swap.max`), 'max\n');
      assert.equal(text(`${directory}/pids.max`), 'max\n');
      less.undo();
      assert.equal(text(`${directory}/memory.max`), `${128 * M}\n`);
      assert.equal(text(`${directory}/pids.max`), '20\n');
    } finally {
      await container[Symbol.asyncDispose]();
    }
  });
});

test('groups for a container that is kept: one, with everything', () => {
  const config = configureLimits({}, 'a'.repeat(64), { groups: 'all' }) ?? assert.fail('no groups');
  assert.equal(config.groups.length, 1);
  const [group] = config.groups;
  assert.equal(group?.events, 'memory.events');
  assert.ok(group.deviceProgram);
});
