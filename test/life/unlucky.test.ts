/** Bad luck that can be arranged: what a process that was killed, or stopped, at one certain moment leaves to the others. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import type { Attachment } from '../../src/containers/attach.js';
import type { DetachedContainer } from '../../src/containers/index.js';
import { encodeFrame } from '../../src/containers/log/frame.js';
import { assertFakeHost } from '../support/fake-host.js';
import { stateEntries, testState } from '../support/state.js';
import { waitFor, waitForExit } from '../support/wait.js';

assertFakeHost();
const state = testState();
const { store, root, rootfs } = state;
after(async () => state[Symbol.asyncDispose]());
afterEach(async () => state.clear());

const idle = ['sleep', '73401'];
const names = (): string[] => readdirSync(join(root, 'names')).sort();

/** A process that carries out the body of an async function `(store, rootfs)`, and is stopped then. */
async function stoppedProcess(body: string): Promise<{ readonly pid: number; kill(): Promise<void> }> {
  const script = `
    import { openContainers } from ${JSON.stringify(join(import.meta.dirname, '../../src/containers/index.js'))};
    const [root, rootfs] = process.argv.slice(1);
    await (async (store, rootfs) => { ${body} })(openContainers(root), rootfs);
    console.log('ready');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script, root, rootfs], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  await once(child.stdout, 'data');
  child.kill('SIGSTOP');
  return {
    pid: child.pid ?? assert.fail(),
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

test('a monitor that is stopped: rm -f ends all the same, and what asks it says that it is silent', async () => {
  const limits = { limits: { pids: 20 }, rootfs };
  const removed = await store.run(idle, { ...limits, name: 'removed' });
  const asked = await store.run(idle, { ...limits, name: 'asked' });
  const pids = [removed, asked].map((container) => container.status());
  for (const { monitorPid } of pids) process.kill(monitorPid, 'SIGSTOP');
  await Promise.all([
    removed.remove({ force: true }),
    assert.rejects(asked.stop(), { code: 'ERR_MONITOR_SILENT' }),
    assert.rejects(asked.exec(['true']), { code: 'ERR_MONITOR_SILENT' }),
  ]);
  for (const pid of [pids[0]?.pid, pids[0]?.monitorPid]) await waitForExit(pid ?? assert.fail());
  assert.deepEqual(names(), ['asked']);
  // It has missed nothing.
  process.kill(pids[1]?.monitorPid ?? assert.fail(), 'SIGCONT');
  assert.equal((await asked.exec(['echo', 'here'])).stdout, 'here');
  assert.equal((await asked.stop({ timeoutMs: 0 })).signal, 'SIGKILL');
  await asked.remove();
  assert.deepEqual((await store.collectGarbage()).kept, []);
});

test('rm -f kills no monitor but the container’s own, however its pid was given away', async () => {
  const other = await store.run(idle, { rootfs });
  const victim = await store.run(idle, { rootfs });
  const { monitorPid } = victim.status();
  process.kill(monitorPid, 'SIGSTOP');
  // As it stands in a status file that was written in another PID namespace.
  const status = readFileSync(join(victim.directory, 'status'));
  status.writeInt32LE(other.status().monitorPid, 16);
  writeFileSync(join(victim.directory, 'status'), status, { flag: 'r+' });
  await victim.remove({ force: true });
  await waitForExit(monitorPid);
  assert.equal((await other.exec(['echo', 'here'])).stdout, 'here');
  await other.remove({ force: true });
});

test('a monitor killed while its container is paused takes it along, at the latest when garbage is collected', async () => {
  for (const collect of [async () => store.collectGarbage(), undefined]) {
    const container = await store.run(idle, { rootfs });
    const { pid, monitorPid } = container.status();
    await container.pause();
    process.kill(monitorPid, 'SIGKILL');
    await waitForExit(monitorPid);
    if (collect) assert.deepEqual((await collect()).kept, []);
    else await container.remove({ force: true });
    await waitForExit(pid);
    if (collect) await container.remove();
    assert.deepEqual((await store.collectGarbage()).kept, []);
  }
});

test('a client that is stopped while it is attached hinders nobody', async () => {
  const chatty = ['sh', '-c', 'trap "exit 3" TERM; while read line; do seq 1 5000; done'];
  const container = await store.run(chatty, { rootfs, name: 'chatty', openStdin: true });
  const client = await stoppedProcess(`
    const attachment = await (await store.find('chatty')).attach();
    attachment.output[Symbol.asyncIterator]().next();
    const input = () => { while (attachment.stdin.write('again\\n'.repeat(500))); };
    attachment.stdin.on('drain', input);
    input();
    await new Promise((resolve) => setTimeout(resolve, 20));`);
  try {
    assert.equal((await container.exec(['echo', 'here'])).stdout, 'here');
    await container.pause();
    await container.unpause();
    await container.rename('quiet');
    await container.stop({ timeoutMs: 50 });
    assert.equal(container.status().state, 'exited');
    await container.start();
    await container.remove({ force: true });
    assert.deepEqual(stateEntries(root), []);
  } finally {
    await client.kill();
  }
});

test('a hundred attached clients leave room for one who stops the container', async () => {
  const container = await store.run(idle, { rootfs });
  const attachments: Attachment[] = [];
  for (let count = 0; count < 100; count++) attachments.push(await container.attach());
  assert.equal((await container.stop({ timeoutMs: 0 })).signal, 'SIGKILL');
  for (const attachment of attachments) attachment.close();
});

test('a rename that was killed half-way leaves a container with one name, found by it, and removable', async () => {
  const after = {
    'the new name was taken': (container: DetachedContainer) => {
      symlinkSync(container.id, join(root, 'names/new'));
    },
    'config.json was written': (container: DetachedContainer) => {
      symlinkSync(container.id, join(root, 'names/new'));
      const path = join(container.directory, 'config.json');
      writeFileSync(path, readFileSync(path, 'utf8').replace('"old"', '"new"'));
    },
    'its link was removed': (container: DetachedContainer) => {
      unlinkSync(join(container.directory, 'name'));
    },
  };
  for (const [moment, leave] of Object.entries(after)) {
    const container = await store.create(['true'], { rootfs, name: 'old' });
    leave(container);
    await store.collectGarbage();
    const { name } = (await store.find(container.id)).record;
    assert.deepEqual(names(), [name], moment);
    assert.equal((await store.find(name)).id, container.id, moment);
    await container.remove();
    await store.collectGarbage();
    assert.deepEqual(stateEntries(root), [], moment);
  }
});

test('collectGarbage() takes no name from a container that is being made, renamed, or lives', async () => {
  const done = { now: false };
  const collecting = (async () => {
    while (!done.now) await store.collectGarbage();
  })();
  try {
    for (let round = 0; round < 30; round++) {
      const container = await store.create(['true'], { rootfs, name: 'made' });
      await container.rename('renamed');
      assert.deepEqual(names(), ['renamed']);
      await container.remove();
    }
  } finally {
    done.now = true;
    await collecting;
  }
});

test('what was being made or removed when its maker was killed is collected, and its name is free', async () => {
  const container = await store.create(['true'], { rootfs, name: 'one' });
  renameSync(container.directory, join(root, 'removing', container.id));
  const id = 'e'.repeat(64);
  mkdirSync(join(root, 'making', id));
  symlinkSync(id, join(root, 'names/two'));
  assert.deepEqual(store.listAll().damaged, []);
  const { removed } = await store.collectGarbage();
  for (const part of [`removing/${container.id}`, `making/${id}`, 'names/one', 'names/two'])
    assert.ok(removed.includes(join(root, part)), part);
  assert.deepEqual(stateEntries(root), []);
});

test('a clock that was set back: logs in the order they were written, all of it, and a container that lives on', async () => {
  const container = await store.run(['echo', 'before'], { rootfs });
  await container.wait();
  // An hour ahead: where the clock was before it was set.
  const ahead = (BigInt(Date.now()) + 3_600_000n) * 1_000_000n;
  const log = join(container.directory, 'log');
  writeFileSync(log, encodeFrame({ time: ahead, stream: 'stdout', data: Buffer.from('ahead\n') }));
  const status = readFileSync(join(container.directory, 'status'));
  status.writeBigUInt64LE(ahead, 32);
  writeFileSync(join(container.directory, 'status'), status, { flag: 'r+' });
  const [only] = store.listAll().containers;
  assert.ok((only?.status.startedAt ?? '') > (only?.status.finishedAt ?? ''));
  await container.start();
  await container.wait();
  const text = async (options = {}): Promise<string> => {
    let all = '';
    for await (const { data } of container.logs(options)) all += data.toString();
    return all;
  };
  assert.equal(await text(), 'ahead\nbefore\n');
  assert.equal(await text({ tail: 1 }), 'before\n');
  assert.equal(await text({ follow: true }), 'ahead\nbefore\n');
  assert.ok(container.status().startedAt < (only?.status.startedAt ?? ''));
  await container.stop();
  await container.remove();
  assert.ok(!existsSync(log));
});

test('restart: always goes on where the present run began in the future', async () => {
  const container = await store.run(['sleep', '0.01'], { rootfs, restart: 'always' });
  await waitFor('a restart', () => container.status().restartCount > 0 || undefined);
  const { restartCount } = container.status();
  const status = readFileSync(join(container.directory, 'status'));
  status.writeBigUInt64LE((BigInt(Date.now()) + 3_600_000n) * 1_000_000n, 32);
  writeFileSync(join(container.directory, 'status'), status, { flag: 'r+' });
  await waitFor('another', () => container.status().restartCount > restartCount || undefined);
  await container.remove({ force: true });
});
