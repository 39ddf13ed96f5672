/** Rows of MISSION.md that are about containers which live. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, afterEach, test } from 'node:test';
import { warren } from '../support/cli.js';
import { assertFakeHost } from '../support/fake-host.js';
import { testState } from '../support/state.js';

assertFakeHost();
const state = testState();
const { store, rootfs, env } = state;
after(async () => state[Symbol.asyncDispose]());
afterEach(async () => state.clear());

const key = 'net.ipv4.tcp_keepalive_time';
const path = '/proc/sys/net/ipv4/tcp_keepalive_time';

test('MISSION 1.6: a parameter is changed from outside in a container that runs, by its name, and saved for its next start', async () => {
  const container = await store.run(['sleep', '73301'], { rootfs, name: 'tuned' });
  const onHost = readFileSync(path, 'utf8');
  const inside = async (): Promise<string> => (await container.exec(['cat', path])).stdout;
  assert.equal(await inside(), '7200');
  // Inside, /proc/sys is read-only.
  await assert.rejects(container.exec(['sh', '-c', `echo 600 >${path}`]), /[Rr]ead-only/);

  const set = await warren(['sysctl', 'set', '--in', 'tuned', `${key}=600`], { env });
  assert.equal(set.code, 0, set.stderr);
  // Connections that exist keep what they were made with, and Warren says so.
  assert.match(set.stderr, /note: net\.ipv4\.tcp_keepalive_time/);
  assert.equal(await inside(), '600');
  assert.equal((await warren(['sysctl', 'get', '--in', 'tuned', key], { env })).stdout, `${key} = 600\n`);
  assert.equal(readFileSync(path, 'utf8'), onHost);
  // What nsenter sees is the same.
  const { pid } = container.status();
  assert.equal(
    execFileSync('nsenter', ['-t', String(pid), '-n', 'cat', path], { encoding: 'utf8' }).trim(),
    '600',
  );

  await container.restart({ timeoutMs: 0 });
  assert.equal(await inside(), '7200');
  const saved = await warren(['sysctl', 'set', '--save', '--in', 'tuned', `${key}=700`], { env });
  assert.equal(saved.code, 0, saved.stderr);
  assert.equal(await inside(), '700');
  await container.restart({ timeoutMs: 0 });
  assert.equal(await inside(), '700');
});

test('MISSION 1.6: what no start could have is neither set nor saved', async () => {
  const container = await store.run(['sleep', '73302'], { rootfs, name: 'tuned' });
  const refused = await warren(['sysctl', 'set', '--save', '--in', 'tuned', 'vm.swappiness=1'], { env });
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /vm\.swappiness/);
  assert.equal(container.snapshot().record.options.sysctls, undefined);
  for (const words of [
    ['--save', `${key}=1`],
    ['--save', '--in', '1', `${key}=1`],
  ]) {
    const misused = await warren(['sysctl', 'set', ...words], { env });
    assert.equal(misused.code, 2, misused.stderr);
  }
});

test('MISSION 5.3: the steps of a detached start are shown in their order, and none is taken', async () => {
  const { code, stdout, stderr } = await warren(
    [
      'run',
      '-d',
      '--plan=json',
      '--rootfs',
      rootfs,
      '--sysctl',
      `${key}=600`,
      '-v',
      '/srv:/data',
      '--',
      'true',
    ],
    { env },
  );
  assert.equal(code, 0, stderr);
  const { steps } = JSON.parse(stdout) as { steps: { side: string; step: { op: string } }[] };
  const ops = steps.map(({ step }) => step.op);
  const order = [
    'clone',
    'enter',
    'overlay',
    'bind',
    'sysctl',
    'read-only-path',
    'pivot',
    'user',
    'seccomp',
    'exec',
  ];
  assert.deepEqual(
    order.map((op) => ops.indexOf(op)),
    order.map((op) => ops.indexOf(op)).sort((a, b) => a - b),
  );
  assert.ok(
    order.every((op) => ops.includes(op)),
    ops.join(' '),
  );
  assert.equal((await store.list()).length, 0);
});
