import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { run, start } from '../../src/index.js';
import { finish, startWarren, warren, warrenPath } from '../support/cli.js';
import { linesOf } from '../support/container.js';
import { assertFakeHost } from '../support/fake-host.js';
import { leavesNothing } from '../support/leaks.js';
import { busyboxRootfs } from '../support/rootfs.js';

assertFakeHost();

const root = busyboxRootfs();
after(() => root[Symbol.dispose]());
const rootfs = root.path;
writeFileSync(join(rootfs, 'bin/plain-text'), 'echo not executable\n');
writeFileSync(join(rootfs, 'bin/no-program'), 'neither ELF nor #!\n');
writeFileSync(join(rootfs, 'bin/no-interpreter'), '#!/no/such/interpreter\n');
for (const name of ['no-program', 'no-interpreter']) chmodSync(join(rootfs, 'bin', name), 0o755);

const line = (...options: string[]): string[] => ['run', '--rootfs', rootfs, ...options, '--'];

for (const [title, command, code] of [
  ['0 for success', ['true'], 0],
  ['that of the command', ['sh', '-c', 'exit 42'], 42],
  ['128 + n when signal n ended it', ['sh', '-c', 'sh -c "kill -9 \\$\\$"; exit $?'], 137],
  ['126 for a file that is not executable', ['/bin/plain-text'], 126],
  ['126 for a directory', ['/etc'], 126],
  ['126 for no program of this machine', ['/bin/no-program'], 126],
  ['127 for a command that is not there', ['no-such-command'], 127],
  ['127 for a path that is not there', ['/no/such/command'], 127],
  ['127 for a missing interpreter', ['/bin/no-interpreter'], 127],
] as const) {
  for (const init of [[], ['--init']]) {
    test(`the exit code is ${title}${init.length > 0 ? ', with --init' : ''}`, async () => {
      const result = await warren([...line(...init), ...command]);
      assert.equal(result.code, code, result.stderr);
    });
  }
}

test('the exit code is 125 when Warren itself fails', async () => {
  assert.equal((await warren(['run', '--rootfs', '/no/such/root', '--', 'true'])).code, 125);
  assert.equal((await warren(['run', '--no-such-option', '--', 'true'])).code, 125);
  assert.equal((await warren([...line('-w', '/no/such/directory'), 'true'])).code, 125);
});

test('process 1 that is ended by a signal from outside gives 128 + n', async () => {
  await using container = await start(['sleep', '1000'], { rootfs });
  container.kill('SIGKILL');
  const { exitCode, signal } = await container.wait();
  assert.deepEqual([exitCode, signal], [137, 'SIGKILL']);
});

test('standard output and error are apart, and binary-safe', async () => {
  const { stdout, stderr } = await warren([...line(), 'sh', '-c', 'echo out; echo err >&2']);
  assert.deepEqual([stdout, stderr], ['out\n', 'err\n']);
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
  const result = await run(['cat'], { rootfs, stdin: bytes });
  assert.deepEqual(result.stdoutBytes, bytes);
});

test('-i passes standard input on, to its end; without it there is none', async () => {
  assert.equal(
    (await warren([...line('-i'), 'wc', '-c'], { input: 'x'.repeat(100_000) })).stdout,
    '100000\n',
  );
  assert.equal((await warren([...line(), 'wc', '-c'], { input: 'ignored' })).stdout, '0\n');
});

test('a large output arrives whole, through a pipe that is read slowly', async () => {
  const child = spawn('sh', [
    '-c',
    `"$0" "$@" | wc -c`,
    warrenPath,
    ...line(),
    'head',
    '-c',
    '5000000',
    '/dev/zero',
  ]);
  assert.equal((await finish(child)).stdout, '5000000\n');
});

test('a reader that leaves early ends the command by SIGPIPE, and Warren quietly', async () => {
  // Under an init: the kernel spares process 1 what it does not handle, SIGPIPE too.
  const child = spawn('sh', ['-c', `"$0" "$@" | head -n 1`, warrenPath, ...line('--init'), 'yes']);
  const { stdout, stderr } = await finish(child);
  assert.deepEqual([stdout, stderr], ['y\n', '']);
});

// With -t, for then Warren itself hands the output on: when it comes, Warren is past the start, and passes signals on.
const trapping = (signal: string): string[] => [
  'sh',
  '-c',
  `trap 'echo got ${signal}; exit 3' ${signal}; echo ready; sleep 1000 & while :; do wait; done`,
];

for (const signal of ['TERM', 'INT', 'HUP', 'USR1', 'QUIT'] as const) {
  for (const init of [[], ['--init']]) {
    test(`SIG${signal} is passed on to the command${init.length > 0 ? ', by --init too' : ''}`, async () => {
      await leavesNothing(async () => {
        const child = startWarren([...line('-t', ...init), ...trapping(signal)]);
        child.stdout.once('data', () => child.kill(`SIG${signal}`));
        const { code, stdout } = await finish(child);
        assert.deepEqual([code, stdout], [3, `ready\r\ngot ${signal}\r\n`]);
      });
    });
  }
}

test('SIGTERM without a handler: process 1 does not heed it, under --init it ends the command', async () => {
  const child = startWarren([...line('-t', '--init'), 'sh', '-c', 'echo ready; exec sleep 1000']);
  child.stdout.once('data', () => child.kill('SIGTERM'));
  assert.equal((await finish(child)).code, 143);

  await using container = await start(['sh', '-c', 'echo ready; exec cat'], { rootfs, stdin: 'pipe' });
  for await (const text of container.lines()) if (text === 'ready') break;
  container.kill('SIGTERM');
  // It still answers.
  container.stdin?.end('alive\n');
  const texts: string[] = [];
  for await (const text of container.lines()) texts.push(text);
  assert.deepEqual(texts, ['alive']);
  assert.equal((await container.wait()).exitCode, 0);
});

test('--init is process 1, the command is its child, and the end of the command ends all', async () => {
  await leavesNothing(async () => {
    const { code, stdout } = await warren([
      ...line('--init'),
      ...['sh', '-c', 'sleep 1000 & echo $$; grep PPid /proc/self/status; grep PPid /proc/$$/status; exit 7'],
    ]);
    const [self = '', , parent] = linesOf(stdout);
    assert.notEqual(self, '1');
    assert.equal(parent, 'PPid:\t1');
    assert.equal(code, 7);
  });
});

test('--timeout kills the command, and leaves nothing', async () => {
  await leavesNothing(async () => {
    const { code } = await warren([
      ...line('--timeout', '200ms'),
      'sh',
      '-c',
      'trap "" TERM; sleep 1000 & sleep 1000',
    ]);
    assert.equal(code, 137);
    const result = await run(['sleep', '1000'], { rootfs, timeoutMs: 50, rejectOnFailure: false });
    assert.deepEqual([result.timedOut, result.signal], [true, 'SIGKILL']);
  });
});

test('a command that ends in time is not touched by --timeout', async () => {
  assert.equal((await warren([...line('--timeout', '1m'), 'sh', '-c', 'exit 4'])).code, 4);
});

test('kill -9 of Warren ends the command, and leaves nothing', async () => {
  await leavesNothing(async () => {
    const child = startWarren([...line('-i'), 'sh', '-c', 'sleep 1000 & echo ready; exec cat']);
    child.stdout.once('data', () => child.kill('SIGKILL'));
    const [, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    assert.equal(signal, 'SIGKILL');
  });
});

test('the stop signal is what stop() sends, before it kills', async () => {
  await using container = await start(trapping('USR2'), { rootfs, stopSignal: 'USR2' });
  for await (const text of container.lines()) if (text === 'ready') break;
  assert.equal((await container.stop()).exitCode, 3);
});
