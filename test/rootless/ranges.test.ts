import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { linesOf } from '../support/container.js';
import { assertFakeHost } from '../support/fake-host.js';
import { plainUser } from '../support/plain-user.js';
import { waitFor } from '../support/wait.js';
import { COUNT, START, rangedUser } from './support.js';

assertFakeHost();

const mapsOf = (text: string): string[] => linesOf(text).map((line) => line.trim().replace(/ +/g, ' '));
const readMaps = 'cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups';

test('run maps the own id to 0 and the subordinate ids from 1 on, where a user has some', async () => {
  using user = rangedUser();
  const { stdout, stderr } = await user.warren(['run', '--', 'sh', '-c', readMaps]);
  const subordinate = `1 ${START} ${COUNT}`;
  assert.deepEqual(
    mapsOf(stdout),
    [`0 ${user.uid} 1`, subordinate, `0 ${user.gid} 1`, subordinate, 'allow'],
    stderr,
  );
});

test('run takes ranges of a user’s number, and all of several lines', async () => {
  using user = rangedUser({ subuid: `12345:${START}:10\nother:1:5\nwarrenuser:500000:20\n` });
  const { stdout, stderr } = await user.warren(['run', '--', 'cat', '/proc/self/uid_map']);
  assert.deepEqual(mapsOf(stdout), [`0 ${user.uid} 1`, `1 ${START} 10`, '11 500000 20'], stderr);
});

test('run leaves out a range that holds the own id', async () => {
  using user = rangedUser({ subuid: `warrenuser:12000:1000\nwarrenuser:${START}:10\n` });
  const { stdout, stderr } = await user.warren(['run', '--', 'cat', '/proc/self/uid_map']);
  assert.deepEqual(mapsOf(stdout), [`0 ${user.uid} 1`, `1 ${START} 10`], stderr);
});

test('with a range, an ordinary user’s container has users, more groups, and chown', async () => {
  using user = rangedUser();
  const script = 'id -u; id -g; id -G; touch /tmp/own; stat -c %u /tmp/own';
  const { code, stdout, stderr } = await user.warren([
    ...['run', '--user', '1000:5', '--group-add', '7', '--tmpfs', '/tmp:mode=1777', '--', 'sh', '-c', script],
  ]);
  assert.deepEqual([code, linesOf(stdout)], [0, ['1000', '5', '5 7', '1000']], stderr);
  const work = join(user.home, 'work');
  const changed = await user.warren([
    ...['run', '-v', `${user.home}:/home`, '--', 'sh', '-c'],
    'mkdir /home/work; chown 33:44 /home/work; stat -c %u:%g /home/work',
  ]);
  assert.equal(changed.stdout, '33:44\n', changed.stderr);
  const { uid, gid } = statSync(work);
  assert.deepEqual([uid, gid], [START + 32, START + 43]);
});

test('--uidmap and --gidmap map exactly what an ordinary user asks for, if it is theirs', async () => {
  using user = rangedUser();
  const { stdout, stderr } = await user.warren([
    ...['run', '--uidmap', `0:${START + 5}:100`, '--uidmap', `100:${user.uid}:1`],
    ...['--gidmap', `0:${START}:7`, '--', 'sh', '-c', readMaps],
  ]);
  assert.deepEqual(
    mapsOf(stdout),
    [`0 ${START + 5} 100`, `100 ${user.uid} 1`, `0 ${START} 7`, 'allow'],
    stderr,
  );
});

test('a map of the own ids alone needs no help: setgroups is denied then', async () => {
  using user = rangedUser();
  const { stdout, stderr } = await user.warren([
    ...['run', '--uidmap', `0:${user.uid}:1`, '--gidmap', `0:${user.gid}:1`, '--', 'sh', '-c', readMaps],
  ]);
  assert.deepEqual(mapsOf(stdout), [`0 ${user.uid} 1`, `0 ${user.gid} 1`, 'deny'], stderr);
});

test('ids that are not the user’s are refused by number, with what is', async () => {
  using user = rangedUser();
  for (const map of [`0:${START - 1}:10`, `0:${START}:${COUNT + 1}`, '0:0:1', '0:12345:2']) {
    const { code, stderr } = await user.warren([
      'run',
      '--uidmap',
      map,
      '--gidmap',
      '0:23456:1',
      '--',
      'true',
    ]);
    assert.equal(code, 125, map);
    assert.match(stderr, new RegExp(`${START}–${START + COUNT - 1}`), map);
    assert.match(stderr, /usermod --add-subuids/);
  }
});

test('without newuidmap a range that is asked for is refused, and the default is the own id', async () => {
  using user = rangedUser();
  const bin = join(user.home, 'bin');
  mkdirSync(bin);
  for (const name of ['sh', 'cat', 'dirname', 'readlink', 'id'])
    copyFileSync(`/usr/bin/${name}`, join(bin, name));
  const env = { PATH: `${join(user.home, '..', 'bin')}:${bin}` };
  const asked = await user.warren(['run', '--uidmap', `0:${START}:10`, '--', 'true'], { env });
  assert.equal(asked.code, 125);
  assert.match(asked.stderr, /newuidmap\(1\).* is not in PATH/);
  const plain = await user.warren(['run', '--', '/bin/cat', '/proc/self/uid_map'], { env });
  assert.deepEqual(mapsOf(plain.stdout), [`0 ${user.uid} 1`], plain.stderr);

  // There, but without privilege.
  for (const name of ['newuidmap', 'newgidmap']) {
    copyFileSync(`/usr/bin/${name}`, join(bin, name));
    chmodSync(join(bin, name), 0o755);
  }
  const weak = await user.warren(['run', '--uidmap', `0:${START}:10`, '--', 'true'], { env });
  assert.match(weak.stderr, /neither set-user-ID root nor has it cap_setuid/);
  rmSync(bin, { recursive: true });
});

test('what newuidmap says of a map it refuses is passed on, attached and detached', async () => {
  // It serves nobody who is not of the group of their account.
  using user = rangedUser({ gid: 1 });
  const asked = ['--uidmap', `0:${START}:10`, '--gidmap', `0:${START}:10`, '--', 'true'];
  for (const way of [['run'], ['run', '-d']]) {
    const { code, stderr } = await user.warren([...way, ...asked]);
    assert.equal(code, 125, stderr);
    assert.match(stderr, /newgidmap refused: "newgidmap: .*owned by a different user/);
    assert.match(stderr, /warren ids check/);
  }
  const plain = await user.warren(['run', '--', 'cat', '/proc/self/uid_map']);
  assert.deepEqual(mapsOf(plain.stdout), [`0 ${user.uid} 1`], plain.stderr);
});

test('a container that is started again has its ids again', async () => {
  using user = rangedUser();
  const started = await user.warren([
    ...['run', '-d', '--name', 'again', '--restart', 'on-failure:1', '--', 'sh', '-c'],
    'cat /proc/self/gid_map; exit 3',
  ]);
  assert.equal(started.code, 0, started.stderr);
  await user.warren(['wait', 'again']);
  const { stdout } = await user.warren(['logs', 'again']);
  const map = [`0 ${user.gid} 1`, `1 ${START} ${COUNT}`];
  assert.deepEqual(mapsOf(stdout), [...map, ...map]);
  const removed = await user.warren(['rm', 'again']);
  assert.equal(removed.code, 0, removed.stderr);
});

test('a group that the map does not hold is refused before anything is made', async () => {
  using user = rangedUser();
  const { code, stderr } = await user.warren([
    ...['run', '--uidmap', `0:${START}:10`, '--group-add', '50', '--', 'true'],
  ]);
  assert.equal(code, 125);
  assert.match(stderr, /Cannot add the group 50: .*does not map that id/);
});

test('a map without the own id is what is blamed when the user’s own directories cannot be entered', async () => {
  using user = rangedUser();
  const { code, stderr } = await user.warren(['run', '-d', '--uidmap', `0:${START}:10`, '--', 'true']);
  assert.equal(code, 125);
  assert.match(stderr, new RegExp(`your own id ${user.uid} is not in the map`));
  assert.equal((await user.warren(['ps', '-aq'])).stdout, '');
});

test('cp shows and gives owners as they are in the container, where they are the user’s to give', async () => {
  using user = rangedUser();
  const script = 'mkdir /usr/work; touch /usr/work/file; chown 33:44 /usr/work/file; exec sleep 1000';
  const started = await user.warren(['run', '-d', '--name', 'copied', '--', 'sh', '-c', script]);
  assert.equal(started.code, 0, started.stderr);
  const owners = async (): Promise<string[]> => {
    const command = `"$0" cp copied:/usr/work - | tar --numeric-owner -tv`;
    const { stdout } = await user.run(['sh', '-c', command, join(user.home, '../checkout/warren')]);
    return linesOf(stdout).map((line) => line.split(/ +/)[1] ?? '');
  };
  await waitFor('the owner', async () => ((await owners()).includes('33/44') ? true : undefined));
  assert.deepEqual(await owners(), ['0/0', '33/44']);
  const copied = await user.warren(['cp', '/etc/hostname', 'copied:/usr/work/mine']);
  assert.equal(copied.code, 0, copied.stderr);
  assert.doesNotMatch(copied.stderr, /not copied as it is/);
  const { stdout } = await user.warren(['exec', 'copied', 'stat', '-c', '%u:%g', '/usr/work/mine']);
  assert.equal(stdout, '0:0\n');
  await user.warren(['rm', '-f', 'copied']);
});

test('an ordinary user’s container has loopback only, unless it asks for more', async () => {
  using user = rangedUser();
  const { stdout } = await user.warren(['run', '--', 'ls', '/sys/class/net']);
  assert.equal(stdout, 'lo\n');
});

test('a HOME that is empty, relative or somebody else’s makes nothing where one stands, and is what is blamed', async () => {
  using user = plainUser();
  for (const [home, why] of [
    ['', /HOME is not an absolute path/],
    ['relative', /HOME is not an absolute path/],
    ['/root', /Cannot keep containers in .*EACCES|Cannot keep containers in .*belongs to user/],
  ] as const) {
    const { code, stderr } = await user.warren(['run', '-d', '--', 'true'], { env: { HOME: home } });
    assert.equal(code, 125, stderr);
    assert.match(stderr, why);
    assert.deepEqual(readdirSync(user.home), []);
  }
  // XDG Base Directory Specification: a relative one is ignored.
  const { code, stderr } = await user.warren(['ps'], { env: { XDG_DATA_HOME: '', HOME: user.home } });
  assert.equal(code, 0, stderr);
});
