import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { start } from '../../src/index.js';
import { onTerminal, warren, warrenOnTerminal, warrenPath } from '../support/cli.js';
import { assertFakeHost } from '../support/fake-host.js';
import { leavesNothing } from '../support/leaks.js';
import { oracle } from '../support/oracle.js';
import { busyboxRootfs } from '../support/rootfs.js';

assertFakeHost();

const root = busyboxRootfs();
after(() => root[Symbol.dispose]());
const rootfs = root.path;

const line = (...command: string[]): string[] => ['run', '-it', '--rootfs', rootfs, '--', ...command];

test('-t gives a terminal of the container’s own on 0, 1 and 2, which is its controlling one and /dev/console', async () => {
  const script = [
    'for fd in 0 1 2; do test -t $fd && echo "fd $fd"; done',
    'echo "tty $(tty)"',
    'echo "same $(stat -L -c %t:%T /proc/self/fd/0) $(stat -c %t:%T /dev/console)"',
    'echo through > /dev/tty',
    'ls /dev/pts',
  ].join('; ');
  const session = warrenOnTerminal(line('sh', '-c', script));
  assert.equal(await session.end(), 0);
  const screen = session.screen();
  assert.match(screen, /fd 0\r\nfd 1\r\nfd 2\r\n/);
  assert.match(screen, /tty \/dev\/(pts\/0|console)\r\n/);
  const [, first, second] = /same (\S+) (\S+)\r\n/.exec(screen) ?? [];
  assert.ok(first !== undefined && first === second, screen);
  assert.match(screen, /through\r\n/);
  // A devpts of its own: nobody else's terminals.
  assert.match(screen, /\r\n0\s+ptmx\r\n$/);
});

test('without -t there is none', async () => {
  const { stdout } = await warren([
    ...['run', '-i', '--rootfs', rootfs, '--', 'sh', '-c', 'test -t 0 || echo none; (: < /dev/tty) 2>&1'],
  ]);
  assert.match(stdout, /^none\n.*(No such device|can't open)/);
});

test('-it without a terminal to take input from is refused', async () => {
  const { code, stderr } = await warren(line('true'));
  assert.equal(code, 125);
  assert.match(stderr, /not a TTY/);
});

test('lines end as the container’s terminal ends them: in one CR LF', async () => {
  const session = warrenOnTerminal(line('printf', 'a\\nb\\n'));
  await session.end();
  assert.equal(session.screen(), 'a\r\nb\r\n');
});

test('the terminal has the size of the caller’s, and follows it', async () => {
  // stty(1) sets rows and columns one after the other, and each signal may interrupt read, whatever it returns then.
  const inner = `trap 'stty size' WINCH; stty size; echo ready; word=; while [ "$word" != end ]; do read -r word; done`;
  const outer = `stty rows 33 cols 111; tty; '${warrenPath}' run -it --rootfs '${rootfs}' -- sh -c "$INNER"`;
  const session = onTerminal(['sh', '-c', outer], { env: { ...process.env, INNER: inner } });
  const device = (await session.expect(/\/dev\/pts\/\d+/)).trim();
  await session.expect(/33 111/);
  await session.expect(/ready/);
  // The kernel tells the foreground process group, which is Warren, of this.
  oracle('stty', ['-F', device, 'rows', '44', 'cols', '122']);
  await session.expect(/44 122/);
  session.type('end\r');
  assert.equal(await session.end(), 0);
});

test('start() sets the size, and resize() changes it', async () => {
  await using container = await start(['sh', '-c', 'stty size; read -r _; stty size'], {
    rootfs,
    tty: true,
    ttySize: { rows: 10, columns: 20 },
  });
  const seen: string[] = [];
  for await (const text of container.lines()) {
    seen.push(text.trim());
    if (seen.length === 1) {
      container.terminal?.resize(30, 40);
      container.terminal?.writable.write('\r');
    }
  }
  assert.deepEqual(
    seen.filter((text) => text !== ''),
    ['10 20', '30 40'],
  );
});

test('job control: Ctrl-Z stops a job, fg goes on with it, Ctrl-C ends it, and the shell stays', async () => {
  await leavesNothing(async () => {
    const session = warrenOnTerminal(line('sh'));
    // What is awaited differs from what is typed, which the terminal echoes.
    session.type('echo sh""ell is $((40 + 2))\r');
    await session.expect(/shell is 42/);
    // The shell's line editor has let go of the terminal when the job itself speaks.
    session.type('sh -c \'echo run""ning; exec cat\'\r');
    await session.expect(/running\r\n/);
    session.type('one line\r');
    await session.expect(/one line\r\none line\r\n/);
    session.type('\u001a');
    await session.expect(/Stopped/);
    session.type('fg\r');
    await session.expect(/fg\r\nsh -c .*\r\n/);
    session.type('again\r');
    await session.expect(/again\r\nagain\r\n/);
    session.type('\u0003');
    await session.expect(/# /);
    session.type('echo code $?.\r');
    await session.expect(/code 130\./);
    session.type('exit 9\r');
    assert.equal(await session.end(), 9);
  });
});

test('Ctrl-C and Ctrl-\\ reach the command as signals of its own terminal', async () => {
  for (const [keys, signal] of [
    ['\u0003', 'INT'],
    ['\u001c', 'QUIT'],
  ] as const) {
    const session = warrenOnTerminal(
      line(
        'sh',
        '-c',
        `trap 'echo got ${signal}; exit 5' ${signal}; echo ready; while :; do read -r _; done`,
      ),
    );
    await session.expect(/ready/);
    session.type(keys);
    await session.expect(new RegExp(`got ${signal}`));
    assert.equal(await session.end(), 5);
  }
});

test('Ctrl-D ends the input', async () => {
  const session = warrenOnTerminal(line('sh', '-c', 'echo ready; cat; echo done'));
  await session.expect(/ready/);
  session.type('text\r');
  await session.expect(/text\r\ntext\r\n/);
  session.type('\u0004');
  await session.expect(/done/);
  assert.equal(await session.end(), 0);
});

/** The lines that `stty -g` printed. */
function savedSettings(screen: string): string[] {
  return screen.split(/\r?\n|\r/).filter((text) => /^(?:[0-9a-f]+:){8,}[0-9a-f]+$/.test(text));
}

test('the caller’s terminal is raw while the command runs, and as it was afterwards', async () => {
  const inner = `'${warrenPath}' run -it --rootfs '${rootfs}' -- sh -c 'echo ready; read -r _; exit 6'`;
  const session = onTerminal(['sh', '-c', `tty; stty -g; ${inner}; echo code $?; stty -g`]);
  const device = (await session.expect(/\/dev\/pts\/\d+/)).trim();
  await session.expect(/ready/);
  const raw = oracle('stty', ['-F', device, '-a']).stdout;
  for (const flag of ['-icanon', '-echo', '-isig', '-opost'])
    assert.ok(raw.split(/[\s;]+/).includes(flag), raw);
  session.type('\r');
  await session.expect(/code 6/);
  assert.equal(await session.end(), 0);
  const saved = savedSettings(session.screen());
  assert.equal(saved.length, 2, session.screen());
  assert.equal(saved[0], saved[1]);
});

test('the caller’s terminal is as it was after a kill -9 of Warren', async () => {
  const inner = `'${warrenPath}' run -it --rootfs '${rootfs}' -- sh -c 'echo ready; exec cat'`;
  const again = 'until [ "$(stty -g)" = "$before" ]; do :; done; echo restored';
  // The shell tells its own id, becomes Warren's parent, and so knows whom to look for.
  const session = onTerminal([
    'sh',
    '-c',
    `echo shell $$.; before=$(stty -g); ${inner}; echo code $?; ${again}`,
  ]);
  const shell = /\d+/.exec(await session.expect(/shell \d+\./))?.[0] ?? assert.fail('no shell');
  await session.expect(/ready/);
  const [child = ''] = readFileSync(`/proc/${shell}/task/${shell}/children`, 'utf8').trim().split(' ');
  process.kill(Number(child), 'SIGKILL');
  await session.expect(/code 137/);
  await session.expect(/restored/);
  assert.equal(await session.end(), 0);
});

test('a terminal belongs to the user of the command, group tty', async () => {
  const session = warrenOnTerminal([
    'run',
    '-it',
    '-u',
    'guest',
    '--rootfs',
    rootfs,
    '--',
    'stat',
    '-L',
    '-c',
    'owned %u:%g %a',
    '/proc/self/fd/0',
  ]);
  await session.end();
  assert.match(session.screen(), /owned 1000:5 620\r\n/);
});

test('-t with --init: job control and Ctrl-C work as without', async () => {
  const session = warrenOnTerminal(['run', '-it', '--init', '--rootfs', rootfs, '--', 'sh']);
  session.type('echo re""ady\r');
  await session.expect(/ready/);
  session.type('sh -c \'echo run""ning; exec cat\'\r');
  await session.expect(/running\r\n/);
  session.type('here\r');
  await session.expect(/here\r\nhere\r\n/);
  session.type('\u0003');
  await session.expect(/# /);
  session.type('echo code $?.\r');
  await session.expect(/code 130\./);
  session.type('exit 3\r');
  assert.equal(await session.end(), 3);
});
