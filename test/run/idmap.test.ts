/** Volumes whose owners go through the container's map: `-v SRC:DST:idmap`. */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readUserNamespaces } from '../../src/explore/ids/levels.js';
import { examineVolume } from '../../src/explore/ids/volume.js';
import { run } from '../../src/index.js';
import { warren } from '../support/cli.js';
import { hold, linesOf, sh } from '../support/container.js';
import { assertFakeHost } from '../support/fake-host.js';
import { leavesNothing } from '../support/leaks.js';
import { oracle } from '../support/oracle.js';
import { plainUser } from '../support/plain-user.js';
import { busyboxRootfs } from '../support/rootfs.js';

assertFakeHost();

const root = busyboxRootfs();
const rootfs = root.path;
const base = mkdtempSync(join(tmpdir(), 'warren-idmap-'));
chmodSync(base, 0o755);
const mapped = { rootfs, uidMap: ['0:100000:65536'], gidMap: ['0:200000:65536'] };

/** One that can be mounted with ids changed, by a mount of its own, on which nobody else looks. */
const fileSystems = ['ext4', 'tmpfs'] as const;
const volumeOf = (type: string): string => join(base, type);

before(() => {
  for (const type of fileSystems) {
    const volume = volumeOf(type);
    mkdirSync(volume);
    if (type === 'ext4') {
      const image = join(base, 'image');
      oracle('truncate', ['--size', '8M', image]);
      oracle('mkfs.ext4', ['-q', image]);
      // The loop device goes with the mount.
      oracle('mount', ['-o', 'loop', image, volume]);
    } else oracle('mount', ['-t', type, 'none', volume]);
    for (const [name, uid, gid] of [
      ['roots', 0, 0],
      ['users', 1000, 1001],
      ['beyond', 100_000, 200_000],
    ] as const) {
      writeFileSync(join(volume, name), '', { mode: 0o600 });
      chownSync(join(volume, name), uid, gid);
    }
  }
});
after(() => {
  for (const type of fileSystems) oracle('umount', [volumeOf(type)]);
  rmSync(base, { recursive: true });
  root[Symbol.dispose]();
});

const owners = 'cd /v && stat -c "%n %u:%g" roots users beyond';

for (const type of fileSystems) {
  test(`-v …:idmap on ${type} shows owners as they are on disk, and writes them so; nothing is changed on disk`, async () => {
    const volume = volumeOf(type);
    const plain = await sh(owners, { ...mapped, volumes: [`${volume}:/v`] });
    assert.deepEqual(linesOf(plain), ['roots 65534:65534', 'users 65534:65534', 'beyond 0:0']);
    const changed = await sh(
      `${owners}; echo x > made; chown 7:8 made; cat roots && stat -c "%n %u:%g" made`,
      { ...mapped, volumes: [`${volume}:/v:idmap`] },
    );
    assert.deepEqual(linesOf(changed), [
      'roots 0:0',
      'users 1000:1001',
      // The map has no id inside that stands for it on disk.
      'beyond 65534:65534',
      'made 7:8',
    ]);
    const disk = (name: string): number[] => {
      const { uid, gid } = statSync(join(volume, name));
      return [uid, gid];
    };
    assert.deepEqual(disk('made'), [7, 8]);
    assert.deepEqual(disk('roots'), [0, 0]);
    assert.deepEqual(disk('beyond'), [100_000, 200_000]);
    rmSync(join(volume, 'made'));
  });
}

test('idmap holds for a single file, with ro, by --mount, and for the mounts below the source', async () => {
  const volume = volumeOf('tmpfs');
  mkdirSync(join(volume, 'sub'));
  oracle('mount', ['-t', 'tmpfs', 'none', join(volume, 'sub')]);
  try {
    const stat = 'stat -c %u:%g /v /v/sub /file; touch /file 2>&1 | grep -o "Read-only file system"';
    const shown = await sh(stat, {
      ...mapped,
      mounts: [`type=bind,src=${volume},dst=/v,idmap`],
      volumes: [`${join(volume, 'users')}:/file:ro,idmap`],
    });
    assert.deepEqual(linesOf(shown), ['0:0', '0:0', '1000:1001', 'Read-only file system']);
    await using container = await hold({ ...mapped, volumes: [`${volume}:/v:idmap`] });
    const seen = oracle('findmnt', ['-n', '--task', String(container.pid), '-o', 'VFS-OPTIONS', '/v/sub']);
    assert.match(seen.stdout, /\bidmapped\b/);
    assert.doesNotMatch(oracle('findmnt', ['-n', '-o', 'VFS-OPTIONS', volume]).stdout, /idmapped/);
  } finally {
    oracle('umount', [join(volume, 'sub')]);
    rmSync(join(volume, 'sub'), { recursive: true });
  }
});

test('idmap in a user namespace that is joined, of root’s making', async () => {
  await using other = await hold(mapped);
  const volumes = [`${volumeOf('ext4')}:/v:idmap`];
  const shown = await sh(owners, { rootfs, userns: `pid:${other.pid}`, volumes });
  assert.deepEqual(linesOf(shown), ['roots 0:0', 'users 1000:1001', 'beyond 65534:65534']);
});

test('idmap in a container that is kept, after its second start as well', async () => {
  const state = join(base, 'state');
  const env = { ...process.env, WARREN_STATE: state };
  const cli = async (...args: string[]) => warren(args, { env });
  const map = ['--uidmap', '0:100000:65536', '-v', `${volumeOf('tmpfs')}:/v:idmap`];
  const create = ['run', '--name', 'kept', '--network', 'none', '--rootfs', rootfs, ...map];
  assert.deepEqual(linesOf((await cli(...create, '--', 'stat', '-c', '%u', '/v/users')).stdout), ['1000']);
  const again = await cli('start', '-a', 'kept');
  assert.deepEqual([again.code, again.stdout, again.stderr], [0, '1000\n', '']);
  const [{ Mounts: [mount] = [] } = {}] = JSON.parse((await cli('inspect', 'kept')).stdout) as {
    Mounts?: { Mode: string }[];
  }[];
  assert.equal(mount?.Mode, 'idmap');
  assert.equal((await cli('rm', 'kept')).code, 0);
});

test('idmap is refused with the reason where the file system, or one below it, cannot', async () => {
  await leavesNothing(async () => {
    const ramfs = join(volumeOf('tmpfs'), 'ram');
    mkdirSync(ramfs);
    oracle('mount', ['-t', 'ramfs', 'none', ramfs]);
    try {
      for (const volume of [ramfs, volumeOf('tmpfs')]) {
        await assert.rejects(run(['true'], { ...mapped, volumes: [`${volume}:/v:idmap`] }), {
          code: 'ERR_MOUNT_IDMAP',
          kind: 'unsupported',
          errno: 'EINVAL',
        });
      }
      const mounts = [`type=bind,src=${volumeOf('tmpfs')},dst=/v,bind-nonrecursive,idmap`];
      assert.equal(await sh('stat -c %u /v/users', { ...mapped, mounts }), '1000');
    } finally {
      oracle('umount', [ramfs]);
      rmSync(ramfs, { recursive: true });
    }
  });
});

test('idmap: warren ids volume says beforehand what the kernel says of each file system', async () => {
  await using container = await hold(mapped);
  const chain = await readUserNamespaces(container.pid);
  const over = join(base, 'over');
  const layers = ['lower', 'upper', 'work', 'shown'].map((name) => join(over, name));
  mkdirSync(over);
  oracle('mount', ['-t', 'tmpfs', 'none', over]);
  try {
    for (const path of layers) mkdirSync(path);
    const [lower = '', upper = '', work = '', shown = ''] = layers;
    oracle('mount', [
      '-t',
      'overlay',
      '-o',
      `lowerdir=${lower},upperdir=${upper},workdir=${work}`,
      'none',
      shown,
    ]);
    try {
      for (const [volume, can] of [
        [volumeOf('ext4'), true],
        [volumeOf('tmpfs'), true],
        [shown, false],
        ['/sys/kernel', false],
      ] as const) {
        const { idmappedSince } = await examineVolume(volume, chain, { maxFiles: 100 });
        assert.equal(idmappedSince !== 'none', can, volume);
        const mounts = [`type=bind,src=${volume},dst=/v,bind-nonrecursive,idmap`];
        const outcome = run(['true'], { ...mapped, mounts });
        if (can) await outcome;
        else await assert.rejects(outcome, { code: 'ERR_MOUNT_IDMAP' }, volume);
      }
    } finally {
      oracle('umount', [shown]);
    }
  } finally {
    oracle('umount', [over]);
  }
});

test('idmap is refused to an ordinary user, and without a map of the container', async () => {
  const volumes = [`${volumeOf('tmpfs')}:/v:idmap`];
  await assert.rejects(run(['true'], { rootfs, volumes }), {
    code: 'ERR_MOUNT_IDMAP',
    kind: 'invalid-argument',
  });
  const args = ['run', '--rootfs', rootfs, '-v', volumes[0] ?? '', '--', 'true'];
  using user = plainUser();
  const plain = await user.warren(args);
  assert.notEqual(plain.code, 0);
  assert.match(plain.stderr, /CAP_SYS_ADMIN/);
});

test('idmap is shown by --plan: before the container goes on, and with the user namespace that it takes', async () => {
  const args = ['run', '--plan', '--rootfs', rootfs, '--uidmap', '0:100000:65536'];
  const { stdout } = await warren([...args, '-v', `${volumeOf('ext4')}:/v:idmap`, '--', 'true']);
  assert.match(stdout, /change the ids of the volume source .*\/ext4/);
  assert.match(stdout, /mount_setattr\(.*MOUNT_ATTR_IDMAP/);
});
