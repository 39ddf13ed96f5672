/** Reaching into a container that runs: exec and attach, through the library. MISSION.md rows 3.3, 3.7. */
import assert from 'node:assert/strict';
import { readFileSync, readlinkSync } from 'node:fs';
import { after, afterEach, test } from 'node:test';
import type { CreateOptions, DetachedContainer } from '../../src/containers/index.js';
import { namespaceKinds } from '../../src/plan/constants.js';
import { assertFakeHost } from '../support/fake-host.js';
import { leavesNothing } from '../support/leaks.js';
import { testState } from '../support/state.js';
import { waitFor, waitForExit } from '../support/wait.js';

assertFakeHost();
const state = testState();
const { store, rootfs } = state;
after(async () => state[Symbol.asyncDispose]());
afterEach(async () => state.clear());

const idle = ['sleep', '73101'];
const running = async (options: CreateOptions = {}, command = idle): Promise<DetachedContainer> =>
  store.run(command, { rootfs, ...options });

test('exec() runs a command to its end, and gives what it wrote', async () => {
  const container = await running();
  const result = await container.exec(['sh', '-c', 'cat; echo err >&2'], { stdin: 'in' });
  assert.deepEqual([result.stdout, result.stderr, result.exitCode], ['in', 'err', 0]);
  await assert.rejects(container.exec(['sh', '-c', 'exit 4']), { code: 'ERR_COMMAND_FAILED', exitCode: 4 });
  await assert.rejects(container.exec(['nosuch']), { code: 'ERR_COMMAND_NOT_FOUND' });
  await assert.rejects(container.exec(['/etc']), { code: 'ERR_COMMAND_NOT_EXECUTABLE' });
  await assert.rejects(container.exec([]), { code: 'ERR_COMMAND' });
  await assert.rejects(container.exec(['pwd'], { workdir: '/nosuch' }), { code: 'ERR_STEP' });
});

test('row 3.7: exec() is in all of the container’s namespaces, and in its control groups', async () => {
  const container = await running({ limits: { pids: 40 } });
  const { pid } = container.status();
  const process = await container.spawn(idle);
  for (const kind of namespaceKinds) {
    assert.equal(
      readlinkSync(`/proc/${process.pid}/ns/${kind}`),
      readlinkSync(`/proc/${pid}/ns/${kind}`),
      kind,
    );
  }
  const groupsOf = (of: number): string => readFileSync(`/proc/${of}/cgroup`, 'utf8');
  assert.equal(groupsOf(process.pid), groupsOf(pid));
  assert.equal(readlinkSync(`/proc/${process.pid}/root`), readlinkSync(`/proc/${pid}/root`));
  assert.equal(process.kill('SIGKILL'), true);
  assert.equal((await process.wait()).signal, 'SIGKILL');
});

test('row 3.3: what exec() starts is numbered in the container’s PID namespace, and sees only its processes', async () => {
  const container = await running();
  const { stdout } = await container.exec(['ps', '-o', 'pid,args']);
  assert.match(stdout, /^ +1 sleep 73101$/m);
  assert.doesNotMatch(stdout, /node/);
});

test('exec() has the container’s capabilities, filter, ids, limits and environment', async () => {
  const container = await running({
    caps: { drop: ['ALL'], add: ['CHOWN'] },
    noNewPrivileges: true,
    user: '12:34',
    env: { A: '1', B: '2' },
    workdir: '/tmp',
    umask: 0o077,
    ulimits: ['nofile=77:88'],
    oomScoreAdj: 123,
    hostname: 'named',
  });
  const { pid } = container.status();
  const process = await container.spawn(idle, { env: { B: '3' } });
  const status = (of: number): string =>
    readFileSync(`/proc/${of}/status`, 'utf8')
      .split('\n')
      .filter((line) => /^(Cap|Seccomp:|NoNewPrivs|Uid|Gid|Groups|Umask)/.test(line))
      .join('\n');
  assert.equal(status(process.pid), status(pid));
  const environment = (of: number): string[] =>
    readFileSync(`/proc/${of}/environ`, 'utf8').split('\0').sort();
  assert.deepEqual(
    environment(process.pid),
    environment(pid).map((each) => (each === 'B=2' ? 'B=3' : each)),
  );
  assert.equal(readlinkSync(`/proc/${process.pid}/cwd`), readlinkSync(`/proc/${pid}/cwd`));
  assert.equal(readFileSync(`/proc/${process.pid}/oom_score_adj`, 'utf8'), '123\n');
  const nofile = (of: number): string | undefined =>
    readFileSync(`/proc/${of}/limits`, 'utf8')
      .split('\n')
      .find((line) => line.startsWith('Max open files'));
  assert.equal(nofile(process.pid), nofile(pid));
  process.kill('SIGKILL');
  await process.wait();
});

test('exec() takes another user, directory, and with privileged all capabilities and no filter', async () => {
  const container = await running({ user: '12:34' });
  assert.equal((await container.exec(['id', '-u'], { user: 'root' })).stdout, '0');
  assert.equal((await container.exec(['pwd'], { workdir: '/etc' })).stdout, '/etc');
  const { stdout } = await container.exec(['sh', '-c', 'grep -E "^(CapEff|Seccomp):" /proc/self/status'], {
    privileged: true,
    user: '0',
  });
  const own = readFileSync('/proc/self/status', 'utf8');
  assert.equal(stdout, `CapEff:\t${/CapBnd:\t(\w+)/.exec(own)?.[1] ?? ''}\nSeccomp:\t0`);
});

test('exec() in a container with ids of its own is root there, and nobody outside', async () => {
  const container = await running({ uidMap: ['0:100000:65536'] });
  const process = await container.spawn(idle);
  assert.match(readFileSync(`/proc/${process.pid}/status`, 'utf8'), /^Uid:\t100000\t/m);
  assert.equal((await container.exec(['id', '-u'])).stdout, '0');
  assert.equal((await container.exec(['sh', '-c', 'echo x >/root/x; stat -c %u /root/x'])).stdout, '0');
  process.kill('SIGKILL');
  await process.wait();
});

test('exec() with tty has a terminal of the container, of the size given', async () => {
  const container = await running();
  const { stdout } = await container.exec(['sh', '-c', 'tty; stty size'], {
    tty: true,
    ttySize: { rows: 33, columns: 77 },
  });
  assert.equal(stdout, '/dev/pts/0\r\n33 77');
});

test('exec() with tty does not believe a /dev/pts that the container has replaced', async () => {
  const container = await running({ privileged: true });
  await container.exec(['sh', '-c', 'umount /dev/pts; mkfifo /dev/pts/ptmx']);
  await assert.rejects(container.exec(['tty'], { tty: true }), { code: 'ERR_STEP', errno: 'ENOTTY' });
  await container.exec(['sh', '-c', 'rm -r /dev/pts; ln -s /tmp /dev/pts']);
  await assert.rejects(container.exec(['tty'], { tty: true }), { code: 'ERR_STEP', errno: 'ELOOP' });
});

test('exec() looks users up in the container’s files, and follows no link of it to the host’s', async () => {
  const container = await running();
  await container.exec(['sh', '-c', 'echo "who:x:77:88::/:/bin/sh" >/etc/passwd']);
  assert.equal((await container.exec(['id', '-u'], { user: 'who' })).stdout, '77');
  await container.exec(['sh', '-c', 'rm /etc/passwd; ln -s /proc/1/root/../../../etc/passwd /etc/passwd']);
  await assert.rejects(container.exec(['true'], { user: 'daemon' }), /daemon/);
});

test('what exec() started ends with the container, and the container does not end with it', async () => {
  const container = await running();
  const process = await container.spawn(idle);
  await container.stop({ timeoutMs: 0 });
  assert.equal((await process.wait()).signal, 'SIGKILL');
  await container.start();
  await container.exec(['true']);
  assert.equal(container.status().state, 'running');
});

test('spawnDetached() leaves the command running when its caller is gone', async () => {
  const container = await running();
  const pid = await container.spawnDetached(['sleep', '73102']);
  assert.match(readFileSync(`/proc/${pid}/cmdline`, 'utf8'), /73102/);
  await container.remove({ force: true });
  await waitForExit(pid);
});

test('exec() into one that does not run, or is just dying, says so and leaves nothing', async () => {
  const container = await store.create(idle, { rootfs });
  await assert.rejects(container.exec(['true']), { code: 'ERR_CONTAINER_NOT_RUNNING' });
  await container.start();
  const refusals = new Set<string>();
  await leavesNothing(async () => {
    for (let round = 0; round < 60; round++) {
      const victim = await running();
      const outcomes = Promise.allSettled(
        Array.from({ length: 4 }, async () => victim.exec(['true'], { rejectOnFailure: false })),
      );
      await victim.kill();
      for (const outcome of await outcomes) {
        if (outcome.status === 'rejected') refusals.add((outcome.reason as { code: string }).code);
      }
      await victim.remove();
    }
  });
  // A command that was executing already was killed with it: that is no refusal.
  assert.deepEqual(
    [...refusals].filter((code) => code !== 'ERR_CONTAINER_NOT_RUNNING'),
    [],
  );
});

test('attach() gives the output from now on to each of several, and each can write', async () => {
  const container = await running({ openStdin: true }, [
    'sh',
    '-c',
    'echo early; while read line; do echo got $line; done',
  ]);
  await waitFor('the first line', async () => {
    for await (const { data } of container.logs()) return data.toString() === 'early\n' || undefined;
    return undefined;
  });
  const attachments = [await container.attach(), await container.attach()];
  const seen = attachments.map(async ({ output }) => {
    let text = '';
    for await (const { data } of output) text += data.toString();
    return text;
  });
  attachments[0]?.stdin.write('one\n');
  await waitFor('the answer', async () => {
    for await (const { data } of container.logs({ tail: 1 }))
      return data.toString() === 'got one\n' || undefined;
    return undefined;
  });
  attachments[1]?.stdin.end('two\n');
  assert.equal((await container.wait()).exitCode, 0);
  for (const text of await Promise.all(seen)) assert.match(text, /^(got one\n)?got two\n$/);
  for (const attachment of attachments) attachment.close();
});

test('input that the container does not read makes its writer wait, and nobody else', async () => {
  const container = await running({ openStdin: true });
  const attachment = await container.attach();
  attachment.stdin.on('error', () => undefined);
  for (let piece = 0; piece < 200; piece++) attachment.stdin.write(Buffer.alloc(4096, 'x'));
  assert.ok(attachment.stdin.writableLength > 0);
  assert.equal((await container.exec(['echo', 'here'])).stdout, 'here');
  await container.stop({ timeoutMs: 0 });
  attachment.close();
});

test('a terminal takes input, tells its size, and gives output to those who attach', async () => {
  const container = await running({ tty: true, openStdin: true }, ['sh']);
  const attachment = await container.attach();
  attachment.resize(40, 132);
  let text = '';
  attachment.stdin.write('stty size; exit\n');
  for await (const { data } of attachment.output) text += data.toString();
  assert.match(text, /40 132/);
  attachment.close();
});

test('close() of an attachment leaves the container as it is', async () => {
  const container = await running({ openStdin: true }, ['cat']);
  const attachment = await container.attach();
  attachment.close();
  assert.equal(await attachment.ended(), false);
  assert.equal(container.status().state, 'running');
});
