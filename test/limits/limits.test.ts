/** Limits of a container, as the kernel enforces them and as the files of its control groups say them. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { describe, test } from 'node:test';
import { plan, run, start, type ContainerOptions, type LimitOptions } from '../../src/index.js';
import { cgroupDirectory, cgroupLayout, readCgroupLimits, readCgroupUsage } from '../../src/kernel/index.js';
import { readCgroupHierarchies } from '../../src/runtime/host.js';
import { warren } from '../support/cli.js';
import { hold, linesOf, sh } from '../support/container.js';
import { assertFakeHost } from '../support/fake-host.js';
import { leavesNothing } from '../support/leaks.js';
import { busyboxRootfs } from '../support/rootfs.js';

assertFakeHost();

const small = busyboxRootfs();
process.on('exit', () => {
  small[Symbol.dispose]();
});
const rootfs = small.path;

// Start what only the first start needs, so that it is no trace.
await run(['true'], { rootfs, limits: { pids: 10 } });

const hierarchies = readCgroupHierarchies();
// A machine with another layout needs these tests written for its files: better a failure than a silent pass.
assert.ok(['v1', 'hybrid'].includes(cgroupLayout(hierarchies)), 'these tests know cgroup v1');

/** Where a container's group is, on the host. */
function groupOf(controller: string, id: string): string {
  const hierarchy = hierarchies.find(({ controllers }) => controllers.includes(controller));
  assert.ok(hierarchy, controller);
  return `${cgroupDirectory(hierarchy, hierarchy.own) ?? ''}/warren-${id.slice(0, 12)}`;
}

function readGroup(controllers: readonly string[], id: string): (name: string) => string | undefined {
  return (name) => {
    const found = controllers.map((each) => `${groupOf(each, id)}/${name}`).find((path) => existsSync(path));
    return found === undefined ? undefined : readFileSync(found, 'utf8');
  };
}

const noSwap = { memory: '16m', memorySwap: '16m' } as const satisfies LimitOptions;
const all = ['memory', 'cpu', 'cpuset', 'pids', 'blkio'];

describe('limits', () => {
  test('stand in the container’s groups, as the host reads them', async () => {
    await leavesNothing(async () => {
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
        assert.deepEqual(readCgroupLimits(1, readGroup(all, container.id)), {
          memoryBytes: 64 * 2 ** 20,
          memorySwapBytes: 96 * 2 ** 20,
          memoryReservationBytes: 32 * 2 ** 20,
          cpuQuotaUs: 50_000,
          cpuPeriodUs: 100_000,
          cpuShares: 512,
          cpusetCpus: '0',
          cpusetMems: '0',
          pids: 50,
          blkioWeight: 300,
        });
        const usage = readCgroupUsage(1, readGroup(all, container.id));
        assert.equal(usage.pids, 1);
        assert.equal(usage.oomKills, 0);
        assert.ok((usage.memoryBytes ?? 0) > 0);
        assert.equal(
          readFileSync(`${groupOf('pids', container.id)}/cgroup.procs`, 'utf8'),
          `${container.pid}\n`,
        );
      } finally {
        await container[Symbol.asyncDispose]();
      }
    });
  });

  test('show inside at /sys/fs/cgroup, whose root is the container’s own group', async () => {
    const script = `
      cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/memory/memory.limit_in_bytes
      grep -c . /sys/fs/cgroup/memory/cgroup.procs
      sed -n 's/.*:memory://p; s/.*:cpu://p' /proc/self/cgroup | sort -u`;
    const shown = linesOf(await sh(script, { rootfs, limits: { cpus: 1.5, memory: '64m' } }));
    // The shell, and grep, which counts.
    assert.deepEqual(shown, ['150000', String(64 * 2 ** 20), '2', '/']);
  });

  test('hold from the first instruction, also without a cgroup namespace, PID namespace or the host’s ids', async () => {
    const places: ContainerOptions[] = [
      {},
      { cgroupns: 'host' },
      { pid: 'host' },
      { init: true },
      { uidMap: ['0:100000:65536'] },
      { user: 'guest' },
    ];
    for (const place of places) {
      await leavesNothing(async () => {
        const container = await hold({ rootfs, limits: { pids: 7 }, ...place });
        try {
          const members = linesOf(readFileSync(`${groupOf('pids', container.id)}/cgroup.procs`, 'utf8'));
          assert.ok(members.includes(String(container.pid)), JSON.stringify(place));
        } finally {
          await container[Symbol.asyncDispose]();
        }
      });
    }
  });

  test('of processors hold', async () => {
    assert.equal(
      await sh('sed -n "s/^Cpus_allowed_list:\\t//p" /proc/self/status', {
        rootfs,
        limits: { cpusetCpus: '0' },
      }),
      '0',
    );
  });

  test('of processes stop a fork bomb of 100', async () => {
    await leavesNothing(async () => {
      const script = 'n=0; while [ $n -lt 100 ]; do sleep 60 & n=$((n+1)); done; echo all';
      const { stdout, stderr, exitCode } = await run(['sh', '-c', script], {
        rootfs,
        limits: { pids: 20 },
        rejectOnFailure: false,
      });
      assert.notEqual(exitCode, 0);
      assert.equal(stdout, '');
      assert.match(stderr, /can't fork|Resource temporarily unavailable/);
    });
  });

  test('are not there where none are asked for: the same steps as without the option', async () => {
    const steps = async (options: ContainerOptions): Promise<string[]> =>
      (await plan(['true'], { rootfs, ...options })).steps.map(({ op }) => op);
    assert.deepEqual(await steps({ limits: { memory: 0, pids: 0 } }), await steps({}));
    assert.ok(!(await steps({})).some((op) => /cgroup$|join-cgroups/.test(op)));
  });
});

describe('a container at its limit of memory', () => {
  test('is killed, and its status says why', async () => {
    await leavesNothing(async () => {
      const { signal, oomKilled } = await run(['tail', '/dev/zero'], {
        rootfs,
        limits: noSwap,
        rejectOnFailure: false,
      });
      assert.equal(signal, 'SIGKILL');
      assert.equal(oomKilled, true);
    });
  });

  test('says so when it was another process than its first', async () => {
    const script = 'tail /dev/zero; exit 3';
    const { exitCode, oomKilled } = await run(['sh', '-c', script], {
      rootfs,
      limits: noSwap,
      rejectOnFailure: false,
    });
    assert.equal(exitCode, 3);
    assert.equal(oomKilled, true);
  });

  test('says so in the error of run()', async () => {
    await assert.rejects(run(['tail', '/dev/zero'], { rootfs, limits: noSwap }), {
      code: 'ERR_COMMAND_FAILED',
      oomKilled: true,
      message: /limit of memory/,
    });
  });

  test('does not say so of another end', async () => {
    for (const script of ['exit 1', 'kill -9 $$']) {
      const { oomKilled } = await run(['sh', '-c', script], {
        rootfs,
        limits: noSwap,
        rejectOnFailure: false,
      });
      assert.equal(oomKilled, false, script);
    }
    assert.equal((await run(['true'], { rootfs })).oomKilled, false);
  });

  test('is told of by warren run, in a line, with the exit code of SIGKILL', async () => {
    const { code, stderr } = await warren([
      'run',
      '--rootfs',
      rootfs,
      '--memory',
      '16m',
      '--memory-swap',
      '16m',
      '--',
      'tail',
      '/dev/zero',
    ]);
    assert.equal(code, 137);
    assert.match(stderr, /^warren: note: .*limit of memory\n$/);
  });
});

describe('cgroupParent', () => {
  test('is where the groups are made, is made itself, and stays', async () => {
    // A name of its own: the hierarchies are the machine's.
    const name = `/parent-${process.pid}-${Date.now()}`;
    const places = hierarchies.filter(({ controllers }) => controllers.some((each) => all.includes(each)));
    try {
      const shown = await sh('cat /proc/self/cgroup', {
        rootfs,
        cgroupParent: `${name}/inner`,
        cgroupns: 'host',
        limits: { cpusetCpus: '0' },
      });
      const group = new RegExp(`${name}/inner/warren-[0-9a-f]{12}$`);
      for (const controller of all) {
        const line = linesOf(shown).find((each) => each.includes(`:${controller}:`)) ?? '';
        assert.match(line, group);
      }
      for (const { mountPoint } of places) {
        rmdirSync(`${mountPoint}${name}/inner`);
      }
    } finally {
      for (const { mountPoint } of places) {
        for (const path of [`${mountPoint}${name}/inner`, `${mountPoint}${name}`]) {
          if (existsSync(path)) rmdirSync(path);
        }
      }
    }
  });

  test('of a group with a smaller cpuset cannot be exceeded', async () => {
    const cpuset = hierarchies.find(({ controllers }) => controllers.includes('cpuset'))!;
    const name = `/parent-${process.pid}-${Date.now()}-cpus`;
    mkdirSync(`${cpuset.mountPoint}${name}`);
    try {
      // Empty, as a new cpuset is: it gets what the one above has, so that anybody can be in it.
      await run(['true'], { rootfs, cgroupParent: name, limits: { cpusetMems: '0' } });
      assert.notEqual(readFileSync(`${cpuset.mountPoint}${name}/cpuset.cpus`, 'utf8').trim(), '');
      await assert.rejects(run(['true'], { rootfs, cgroupParent: name, limits: { cpusetCpus: '4000' } }), {
        code: 'ERR_RANGE',
      });
    } finally {
      for (const { mountPoint } of hierarchies) {
        if (existsSync(`${mountPoint}${name}`)) rmdirSync(`${mountPoint}${name}`);
      }
    }
  });
});

test('a privileged container may make groups below its own; they go with it', async () => {
  await leavesNothing(async () => {
    const script =
      'mkdir -p /sys/fs/cgroup/pids/a/b; echo $$ > /sys/fs/cgroup/pids/a/b/cgroup.procs; sleep 0; echo done';
    assert.equal(await sh(script, { rootfs, privileged: true, limits: { pids: 10 } }), 'done');
  });
});

test('daemons without a PID namespace are ended with their group', async () => {
  await leavesNothing(async () => {
    const script = '(setsid sleep 72001 >/dev/null 2>&1 &) ; echo started';
    assert.equal(await sh(script, { rootfs, pid: 'host', limits: { pids: 10 } }), 'started');
  });
});

test('start() with limits leaves nothing when the command is not there', async () => {
  await leavesNothing(async () => {
    await assert.rejects(start(['/no/such/thing'], { rootfs, limits: { pids: 10, memory: '16m' } }), {
      code: 'ERR_COMMAND_NOT_FOUND',
    });
  });
});
