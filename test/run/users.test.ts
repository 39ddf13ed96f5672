import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { run } from '../../src/index.js';
import { hold, linesOf, sh } from '../support/container.js';
import { assertFakeHost, namespaceOf } from '../support/fake-host.js';
import { leavesNothing } from '../support/leaks.js';
import { plainUser } from '../support/plain-user.js';
import { busyboxRootfs } from '../support/rootfs.js';

assertFakeHost();

const root = busyboxRootfs();
after(() => root[Symbol.dispose]());
const rootfs = root.path;

/** The fields of a line of uid_map. */
const mapOf = (text: string): number[][] => linesOf(text).map((line) => line.trim().split(/ +/).map(Number));

const status = (pid: number, field: string): string =>
  new RegExp(`^${field}:\\t(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ??
  assert.fail(field);

test('MISSION 3.5: several ranges map ids inside to ids outside, for users and groups apart', async () => {
  const uidMap = ['0:100000:1000', '1000:200000:1', '2000:300000:500'];
  const gidMap = ['0:400000:65536'];
  await using container = await hold({ rootfs, uidMap, gidMap });
  assert.notEqual(namespaceOf('user', container.pid), namespaceOf('user'));
  assert.deepEqual(mapOf(readFileSync(`/proc/${container.pid}/uid_map`, 'utf8')), [
    [0, 100_000, 1000],
    [1000, 200_000, 1],
    [2000, 300_000, 500],
  ]);
  assert.deepEqual(mapOf(readFileSync(`/proc/${container.pid}/gid_map`, 'utf8')), [[0, 400_000, 65_536]]);
  // Root inside is an ordinary id outside.
  assert.equal(status(container.pid, 'Uid'), '100000\t100000\t100000\t100000');
  assert.equal(status(container.pid, 'Gid'), '400000\t400000\t400000\t400000');
  assert.equal(readFileSync(`/proc/${container.pid}/setgroups`, 'utf8'), 'allow\n');

  await using other = await hold({ rootfs, uidMap, gidMap, user: '1000:7' });
  assert.equal(status(other.pid, 'Uid'), '200000\t200000\t200000\t200000');
  assert.equal(status(other.pid, 'Gid'), '400007\t400007\t400007\t400007');
  assert.equal(await sh('id -u; id -g', { rootfs, uidMap, gidMap, user: '1000:7' }), '1000\n7');
});

test('MISSION 3.5: ids that no range maps show as 65534', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'warren-ids-'));
  try {
    chmodSync(directory, 0o755);
    for (const [name, uid, gid] of [
      ['mapped', 100_005, 400_006],
      ['unmapped', 7, 8],
    ] as const) {
      writeFileSync(join(directory, name), '');
      chownSync(join(directory, name), uid, gid);
    }
    const shown = await sh('stat -c "%u:%g" /ids/mapped /ids/unmapped', {
      rootfs,
      uidMap: ['0:100000:65536'],
      gidMap: ['0:400000:65536'],
      volumes: [`${directory}:/ids`],
    });
    assert.deepEqual(linesOf(shown), ['5:6', '65534:65534']);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('MISSION 3.5: the root file system shows its owners through the map, and stays writable for root inside', async () => {
  const shown = await sh('stat -c %u:%g /bin/busybox /etc/passwd; echo x > /new; stat -c %u:%g /new', {
    rootfs,
    uidMap: ['0:100000:65536'],
  });
  assert.deepEqual(linesOf(shown), ['0:0', '0:0', '0:0']);
  assert.equal(statSync(join(rootfs, 'new'), { throwIfNoEntry: false }), undefined);
});

test('MISSION 3.5: root of a user namespace has every capability there, and none over the host', async () => {
  await using container = await hold({ rootfs, uidMap: ['0:100000:65536'], privileged: true });
  const effective = status(container.pid, 'CapEff');
  const last = Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8'));
  assert.equal(BigInt(`0x${effective}`), (1n << BigInt(last + 1)) - 1n);
  // The host's own network is not theirs to change, though NET_ADMIN is set.
  const refused = await run(['ip', 'link', 'set', 'lo', 'mtu', '1400'], {
    rootfs,
    uidMap: ['0:100000:65536'],
    caps: { add: ['NET_ADMIN'] },
    network: 'host',
    rejectOnFailure: false,
  });
  assert.notEqual(refused.exitCode, 0);
  assert.match(refused.stderr, /not permitted/);
  const own = await sh('ip link set lo mtu 1400; cat /sys/class/net/lo/mtu', {
    rootfs,
    uidMap: ['0:100000:65536'],
    caps: { add: ['NET_ADMIN'] },
  });
  assert.equal(own, '1400');
});

test('MISSION 3.5: a map is written once: a second write is refused', async () => {
  await using container = await hold({ rootfs, uidMap: ['0:100000:65536'] });
  assert.throws(
    () => {
      writeFileSync(`/proc/${container.pid}/uid_map`, '0 0 1\n');
    },
    { code: 'EPERM' },
  );
});

test('MISSION 3.5: overlapping ranges are refused before anything is created', async () => {
  await leavesNothing(async () => {
    await assert.rejects(run(['true'], { rootfs, uidMap: ['0:100000:10', '5:200000:10'] }), {
      kind: 'invalid-argument',
    });
  });
});

test('MISSION 3.5: a plain user is root inside, with all capabilities there and none outside', async () => {
  using user = plainUser();
  const script =
    'id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups; grep CapEff /proc/self/status';
  const { code, stdout, stderr } = await user.warren(['run', '--cap-add', 'ALL', '--', 'sh', '-c', script]);
  assert.equal(code, 0, stderr);
  const [uid, gid, uidMap = '', gidMap = '', setgroups, capabilities = ''] = linesOf(stdout);
  assert.deepEqual([uid, gid, setgroups], ['0', '0', 'deny']);
  assert.deepEqual([mapOf(uidMap), mapOf(gidMap)], [[[0, user.uid, 1]], [[0, user.gid, 1]]]);
  // The kernel gives the same to whoever asks for it with unshare(1).
  const unshared = await user.run([
    'unshare',
    '--user',
    '--map-root-user',
    'grep',
    'CapEff',
    '/proc/self/status',
  ]);
  assert.equal(`${capabilities}\n`, unshared.stdout);
  // Outside they have none: they may not touch what is root's.
  const outside = await user.warren([
    'run',
    '--cap-add',
    'ALL',
    '-v',
    '/etc:/host',
    '--',
    'touch',
    '/host/warren',
  ]);
  assert.notEqual(outside.code, 0);
  assert.match(outside.stderr, /Permission denied/);
  assert.equal(statSync('/etc/warren', { throwIfNoEntry: false }), undefined);
});

test('MISSION 3.5: a plain user’s container sets parameters, its host name and mounts of its own', async () => {
  using user = plainUser();
  const { code, stdout, stderr } = await user.warren([
    ...[
      'run',
      '--sysctl',
      'net.ipv4.tcp_keepalive_time=600',
      '--hostname',
      'plain',
      '--tmpfs',
      '/mnt:size=1m',
    ],
    ...['-v', `${user.home}:/work`, '-w', '/work', '--'],
    ...[
      'sh',
      '-c',
      'cat /proc/sys/net/ipv4/tcp_keepalive_time; uname -n; echo $$; touch made; stat -c %u made',
    ],
  ]);
  assert.deepEqual([code, stdout], [0, '600\nplain\n1\n0\n'], stderr);
  assert.equal(statSync(join(user.home, 'made')).uid, user.uid);
});

test('MISSION 3.5: a plain user’s machine root is copy-on-write, too', async () => {
  using user = plainUser();
  const { code, stdout, stderr } = await user.warren([
    ...['run', '--', 'sh', '-c', 'touch /usr/warren-made; ls /usr/warren-made; ls -A /run /root /home /tmp'],
  ]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^\/usr\/warren-made\n/);
  assert.doesNotMatch(stdout, /plain-user/);
  assert.equal(statSync('/usr/warren-made', { throwIfNoEntry: false }), undefined);
});

test('MISSION 3.5: a plain user may map only the own id without help', async () => {
  using user = plainUser();
  const { code, stderr } = await user.warren(['run', '--uidmap', '0:100000:65536', '--', 'true']);
  assert.equal(code, 125);
  assert.match(stderr, /newuidmap/);
});

test('MISSION 3.5: a user namespace that exists is joined, with its root and its ids', async () => {
  await using first = await hold({ rootfs, uidMap: ['0:100000:65536'] });
  await using second = await hold({ rootfs, userns: `pid:${first.pid}` });
  assert.equal(namespaceOf('user', second.pid), namespaceOf('user', first.pid));
  assert.equal(status(second.pid, 'Uid'), '100000\t100000\t100000\t100000');
  // Root there owns the files of the root, and what it makes.
  const userns = `pid:${first.pid}` as const;
  assert.equal(await sh('stat -c %u /bin/busybox; touch /new; stat -c %u /new', { rootfs, userns }), '0\n0');
});
