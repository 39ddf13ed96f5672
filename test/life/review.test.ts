/** What a review of the monitor and of the state directory found: moments, and what a container can do to them. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { start } from '../../src/index.js';
import { createNetwork, removeNetwork } from '../../src/network/index.js';
import { LOCK_EX, LOCK_NB, flock } from '../../src/native/index.js';
import { mostInput } from '../../src/containers/connection.js';
import { openContainers, type DetachedContainer } from '../../src/containers/index.js';
import { readCgroupHierarchies } from '../../src/runtime/host.js';
import { assertFakeHost } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';
import { testState } from '../support/state.js';
import { waitFor, waitForExit } from '../support/wait.js';
import { networkedState } from '../network/container-support.js';

assertFakeHost();
const state = testState();
const { store, rootfs } = state;
after(async () => state[Symbol.asyncDispose]());
afterEach(async () => state.clear());

/** Long enough for a decision to be wrong: what is tested for waits for an act of the test, not for time. */
const MEANWHILE_MS = 400;

/** Holds a container's status file as its monitor does. */
function beMonitor({ directory }: DetachedContainer): Disposable {
  const fd = openSync(join(directory, 'status'), 'r+');
  assert.ok(flock(fd, LOCK_EX | LOCK_NB));
  return {
    [Symbol.dispose]() {
      closeSync(fd);
    },
  };
}

test('remove() waits for a monitor that is just beginning: a container whose starter was killed is not lost', async () => {
  const container = await store.create(['true'], { rootfs });
  const monitor = beMonitor(container);
  const removed = container.remove();
  await delay(MEANWHILE_MS);
  assert.ok(existsSync(container.directory));
  monitor[Symbol.dispose]();
  await removed;
  assert.ok(!existsSync(container.directory));
});

test('start() waits for a monitor that is just ending, and starts it then', async () => {
  const container = await store.run(['true'], { rootfs });
  await container.wait();
  await waitFor('the monitor to end', () => container.status().monitorPid === 0 || undefined);
  const monitor = beMonitor(container);
  const started = container.start();
  await delay(MEANWHILE_MS);
  monitor[Symbol.dispose]();
  assert.ok(((await started) ?? 0) > 0);
  await container.wait();
});

test('start() and remove() end what a monitor has left that was killed before it wrote anything', async () => {
  const container = await store.run(['true'], { rootfs });
  await container.wait();
  await waitFor('the monitor to end', () => container.status().monitorPid === 0 || undefined);
  const { cgroups } = JSON.parse(readFileSync(join(container.directory, 'run.json'), 'utf8')) as {
    cgroups: string[];
  };
  assert.ok(cgroups.length > 0);
  for (const path of cgroups) mkdirSync(path);
  assert.equal(container.status().state, 'exited');
  assert.ok(((await container.start()) ?? 0) > 0);
  await container.wait();
  await waitFor('the monitor to end', () => container.status().monitorPid === 0 || undefined);
  for (const path of cgroups) mkdirSync(path);
  await container.remove();
  const left = cgroups.filter((path) => existsSync(path));
  for (const path of left) rmdirSync(path);
  assert.deepEqual(left, []);
});

test('collectGarbage() and prune() leave alone what has ended and is still being read', async () => {
  const container = await store.create(['echo', 'last words'], { rootfs, autoRemove: true });
  await container.start({ attended: true });
  await waitFor('its end', () => container.status().state === 'exited' || undefined);
  await store.collectGarbage();
  await store.prune();
  assert.ok(existsSync(join(container.directory, 'log')));
  await container.remove({ force: true });
});

test('kill() ends one that is waiting to be started again', async () => {
  const container = await store.run(['false'], { rootfs, restart: 'always' });
  // The pauses double: this one is long.
  await waitFor('a pause', () => {
    const { state: now, restartCount } = container.status();
    return (now === 'restarting' && restartCount >= 2) || undefined;
  });
  const { restartCount } = container.status();
  await container.kill();
  assert.equal(container.status().state, 'exited');
  assert.equal(container.status().restartCount, restartCount);
});

/** How many pieces of input find room on the way to a container that reads none. */
async function roomForInput(): Promise<number> {
  const container = await store.run(['sleep', '73903'], { rootfs, openStdin: true });
  const connection = (await container.connect()) ?? assert.fail('it does not run');
  let pieces = 0;
  for (let refused = 0; refused < 10;) {
    if (connection.input(Buffer.alloc(mostInput))) pieces++;
    else {
      refused++;
      await delay(5);
    }
  }
  connection.close();
  await container.remove({ force: true });
  return pieces;
}

test('the end of an input that leaves no room for another word arrives', async () => {
  const bytes = (await roomForInput()) * mostInput;
  const container = await store.run(['sh', '-c', 'sleep 0.5; wc -c'], { rootfs, openStdin: true });
  const attachment = await container.attach({ from: 'start' });
  attachment.stdin.end(Buffer.alloc(bytes));
  let text = '';
  for await (const { data } of attachment.output) text += data.toString();
  attachment.close();
  assert.equal(text.trim(), String(bytes));
});

const daemons = ['sh', '-c', 'for i in 1 2 3 4 5; do (true & exec true); done; echo $$; exec sleep 73901'];

/** Children that have ended and were not waited for. */
function zombiesOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  return children.filter((child) => {
    const stat = readFileSync(`/proc/${child}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
  }).length;
}

test('with the host’s PID namespace, orphans are reaped while the container runs', async () => {
  const container = await store.run(daemons, { rootfs, pid: 'host' });
  const { pid, monitorPid } = container.status();
  await waitFor('its exec', () => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n' || undefined);
  await waitFor('the zombies to go', () => zombiesOf(monitorPid) === 0 || undefined);
  await container.remove({ force: true });
});

test('with the host’s PID namespace, start() reaps orphans while the command runs', async () => {
  const container = await start(daemons, { rootfs, pid: 'host', stdout: 'ignore' });
  const { pid } = container;
  await waitFor('its exec', () => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n' || undefined);
  const parent = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  await waitFor('the zombies to go', () => zombiesOf(parent) === 0 || undefined);
  container.kill('SIGKILL');
  await container.wait();
  await waitForExit(pid);
});

test('a monitor holds as many descriptors after five runs as after the first', async () => {
  const container = await store.run(['sh', '-c', 'echo x; echo y >&2; exit 1'], {
    rootfs,
    restart: 'on-failure:5',
    openStdin: true,
  });
  const counts = new Map<number, number>();
  await waitFor('five runs', () => {
    const { state: now, restartCount, monitorPid } = container.status();
    // Before the next one begins.
    if (now === 'restarting' && !counts.has(restartCount))
      counts.set(restartCount, readdirSync(`/proc/${monitorPid}/fd`).length);
    return now === 'exited' || undefined;
  });
  const seen = [...counts.values()];
  assert.ok(seen.length >= 3, String(seen));
  assert.deepEqual(new Set(seen).size, 1, String(seen));
});

test('a container that locks the names of its network for ever hinders nobody', async () => {
  await using networked = networkedState();
  await createNetwork('locked', { subnets: ['10.92.0.0/24'] });
  // On the machine's own root, which has flock(1).
  const options = { networks: ['locked'] };
  const locker = await networked.store.run(
    ['flock', '/etc/hosts', 'sh', '-c', 'echo locked; exec sleep 73902'],
    options,
  );
  for await (const { data } of locker.logs({ follow: true })) if (data.toString() === 'locked\n') break;
  const other = await networked.store.run(['cat', '/etc/hosts'], { ...options, name: 'other' });
  assert.equal((await other.wait()).exitCode, 0);
  await other.remove();
  await locker.remove({ force: true });
  await removeNetwork('locked');
});

function takeBack(path: string, controller: string): void {
  try {
    writeFileSync(path, `-${controller}`);
  } catch (error) {
    // Somebody else has come to need it meanwhile, as the same test in another fake host.
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
  }
}

test('exec() joins a container that has divided its own group, where its first process is', async () => {
  const container = await store.run(['sleep', '73904'], { rootfs });
  const { cgroups } = JSON.parse(readFileSync(join(container.directory, 'run.json'), 'utf8')) as {
    cgroups: string[];
  };
  const unified =
    cgroups.find((path) => existsSync(`${path}/cgroup.controllers`)) ?? assert.fail('no cgroup v2');
  const mount = readCgroupHierarchies().find(({ version }) => version === 2)?.mountPoint ?? '';
  const [controller = ''] = readFileSync(`${mount}/cgroup.controllers`, 'utf8').trim().split(' ');
  assert.notEqual(controller, '', 'this machine has no controller of cgroup v2');
  const above: string[] = [];
  for (let path = dirname(unified); path.length >= mount.length; path = dirname(path))
    above.unshift(`${path}/cgroup.subtree_control`);
  const handedOn = above.filter((path) => !readFileSync(path, 'utf8').trim().split(' ').includes(controller));
  for (const path of handedOn) writeFileSync(path, `+${controller}`);
  try {
    mkdirSync(`${unified}/first`);
    writeFileSync(`${unified}/first/cgroup.procs`, String(container.status().pid));
    writeFileSync(`${unified}/cgroup.subtree_control`, `+${controller}`);
    const { stdout } = await container.exec(['cat', '/proc/self/cgroup']);
    assert.match(stdout, /^0::\/first$/m);
  } finally {
    await container.remove({ force: true });
    for (const path of handedOn.reverse()) takeBack(path, controller);
  }
});

test('a state directory that others could have written to is not believed', async () => {
  const open = mkdtempSync(join(tmpdir(), 'warren-open-'));
  try {
    chmodSync(open, 0o777);
    assert.throws(() => openContainers(open), { code: 'ERR_STATE_DIRECTORY' });
    chmodSync(open, 0o700);
    chownSync(open, 12345, 12345);
    assert.throws(() => openContainers(open), { code: 'ERR_STATE_DIRECTORY' });
    chownSync(open, 0, 0);
    symlinkSync(open, `${open}-link`);
    assert.throws(() => openContainers(`${open}-link`), { code: 'ERR_STATE_DIRECTORY' });
  } finally {
    rmSync(`${open}-link`, { force: true });
    rmSync(open, { recursive: true });
  }
});

test('a state directory on overlayfs is named as what hinders the start, and nothing is left there', async () => {
  for (const name of ['lower', 'upper', 'work', 'merged'])
    mkdirSync(`/run/stacked/${name}`, { recursive: true });
  const options = 'lowerdir=/run/stacked/lower,upperdir=/run/stacked/upper,workdir=/run/stacked/work';
  oracle('mount', ['-t', 'overlay', '-o', options, 'stacked', '/run/stacked/merged']);
  try {
    chmodSync('/run/stacked/merged', 0o700);
    const there = openContainers('/run/stacked/merged');
    await assert.rejects(there.run(['true'], { rootfs }), {
      code: 'ERR_STEP',
      errno: 'EINVAL',
      fix: /the state directory lies on overlayfs.*WARREN_STATE/,
    });
    assert.deepEqual(there.ids(), []);
  } finally {
    oracle('umount', ['/run/stacked/merged']);
    rmSync('/run/stacked', { recursive: true });
  }
});

test('a container without its config.json is reported, and can be removed', async () => {
  const container = await store.create(['true'], { rootfs });
  rmSync(join(container.directory, 'config.json'));
  assert.deepEqual(
    store.listAll().damaged.map(({ id }) => id),
    [container.id],
  );
  await store.removeDamaged(container.id);
  assert.deepEqual(store.listAll(), { containers: [], damaged: [] });
});
