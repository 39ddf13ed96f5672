/** What user_namespaces(7) says, on the running kernel; and what Warren tells of it. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, chownSync, readFileSync, rmSync, writeFileSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readUserNamespaces } from '../../src/explore/ids/levels.js';
import { resolveId, resolveRanges } from '../../src/explore/ids/resolve.js';
import { parseProcStatus } from '../../src/kernel/proc-status.js';
import { assertFakeHost, namespaceOf } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';
import { asUser, holdUserNamespace, writeAs } from './holder.js';

assertFakeHost();

const user = 12345;

/** Runs a command in a user namespace of a held process, with all capabilities of it. */
function inside(pid: number, ...command: string[]): { code: number; stdout: string; stderr: string } {
  const enter = ['--user', `--target=${pid}`, '--setuid=0', '--setgid=0'];
  return oracle('nsenter', [...enter, ...command], { allowFailure: true });
}

function map(pid: number, uid: string, gid = uid): void {
  writeFileSync(`/proc/${pid}/uid_map`, uid);
  writeFileSync(`/proc/${pid}/gid_map`, gid);
}

test('MISSION 3.5: a plain user is root inside, with all capabilities there and none outside', async () => {
  await using held = await holdUserNamespace({ uid: user, script: 'true' });
  assert.equal(writeAs(`/proc/${held.pid}/setgroups`, 'deny', asUser(user)), undefined);
  assert.equal(writeAs(`/proc/${held.pid}/uid_map`, `0 ${user} 1`, asUser(user)), undefined);
  assert.equal(writeAs(`/proc/${held.pid}/gid_map`, `0 ${user} 1`, asUser(user)), undefined);
  await held.proceed();
  const status = readFileSync(`/proc/${held.pid}/status`, 'utf8');
  const bounding = /^CapBnd:\t(\w+)$/m.exec(status)?.[1];
  assert.match(status, new RegExp(`^CapEff:\\t${bounding ?? ''}$`, 'm'));
  assert.match(status, new RegExp(`^Uid:\\t${user}\\t`, 'm'));

  const script = 'hostname inside && id -u && ! chown 1 / && ! hostname -F /nowhere';
  const own = oracle('setpriv', [
    ...asUser(user).slice(1),
    ...['unshare', '--map-root-user', '--uts', 'sh', '-c', script],
  ]);
  assert.equal(own.stdout, '0\n');
  // The host’s UTS namespace belongs to the first user namespace: no capability there.
  const outside = oracle(
    'setpriv',
    [...asUser(user).slice(1), 'unshare', '--map-root-user', 'hostname', 'taken'],
    { allowFailure: true },
  );
  assert.notEqual(outside.code, 0);
  assert.match(outside.stderr, /must be root|not permitted/);
});

test('MISSION 3.5: ids inside and outside, several ranges, both ways', async () => {
  await using held = await holdUserNamespace({ uid: 100000 });
  map(held.pid, '0 100000 1000\n1000 200000 500\n');
  const chain = await readUserNamespaces(held.pid);
  assert.deepEqual(
    chain.levels.map(({ inode }) => inode),
    [held.pid, 'self' as const].map((pid) => Number(/\d+/.exec(namespaceOf('user', pid))?.[0])),
  );
  assert.equal(chain.levels[0]?.creatorUid, 100000);
  assert.deepEqual(
    resolveRanges(chain, 'uid').map(({ firstIds, length }) => [...firstIds.map(({ id }) => id), length]),
    [
      [0, 100000, 1000],
      [1000, 200000, 500],
    ],
  );
  for (const [within, outside] of [
    [0, 100000],
    [999, 100999],
    [1000, 200000],
    [1499, 200499],
  ] as const) {
    assert.equal(resolveId(chain, 'uid', within, 'to-host').outside, outside);
    assert.equal(resolveId(chain, 'uid', outside, 'from-host').inside, within);
    const made = join(mkdtempSync(join(tmpdir(), 'warren-ids-')), 'file');
    try {
      writeFileSync(made, '');
      chmodSync(join(made, '..'), 0o755);
      chownSync(made, outside, outside);
      assert.equal(inside(held.pid, 'stat', '--format=%u', made).stdout.trim(), String(within));
    } finally {
      rmSync(join(made, '..'), { recursive: true });
    }
  }
  assert.equal(resolveId(chain, 'uid', 1500, 'to-host').outside, undefined);
  assert.equal(resolveId(chain, 'uid', 0, 'from-host').inside, undefined);
});

test('an id without a mapping shows as 65534, of a file and of the process itself', async () => {
  await using held = await holdUserNamespace({ uid: user });
  const before = oracle('nsenter', ['--user', `--target=${held.pid}`, '--preserve-credentials', 'id', '-u']);
  assert.equal(before.stdout, '65534\n');
  assert.equal((await readUserNamespaces(held.pid)).levels[0]?.uid?.ranges.length, 0);
  map(held.pid, `0 ${user} 1`);
  assert.equal(inside(held.pid, 'stat', '--format=%u %g', '/').stdout, '65534 65534\n');
  const overflow = readFileSync('/proc/sys/kernel/overflowuid', 'utf8');
  assert.equal(overflow, '65534\n');
  const chain = await readUserNamespaces(held.pid);
  assert.equal(resolveId(chain, 'uid', 0, 'from-host').inside, undefined);
});

test('a map that was not written has no ids, and ids are not translated', async () => {
  await using held = await holdUserNamespace();
  const chain = await readUserNamespaces(held.pid);
  assert.throws(() => resolveId(chain, 'uid', 0, 'to-host'), { code: 'ERR_USERNS_UNMAPPED' });
});

test('a map is written once', async () => {
  await using held = await holdUserNamespace();
  assert.equal(writeAs(`/proc/${held.pid}/uid_map`, '0 0 1'), undefined);
  assert.equal(writeAs(`/proc/${held.pid}/uid_map`, '0 0 1'), 'EPERM');
});

test('a map has at most 340 ranges', async () => {
  const lines = (count: number): string => Array.from({ length: count }, (_, n) => `${n} ${n} 1\n`).join('');
  await using held = await holdUserNamespace();
  assert.equal(writeAs(`/proc/${held.pid}/uid_map`, lines(341)), 'EINVAL');
  assert.equal(writeAs(`/proc/${held.pid}/uid_map`, lines(340)), undefined);
  const chain = await readUserNamespaces(held.pid);
  assert.equal(chain.levels[0]?.uid?.ranges.length, 340);
});

test('setgroups must be denied before a plain user maps a group, and is then denied for ever, below too', async () => {
  await using held = await holdUserNamespace({ uid: user });
  const gidMap = `/proc/${held.pid}/gid_map`;
  const setgroups = `/proc/${held.pid}/setgroups`;
  assert.equal(readFileSync(setgroups, 'utf8'), 'allow\n');
  assert.equal(writeAs(gidMap, `0 ${user} 1`, asUser(user)), 'EPERM');
  assert.equal(writeAs(setgroups, 'deny', asUser(user)), undefined);
  assert.equal(writeAs(gidMap, `0 ${user} 1`, asUser(user)), undefined);
  assert.equal(writeAs(setgroups, 'allow', asUser(user)), 'EPERM');
  assert.equal(writeAs(`/proc/${held.pid}/uid_map`, `0 ${user} 1`, asUser(user)), undefined);
  const { levels } = await readUserNamespaces(held.pid);
  assert.equal(levels[0]?.setgroups, 'deny');
  // As the user: nsenter(1) with --setgid would call setgroups(2) itself.
  const enter = ['nsenter', '--user', `--target=${held.pid}`, '--preserve-credentials'];
  const asMaker = (...command: string[]): { code: number; stdout: string; stderr: string } =>
    oracle('setpriv', [...asUser(user).slice(1), ...enter, ...command], { allowFailure: true });
  assert.equal(asMaker('unshare', '--user', 'cat', '/proc/self/setgroups').stdout, 'deny\n');
  assert.match(asMaker('setpriv', '--groups=0', 'true').stderr, /setgroups failed: Operation not permitted/);
});

test('setgroups is not allowed before gid_map is written, and cannot be denied afterwards', async () => {
  await using held = await holdUserNamespace();
  writeFileSync(`/proc/${held.pid}/gid_map`, '0 0 10');
  assert.equal(writeAs(`/proc/${held.pid}/setgroups`, 'deny'), 'EPERM');
});

/** Makes user namespaces in each other until the kernel refuses; says how many there are, and why no more; then stays. */
const nest = `
import ctypes, errno, os, sys
libc = ctypes.CDLL(None, use_errno=True)
made = 0
while True:
    if libc.unshare(0x10000000) < 0:
        os.write(1, b'%d %s\\n' % (made, errno.errorcode[ctypes.get_errno()].encode()))
        break
    made += 1
    for name, text in (('setgroups', 'deny'), ('uid_map', '0 0 1'), ('gid_map', '0 0 1')):
        with open('/proc/self/' + name, 'w') as file:
            try: file.write(text); file.flush()
            except PermissionError: pass
sys.stdin.read()
`;

test('user namespaces nest 33 deep below the first, then ENOSPC (EUSERS before Linux 4.9); every level is seen', async () => {
  const child = spawn('/usr/bin/python3', ['-c', nest], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  try {
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    assert.equal(line.toString(), '33 ENOSPC\n');
    const chain = await readUserNamespaces(child.pid ?? 0);
    assert.equal(chain.levels.length, 34);
    assert.equal(chain.reaches, true);
    assert.deepEqual(chain.levels[0]?.uid?.ranges, [{ inside: 0, outside: 0, length: 1 }]);
    // In between is no process, through which a map could be read.
    assert.equal(resolveId(chain, 'uid', 0, 'to-host').levels[1]?.known, false);
    assert.equal(resolveId(chain, 'uid', 0, 'to-host').outside, 0);
  } finally {
    child.stdin.end();
    await exited;
  }
});

test('a map reads as the reader’s namespace sees it; levels in between are resolved', async () => {
  await using outer = await holdUserNamespace({ uid: 100000 });
  map(outer.pid, '0 100000 65536');
  const enter = ['nsenter', '--user', `--target=${outer.pid}`, '--setuid=0', '--setgid=0'];
  await using inner = await holdUserNamespace({ prefix: enter });
  assert.equal(writeAs(`/proc/${inner.pid}/uid_map`, '0 1000 100', enter), undefined);
  assert.equal(writeAs(`/proc/${inner.pid}/gid_map`, '0 2000 100', enter), undefined);

  // From here, and from the namespace in between.
  assert.match(readFileSync(`/proc/${inner.pid}/uid_map`, 'utf8'), /^ +0 +101000 +100\n$/);
  assert.match(inside(outer.pid, 'cat', `/proc/${inner.pid}/uid_map`).stdout, /^ +0 +1000 +100\n$/);

  const chain = await readUserNamespaces(inner.pid);
  const ids = (kind: 'uid' | 'gid', id: number, way: 'to-host' | 'from-host'): (number | undefined)[] =>
    resolveId(chain, kind, id, way).levels.map((level) => level.id);
  assert.deepEqual(ids('uid', 5, 'to-host'), [5, 1005, 101005]);
  assert.deepEqual(ids('gid', 5, 'to-host'), [5, 2005, 102005]);
  assert.deepEqual(ids('uid', 101005, 'from-host'), [5, 1005, 101005]);
  assert.deepEqual(ids('uid', 100000, 'from-host'), [undefined, 0, 100000]);
  assert.deepEqual(ids('uid', 100, 'to-host'), [100, undefined, undefined]);
});

test('readUserNamespaces() knows nothing of a process that has ended, and says so', async () => {
  const pid = Number(execFileSync('sh', ['-c', 'echo $$']).toString());
  await assert.rejects(readUserNamespaces(pid), { code: 'ERR_PROCESS_NOT_FOUND' });
});

test('MISSION 4.1: the five sets of a process are those of /proc, in a user namespace too', async () => {
  const { readProcessCapabilities } = await import('../../src/explore/capabilities/show.js');
  await using held = await holdUserNamespace({ uid: user });
  const { status } = await readProcessCapabilities(held.pid);
  assert.deepEqual(
    status.capabilities,
    parseProcStatus(readFileSync(`/proc/${held.pid}/status`, 'utf8')).capabilities,
  );
});
