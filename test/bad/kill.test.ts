/** SIGKILL, which nobody can prepare for: whoever it hits, nothing of the container stays. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { start, type StartOptions } from '../../src/index.js';
import { WarrenError } from '../../src/errors.js';
import { startWarren, finish } from '../support/cli.js';
import { assertFakeHost } from '../support/fake-host.js';
import { assertNoTraces, takeTraces } from '../support/leaks.js';
import { busyboxRootfs } from '../support/rootfs.js';
import { waitFor, waitForExit } from '../support/wait.js';

assertFakeHost();

/** Rounds of the tests that kill at random moments. */
const rounds = Number(process.env['WARREN_ROUNDS'] ?? 200);

const small = busyboxRootfs();
process.on('exit', () => {
  small[Symbol.dispose]();
});
const rootfs = small.path;
// In a directory of its own: busybox knows the applet by the name.
mkdirSync(join(rootfs, 'set-user-id'));
copyFileSync(join(rootfs, 'bin/busybox'), join(rootfs, 'set-user-id/sleep'));
chmodSync(join(rootfs, 'set-user-id/sleep'), 0o4755);

// Start what only the first start needs, so that it is no trace.
await (await start(['true'], { rootfs })).wait();

/** A process that uses the library, to be killed. It prints `ready` once the script of the container has printed it. */
function libraryProcess(argv: readonly string[], options: StartOptions): ChildProcess {
  const script = `
    import { start } from ${JSON.stringify(join(import.meta.dirname, '../../src/index.js'))};
    const [argv, options] = JSON.parse(process.argv[1]);
    const container = await start(argv, options);
    for await (const line of container.lines()) console.log(line);
  `;
  return spawn(process.execPath, ['--input-type=module', '--eval', script, JSON.stringify([argv, options])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function ready(child: ChildProcess): Promise<void> {
  let text = '';
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    if (text.includes('ready')) return;
  }
  assert.fail(`ended before it was ready: ${text}`);
}

/** Processes with a word in their command line. */
function withWord(word: string): string[] {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/cmdline`, 'latin1').split('\0').includes(word);
    } catch {
      return false;
    }
  });
}

const daemon = 'setsid sh -c "sleep 71001 & exec sleep 71001" & setsid sleep 71001 & echo ready; sleep 71001';
const scenarios: readonly [name: string, argv: readonly string[], options: StartOptions][] = [
  ['daemons it has left', ['sh', '-c', daemon], { rootfs }],
  ['daemons, without a PID namespace', ['sh', '-c', daemon], { rootfs, pid: 'host' }],
  ['daemons under an init', ['sh', '-c', daemon], { rootfs, init: true }],
  [
    'daemons under an init, without a PID namespace',
    ['sh', '-c', daemon],
    { rootfs, init: true, pid: 'host' },
  ],
  ['daemons, ids mapped', ['sh', '-c', daemon], { rootfs, uidMap: ['0:100000:65536'] }],
  [
    'a set-user-ID program',
    ['sh', '-c', 'echo ready; exec /set-user-id/sleep 71001'],
    { rootfs, user: 'guest' },
  ],
  [
    'a set-user-ID program, without a PID namespace',
    ['sh', '-c', 'echo ready; exec /set-user-id/sleep 71001'],
    { rootfs, user: 'guest', pid: 'host' },
  ],
  [
    'a command that ignores every signal',
    ['sh', '-c', 'trap "" HUP INT QUIT TERM PIPE; echo ready; while :; do sleep 71001; done'],
    { rootfs },
  ],
];

for (const [name, argv, options] of scenarios) {
  test(`a killed caller takes its container along: ${name}`, async () => {
    const before = takeTraces();
    const child = libraryProcess(argv, options);
    await ready(child);
    await waitFor('the command', () => withWord('71001').length > 0 || undefined);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await waitFor('the command to die', () => withWord('71001').length === 0 || undefined);
    await assertNoTraces(before);
  });
}

test('a killed warren takes its container along', async () => {
  const before = takeTraces();
  const child = startWarren(['run', '--rootfs', rootfs, '--', 'sh', '-c', daemon]);
  await ready(child);
  child.kill('SIGKILL');
  assert.equal((await finish(child)).signal, 'SIGKILL');
  await assertNoTraces(before);
});

test('a caller killed while it starts containers leaves nothing, whenever it is', async () => {
  const before = takeTraces();
  const script = `
    import { start } from ${JSON.stringify(join(import.meta.dirname, '../../src/index.js'))};
    const options = JSON.parse(process.argv[1]);
    console.log('ready');
    const one = async (index) => {
      for (;;) await (await start(['sleep', '71002'], options[index % options.length]));
    };
    await Promise.all([0, 1, 2, 3].map(one));
  `;
  const kinds: StartOptions[] = [
    { rootfs },
    { rootfs, uidMap: ['0:100000:65536'] },
    { rootfs, init: true, tty: true },
    { rootfs, pid: 'host', user: 'guest' },
  ];
  // Each is killed with four starts at some point of their way.
  for (let round = 0; round < rounds / 8; round++) {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script, JSON.stringify(kinds)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await ready(child);
    await delay(Math.random() * 60);
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await assertNoTraces(before);
});

test('warren killed at any moment of its life leaves nothing', async () => {
  const before = takeTraces();
  for (let round = 0; round < rounds / 8; round++) {
    const child = startWarren(['run', '--rootfs', rootfs, '--', 'sleep', '71003']);
    const end = finish(child);
    await delay(Math.random() * 250);
    child.kill('SIGKILL');
    await end;
  }
  await assertNoTraces(before);
});

function launcherOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

for (const [name, argv, options] of scenarios) {
  // Without a PID namespace, and with its parent killed, nobody knows a daemon: cgroups will.
  if (options.pid === 'host' && name.startsWith('daemons')) continue;
  test(`a killed launcher takes the command along, and wait() says so: ${name}`, async () => {
    const before = takeTraces();
    const container = await start(argv, { ...options, stderr: 'ignore' });
    for await (const line of container.lines()) if (line === 'ready') break;
    process.kill(launcherOf(container.pid), 'SIGKILL');
    await assert.rejects(container.wait(), { code: 'ERR_LAUNCHER_LOST' });
    await waitForExit(container.pid);
    await assertNoTraces(before);
  });
}

test('a launcher killed under an init, without a PID namespace, takes the command along', async () => {
  const before = takeTraces();
  const container = await start(['sleep', '71004'], { rootfs, init: true, pid: 'host' });
  process.kill(launcherOf(container.pid), 'SIGKILL');
  await assert.rejects(container.wait(), { code: 'ERR_LAUNCHER_LOST' });
  await assertNoTraces(before);
});

test('a launcher killed at any moment of a start leaves nothing, and the start does not hang', async () => {
  const before = takeTraces();
  const children = (): number[] =>
    readFileSync(`/proc/self/task/${process.pid}/children`, 'latin1').split(' ').map(Number).filter(Boolean);
  const kinds: StartOptions[] = [
    { rootfs, stdout: 'ignore', stderr: 'ignore' },
    { rootfs, stdout: 'ignore', stderr: 'ignore', uidMap: ['0:100000:65536'] },
    { rootfs, stdout: 'ignore', stderr: 'ignore', init: true },
    { rootfs, tty: true },
  ];
  for (let round = 0; round < rounds; round++) {
    const known = new Set(children());
    const starting = start(['sleep', '71005'], kinds[round % kinds.length]).then(async (container) => {
      container.terminal?.readable.destroy();
      return container.wait();
    });
    starting.catch(() => undefined);
    let launcher: number | undefined;
    while (launcher === undefined) {
      await nextTurn();
      launcher = children().find((pid) => !known.has(pid));
    }
    const end = performance.now() + Math.random() * 4;
    while (performance.now() < end) await nextTurn();
    process.kill(launcher, 'SIGKILL');
    await assert.rejects(starting, (error) => {
      assert.ok(error instanceof WarrenError, String(error));
      assert.equal(error.code, 'ERR_LAUNCHER_LOST', error.message);
      return true;
    });
  }
  await assertNoTraces(before);
});

test('wait() tells how the command ended, also when it is sent a signal at that moment', async () => {
  for (let round = 0; round < rounds; round++) {
    const container = await start(['true'], { rootfs, stdout: 'ignore', stderr: 'ignore' });
    const status = container.wait();
    const end = { seen: false };
    void status.finally(() => (end.seen = true)).catch(() => undefined);
    while (!end.seen) {
      container.kill('SIGCONT');
      await nextTurn();
    }
    assert.equal((await status).exitCode, 0);
  }
});
