/** The life of containers that are kept, through the library. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { openContainers, type DetachedContainer } from '../../src/containers/index.js';
import { assertFakeHost } from '../support/fake-host.js';
import { leavesNothing } from '../support/leaks.js';
import { stateEntries, testState } from '../support/state.js';
import { waitFor, waitForExit } from '../support/wait.js';

assertFakeHost();
const state = testState();
const { store, rootfs } = state;
after(async () => state[Symbol.asyncDispose]());
// One that fails must not fail those after it.
afterEach(async () => state.clear());

/** Ends at SIGTERM with code 3. */
const polite = ['sh', '-c', 'trap "exit 3" TERM; echo ready; while :; do sleep 0.02; done'];

async function linesOf(container: DetachedContainer): Promise<string[]> {
  const lines: string[] = [];
  for await (const { stream, data } of container.logs())
    lines.push(`${stream}: ${data.toString().trimEnd()}`);
  return lines;
}

async function untilReady(container: DetachedContainer): Promise<void> {
  for await (const { data } of container.logs({ follow: true }))
    if (data.toString().startsWith('ready')) return;
  assert.fail('it ended before it was ready');
}

// What only the first needs is no trace.
await (await store.run(['true'], { rootfs, autoRemove: true })).wait();
await waitFor('the first to be removed', () => (stateEntries(state.root).length === 0 ? true : undefined));

test('run() leaves it running with the caller’s id of its process, in namespaces of its own', async () => {
  await leavesNothing(async () => {
    const container = await store.run(['sh', '-c', 'echo out; echo err >&2; exec sleep 73001'], { rootfs });
    const { record, status } = container.snapshot();
    assert.equal(status.state, 'running');
    assert.match(readFileSync(`/proc/${status.pid}/cmdline`, 'utf8'), /73001/);
    assert.match(
      readFileSync(`/proc/${status.pid}/status`, 'utf8'),
      new RegExp(`PPid:\\t${status.monitorPid}\\n`),
    );
    assert.match(record.name, /^[a-z]+_[a-z]+/);
    assert.match(status.startedAt, /^\d{4}-\d\d-\d\dT.*\.\d{9}Z$/);
    await container.remove({ force: true });
    await waitForExit(status.monitorPid);
    assert.deepEqual(stateEntries(state.root), []);
  });
});

test('stop() sends the stop signal, and reports the exit code that the command chose', async () => {
  const container = await store.run(polite, { rootfs, name: 'polite' });
  await untilReady(container);
  const status = await container.stop();
  assert.deepEqual([status.exitCode, status.signal], [3, undefined]);
  assert.equal(container.status().state, 'exited');
  assert.equal((await container.stop()).exitCode, 3);
  await container.remove();
});

test('stop() kills what ignores the signal, after the grace', async () => {
  const container = await store.run(['sleep', '73002'], { rootfs });
  const status = await container.stop({ timeoutMs: 50 });
  assert.deepEqual([status.exitCode, status.signal], [137, 'SIGKILL']);
  await container.remove();
});

test('stop() of one that is stopped already, or was never started, does nothing', async () => {
  const container = await store.create(['true'], { rootfs });
  assert.equal((await container.stop()).exitCode, 0);
  assert.equal(container.status().state, 'created');
  await container.remove();
});

test('start() of one that has ended runs it again, with what it wrote before', async () => {
  const container = await store.run(['sh', '-c', 'echo $(cat /kept 2>/dev/null); echo x >>/kept'], {
    rootfs,
  });
  await container.wait();
  await container.start();
  await container.wait();
  await container.start();
  await container.wait();
  assert.deepEqual(await linesOf(container), ['stdout: ', 'stdout: x', 'stdout: x x']);
  await container.remove();
});

test('start() of one that runs leaves it as it is', async () => {
  const container = await store.run(['sleep', '73003'], { rootfs });
  const { pid } = container.status();
  assert.equal(await container.start(), undefined);
  assert.equal(container.status().pid, pid);
  await container.remove({ force: true });
});

test('the machine’s own root is kept from one start to the next as well', async () => {
  const container = await store.run(['sh', '-c', 'cat /etc/kept 2>/dev/null; echo again >/etc/kept']);
  await container.wait();
  await container.start();
  await container.wait();
  assert.deepEqual(await linesOf(container), ['stdout: again']);
  assert.ok(!existsSync('/etc/kept'));
  await container.remove();
});

test('the state directory is not to be seen in a container on the machine’s own root', async () => {
  const root = mkdtempSync('/srv/warren-state-');
  try {
    const container = await openContainers(root).run(['ls', '-A', root]);
    assert.equal((await container.wait()).exitCode, 0);
    assert.deepEqual(await linesOf(container), []);
    await container.remove();
  } finally {
    rmSync(root, { recursive: true });
  }
});

test('wait() gives the exit code, and the signal', async () => {
  const failing = await store.run(['sh', '-c', 'exit 42'], { rootfs });
  assert.equal((await failing.wait()).exitCode, 42);
  const killed = await store.run(['sleep', '73004'], { rootfs });
  await killed.kill('SIGKILL');
  assert.deepEqual([(await killed.wait()).exitCode, (await killed.wait()).signal], [137, 'SIGKILL']);
  for (const container of [failing, killed]) await container.remove();
});

test('kill() sends any signal, and refuses one that there is not', async () => {
  const container = await store.run(
    ['sh', '-c', 'trap "echo hup; exit 0" HUP; echo ready; while :; do sleep 0.02; done'],
    {
      rootfs,
    },
  );
  await untilReady(container);
  await assert.rejects(container.kill('SIGNOPE'), { code: 'ERR_SIGNAL_UNKNOWN' });
  await container.kill('HUP');
  await container.wait();
  assert.deepEqual(await linesOf(container), ['stdout: ready', 'stdout: hup']);
  await assert.rejects(container.kill(), { code: 'ERR_CONTAINER_NOT_RUNNING' });
  await container.remove();
});

test('restart() ends it and starts it: another process, the same container', async () => {
  const container = await store.run(polite, { rootfs });
  await untilReady(container);
  const { pid } = container.status();
  await container.restart();
  assert.notEqual(container.status().pid, pid);
  assert.equal(container.status().state, 'running');
  await container.remove({ force: true });
});

test('pause() freezes every process of it, and unpause() lets them go on', async () => {
  const container = await store.run(['sh', '-c', 'while :; do date +%N >/tick; done'], { rootfs });
  const tick = (): string => readFileSync(join(container.directory, 'layer/upper0/tick'), 'utf8');
  await waitFor('a tick', () => existsSync(join(container.directory, 'layer/upper0/tick')) || undefined);
  await container.pause();
  assert.equal(container.status().state, 'paused');
  const frozen = tick();
  await assert.rejects(container.pause(), { code: 'ERR_CONTAINER_PAUSED' });
  await assert.rejects(container.exec(['true']), { code: 'ERR_CONTAINER_PAUSED' });
  assert.equal(tick(), frozen);
  await container.unpause();
  assert.equal(container.status().state, 'running');
  await waitFor('it to go on', () => tick() !== frozen || undefined);
  await assert.rejects(container.unpause(), { code: 'ERR_CONTAINER_PAUSED' });
  await container.pause();
  // A paused one can be stopped, and removed.
  assert.equal((await container.stop({ timeoutMs: 50 })).exitCode, 137);
  await container.remove();
});

test('remove() refuses one that runs, and with force ends it', async () => {
  const container = await store.run(['sleep', '73005'], { rootfs });
  const { pid } = container.status();
  await assert.rejects(container.remove(), { code: 'ERR_CONTAINER_RUNNING' });
  assert.equal(container.status().state, 'running');
  await container.remove({ force: true });
  await waitForExit(pid);
  assert.deepEqual(stateEntries(state.root), []);
  await assert.rejects(container.start(), { code: 'ERR_CONTAINER_NOT_FOUND' });
  await assert.rejects(container.remove(), { code: 'ERR_CONTAINER_NOT_FOUND' });
});

test('autoRemove takes it away when it ends, whether or not anybody looks', async () => {
  const container = await store.run(
    ['sh', '-c', 'mkdir -p /a/b/c/d; touch /a/b/c/d/e; ln -s / /a/link; chmod 0 /a/b'],
    {
      rootfs,
      autoRemove: true,
    },
  );
  await container.wait();
  await waitFor('it to be gone', () => (stateEntries(state.root).length === 0 ? true : undefined));
  assert.ok(existsSync('/etc/passwd'));
  await assert.rejects(store.find(container.id), { code: 'ERR_CONTAINER_NOT_FOUND' });
});

test('autoRemove manages a tree that is 1,000 directories deep', async () => {
  const deep =
    'i=0; while [ $i -lt 100 ]; do mkdir -p d/d/d/d/d/d/d/d/d/d; cd -P d/d/d/d/d/d/d/d/d/d; i=$((i+1)); done; touch end';
  const container = await store.run(['sh', '-c', deep], { rootfs, autoRemove: true });
  assert.equal((await container.wait()).exitCode, 0);
  await waitFor('it to be gone', () => (stateEntries(state.root).length === 0 ? true : undefined));
});

test('rename() gives another name, and the old one back', async () => {
  const one = await store.create(['true'], { rootfs, name: 'one' });
  const two = await store.create(['true'], { rootfs, name: 'two' });
  await assert.rejects(one.rename('two'), { code: 'ERR_CONTAINER_NAME_TAKEN' });
  await assert.rejects(one.rename('../x'), { code: 'ERR_CONTAINER_NAME' });
  await one.rename('three');
  assert.equal((await store.find('three')).id, one.id);
  await assert.rejects(store.find('one'), { code: 'ERR_CONTAINER_NOT_FOUND' });
  await two.rename('one');
  assert.equal((await store.find('one')).id, two.id);
  await one.remove();
  await two.remove();
  assert.deepEqual(stateEntries(state.root), []);
});

test('find() takes a name, an id, or the beginning of an id that no other has', async () => {
  const containers = await Promise.all(
    Array.from({ length: 20 }, async () => store.create(['true'], { rootfs })),
  );
  const [first] = containers as [DetachedContainer];
  for (const key of [first.id, first.id.slice(0, 12), first.name, `/${first.name}`])
    assert.equal((await store.find(key)).id, first.id, key);
  // Twenty ids begin with sixteen digits: two of them with the same.
  const digits = containers.map(({ id }) => id.charAt(0));
  const twice = digits.find((digit, index) => digits.indexOf(digit) !== index) ?? assert.fail();
  await assert.rejects(store.find(twice), { code: 'ERR_CONTAINER_AMBIGUOUS' });
  for (const key of ['nosuch', '', '..', '/', 'a/b', 'x'.repeat(5000), 'ffffffffffffffffffff'])
    await assert.rejects(store.find(key), { code: 'ERR_CONTAINER_NOT_FOUND' }, key);
  assert.equal((await store.list()).length, 20);
  assert.equal((await store.prune()).length, 20);
  assert.deepEqual(stateEntries(state.root), []);
});

test('prune() leaves alone what runs or is paused', async () => {
  const runs = await store.run(['sleep', '73006'], { rootfs });
  const paused = await store.run(['sleep', '73007'], { rootfs });
  await paused.pause();
  const created = await store.create(['true'], { rootfs });
  assert.deepEqual(await store.prune(), [created.id]);
  await runs.remove({ force: true });
  await paused.remove({ force: true });
});

test('bad options are refused before anything is made', async () => {
  const bad: [string, Parameters<typeof store.create>[1]][] = [
    ['ERR_CONTAINER_NAME', { name: 'a b' }],
    ['ERR_CONTAINER_NAME', { name: '-x' }],
    ['ERR_CONTAINER_NAME', { name: 'x'.repeat(200) }],
    ['ERR_RESTART_POLICY', { restart: 'sometimes' }],
    ['ERR_RESTART_POLICY', { restart: 'on-failure:x' }],
    ['ERR_RESTART_POLICY', { restart: 'always', autoRemove: true }],
    ['ERR_LOG_OPTION', { log: { maxFiles: 0 } }],
    ['ERR_ROOTFS', { rootfs: '/nosuch' }],
    ['ERR_LABEL', { labels: { '': 'x' } }],
  ];
  for (const [code, options] of bad)
    await assert.rejects(store.create(['true'], { rootfs, ...options }), { code }, code);
  assert.deepEqual(stateEntries(state.root), []);
});

test('a start that fails leaves a container as it was, and none where it was made for that start', async () => {
  await leavesNothing(async () => {
    await assert.rejects(store.run(['nosuch'], { rootfs, name: 'gone' }), { code: 'ERR_COMMAND_NOT_FOUND' });
    assert.deepEqual(stateEntries(state.root), []);
    const container = await store.create(['nosuch'], { rootfs, name: 'stays' });
    await assert.rejects(container.start(), { code: 'ERR_COMMAND_NOT_FOUND' });
    assert.equal(container.status().state, 'created');
    await container.remove();
  });
});

test('restart: on-failure starts it again as often as said, with everything new but what it wrote', async () => {
  const container = await store.run(['sh', '-c', 'echo $(cat /n 2>/dev/null); echo x >>/n; exit 1'], {
    rootfs,
    restart: 'on-failure:2',
  });
  const status = await container.wait();
  assert.equal(status.exitCode, 1);
  assert.equal(container.status().restartCount, 2);
  assert.deepEqual(await linesOf(container), ['stdout: ', 'stdout: x', 'stdout: x x']);
  await container.remove();
});

test('restart: on-failure leaves one alone that succeeds', async () => {
  const container = await store.run(['true'], { rootfs, restart: 'on-failure' });
  await container.wait();
  assert.deepEqual([container.status().state, container.status().restartCount], ['exited', 0]);
  await container.remove();
});

test('restart: always goes on until somebody stops it, also between two runs', async () => {
  const container = await store.run(['true'], { rootfs, restart: 'always' });
  await waitFor('a restart', () => container.status().restartCount > 0 || undefined);
  await waitFor('a pause between two runs', () => container.status().state === 'restarting' || undefined);
  await container.stop();
  assert.equal(container.status().state, 'exited');
  await container.remove();
});

test('restart: a killed process comes back, a killed container does not', async () => {
  const container = await store.run(['sleep', '73008'], { rootfs, restart: 'always' });
  const { pid } = container.status();
  process.kill(pid, 'SIGKILL');
  await waitFor('another process', () => {
    const now = container.status();
    return (now.state === 'running' && now.pid !== pid) || undefined;
  });
  await container.kill();
  assert.equal(container.status().state, 'exited');
  await container.remove();
});

test('a container at its limit of memory is said to have been killed for it', async () => {
  const container = await store.run(['sh', '-c', 'exec tail /dev/zero'], {
    rootfs,
    limits: { memory: '16m' },
  });
  const status = await container.wait();
  assert.notEqual(status.exitCode, 0);
  assert.ok(status.oomKilled);
  assert.ok(container.status().oomKilled);
  await container.remove();
});

test('two of everything at once: one wins, the other says why or has nothing to do', async () => {
  const container = await store.create(['sleep', '73009'], { rootfs, name: 'twice' });
  const again = await store.find('twice');
  const starts = await Promise.all([container.start(), again.start()]);
  assert.equal(starts.filter((pid) => pid !== undefined).length, 1);
  const names = await Promise.allSettled([
    store.create(['true'], { rootfs, name: 'one-name' }),
    store.create(['true'], { rootfs, name: 'one-name' }),
  ]);
  assert.equal(names.filter(({ status }) => status === 'fulfilled').length, 1);
  const renames = await Promise.allSettled([container.rename('a1'), again.rename('a2')]);
  assert.ok(renames.some(({ status }) => status === 'fulfilled'));
  const removals = await Promise.allSettled([
    container.remove({ force: true }),
    again.remove({ force: true }),
  ]);
  const refused = removals.filter((result) => result.status === 'rejected');
  assert.equal(refused.length, 1);
  assert.equal((refused[0]?.reason as { code?: string }).code, 'ERR_CONTAINER_NOT_FOUND');
  await (await store.find('one-name')).remove();
  assert.deepEqual(stateEntries(state.root), []);
});

test('a damaged or foreign state file is reported by name, and the others are not affected', async () => {
  const good = await store.create(['true'], { rootfs });
  const texts = ['', '{', 'null', '[]', '{"version":2}', '{"version":1,"id":"x"}', '\0\0\0\0'];
  for (const text of texts) {
    const bad = await store.create(['true'], { rootfs });
    writeFileSync(join(bad.directory, 'config.json'), text);
    const { containers, damaged } = store.listAll();
    assert.deepEqual(
      containers.map(({ record }) => record.id),
      [good.id],
    );
    const [only, ...more] = damaged;
    assert.equal(more.length, 0);
    assert.equal(only?.id, bad.id);
    assert.equal(only.error.code, 'ERR_STATE_DAMAGED');
    assert.match(only.error.message, new RegExp(bad.id));
    await assert.rejects(store.find(bad.id), { code: 'ERR_STATE_DAMAGED' });
    await store.removeDamaged(bad.id);
  }
  writeFileSync(join(state.root, 'containers', 'README'), 'not ours');
  assert.equal((await store.list()).length, 1);
  writeFileSync(join(good.directory, 'status'), 'nonsense');
  assert.equal(good.status().state, 'created');
  await good.remove();
  assert.deepEqual(readdirSync(join(state.root, 'containers')), ['README']);
});

test('update() changes limits of one that runs, and of the runs that its restart policy begins', async () => {
  const container = await store.run(['sleep', '73010'], { rootfs, restart: 'always', limits: { pids: 50 } });
  const limitOf = async (): Promise<string> => {
    const { cgroups } = JSON.parse(readFileSync(join(container.directory, 'run.json'), 'utf8')) as {
      cgroups: string[];
    };
    const file = cgroups.map((path) => `${path}/pids.max`).find((path) => existsSync(path)) ?? assert.fail();
    return readFileSync(file, 'utf8').trim();
  };
  assert.equal(await limitOf(), '50');
  await container.update({ limits: { pids: 60 } });
  assert.equal(await limitOf(), '60');
  const { pid } = container.status();
  process.kill(pid, 'SIGKILL');
  await waitFor('another process', () => {
    const now = container.status();
    return (now.state === 'running' && now.pid !== pid) || undefined;
  });
  assert.equal(await limitOf(), '60');
  await container.update({ restart: 'no' });
  process.kill(container.status().pid, 'SIGKILL');
  await waitFor('it to end', () => container.status().state === 'exited' || undefined);
  await assert.rejects(container.update({ limits: { memory: '1k' } }), { code: 'ERR_LIMIT' });
  assert.equal(container.snapshot().record.options.limits?.memory, undefined);
});
