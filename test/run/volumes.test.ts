import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { run, type RunOptions } from '../../src/index.js';
import { warren } from '../support/cli.js';
import { hold, linesOf, sh } from '../support/container.js';
import { assertFakeHost } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';
import { busyboxRootfs } from '../support/rootfs.js';

assertFakeHost();

const root = busyboxRootfs();
const rootfs = root.path;
const base = mkdtempSync(join(tmpdir(), 'warren-volumes-'));
const [volume, submount] = [join(base, 'volume'), join(base, 'volume/sub')];

before(() => {
  mkdirSync(submount, { recursive: true });
  writeFileSync(join(volume, 'file'), 'on the host\n');
  oracle('mount', ['-t', 'tmpfs', 'none', submount]);
  writeFileSync(join(submount, 'below'), 'in a submount\n');
});
after(() => {
  oracle('umount', [submount]);
  rmSync(base, { recursive: true });
  root[Symbol.dispose]();
});

/** How a mount of a running container is, by findmnt(8). */
function findmnt(pid: number, target: string): { options: string[]; propagation: string; fstype: string } {
  const { stdout } = oracle('findmnt', [
    ...['--json', '--task', String(pid), '--output', 'FSTYPE,VFS-OPTIONS,FS-OPTIONS,PROPAGATION', target],
  ]);
  const { filesystems } = JSON.parse(stdout) as { filesystems: Record<string, string>[] };
  const [found = {}] = filesystems;
  return {
    fstype: found['fstype'] ?? '',
    propagation: found['propagation'] ?? '',
    options: `${found['vfs-options'] ?? ''},${found['fs-options'] ?? ''}`.split(','),
  };
}

async function writable(path: string, options: RunOptions): Promise<boolean> {
  const { exitCode, stderr } = await run(['touch', path], { rootfs, rejectOnFailure: false, ...options });
  if (exitCode !== 0) assert.match(stderr, /Read-only file system/);
  return exitCode === 0;
}

test('MISSION 5.2: a path of the host is shown in the container, and written through', async () => {
  assert.equal(
    await sh('cat /data/file; echo back > /data/written', { rootfs, volumes: [`${volume}:/data`] }),
    'on the host',
  );
  assert.equal(readFileSync(join(volume, 'written'), 'utf8'), 'back\n');
});

test('MISSION 5.2: a read-only volume is read-only down to the mounts below its source', async () => {
  const volumes = [`${volume}:/data:ro`];
  assert.equal(await writable('/data/new', { volumes }), false);
  assert.equal(await writable('/data/sub/new', { volumes }), false);
  assert.equal(await sh('cat /data/sub/below', { rootfs, volumes }), 'in a submount');
  await using container = await hold({ rootfs, volumes });
  for (const target of ['/data', '/data/sub'])
    assert.ok(findmnt(container.pid, target).options.includes('ro'), target);
  // The source itself is as it was.
  assert.equal(oracle('touch', [join(submount, 'host')]).code, 0);
});

test('MISSION 5.2: bind-recursive and bind-nonrecursive choose what of the submounts is taken', async () => {
  const bind = `type=bind,src=${volume},dst=/data`;
  const partly = { mounts: [`${bind},readonly,bind-recursive=writable`] };
  assert.equal(await writable('/data/new', partly), false);
  assert.equal(await writable('/data/sub/new', partly), true);
  assert.equal(await sh('ls /data/sub', { rootfs, mounts: [`${bind},bind-nonrecursive`] }), '');
});

test('MISSION 5.2: rslave shows what the host mounts later, rprivate does not', async () => {
  const shared = join(base, 'shared');
  mkdirSync(shared);
  oracle('mount', ['-t', 'tmpfs', 'none', shared]);
  oracle('mount', ['--make-shared', shared]);
  try {
    await using slave = await hold({ rootfs, volumes: [`${shared}:/data:rslave`] });
    await using apart = await hold({ rootfs, volumes: [`${shared}:/data`] });
    assert.equal(findmnt(slave.pid, '/data').propagation, 'private,slave');
    assert.equal(findmnt(apart.pid, '/data').propagation, 'private');
    mkdirSync(join(shared, 'late'));
    oracle('mount', ['-t', 'tmpfs', 'none', join(shared, 'late')]);
    try {
      writeFileSync(join(shared, 'late/file'), 'later');
      assert.equal(readFileSync(`/proc/${slave.pid}/root/data/late/file`, 'utf8'), 'later');
      assert.ok(!existsSync(`/proc/${apart.pid}/root/data/late/file`));
    } finally {
      oracle('umount', [join(shared, 'late')]);
    }
  } finally {
    oracle('umount', [shared]);
  }
});

test('MISSION 5.2: rshared lets a mount made inside reach the host, rslave does not', async () => {
  const shared = join(base, 'both-ways');
  mkdirSync(shared);
  oracle('mount', ['-t', 'tmpfs', 'none', shared]);
  oracle('mount', ['--make-shared', shared]);
  const mountInside = 'mkdir -p /data/in; mount -t tmpfs none /data/in; touch /data/in/file';
  const caps = { add: ['SYS_ADMIN'] };
  try {
    await sh(mountInside, { rootfs, caps, volumes: [`${shared}:/data:rslave`] });
    assert.ok(!existsSync(join(shared, 'in/file')));
    await sh(mountInside, { rootfs, caps, volumes: [`${shared}:/data:rshared`] });
    assert.ok(existsSync(join(shared, 'in/file')));
    oracle('umount', [join(shared, 'in')]);
  } finally {
    oracle('umount', [shared]);
  }
});

test('MISSION 5.2: a single file is mounted on a file, and its directory stays', async () => {
  const volumes = [`${join(volume, 'file')}:/etc/group:ro`, `${join(volume, 'file')}:/etc/new/place`];
  const shown = await sh('cat /etc/group /etc/new/place; head -n 1 /etc/passwd', { rootfs, volumes });
  assert.deepEqual(linesOf(shown), ['on the host', 'on the host', 'root:x:0:0:root:/root:/bin/sh']);
  assert.equal(await writable('/etc/group', { volumes }), false);
  assert.ok(!existsSync(join(rootfs, 'etc/new')), 'made in the layer, not in the directory');
});

test('MISSION 5.2: a volume inside a volume is mounted after it, in whatever order they are given', async () => {
  const inner = join(base, 'inner');
  mkdirSync(inner, { recursive: true });
  writeFileSync(join(inner, 'deep'), '');
  for (const volumes of [
    [`${volume}:/data`, `${inner}:/data/sub`],
    [`${inner}:/data/sub`, `${volume}:/data`],
  ]) {
    assert.equal(await sh('ls /data/sub', { rootfs, volumes }), 'deep');
  }
});

test('MISSION 5.2: volumes are mounted before the root is entered: a link in the root cannot lead them out', async () => {
  using own = busyboxRootfs();
  symlinkSync('../../../../../../etc', join(own.path, 'out'));
  const shown = await sh('ls /out/; ls -l /out; ls /etc/', {
    rootfs: own.path,
    volumes: [`${volume}:/out`],
  });
  // The link is followed inside the root: the volume covers the container's /etc.
  const [first = '', second = ''] = shown.split(/^.*-> .*$/m);
  assert.match(first, /^file$/m);
  assert.match(second, /^file$/m);
  assert.ok(statSync('/etc/passwd').isFile(), 'the host’s /etc is not covered');
});

test('MISSION 5.2: volumes of a running container are in its mount table only', async () => {
  const before = readFileSync('/proc/self/mountinfo', 'utf8');
  await using container = await hold({ rootfs, volumes: [`${volume}:/data`], tmpfs: ['/scratch'] });
  assert.equal(readFileSync('/proc/self/mountinfo', 'utf8'), before);
  assert.equal(findmnt(container.pid, '/scratch').fstype, 'tmpfs');
});

test('--tmpfs takes size, mode and flags', async () => {
  await using container = await hold({
    rootfs,
    tmpfs: ['/plain', '/chosen:size=64k,mode=0711,exec,ro'],
  });
  const plain = findmnt(container.pid, '/plain');
  assert.equal(plain.fstype, 'tmpfs');
  for (const flag of ['rw', 'nosuid', 'nodev', 'noexec']) assert.ok(plain.options.includes(flag), flag);
  const chosen = findmnt(container.pid, '/chosen');
  for (const option of ['ro', 'nosuid', 'nodev', 'size=64k', 'mode=711'])
    assert.ok(chosen.options.includes(option), `${option} in ${chosen.options.join()}`);
  assert.ok(!chosen.options.includes('noexec'));
  assert.equal(statSync(`/proc/${container.pid}/root/plain`).mode & 0o7777, 0o1777);
  assert.equal(statSync(`/proc/${container.pid}/root/chosen`).mode & 0o7777, 0o711);
});

test('--mount takes docker’s forms', async () => {
  const script = 'cat /a/file; ls -A /b; grep " /b " /proc/mounts; touch /c/new';
  const { code, stdout, stderr } = await warren([
    ...['run', '--rootfs', rootfs],
    ...['--mount', `type=bind,source=${volume},target=/a,readonly`],
    ...['--mount', 'type=tmpfs,dst=/b,tmpfs-size=1m,tmpfs-mode=0700'],
    ...['--mount', `type=bind,src=${volume},destination=/c,bind-propagation=rprivate`],
    ...['--', 'sh', '-ec', script],
  ]);
  assert.equal(code, 0, stderr);
  const [file, mount = ''] = linesOf(stdout);
  assert.equal(file, 'on the host');
  assert.match(mount, / \/b tmpfs rw,nosuid,nodev,noexec,.*size=1024k,mode=700/);
  assert.ok(existsSync(join(volume, 'new')));
});

test('-v takes several options, and the words that say nothing here', async () => {
  const { code, stdout } = await warren([
    ...[
      'run',
      '--rootfs',
      rootfs,
      '-v',
      `${volume}:/data:ro,z,rslave`,
      '--',
      'grep',
      ' /data ',
      '/proc/mounts',
    ],
  ]);
  assert.equal(code, 0);
  assert.match(stdout, / \/data \w+ ro,/);
});

test('--shm-size sets the size of /dev/shm, which is 64 MiB otherwise', async () => {
  const blocks = async (options: RunOptions): Promise<string> =>
    sh('df -k /dev/shm | tail -n 1 | awk "{ print \\$2 }"', { rootfs, ...options });
  assert.equal(await blocks({}), String(64 * 1024));
  assert.equal(await blocks({ shmSize: '5m' }), String(5 * 1024));
});
