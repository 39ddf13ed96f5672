import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { run } from '../../src/index.js';
import { repositoryRoot, warren } from '../support/cli.js';
import { hold, linesOf, sh } from '../support/container.js';
import { assertFakeHost } from '../support/fake-host.js';
import { leavesNothing } from '../support/leaks.js';
import { oracle } from '../support/oracle.js';
import { busyboxRootfs } from '../support/rootfs.js';

assertFakeHost();

const root = busyboxRootfs();
after(() => root[Symbol.dispose]());
const rootfs = root.path;

/** Every path of a tree with its type, owner, mode, size and times, by find(1). */
const listing = (path: string): string =>
  oracle('find', [path, '-printf', '%P %y %U:%G %m %s %T@ %l\\n']).stdout;

test('MISSION 5.1: a directory is seen copy-on-write: what is made, changed and removed inside does not reach it', async () => {
  const before = listing(rootfs);
  const script =
    'echo new > /new; echo more >> /etc/passwd; rm /etc/group; mkdir /bin/dir; chmod 700 /home; ln -s x /tmp/l; ls /new /etc/group || tail -n 1 /etc/passwd';
  const { stdout, stderr } = await run(['sh', '-c', script], { rootfs });
  assert.equal(stdout, '/new\nmore');
  assert.match(stderr, /group: No such file/);
  assert.equal(listing(rootfs), before);
});

test('MISSION 5.1: two containers on one directory do not see each other’s changes', async () => {
  await using first = await hold({ rootfs }, 'echo mine > /tmp/file');
  assert.equal(readFileSync(`/proc/${first.pid}/root/tmp/file`, 'utf8'), 'mine\n');
  assert.equal(await sh('ls -A /tmp', { rootfs }), '');
});

test('MISSION 5.1: --rw lets changes go to the directory itself', async () => {
  using own = busyboxRootfs();
  const { code } = await warren([
    ...['run', '--rootfs', own.path, '--rw', '--', 'sh', '-ec', 'echo kept > /etc/kept; rm /etc/group'],
  ]);
  assert.equal(code, 0);
  assert.equal(readFileSync(join(own.path, 'etc/kept'), 'utf8'), 'kept\n');
  assert.equal(statSync(join(own.path, 'etc/group'), { throwIfNoEntry: false }), undefined);
});

test('MISSION 5.1: an init layer gives hostname, hosts and resolv.conf, without touching the directory', async () => {
  const before = listing(rootfs);
  const shown = await sh('cat /etc/hostname; grep -c blue /etc/hosts; cat /etc/resolv.conf', {
    rootfs,
    hostname: 'blue',
  });
  assert.equal(`${shown}\n`, `blue\n1\n${readFileSync('/etc/resolv.conf', 'utf8').trimEnd()}\n`);
  assert.equal(listing(rootfs), before);
});

test('MISSION 5.1: nothing of the host’s tree is left in sight after pivot_root', async () => {
  const { stdout } = await run(['cat', '/proc/self/mountinfo'], { rootfs, hostname: 'blue' });
  const mounts = linesOf(stdout).map((line) => line.split(' '));
  const ids = mounts.map(([id]) => id);
  const roots = mounts.filter(([, , , , target]) => target === '/');
  assert.equal(roots.length, 1, stdout);
  // Every other mount hangs on one that is here; the root's own parent is out of sight.
  assert.deepEqual(
    mounts.filter(([, parent]) => !ids.includes(parent)),
    roots,
  );
  for (const path of [rootfs, repositoryRoot, tmpdir()]) assert.ok(!stdout.includes(path), path);
  assert.equal(
    await sh('ls /; echo; ls /..; echo; cd /../..; ls /proc/1/root/', { rootfs }).then(distinct),
    1,
  );

  /** How many different lists there are, between empty lines. */
  function distinct(text: string): number {
    return new Set(text.split('\n\n').map((list) => list.trim())).size;
  }
});

test('MISSION 5.1: even a container that may mount finds no host below its root', async () => {
  // With the old root below the new one, lifting the new one would be the way out.
  const script = 'umount -l / 2>/dev/null || :; cd /; cd ../..; stat -c %d:%i .';
  const shown = await sh(script, { rootfs, caps: { add: ['SYS_ADMIN'] }, seccomp: 'unconfined' });
  const { dev, ino } = statSync('/');
  assert.match(shown, /^\d+:\d+$/);
  assert.notEqual(shown, `${dev}:${ino}`);
});

test('MISSION 5.1: the machine’s own root is copy-on-write: nothing written reaches the host', async () => {
  await leavesNothing(async () => {
    const passwd = readFileSync('/etc/passwd', 'utf8');
    const name = `warren-made-${process.pid}`;
    const shown = await sh(
      `for dir in / /usr /etc /var /opt /tmp /run /root /dev; do echo x > $dir/${name}; ls $dir/${name}; done; echo extra >> /etc/passwd; tail -n 1 /etc/passwd; rm /bin/ls; ls / 2>/dev/null || echo gone`,
    );
    assert.equal(linesOf(shown).length, 11);
    assert.match(shown, /extra\ngone$/);
    for (const dir of ['/', '/usr', '/etc', '/var', '/opt', '/tmp', '/run', '/root', '/dev'])
      assert.ok(!readdirSync(dir).includes(name), dir);
    assert.equal(readFileSync('/etc/passwd', 'utf8'), passwd);
    assert.ok(statSync('/bin/ls').isFile());
  });
});

test('MISSION 5.1: the machine’s programs run in it', async () => {
  const { stdout } = await run([process.execPath, '-p', 'process.pid + process.version']);
  assert.equal(stdout, `1${process.version}`);
});

/** This fake host gets an /etc and a /home of its own for as long as the body runs, with secrets in them. */
async function withSecrets(body: () => Promise<void>): Promise<void> {
  const base = mkdtempSync(join(tmpdir(), 'warren-secrets-'));
  const [etc, home] = [join(base, 'etc'), join(base, 'home')];
  oracle('cp', ['-a', '/etc', etc]);
  mkdirSync(join(home, 'alice/.ssh'), { recursive: true });
  writeFileSync(join(home, 'alice/.ssh/id_ed25519'), 'SECRET');
  for (const dir of ['ssh', 'ssl/private', 'wireguard', 'sudoers.d', 'NetworkManager/system-connections'])
    mkdirSync(join(etc, dir), { recursive: true });
  for (const file of [
    ...['shadow', 'shadow-', 'gshadow', 'gshadow-', 'krb5.keytab', 'ssh/ssh_host_ed25519_key'],
    ...[
      'ssl/private/key.pem',
      'wireguard/wg0.conf',
      'sudoers.d/alice',
      'NetworkManager/system-connections/wifi',
    ],
  ]) {
    writeFileSync(join(etc, file), 'alice:$6$SECRET:19000:0:99999:7:::\n', { mode: 0o600 });
  }
  writeFileSync(join(etc, 'passwd'), 'root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/srv/alice:/bin/sh\n');
  writeFileSync(join(etc, 'ssh/ssh_host_ed25519_key.pub'), 'public');
  oracle('mount', ['--bind', etc, '/etc']);
  oracle('mount', ['--bind', home, '/home']);
  try {
    await body();
  } finally {
    oracle('umount', ['/etc']);
    oracle('umount', ['/home']);
    rmSync(base, { recursive: true });
  }
}

test('MISSION 5.1: the machine’s secrets are hidden: /root, /home, passwords, keys', async () => {
  await withSecrets(async () => {
    const shown = await sh(
      'ls -A /root /home /srv/alice 2>/dev/null || :; grep -rs SECRET /etc /home /root || echo clean; cat /etc/shadow; id -un 1000',
    );
    const [directories, rest = ''] = shown.split('clean\n');
    assert.doesNotMatch(directories ?? '', /alice\/\.ssh|id_ed25519/);
    assert.doesNotMatch(shown, /SECRET/);
    // Accounts are still there to be looked up, their passwords locked.
    assert.deepEqual(
      linesOf(rest).map((line) => line.split(':').slice(0, 2).join(':')),
      ['root:*', 'alice:*', 'alice'],
    );
    assert.equal(await sh('ls -A /root /home | grep -v : | grep . || :'), '');
  });
});

test('MISSION 5.1: --home shows the home directories, copy-on-write', async () => {
  await withSecrets(async () => {
    const { stdout } = await warren([
      'run',
      '--home',
      '--',
      'sh',
      '-c',
      'cat /home/alice/.ssh/*; rm -r /home/alice; ls -A /home',
    ]);
    assert.equal(stdout, 'SECRET');
    assert.deepEqual(readdirSync('/home'), ['alice']);
  });
});

test('MISSION 5.1: a volume shows what would be hidden', async () => {
  await withSecrets(async () => {
    assert.equal(
      await sh('cat /home/alice/.ssh/id_ed25519', { volumes: ['/home/alice:/home/alice:ro'] }),
      'SECRET',
    );
  });
});

test('--read-only makes the root read-only, and leaves tmpfs and volumes writable', async () => {
  const { exitCode, stderr } = await run(['touch', '/new'], {
    rootfs,
    readOnly: true,
    rejectOnFailure: false,
  });
  assert.notEqual(exitCode, 0);
  assert.match(stderr, /Read-only file system/);
  const shown = await sh('touch /tmp/new /dev/shm/new; grep " / " /proc/mounts', {
    rootfs,
    readOnly: true,
    tmpfs: ['/tmp'],
  });
  assert.match(shown, / \/ overlay ro,/);
});

test('--storage-opt size limits the copy-on-write layer', async () => {
  const write = ['dd', 'if=/dev/zero', 'of=/big', 'bs=1024', 'count=4096'];
  const { code, stderr } = await warren([
    ...['run', '--rootfs', rootfs, '--storage-opt', 'size=1m', '--', ...write],
  ]);
  assert.equal(code, 1);
  assert.match(stderr, /No space left/);
  assert.equal((await run(write, { rootfs })).exitCode, 0);
});
