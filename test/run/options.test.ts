import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { run } from '../../src/index.js';
import { warren, warrenPath } from '../support/cli.js';
import { hold, linesOf, sh } from '../support/container.js';
import { assertFakeHost } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';
import { busyboxRootfs } from '../support/rootfs.js';

assertFakeHost();

const root = busyboxRootfs();
after(() => root[Symbol.dispose]());
const rootfs = root.path;

/** Runs a command on the command line, in the busybox root; what it printed, line by line. */
async function inside(options: readonly string[], command: readonly string[]): Promise<string[]> {
  const { code, stdout, stderr } = await warren(['run', '--rootfs', rootfs, ...options, '--', ...command]);
  assert.equal(code, 0, stderr);
  return linesOf(stdout);
}

for (const [user, spec] of [
  ['guest', 'guest'],
  ['guest:audio', 'guest:audio'],
  ['1000:29', '1000:29'],
  ['4711:4712', '4711:4712'],
] as const) {
  test(`-u ${user} is looked up in the container’s files, as chroot(1) does`, async () => {
    const groups = user === 'guest' ? [] : ['--groups='];
    const expected = oracle('chroot', [`--userspec=${spec}`, ...groups, rootfs, '/bin/id']).stdout;
    const ids = (text: string): string[] =>
      text
        .trim()
        .replace(/ groups=.*/, '')
        .split(' ');
    const [own = ''] = await inside(['-u', user], ['id']);
    assert.deepEqual(ids(own), ids(expected));
    const [uid, gid] = expected.match(/\d+/g) ?? [];
    assert.deepEqual(await inside(['-u', user], ['sh', '-c', 'grep -E "^[UG]id" /proc/self/status']), [
      `Uid:\t${[uid, uid, uid, uid].join('\t')}`,
      `Gid:\t${[gid, gid, gid, gid].join('\t')}`,
    ]);
  });
}

test('a user has the groups of the container’s /etc/group, those of --group-add, and none of the caller’s', async () => {
  const groups = async (...options: string[]): Promise<string[]> => {
    const [line = ''] = await inside(options, ['grep', 'Groups', '/proc/self/status']);
    return line.replace('Groups:', '').trim().split(' ').sort();
  };
  assert.deepEqual(await groups('-u', 'guest'), ['1000', '29']);
  assert.deepEqual(await groups('-u', 'guest:guest'), ['1000']);
  assert.deepEqual(await groups('-u', '1234:5', '--group-add', 'audio', '--group-add', '77'), [
    '29',
    '5',
    '77',
  ]);
  assert.deepEqual(await groups(), ['0']);
});

test('the home directory is that of the user, -e and --env-file add to the environment, -e winning', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'warren-env-'));
  const file = join(directory, 'env');
  writeFileSync(file, '# a comment\nFROM_FILE=1\nBOTH=file\nTAKEN\n');
  try {
    const { stdout } = await warren(
      [
        ...['run', '--rootfs', rootfs, '-u', 'guest', '--hostname', 'blue', '--env-file', file],
        ...['-e', 'BOTH=option', '-e', 'PASSED', '-e', 'EQUALS=a=b', '-e', 'EMPTY=', '--', 'env'],
      ],
      { env: { ...process.env, PASSED: 'through', TAKEN: 'too', KEPT_OUT: 'x' } },
    );
    assert.deepEqual(linesOf(stdout).sort(), [
      'BOTH=option',
      'EMPTY=',
      'EQUALS=a=b',
      'FROM_FILE=1',
      'HOME=/home/guest',
      'HOSTNAME=blue',
      'PASSED=through',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'TAKEN=too',
    ]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('-w is the working directory, / without it, and nothing of the caller’s', async () => {
  assert.deepEqual(await inside(['-w', '/home/guest'], ['pwd']), ['/home/guest']);
  assert.deepEqual(await inside([], ['sh', '-c', 'pwd; echo "[$OLDPWD]"']), ['/', '[]']);
});

test('--umask sets the file mode creation mask, 022 without it', async () => {
  assert.deepEqual(await inside(['--umask', '027'], ['sh', '-c', 'umask; touch /f; stat -c %a /f']), [
    '0027',
    '640',
  ]);
  assert.deepEqual(await inside([], ['sh', '-c', 'umask']), ['0022']);
});

test('--hostname and --domainname set both names', async () => {
  const [host, domain, hosts] = await inside(
    ['--hostname', 'blue', '--domainname', 'lab.example'],
    ['sh', '-c', 'hostname; cat /proc/sys/kernel/domainname; grep -o "blue.lab.example blue" /etc/hosts'],
  );
  assert.deepEqual([host, domain, hosts], ['blue', 'lab.example', 'blue.lab.example blue']);
});

test('a container has the devices that every container has, with their numbers', async () => {
  const devices = ['null', 'zero', 'full', 'random', 'urandom', 'tty'].map((name) => `/dev/${name}`);
  const format = ['-c', '%n %t:%T %a %F', ...devices];
  assert.deepEqual(await inside([], ['stat', ...format]), linesOf(oracle('stat', format).stdout));
  assert.equal((await sh('head -c 4 /dev/zero | wc -c; echo x > /dev/null', { rootfs })).trim(), '4');
});

test('--device adds one of the host’s, under its own or another name; without it there is none', async () => {
  const [host = ''] = linesOf(oracle('stat', ['-c', '%t:%T', '/dev/loop-control']).stdout);
  assert.deepEqual(
    await inside(
      ['--device', '/dev/loop-control', '--device', '/dev/loop-control:/dev/sub/renamed:r'],
      ['stat', '-c', '%n %t:%T', '/dev/loop-control', '/dev/sub/renamed'],
    ),
    [`/dev/loop-control ${host}`, `/dev/sub/renamed ${host}`],
  );
  assert.deepEqual(await inside([], ['sh', '-c', 'ls /dev/loop-control 2>/dev/null || echo none']), ['none']);
});

test('--privileged shows the host’s devices', async () => {
  assert.deepEqual(await inside(['--privileged'], ['sh', '-c', 'ls /dev/loop-control']), [
    '/dev/loop-control',
  ]);
});

test('--ulimit sets limits, as prlimit(1) sees them', async () => {
  await using container = await hold({
    rootfs,
    ulimits: ['nofile=512:1024', 'core=0', 'cpu=100:200', { name: 'fsize', soft: 4096, hard: Infinity }],
  });
  const { stdout } = oracle('prlimit', [
    ...['--pid', String(container.pid), '--noheadings', '--output', 'RESOURCE,SOFT,HARD'],
    ...['--nofile', '--core', '--cpu', '--fsize'],
  ]);
  const seen = linesOf(stdout).map((line) => line.trim().split(/ +/).join(' '));
  assert.deepEqual(seen.sort(), ['CORE 0 0', 'CPU 100 200', 'FSIZE 4096 unlimited', 'NOFILE 512 1024']);
});

test('the soft limit of open files is the customary 1024, not the one that Node.js raised for itself', async () => {
  const [soft = ''] = await inside([], ['sh', '-c', 'ulimit -n']);
  assert.equal(soft, '1024');
});

test('--oom-score-adj sets it', async () => {
  assert.deepEqual(await inside(['--oom-score-adj', '321'], ['cat', '/proc/self/oom_score_adj']), ['321']);
});

test('a command has descriptors 0, 1 and 2 and no other', async () => {
  // A descriptor of the caller's that is not closed at an exec.
  const { stdout } = oracle('sh', [
    ...['-c', 'exec 7</etc/passwd 9>/dev/null; exec "$@"', 'sh'],
    ...[warrenPath, 'run', '--rootfs', rootfs],
    ...['--', 'sh', '-c', 'ls /proc/$$/fd; :'],
  ]);
  assert.deepEqual(linesOf(stdout), ['0', '1', '2']);
});

test('no signal is blocked or ignored in the command', async () => {
  const { stdout } = await run(['cat', '/proc/self/status'], { rootfs });
  for (const set of ['SigBlk', 'SigIgn', 'SigCgt']) assert.match(stdout, new RegExp(`^${set}:\\t0+$`, 'm'));
});

test('the supported spellings of an option mean the same', async () => {
  const line = ['cat', '/proc/sys/kernel/hostname'];
  for (const options of [['-h', 'blue'], ['-hblue'], ['--hostname=blue'], ['--hostname', 'blue']])
    assert.deepEqual(await inside(options, line), ['blue']);
  assert.equal(readFileSync('/proc/sys/kernel/hostname', 'utf8').trim() === 'blue', false);
});
