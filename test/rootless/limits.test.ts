import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findCgroupHierarchies } from '../../src/kernel/cgroup/hierarchies.js';
import { assertFakeHost } from '../support/fake-host.js';
import { finish, type CliResult } from '../support/cli.js';
import type { PlainUser } from '../support/plain-user.js';
import { rangedUser } from './support.js';

assertFakeHost();

/** Of the containers here. */
const names = ['limited', 'paused'];

const hierarchies = findCgroupHierarchies(
  readFileSync('/proc/self/mountinfo', 'utf8'),
  readFileSync('/proc/self/cgroup', 'utf8'),
);

interface Delegation extends AsyncDisposable {
  /** The group that is the user's. */
  readonly path: string;
  /** The command line of Warren, started from within it. */
  warren(args: readonly string[]): Promise<CliResult>;
}

/** A control group that root has given to the user, as systemd does with Delegate=yes, and a leaf of it to start from. */
function delegate(user: PlainUser, mountPoint: string): Delegation {
  const path = join(mountPoint, `rootless-${randomBytes(6).toString('hex')}`);
  const leaf = join(path, 'session');
  for (const each of [path, leaf]) {
    mkdirSync(each);
    for (const file of ['', 'cgroup.procs', 'tasks', 'cgroup.subtree_control', 'cgroup.threads'])
      if (existsSync(join(each, file))) chownSync(join(each, file), user.uid, user.gid);
  }
  return {
    path,
    // Root moves the shell there; from then on it is the user's.
    async warren(args) {
      const base = join(user.home, '..');
      const ids = ['--reuid', String(user.uid), '--regid', String(user.gid), '--clear-groups'];
      const script = 'echo $$ > "$0/cgroup.procs" && exec "$@"';
      const env = { PATH: `${base}/bin:/usr/sbin:/usr/bin:/sbin:/bin`, HOME: user.home };
      const command = ['-c', script, leaf, 'setpriv', ...ids, `${base}/checkout/warren`, ...args];
      const child = spawn('sh', command, { env, cwd: user.home });
      child.stdin.end();
      return finish(child);
    },
    async [Symbol.asyncDispose]() {
      // Where a test has failed there is one.
      await user.warren(['rm', '-f', ...names]);
      for (const each of [leaf, path]) rmdirSync(each);
    },
  };
}

const groupsIn = (path: string): string[] => readdirSync(path).filter((name) => name.startsWith('warren-'));

test('an ordinary user’s container has limits in a group that was delegated to the user', async (t) => {
  const pids = hierarchies.find(
    ({ version, controllers, mountPoint }) =>
      controllers.includes('pids') ||
      (version === 2 && /\bpids\b/.test(readFileSync(join(mountPoint, 'cgroup.controllers'), 'utf8'))),
  );
  if (!pids) {
    t.skip('no hierarchy has the pids controller');
    return;
  }
  using user = rangedUser();
  await using group = delegate(user, pids.mountPoint);
  const started = await group.warren([
    'run',
    '-d',
    '--name',
    'limited',
    '--pids-limit',
    '7',
    '--',
    'sleep',
    '1000',
  ]);
  assert.equal(started.code, 0, started.stderr);
  const place = [group.path, join(group.path, 'session')].find((path) => groupsIn(path).length > 0) ?? '';
  const [name = ''] = groupsIn(place);
  assert.equal(readFileSync(join(place, name, 'pids.max'), 'utf8'), '7\n');
  const removed = await user.warren(['rm', '-f', 'limited']);
  assert.equal(removed.code, 0, removed.stderr);
  assert.deepEqual(groupsIn(place), []);
});

test('an ordinary user’s container is paused by a delegated group of cgroup v2', async (t) => {
  const unified = hierarchies.find(({ version }) => version === 2);
  if (!unified) {
    t.skip('cgroup v2 is not mounted');
    return;
  }
  using user = rangedUser();
  await using group = delegate(user, unified.mountPoint);
  const started = await group.warren(['run', '-d', '--name', 'paused', '--', 'sleep', '1000']);
  assert.equal(started.code, 0, started.stderr);
  const [name = ''] = groupsIn(group.path);
  const frozen = (): string => readFileSync(join(group.path, name, 'cgroup.freeze'), 'utf8');
  const paused = await user.warren(['pause', 'paused']);
  assert.deepEqual([paused.code, frozen()], [0, '1\n'], paused.stderr);
  const unpaused = await user.warren(['unpause', 'paused']);
  assert.deepEqual([unpaused.code, frozen()], [0, '0\n'], unpaused.stderr);
  await user.warren(['rm', '-f', 'paused']);
  assert.deepEqual(groupsIn(group.path), []);
});

test('without a group of their own, a limit is refused before anything is made, and says what is missing', async () => {
  using user = rangedUser();
  const { code, stderr } = await user.warren(['run', '-d', '--pids-limit', '7', '--', 'true']);
  assert.equal(code, 125);
  assert.match(stderr, /Cannot make a control group|hands no/);
  assert.match(stderr, /--cgroup-parent|delegated/);
  assert.equal((await user.warren(['ps', '-aq'])).stdout, '');
});

test('update refuses a limit that no start could have, and the container starts again', async () => {
  using user = rangedUser();
  const run = await user.warren(['run', '-d', '--name', 'free', '--', 'sleep', '1000']);
  assert.equal(run.code, 0, run.stderr);
  try {
    for (const state of ['running', 'stopped']) {
      if (state === 'stopped') await user.warren(['stop', '-t', '0', 'free']);
      const { code, stderr } = await user.warren(['update', '--memory', '64m', 'free']);
      assert.equal(code, 1, state);
      assert.match(stderr, /Cannot make a control group|without a control group/);
    }
    const { code, stderr } = await user.warren(['start', 'free']);
    assert.equal(code, 0, stderr);
  } finally {
    await user.warren(['rm', '-f', 'free']);
  }
});

test('parameters of the container’s own namespaces are an ordinary user’s to set', async () => {
  using user = rangedUser();
  const { stdout, stderr } = await user.warren([
    ...['run', '--sysctl', 'net.ipv4.tcp_keepalive_time=601', '--sysctl', 'kernel.msgmax=1234'],
    ...['--', 'cat', '/proc/sys/net/ipv4/tcp_keepalive_time', '/proc/sys/kernel/msgmax'],
  ]);
  assert.equal(stdout, '601\n1234\n', stderr);
  const host = await user.warren(['run', '--sysctl', 'kernel.pid_max=70000', '--', 'true']);
  assert.equal(host.code, 125);
});

test('parameters of a container that runs are its user’s to read, set and compare from outside', async () => {
  using user = rangedUser();
  const printed = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await user.warren(args);
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  await printed('run', '-d', '--name', 'tuned', '--hostname', 'within', '--', 'sleep', '1000');
  try {
    const keys = ['net.core.somaxconn', 'kernel.msgmax', 'net.ipv4.conf.lo.rp_filter'];
    await printed('sysctl', 'set', '--in', 'tuned', ...keys.map((key, index) => `${key}=${index}`));
    const seen = await printed(
      ...[
        'exec',
        'tuned',
        'sh',
        '-c',
        'cd /proc/sys; cat net/core/somaxconn kernel/msgmax net/ipv4/conf/lo/rp_filter',
      ],
    );
    assert.equal(seen, '0\n1\n2\n');
    assert.equal(
      await printed('sysctl', 'get', '--in', 'tuned', 'kernel.hostname', ...keys),
      'kernel.hostname = within\nnet.core.somaxconn = 0\nkernel.msgmax = 1\nnet.ipv4.conf.lo.rp_filter = 2\n',
    );
    const differences = JSON.parse(await printed('sysctl', 'diff', '--json', 'host', 'tuned')) as {
      readonly key: string;
    }[];
    for (const key of keys) assert.ok(differences.some((each) => each.key === key));
    assert.match(await printed('sysctl', 'why', '--in', 'tuned', 'net.core.somaxconn'), /^ {2}tuned +0$/m);
    // All of them, as from inside.
    const listed = (await printed('sysctl', 'ls', '--in', 'tuned', 'net.ipv4')).trim().split('\n');
    const inside = await printed(
      'exec',
      'tuned',
      'sh',
      '-c',
      'find /proc/sys/net/ipv4 -type f ! -name "*flush" | wc -l',
    );
    assert.equal(listed.length, Number(inside));
    const foreign = await user.warren(['sysctl', 'set', '--in', 'tuned', 'vm.swappiness=60']);
    assert.match(foreign.stderr, /no namespace isolates it/);
  } finally {
    await user.warren(['rm', '-f', 'tuned']);
  }
});
