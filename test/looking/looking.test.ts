/** What people see of a container that lives, against what the machine's own tools and the kernel say of it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { rowPrinter } from '../../src/cli/format/rows.js';
import { inspectPrinter } from '../../src/cli/views/inspect.js';
import { listLayout, listRow } from '../../src/cli/views/list.js';
import { findContainerCgroups } from '../../src/containers/cgroups.js';
import { openContainers, type CreateOptions, type DetachedContainer } from '../../src/containers/index.js';
import { inspectRunning } from '../../src/containers/inspect.js';
import { readContainerProcesses } from '../../src/containers/processes.js';
import { readEvents } from '../../src/containers/read-events.js';
import { readContainerStats, watchStats } from '../../src/containers/stats.js';
import { readCgroupHierarchies } from '../../src/runtime/host.js';
import { finish, startWarren, warren, warrenPath } from '../support/cli.js';
import { assertFakeHost } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';
import { busyboxRootfs } from '../support/rootfs.js';
import { waitFor } from '../support/wait.js';

assertFakeHost();

const small = busyboxRootfs();
const root = mkdtempSync(join(tmpdir(), 'warren-looking-'));
const store = openContainers(root);
const env = { ...process.env, WARREN_STATE: root };
/** A parent of this run's own, so deep that what takes traces does not see it. */
const cgroupParent = `/run-${process.pid}-${Date.now()}/a/b/c`;
after(() => {
  small[Symbol.dispose]();
  rmSync(root, { recursive: true, force: true });
  for (const { mountPoint } of readCgroupHierarchies()) {
    for (let path = mountPoint + cgroupParent; path.includes('/run-'); path = dirname(path)) {
      if (existsSync(path)) rmdirSync(path);
    }
  }
});

const limits = { memory: '64m', pids: 50 } as const;

async function withScript(
  script: string,
  options: CreateOptions,
  use: (container: DetachedContainer) => Promise<void>,
): Promise<void> {
  const container = await store.run(['sh', '-c', script], {
    rootfs: small.path,
    limits,
    cgroupParent,
    ...options,
  });
  try {
    await use(container);
  } finally {
    await container.remove({ force: true });
  }
}

const family = 'sleep 1000 & sleep 1001 & wait';
async function untilThree(container: DetachedContainer): Promise<void> {
  await waitFor('two children that sleep', () => {
    const names = readContainerProcesses(container.snapshot()).map(({ command }) => command.join(' '));
    return names.filter((name) => name.startsWith('sleep 100')).length === 2 ? true : undefined;
  });
}

describe('readContainerProcesses()', () => {
  test('gives the processes of the container and no others, as ps(1) shows them', async () => {
    await withScript(family, {}, async (container) => {
      await untilThree(container);
      const processes = readContainerProcesses(container.snapshot());
      const pids = processes.map(({ pid }) => String(pid)).join(',');
      const shown = oracle('ps', ['-o', 'pid=,ppid=,uid=,tty=,nlwp=,comm=', '-p', pids]).stdout;
      assert.deepEqual(
        shown
          .trim()
          .split('\n')
          .map((line) => line.trim().split(/ +/)),
        processes.map(({ pid, parentPid, uid, terminal, threads, name }) =>
          [pid, parentPid, uid, terminal, threads, name].map(String),
        ),
      );
      assert.equal(processes.length, 3);
      const init = container.snapshot().status.pid;
      assert.deepEqual(
        processes.map(({ parentPid }) => parentPid === init),
        [false, true, true],
      );
    });
  });

  test('finds the same by PID namespace, where there is no control group', async () => {
    await withScript(family, {}, async (container) => {
      await untilThree(container);
      const snapshot = container.snapshot();
      // No group bears this id.
      const groupless = { ...snapshot, record: { ...snapshot.record, id: 'f'.repeat(64) } };
      assert.deepEqual(findContainerCgroups(groupless), []);
      const pidsOf = (each: typeof snapshot): number[] => readContainerProcesses(each).map(({ pid }) => pid);
      assert.deepEqual(pidsOf(groupless), pidsOf(snapshot));
    });
  });
});

describe('readContainerStats()', () => {
  test('gives what the kernel counts: memory within its limit, processes, CPU time that grows', async () => {
    await withScript('while :; do :; done', {}, async (container) => {
      const look = () => container.snapshot();
      const first = readContainerStats(look()) ?? assert.fail('it does not run');
      assert.equal(first.memoryLimitBytes, 64 * 1024 * 1024);
      assert.ok(first.memoryBytes !== undefined && first.memoryBytes > 0);
      assert.equal(first.pids, 1);
      assert.equal(first.cpuPercent, undefined);
      assert.deepEqual(first.network, { receivedBytes: 0, sentBytes: 0 });
      const readings = [];
      for await (const each of watchStats(look, { intervalMs: 20 })) if (readings.push(each) === 3) break;
      const [second, , last] = readings;
      assert.ok(second?.cpuUs !== undefined && last?.cpuUs !== undefined && first.cpuUs !== undefined);
      assert.ok(first.cpuUs <= second.cpuUs && second.cpuUs <= last.cpuUs);
      await waitFor('CPU time', () => {
        const now = readContainerStats(look(), first);
        return (now?.cpuPercent ?? 0) > 0 ? true : undefined;
      });
    });
  });

  test('without a control group counts what the processes have used', async () => {
    await withScript('(while :; do :; done) & wait', {}, async (container) => {
      const snapshot = container.snapshot();
      const groupless = { ...snapshot, record: { ...snapshot.record, id: 'f'.repeat(64) } };
      const stats = await waitFor('CPU time', () => {
        const now = readContainerStats(groupless);
        return (now?.cpuUs ?? 0) > 0 ? now : undefined;
      });
      assert.equal(stats.pids, 2);
      assert.equal(stats.memoryBytes, undefined);
    });
  });

  test('counts the traffic of the container’s own devices, and none in the host’s network', async () => {
    await withScript(family, {}, async (container) => {
      const { pid } = container.snapshot().status;
      const ip = (...args: readonly string[]) => oracle('nsenter', ['-t', String(pid), '-n', 'ip', ...args]);
      ip('link', 'add', 'one', 'type', 'veth', 'peer', 'two');
      for (const device of ['one', 'two']) ip('link', 'set', device, 'up');
      // IPv6 announces itself on both; each counts what the other sends.
      await waitFor('traffic', () =>
        (readContainerStats(container.snapshot())?.network?.sentBytes ?? 0) > 0 ? true : undefined,
      );
    });
    await withScript(family, { network: 'host' }, async (container) => {
      assert.equal(readContainerStats(container.snapshot())?.network, undefined);
    });
  });

  test('watchStats() ends with the container', async () => {
    await withScript(family, {}, async (container) => {
      const readings = watchStats(() => container.snapshot(), { intervalMs: 10 });
      assert.equal((await readings.next()).done, false);
      await container.kill();
      while ((await readings.next()).done !== true);
      assert.equal(readContainerStats(container.snapshot()), undefined);
    });
  });
});

test('inspectRunning() tells what the kernel has: process, groups, limits', async () => {
  await withScript(family, { name: 'looked-at', labels: { tier: 'web' } }, async (container) => {
    const inspected = inspectRunning(container.snapshot());
    const { Pid } = inspected.State;
    const { Cgroups, Limits, MonitorPid } = inspected.Warren;
    for (const directory of Object.values(Cgroups)) {
      assert.ok(
        readFileSync(join(directory, 'cgroup.procs'), 'utf8').split('\n').includes(String(Pid)),
        directory,
      );
    }
    assert.ok(Object.keys(Cgroups).some((name) => name.split(',').includes('memory') || name === 'unified'));
    assert.equal(Limits.memoryBytes, 64 * 1024 * 1024);
    assert.equal(Limits.pids, 50);
    assert.ok(existsSync(`/proc/${MonitorPid}`));
    assert.equal(
      inspectPrinter('{{.Name}} {{.State.Pid}} {{.Config.Labels.tier}}')([inspected]),
      `/looked-at ${Pid} web\n`,
    );
  });
});

test('what does not run has no processes, no stats and no groups', async () => {
  await withScript('exit 3', { name: 'ended' }, async (container) => {
    await container.wait();
    const snapshot = container.snapshot();
    assert.throws(() => readContainerProcesses(snapshot), { code: 'ERR_CONTAINER_NOT_RUNNING' });
    assert.equal(readContainerStats(snapshot), undefined);
    assert.deepEqual(inspectRunning(snapshot).Warren.Cgroups, {});
    const row = listRow(snapshot, { full: false, nowMs: Date.now() });
    assert.match(
      rowPrinter('{{.Names}} {{.State}} {{.Status}}', listLayout).print([row]),
      /^ended exited Exited \(3\) .* ago\n$/,
    );
  });
});

test('readEvents() gives a whole life in order, monitors’ lines with their names', async () => {
  const controller = new AbortController();
  const since = BigInt(Date.now()) * 1_000_000n;
  const seen: string[] = [];
  const reading = (async () => {
    for await (const { action, attributes } of readEvents(root, {
      since,
      follow: true,
      signal: controller.signal,
    })) {
      if (attributes['name'] === 'eventful' || attributes['name'] === 'renamed')
        seen.push(`${action} ${attributes['name']}`);
    }
  })();
  const container = await store.run(['sh', '-c', family], { rootfs: small.path, name: 'eventful' });
  await container.rename('renamed');
  await container.kill();
  await container.remove();
  await waitFor('the last event', () => (seen.some((each) => each.startsWith('destroy')) ? true : undefined));
  controller.abort();
  await reading;
  const order = ['create eventful', 'start eventful', 'rename renamed', 'die renamed', 'destroy renamed'];
  assert.deepEqual(
    seen.filter((each) => order.includes(each)),
    order,
  );
});

describe('the commands', () => {
  test('ps, inspect, top, stats and events agree about a container', async () => {
    await withScript(family, { name: 'agreed', labels: { tier: 'web' } }, async (container) => {
      await untilThree(container);
      const { pid } = container.snapshot().status;
      const out = async (...args: readonly string[]): Promise<string> => {
        const { code, stdout, stderr } = await warren(args, { env });
        assert.deepEqual([code, stderr], [0, ''], args.join(' '));
        return stdout;
      };
      assert.equal(await out('ps', '-q', '--no-trunc', '--filter', 'name=agreed'), `${container.id}\n`);
      assert.match(
        await out('ps'),
        /^CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES\n(.*\n)*.* agreed\n/,
      );
      const [listed] = JSON.parse(await out('ps', '--json', '--filter', 'label=tier=web')) as {
        pid: number;
      }[];
      assert.equal(listed?.pid, pid);
      assert.equal(await out('inspect', '-f', '{{.State.Pid}}', container.id.slice(0, 12)), `${pid}\n`);
      assert.equal((JSON.parse(await out('top', '--json', 'agreed')) as unknown[]).length, 3);
      assert.match(
        await out('top', 'agreed', '-o', 'pid,cmd'),
        new RegExp(`^PID +CMD\n${pid} +sh -c ${family}\n`),
      );
      const [stats] = JSON.parse(await out('stats', '--no-stream', '--json', 'agreed')) as { pids: number }[];
      assert.equal(stats?.pids, 3);
      assert.match(
        await out('events', '--until', '0s', '--filter', 'container=agreed'),
        / container start .*name=agreed/,
      );
    });
  });

  test('inspect prints what it found, an error for each that is not there, and fails', async () => {
    await withScript(family, { name: 'there' }, async () => {
      const { code, stdout, stderr } = await warren(['inspect', 'nowhere', 'there', 'neither'], { env });
      assert.equal(code, 1);
      assert.deepEqual(
        (JSON.parse(stdout) as { Name: string }[]).map(({ Name }) => Name),
        ['/there'],
      );
      assert.deepEqual(stderr.match(/"(nowhere|neither)"/g), ['"nowhere"', '"neither"']);
      assert.equal((await warren(['inspect', 'nowhere'], { env })).stdout, '[]\n');
    });
  });

  test('events goes on until it is interrupted, and then ends well', async () => {
    const child = startWarren(
      ['events', '--format', '{{.Action}} {{.Actor.Attributes.name}}', '--since', '0'],
      { env },
    );
    const finished = finish(child);
    let text = '';
    child.stdout.on('data', (data: Buffer) => (text += data.toString()));
    await withScript('exit 0', { name: 'passing' }, async (container) => {
      await container.wait();
      await waitFor('its end', () => (text.includes('die passing') ? true : undefined));
    });
    child.kill('SIGINT');
    assert.equal((await finished).code, 0);
  });

  test('stats prints lines until it is interrupted, or until nobody reads them', async () => {
    await withScript(family, { name: 'streaming' }, async () => {
      const child = startWarren(['stats', '--format', '{{.Name}} {{.PIDs}}', 'streaming'], { env });
      const finished = finish(child);
      let lines = 0;
      child.stdout.on('data', (data: Buffer) => (lines += data.toString().split('\n').length - 1));
      await waitFor('two readings', () => (lines >= 2 ? true : undefined));
      child.kill('SIGINT');
      assert.equal((await finished).code, 0);
      const pipe = '"$0" stats --format "{{.Name}}" streaming | head -n 1';
      const piped = execFileSync('sh', ['-c', pipe, warrenPath], { env, encoding: 'utf8' });
      assert.equal(piped, 'streaming\n');
    });
  });
});
