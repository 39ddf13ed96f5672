/** What is left of control groups when somebody is killed, and who removes it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { collectGarbage, run, start, type StartOptions } from '../../src/index.js';
import { readCgroupHierarchies } from '../../src/runtime/host.js';
import { startWarren, finish, warren } from '../support/cli.js';
import { hold } from '../support/container.js';
import { assertFakeHost } from '../support/fake-host.js';
import { assertNoTraces, takeTraces, type Traces } from '../support/leaks.js';
import { busyboxRootfs } from '../support/rootfs.js';
import { waitFor, waitForExit } from '../support/wait.js';

assertFakeHost();

const rounds = Number(process.env['WARREN_ROUNDS'] ?? 60);
const small = busyboxRootfs();
process.on('exit', () => {
  small[Symbol.dispose]();
});
const rootfs = small.path;
/**
 * A parent of this run's own, so deep that what takes traces does not see it: groups are the machine's, and what waits here
 * to be collected is no leak of another test's.
 */
const cgroupParent = `/run-${process.pid}-${Date.now()}/a/b/c`;
const limits = { pids: 30, memory: '64m' } as const;
const asked = { rootfs, limits, cgroupParent } as const;
const hierarchies = readCgroupHierarchies();
const parents = hierarchies
  .map(({ mountPoint }) => mountPoint + cgroupParent)
  .filter((path) => !existsSync(path));
process.on('exit', () => {
  for (const path of parents) {
    for (let up = path; up.includes('/run-'); up = dirname(up)) if (existsSync(up)) rmdirSync(up);
  }
});
// Start what only the first start needs, so that it is no trace.
await (await start(['true'], asked)).wait();

const pids = hierarchies.find(({ controllers }) => controllers.includes('pids')) ?? assert.fail('no pids');
const groupOf = (id: string): string => `${pids.mountPoint}${cgroupParent}/warren-${id.slice(0, 12)}`;

/** Groups of this run that are there. */
function groups(): string[] {
  return parents
    .filter((path) => existsSync(path))
    .flatMap((path) => readdirSync(path, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}

async function assertNothingLeft(before: Traces): Promise<void> {
  await waitFor('the groups to go', () => groups().length === 0 || undefined).catch(() => undefined);
  assert.deepEqual(groups(), []);
  await assertNoTraces(before);
}

function launcherOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

/** A container whose launcher is dead. */
async function orphan(options: StartOptions = {}, script = 'echo ready; sleep 72003'): Promise<string> {
  const container = await start(['sh', '-c', script], { ...asked, stderr: 'ignore', ...options });
  for await (const line of container.lines()) if (line === 'ready') break;
  process.kill(launcherOf(container.pid), 'SIGKILL');
  await assert.rejects(container.wait(), { code: 'ERR_LAUNCHER_LOST' });
  await waitForExit(container.pid);
  await container[Symbol.asyncDispose]().catch(() => undefined);
  return container.id;
}

test('a killed caller leaves no group', async () => {
  const before = takeTraces();
  const script = `
    import { start } from ${JSON.stringify(join(import.meta.dirname, '../../src/index.js'))};
    await start(['sleep', '72002'], JSON.parse(process.argv[1]));
    console.log('ready');
  `;
  const args = ['--input-type=module', '--eval', script, JSON.stringify(asked)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  await assertNothingLeft(before);
});

test('warren killed at any moment of a start with limits leaves no group', async () => {
  const before = takeTraces();
  for (let round = 0; round < rounds / 6; round++) {
    const child = startWarren([
      'run',
      '--rootfs',
      rootfs,
      '-m',
      '64m',
      '--pids-limit',
      '30',
      '--',
      'sleep',
      '72004',
    ]);
    const end = finish(child);
    await delay(Math.random() * 200);
    child.kill('SIGKILL');
    await end;
  }
  await assertNothingLeft(before);
});

test('warren gc removes the groups of a killed launcher, says so, and leaves those of a live one', async () => {
  const before = takeTraces();
  const live = await hold(asked);
  // Another run's gc, on the same machine, may be faster.
  const stdout = await waitFor('warren gc to be the one that finds it', async () => {
    const dead = await orphan();
    const result = await warren(['gc']);
    assert.equal(result.code, 0, result.stderr);
    assert.ok(!existsSync(groupOf(dead)));
    return result.stdout.includes(`removed ${groupOf(dead)}\n`) ? result.stdout : undefined;
  });
  assert.ok(!stdout.includes(live.id.slice(0, 12)), stdout);
  assert.ok(existsSync(groupOf(live.id)));
  assert.match(readFileSync(`${groupOf(live.id)}/cgroup.procs`, 'utf8'), new RegExp(`^${live.pid}$`, 'm'));
  await live[Symbol.asyncDispose]();
  await assertNothingLeft(before);
});

test('warren gc kills daemons that nobody else knows any more', async () => {
  const before = takeTraces();
  const script = 'setsid sh -c "sleep 72005 & exec sleep 72005" >/dev/null 2>&1 & echo ready; sleep 72005';
  const dead = await orphan({ pid: 'host' }, script);
  await collectGarbage();
  assert.ok(!existsSync(groupOf(dead)));
  await assertNothingLeft(before);
});

test('the next start with limits removes what a killed launcher has left', async () => {
  const before = takeTraces();
  const dead = await orphan();
  // It looks at a few of those beside its own: others' may be among them.
  await waitFor('the group to go', async () => {
    await run(['true'], asked);
    return existsSync(groupOf(dead)) ? undefined : true;
  });
  await assertNothingLeft(before);
});

test('collectGarbage() leaves alone what is not called like a container’s group', async () => {
  const names = ['warren-mine', `warren-${'a'.repeat(13)}`, `xwarren-${'a'.repeat(12)}`];
  for (const name of names) mkdirSync(`${pids.mountPoint}/${name}`);
  try {
    await collectGarbage();
    const there = readdirSync(pids.mountPoint);
    for (const name of names) assert.ok(there.includes(name), name);
  } finally {
    for (const name of names) rmdirSync(`${pids.mountPoint}/${name}`);
  }
});

test('collectGarbage() beside starts never takes a group from one of them', async () => {
  const before = takeTraces();
  const done = { now: false };
  const collecting = (async () => {
    while (!done.now) {
      assert.deepEqual((await collectGarbage()).kept, []);
      await nextTurn();
    }
  })();
  try {
    for (let round = 0; round < rounds; round++) {
      const each = Array.from({ length: 3 }, async () => run(['true'], asked));
      await Promise.all(each);
    }
  } finally {
    done.now = true;
    await collecting;
  }
  await assertNothingLeft(before);
});

test('a launcher killed at any moment of a start leaves nothing that warren gc does not find', async () => {
  const before = takeTraces();
  const children = (): number[] =>
    readFileSync(`/proc/self/task/${process.pid}/children`, 'latin1').split(' ').map(Number).filter(Boolean);
  for (let round = 0; round < rounds; round++) {
    const known = new Set(children());
    const options = { ...asked, stdout: 'ignore', stderr: 'ignore' } as const;
    const starting = start(['sleep', '72006'], options).then(async (container) => container.wait());
    starting.catch(() => undefined);
    const launcher = await waitFor('a launcher', () => children().find((pid) => !known.has(pid)));
    const end = performance.now() + Math.random() * 4;
    while (performance.now() < end);
    // It may be the one that collects in passing, which the start does without.
    process.kill(launcher, 'SIGKILL');
    const outcome = await Promise.race([starting.catch((error: unknown) => error), delay(300, 'runs')]);
    if (outcome === 'runs') {
      for (const pid of children()) if (!known.has(pid)) process.kill(pid, 'SIGKILL');
      await starting.catch(() => undefined);
    }
  }
  await collectGarbage();
  await assertNothingLeft(before);
});
