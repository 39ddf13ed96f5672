/** Being with a container by the command line: foreground, attach, exec; terminals, signals, keys that leave. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  finish,
  onTerminal,
  startWarren,
  warren,
  warrenPath,
  type CliResult,
  type TerminalSession,
} from '../support/cli.js';
import { linesOf } from '../support/container.js';
import { assertFakeHost } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';
import { stateEntries, testState } from '../support/state.js';
import { waitFor } from '../support/wait.js';

assertFakeHost();
const state = testState();
const { root, rootfs, env, store } = state;
after(async () => state[Symbol.asyncDispose]());
afterEach(async () => state.clear());

type Child = ReturnType<typeof startWarren>;

/** Ends at SIGTERM with code 3, at SIGUSR1 with code 4. */
const polite =
  'trap "exit 3" TERM; trap "exit 4" USR1; trap "exit 9" INT; echo ready; while :; do sleep 0.02; done';

async function ok(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await warren(args, { env });
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' }, args.join(' '));
  return stdout.trimEnd();
}

async function run(name: string, script: string, ...options: readonly string[]): Promise<string> {
  return ok('run', '-d', '--name', name, ...options, '--rootfs', rootfs, '--', 'sh', '-c', script);
}

async function stateOf(name: string): Promise<string> {
  return (await store.find(name)).status().state;
}

/** Resolves when the process has printed what matches. */
async function printed(child: Child, pattern: RegExp): Promise<void> {
  let text = '';
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    if (pattern.test(text)) return;
  }
  assert.fail(`it ended without printing ${String(pattern)}: ${text}`);
}

async function untilAttached(count: number): Promise<void> {
  await waitFor(`${count} to be attached`, () => {
    const events = linesOf(readFileSync(join(root, 'events'), 'utf8'));
    return events.filter((line) => line.split(' ')[2] === 'attach').length >= count || undefined;
  });
}

function attachCount(): number {
  return linesOf(readFileSync(join(root, 'events'), 'utf8')).filter((line) => line.split(' ')[2] === 'attach')
    .length;
}

/** Collects what a process prints from now on. */
function collected(child: Child): { text: string; readonly end: Promise<CliResult> } {
  const seen = { text: '', end: finish(child) };
  child.stdout.on('data', (chunk: Buffer) => (seen.text += chunk.toString()));
  return seen;
}

/** A shell on a terminal that runs `warren ARGS`, says its exit code, and whether the terminal is as it was. */
function session(args: readonly string[], before = ':'): TerminalSession {
  const script = `trap : INT TERM; ${before}; tty; old=$(stty -g); "$@"; echo "code=$?"
    test "$(stty -g)" = "$old" && echo restored || echo changed`;
  return onTerminal(['sh', '-c', script, 'sh', warrenPath, ...args], { env });
}

/** Keys that are typed before it is raw are lost, as they are to any program that makes it so. */
async function untilRaw(terminal: TerminalSession): Promise<void> {
  const device = await terminal.expect(/\/dev\/pts\/\d+/);
  await waitFor(
    'the terminal to be raw',
    () => oracle('stty', ['-F', device, '-a']).stdout.includes('-icanon') || undefined,
  );
}

test('run with a name, in the foreground: its streams apart, its exit code, and it is there afterwards', async () => {
  const args = [
    'run',
    '--name',
    'fore',
    '--rootfs',
    rootfs,
    '--',
    'sh',
    '-c',
    'echo out; echo err >&2; exit 7',
  ];
  const result = await warren(args, { env });
  assert.deepEqual(result, { code: 7, signal: null, stdout: 'out\n', stderr: 'err\n' });
  assert.equal(await stateOf('fore'), 'exited');
  const logs = await warren(['logs', 'fore'], { env });
  assert.deepEqual([logs.stdout, logs.stderr], ['out\n', 'err\n']);
});

test('run -i with a name passes standard input on, to its end', async () => {
  const args = ['run', '-i', '--name', 'fed', '--rootfs', rootfs, '--', 'sh', '-c', 'cat; echo end'];
  const input = 'x'.repeat(100_000);
  const result = await warren(args, { env, input });
  assert.equal(result.stdout, `${input}end\n`);
  assert.deepEqual([result.code, result.stderr], [0, '']);
});

test('signals go to the container; with --sig-proxy=false they end only us', async () => {
  for (const [signal, code] of [
    ['SIGTERM', 3],
    ['SIGUSR1', 4],
    ['SIGINT', 9],
  ] as const) {
    const child = startWarren(
      ['run', '--rm', '--name', 'sig', '--rootfs', rootfs, '--', 'sh', '-c', polite],
      { env },
    );
    await printed(child, /ready/);
    child.kill(signal);
    assert.equal((await finish(child)).code, code, signal);
    await waitFor('it to be removed', () => stateEntries(root).length === 0 || undefined);
  }
  const child = startWarren(
    ['run', '--sig-proxy=false', '--name', 'sig', '--rootfs', rootfs, '--', 'sh', '-c', polite],
    { env },
  );
  await printed(child, /ready/);
  child.kill('SIGTERM');
  assert.equal((await finish(child)).code, 143);
  assert.equal(await stateOf('sig'), 'running');
});

test('a command that is killed leaves its container alive', async () => {
  const child = startWarren(['run', '--name', 'kept', '--rootfs', rootfs, '--', 'sh', '-c', polite], { env });
  await printed(child, /ready/);
  child.kill('SIGKILL');
  await finish(child);
  assert.equal(await stateOf('kept'), 'running');
  await ok('stop', 'kept');
  assert.equal((await store.find('kept')).status().exitCode, 3);
});

test('Ctrl-C during the start leaves nothing; after it, it is the command’s', async () => {
  for (let round = 0; round < 12; round++) {
    const child = startWarren(['run', '--name', 'soon', '--rootfs', rootfs, '--', 'sh', '-c', polite], {
      env,
    });
    const end = finish(child);
    const over = end.then(() => true as const);
    await delay(round * 20);
    // Before it has set its trap, process 1 ignores it.
    do child.kill('SIGINT');
    while (!(await Promise.race([over, delay(150, false)])));
    const { code, signal } = await end;
    if (code === 9 || code === 137) await ok('rm', 'soon');
    else assert.ok(code === 130 || signal === 'SIGINT', `${code} ${signal}`);
    assert.deepEqual(stateEntries(root), [], `round ${round}: ${code} ${signal}`);
  }
});

test('ctrl-p ctrl-q leaves it running; attach comes back to it and ends with it; the terminal is put back', async () => {
  const terminal = session(['run', '-it', '--name', 'term', '--rootfs', rootfs, '--', 'sh']);
  await terminal.expect(/# /);
  terminal.type('echo on$((40+2))\r');
  await terminal.expect(/on42/);
  terminal.type('\u0010\u0011');
  await terminal.expect(/code=0\s+restored/);
  assert.equal(await terminal.end(), 0);
  assert.equal(await stateOf('term'), 'running');

  const again = session(['attach', 'term']);
  await untilRaw(again);
  again.type('echo still$((40+2))\r');
  await again.expect(/still42/);
  again.type('exit 6\r');
  await again.expect(/code=6\s+restored/);
  assert.equal(await again.end(), 0);
  assert.equal(await stateOf('term'), 'exited');
});

test('--detach-keys takes others, of run, start and attach; ctrl-p is then a key like any other', async () => {
  const first = session([
    ...['run', '-it', '--detach-keys', 'ctrl-x,q', '--name', 'keys', '--rootfs', rootfs, '--'],
    ...['sh', '-c', 'stty raw -echo; echo go; exec cat -v'],
  ]);
  await first.expect(/go/);
  first.type('\u0010\u0011\u0018n\n');
  await first.expect(/\^P\^Q\^Xn/);
  first.type('\u0018q');
  await first.expect(/code=0\s+restored/);
  await first.end();

  const second = session(['attach', '--detach-keys', 'z', 'keys']);
  await untilRaw(second);
  second.type('a\n');
  await second.expect(/a/);
  second.type('z');
  await second.expect(/code=0\s+restored/);
  await second.end();
  assert.equal(await stateOf('keys'), 'running');
  await ok('kill', 'keys');

  const third = session(['start', '-ai', '--detach-keys', 'z', 'keys']);
  await third.expect(/go/);
  third.type('z');
  await third.expect(/code=0\s+restored/);
  await third.end();
  assert.equal(await stateOf('keys'), 'running');
});

test('several attach at once: each sees all, --no-stdin writes nothing, and all get its exit code', async () => {
  await run(
    'many',
    'while read -r word; do test "$word" = end && exit 8; echo "got $word"; done; exit 1',
    '-i',
  );
  const before = attachCount();
  const [writer, reader] = [
    ['attach', 'many'],
    ['attach', '--no-stdin', 'many'],
  ].map((args) => {
    const child = startWarren(args, { env });
    child.stdin.on('error', () => undefined);
    return { child, seen: collected(child) };
  });
  assert.ok(writer && reader);
  await untilAttached(before + 2);
  reader.child.stdin.write('from the reader\n');
  await waitFor('both to see it', () => {
    writer.child.stdin.write('word\n');
    return (writer.seen.text.includes('got word') && reader.seen.text.includes('got word')) || undefined;
  });
  writer.child.stdin.write('end\n');
  assert.equal((await writer.seen.end).code, 8);
  assert.equal((await reader.seen.end).code, 8);
  assert.doesNotMatch(await ok('logs', 'many'), /from the reader/);
});

test('a signal to attach goes to the container; with --sig-proxy=false only attach ends', async () => {
  await run('sig', polite.replace('while :', 'while echo again'));
  const passing = startWarren(['attach', '--sig-proxy=false', 'sig'], { env });
  await printed(passing, /again/);
  passing.kill('SIGINT');
  assert.equal((await finish(passing)).code, 130);
  assert.equal(await stateOf('sig'), 'running');

  const staying = startWarren(['attach', 'sig'], { env });
  await printed(staying, /again/);
  staying.kill('SIGTERM');
  assert.equal((await finish(staying)).code, 3);
  assert.equal(await stateOf('sig'), 'exited');
});

test('exec: exit codes, streams, input, environment, user and directory', async () => {
  await run('web', 'exec sleep 74101', '-e', 'OWN=theirs', '-u', '12:34');
  const exec = async (input: string | undefined, ...args: string[]): Promise<CliResult> =>
    warren(['exec', ...args], input === undefined ? { env } : { env, input });
  const said = await exec(undefined, 'web', 'sh', '-c', 'echo out; echo err >&2; exit 9');
  assert.deepEqual(said, { code: 9, signal: null, stdout: 'out\n', stderr: 'err\n' });
  assert.equal((await exec(undefined, 'web', 'sh', '-c', 'kill -9 $$')).code, 137);
  assert.equal((await exec(undefined, 'web', 'no-such-command')).code, 127);
  assert.equal((await exec(undefined, 'web', '/etc/passwd')).code, 126);
  assert.equal((await exec(undefined, '--no-such', 'web', 'true')).code, 125);

  assert.equal((await exec('fed\n', '-i', 'web', 'cat')).stdout, 'fed\n');
  assert.equal((await exec('fed\n', 'web', 'cat')).stdout, '');

  const file = join(root, 'env');
  writeFileSync(file, '# ours\nFILE=read\n');
  const shown = 'echo $OWN $NEW $FILE $(id -u):$(id -g) $(pwd)';
  assert.equal(
    await ok(
      'exec',
      '-e',
      'NEW=ours',
      '--env-file',
      file,
      '-u',
      '7:8',
      '-w',
      '/etc',
      'web',
      'sh',
      '-c',
      shown,
    ),
    'theirs ours read 7:8 /etc',
  );
  assert.equal(await ok('exec', 'web', 'sh', '-c', shown), 'theirs 12:34 /');
  // Options end with the container's name: the rest is the command's.
  assert.equal(await ok('exec', 'web', 'echo', '-e', '--help'), '--help');
});

test('exec --privileged has every capability, and no filter', async () => {
  await run('web', 'exec sleep 74102');
  const read = [
    'web',
    'sh',
    '-c',
    'while read -r key value; do case $key in CapEff:|Seccomp:) echo $value;; esac; done </proc/self/status',
  ];
  const [capabilities, filter] = linesOf(await ok('exec', ...read));
  const [all, none] = linesOf(await ok('exec', '--privileged', ...read));
  assert.deepEqual([capabilities, filter, none], ['00000000a80425fb', '2', '0']);
  const own = /CapBnd:\t(\w+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  assert.equal(all, own);
});

test('exec -d leaves the command running, until the container ends', async () => {
  await run('web', 'exec sleep 74103');
  assert.equal(await ok('exec', '-d', 'web', 'sh', '-c', 'echo made >/made; exec sleep 74104'), '');
  await waitFor(
    'its file',
    async () => (await warren(['exec', 'web', 'cat', '/made'], { env })).stdout === 'made\n' || undefined,
  );
  assert.match(await ok('top', 'web'), /sleep 74104/);
  await ok('kill', 'web');
  await waitFor('both to be gone', () => {
    const found = oracle('sh', ['-c', 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " "; true']).stdout;
    return !/7410[34]/.test(found) || undefined;
  });
});

test('exec -it gives a terminal that follows the size of ours, and puts ours back', async () => {
  await run('web', 'exec sleep 74105');
  const inner = `trap 'stty size' WINCH; stty size; tty; echo go; while :; do read -r word && exit 11; done`;
  const terminal = session(['exec', '-it', 'web', 'sh', '-c', inner], 'stty rows 33 cols 111');
  const device = (await terminal.expect(/\/dev\/pts\/\d+/)).trim();
  await terminal.expect(/33 111/);
  await terminal.expect(/\/dev\/pts\/0/);
  await terminal.expect(/go/);
  oracle('stty', ['-F', device, 'rows', '44', 'cols', '122']);
  await terminal.expect(/44 122/);
  terminal.type('end\r');
  await terminal.expect(/code=11\s+restored/);
  assert.equal(await terminal.end(), 0);
  assert.equal(await stateOf('web'), 'running');
});

test('exec -t without -i shows a terminal to the command and needs none itself', async () => {
  await run('web', 'exec sleep 74106');
  const { code, stdout } = await warren(['exec', '-t', 'web', 'sh', '-c', 'test -t 1 && echo yes'], { env });
  assert.deepEqual([code, stdout], [0, 'yes\r\n']);
});

test('a signal to exec goes to its command, not to the container', async () => {
  await run('web', 'exec sleep 74107');
  const child = startWarren(['exec', 'web', 'sh', '-c', polite], { env });
  await printed(child, /ready/);
  child.kill('SIGUSR1');
  assert.equal((await finish(child)).code, 4);
  assert.equal(await stateOf('web'), 'running');
});
