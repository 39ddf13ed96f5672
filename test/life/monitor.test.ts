/** What the monitor keeps to, whatever happens around it. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { openContainers, type ContainerStore, type DetachedContainer } from '../../src/containers/index.js';
import { assertFakeHost } from '../support/fake-host.js';
import { repositoryRoot } from '../support/cli.js';
import { testState } from '../support/state.js';
import { waitFor, waitForExit } from '../support/wait.js';

assertFakeHost();
const state = testState();
const { store, rootfs } = state;
after(async () => state[Symbol.asyncDispose]());
afterEach(async () => state.clear());

async function textOf(container: DetachedContainer, stream = 'stdout'): Promise<string> {
  let text = '';
  for await (const entry of container.logs()) if (entry.stream === stream) text += entry.data.toString();
  return text;
}

/** Proportional set size of a process, in kB. */
function pssOf(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? NaN);
}

test('it costs at most 150 kB of memory, also when it has logged much and knows how to start again', async () => {
  const container = await store.run(
    ['sh', '-c', 'yes $(seq 1 400) | head -c 3000000; echo end >&2; exec sleep 73201'],
    {
      rootfs,
      restart: 'always',
    },
  );
  await waitFor('the log', async () => (await textOf(container, 'stderr')) === 'end\n' || undefined);
  const pss = pssOf(container.status().monitorPid);
  assert.ok(pss > 0 && pss <= 150, `${pss} kB`);
});

test('it lives on when whatever started it is killed, and the container with it', async () => {
  const script = `
    import { openContainers } from '${repositoryRoot}/dist/containers/index.js';
    const container = await openContainers(process.argv[1]).run(['sleep', '73202'], { rootfs: process.argv[2], name: 'orphan' });
    process.kill(process.pid, 'SIGKILL');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, state.root, rootfs], {
    stdio: 'inherit',
  });
  await once(child, 'exit');
  const container = await store.find('orphan');
  assert.equal(container.status().state, 'running');
  assert.equal((await container.exec(['echo', 'here'])).stdout, 'here');
  await container.stop({ timeoutMs: 0 });
});

test('a killed monitor takes its container with it; that is seen, collected, and it can be started again', async () => {
  const container = await store.run(['sleep', '73203'], { rootfs, limits: { pids: 20 } });
  const { pid, monitorPid } = container.status();
  process.kill(monitorPid, 'SIGKILL');
  await waitForExit(monitorPid);
  await waitForExit(pid);
  const status = container.status();
  assert.deepEqual([status.state, status.exitCode, status.pid], ['dead', 137, 0]);
  await assert.rejects(container.exec(['true']), { code: 'ERR_CONTAINER_NOT_RUNNING' });
  assert.equal((await container.wait()).exitCode, 137);
  await container.start();
  assert.equal(container.status().state, 'running');
  await container.remove({ force: true });
  await store.collectGarbage();
});

test('nobody who reads slowly, or not at all, hinders the container', async () => {
  const container = await store.run(['sh', '-c', 'yes $(seq 1 400) | head -c 20000000; echo done >&2'], {
    rootfs,
    log: { maxSizeBytes: 30_000_000 },
  });
  const attachment = await container.attach();
  const slow = attachment.output[Symbol.asyncIterator]();
  await slow.next();
  assert.equal((await container.wait()).exitCode, 0);
  assert.equal(await textOf(container, 'stderr'), 'done\n');
  attachment.close();
});

test('its log is rotated, with no frame lost, and never has more files than it may', async () => {
  const container = await store.run(['seq', '1', '60000'], {
    rootfs,
    log: { maxSizeBytes: 100_000, maxFiles: 3 },
  });
  await container.wait();
  const logs = readdirSync(container.directory).filter((name) => name.startsWith('log'));
  assert.deepEqual(logs.sort(), ['log', 'log.1', 'log.2']);
  const lines = (await textOf(container)).trim().split('\n').map(Number);
  assert.equal(lines.at(-1), 60_000);
  // The earliest is what a rotation has left of it.
  lines.shift();
  const first = lines[0] ?? 0;
  assert.deepEqual(
    lines,
    Array.from({ length: 60_001 - first }, (_, index) => first + index),
  );
});

test('output comes with the stream and the time it was read, to the nanosecond', async () => {
  const before = BigInt(Date.now()) * 1_000_000n;
  const container = await store.run(['sh', '-c', 'echo a; echo b >&2; printf c'], { rootfs });
  await container.wait();
  const entries: string[] = [];
  for await (const { stream, data, time } of container.logs()) {
    entries.push(`${stream} ${JSON.stringify(data.toString())}`);
    assert.ok(time >= before - 1_000_000n && time <= BigInt(Date.now() + 1) * 1_000_000n);
  }
  assert.deepEqual(entries.sort(), ['stderr "b\\n"', 'stdout "a\\n"', 'stdout "c"']);
});

test('an unfinished line of one run is not joined to the next', async () => {
  const container = await store.run(['printf', 'half'], { rootfs });
  await container.wait();
  await container.start();
  await container.wait();
  const lines: string[] = [];
  for await (const { data } of container.logs()) lines.push(data.toString());
  assert.deepEqual(lines, ['half', 'half']);
});

test('ten thousand orphans are reaped by an init, and end with the container without one', async () => {
  const script = 'i=0; while [ $i -lt 10000 ]; do (:) & i=$((i+1)); done; echo made; exec sleep 73204';
  for (const init of [true, false]) {
    const container = await store.run(['sh', '-c', script], { rootfs, init });
    await waitFor('the processes', async () => (await textOf(container)) === 'made\n' || undefined, 60_000);
    const stopped = await container.stop({ timeoutMs: 0 });
    assert.equal(stopped.signal, 'SIGKILL');
    await container.remove();
  }
});

test('a container that forks up to its limit is stopped like any other', async () => {
  const container = await store.run(['sh', '-c', 'while :; do sleep 73205 2>/dev/null & done 2>/dev/null'], {
    rootfs,
    limits: { pids: 30 },
  });
  await container.stop({ timeoutMs: 20 });
  assert.equal(container.status().state, 'exited');
  await container.remove();
});

test('with the host’s PID namespace, what the command leaves behind ends with it', async () => {
  const container = await store.run(['sh', '-c', 'setsid sleep 73206 & exit 5'], { rootfs, pid: 'host' });
  assert.equal((await container.wait()).exitCode, 5);
  await waitFor('the orphan to end', () => {
    const found = execFileSync('sh', ['-c', 'pgrep -f "^sleep 7320[6]" || :'], { encoding: 'utf8' });
    return found === '' || undefined;
  });
});

/** Runs a body with a file system of its own for the state, which is full soon. */
async function withSmallDisk(
  size: string,
  body: (root: string, small: ContainerStore) => Promise<void>,
): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'warren-full-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=700`, 'tmpfs', root]);
  const small = openContainers(root);
  try {
    await body(root, small);
  } finally {
    await Promise.all(small.ids().map(async (id) => small.removeDamaged(id).catch(() => undefined)));
    await waitFor('the disk to be let go', () => {
      try {
        execFileSync('umount', [root], { stdio: 'ignore' });
        return true;
      } catch {
        return undefined;
      }
    });
    rmSync(root, { recursive: true });
  }
}

test('a full disk loses log and says how much; the container does not notice, and what was written stays', async () => {
  await withSmallDisk('2m', async (root, small) => {
    const script =
      'await() { while [ ! -e $1 ]; do sleep 0.02; done; }; echo first; await /go; yes $(seq 1 400) | head -c 3000000; touch /passed; await /on; echo last';
    // What it writes goes elsewhere.
    const container = await small.run(['sh', '-c', script], {
      rootfs,
      storageSize: '1m',
      log: { maxSizeBytes: 100_000_000 },
    });
    writeFileSync(join(root, 'filler'), Buffer.alloc(1_000_000));
    await container.exec(['touch', '/go']);
    await container.exec(['sh', '-c', 'while [ ! -e /passed ]; do sleep 0.02; done']);
    rmSync(join(root, 'filler'));
    await container.exec(['touch', '/on']);
    assert.equal((await container.wait()).exitCode, 0);
    assert.equal(container.status().state, 'exited');
    const text = await textOf(container);
    assert.match(text, /^first\n/);
    assert.match(text, /last\n$/);
    assert.match(await textOf(container, 'note'), /^lost \d+ bytes/);
  });
});

test('a full disk refuses what has to be written, clearly, and leaves what was there', async () => {
  await withSmallDisk('512k', async (root, small) => {
    const container = await small.create(['true'], { rootfs, name: 'before' });
    let filler = 0;
    for (let size = 65_536; size >= 512; size /= 2) {
      for (;;) {
        try {
          writeFileSync(join(root, `filler${filler++}`), Buffer.alloc(size));
        } catch {
          break;
        }
      }
    }
    await assert.rejects(small.create(['true'], { rootfs, name: 'second' }), { code: 'ERR_STATE_WRITE' });
    await assert.rejects(container.rename('after'), { code: 'ERR_STATE_WRITE' });
    assert.deepEqual(
      (await small.list()).map(({ record }) => record.name),
      ['before'],
    );
    assert.deepEqual(readdirSync(join(root, 'names')), ['before']);
    assert.deepEqual(readdirSync(join(root, 'making')), []);
    for (const name of readdirSync(root).filter((each) => each.startsWith('filler')))
      rmSync(join(root, name));
    await container.rename('after');
    await container.remove();
  });
});

test('a path of the state directory that is too long for a socket is no hindrance', async () => {
  const deep = join(state.root, 'd'.repeat(100), 'e'.repeat(100));
  mkdirSync(deep, { recursive: true });
  const far = openContainers(deep);
  const container = await far.run(['sleep', '73207'], { rootfs });
  assert.equal((await container.exec(['echo', 'here'])).stdout, 'here');
  await container.remove({ force: true });
});

test('state is for its owner alone', async () => {
  const container = await store.run(['sleep', '73208'], { rootfs });
  for (const path of [state.root, join(state.root, 'containers'), container.directory])
    assert.equal(statSync(path).mode & 0o077, 0, path);
});
