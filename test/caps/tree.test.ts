/** `warren caps file` on whole trees, as users start it, beside getcap(8) and setcap(8). */
import assert from 'node:assert/strict';
import { copyFileSync, chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { warren } from '../support/cli.js';
import { assertFakeHost } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';

assertFakeHost();

const folder = mkdtempSync(join(tmpdir(), 'warren-caps-tree-'));
chmodSync(folder, 0o755);
after(() => rmSync(folder, { recursive: true }));

const programs = ['one', 'a b/two', 'a b/deep/three', 'a b/deep/-r'].map((name) => join(folder, name));
const data = join(folder, 'a b/deep/data');
mkdirSync(join(folder, 'a b/deep'), { recursive: true });
for (const path of programs) copyFileSync('/bin/cat', path);
writeFileSync(data, '', { mode: 0o644 });
symlinkSync('/bin/ls', join(folder, 'a b/out'));
symlinkSync('..', join(folder, 'a b/up'));

const file = async (...args: string[]) => warren(['caps', 'file', ...args]);
const sorted = (text: string): string[] => text.trimEnd().split('\n').sort();
const getcap = (): string[] => sorted(oracle('getcap', ['-n', '-r', folder]).stdout);
const linesOf = (caps: string): string[] => programs.map((path) => `${path} ${caps}`).sort();
/** The kernel's own bytes: `struct vfs_ns_cap_data`. */
const bytesOf = (path: string): string =>
  oracle('python3', [
    '-c',
    'import os,sys; print(os.getxattr(sys.argv[1], "security.capability").hex())',
    path,
  ]).stdout.trim();

test('warren caps file set -r gives all programs of a tree what setcap gives one, and leaves links and data alone', async () => {
  const set = await file('set', '-r', 'cap_net_raw,cap_chown=ep', folder);
  assert.deepEqual([set.code, set.stderr], [0, '']);
  assert.deepEqual(sorted(set.stdout), linesOf('cap_chown,cap_net_raw=ep'));
  assert.deepEqual(getcap(), linesOf('cap_chown,cap_net_raw=ep'));
  assert.deepEqual(sorted((await file('get', '-r', folder)).stdout), getcap());
  const [first = ''] = programs;
  const ours = bytesOf(first);
  oracle('setcap', ['cap_net_raw,cap_chown=ep', first]);
  assert.equal(ours, bytesOf(first));
  assert.equal(oracle('getcap', ['/bin/ls']).stdout, '', 'the link out of the tree was followed');
});

test('warren caps file set -r -n writes version 3 with the root id, the bytes that setcap -n writes', async () => {
  const set = await file('set', '-r', '-n', '100000', 'cap_kill=eip', folder);
  assert.deepEqual([set.code, set.stderr], [0, '']);
  assert.deepEqual(getcap(), linesOf('cap_kill=eip [rootid=100000]'));
  assert.deepEqual(sorted((await file('get', '-r', folder)).stdout), getcap());
  const [first = '', second = ''] = programs;
  oracle('setcap', ['-n', '100000', 'cap_kill=eip', first]);
  assert.equal(bytesOf(second), bytesOf(first));
  assert.match(bytesOf(second), /^01000003.*a0860100$/);
  const json = JSON.parse((await file('get', '-r', '--json', folder)).stdout) as { rootId: number }[];
  assert.deepEqual(
    json.map(({ rootId }) => rootId),
    programs.map(() => 100000),
  );
});

/** As user 5 of a user namespace whose root is user argv[1] here, executes argv[2] on its own status. */
const inUserNamespace = `
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
made, go = os.pipe(), os.pipe()
pid = os.fork()
if pid == 0:
    if libc.unshare(0x10000000) != 0: sys.exit("unshare failed")
    os.write(made[1], b"."); os.read(go[0], 1)
    os.setgroups([]); os.setresgid(5, 5, 5); os.setresuid(5, 5, 5)
    os.execv(sys.argv[2], ["cat", "/proc/self/status"])
os.read(made[0], 1)
for name in "gid_map", "uid_map":
    with open(f"/proc/{pid}/{name}", "w") as file: file.write(f"0 {sys.argv[1]} 1000")
os.write(go[1], b".")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))`;

test('a version 3 capability that warren set works in the user namespace of its root, and nowhere else', async () => {
  const [program = ''] = programs;
  assert.equal((await file('set', '-n', '100000', 'cap_kill=ep', program)).code, 0);
  const effective = (outer: number): string => {
    const status = oracle('python3', ['-c', inUserNamespace, String(outer), program]).stdout;
    return /^CapEff:\t(.*)$/m.exec(status)?.[1] ?? '';
  };
  assert.equal(effective(100000), '0000000000000020');
  assert.equal(effective(300000), '0000000000000000');
  const outside = oracle('setpriv', ['--reuid=5', '--clear-groups', program, '/proc/self/status']).stdout;
  assert.match(outside, /^CapEff:\t0{16}$/m);
});

test('warren caps file rm -r takes from all what setcap gave, and says from which', async () => {
  for (const path of [...programs, data]) oracle('setcap', ['cap_kill=p', path]);
  const removed = await file('rm', '-r', folder);
  assert.deepEqual([removed.code, removed.stderr], [0, '']);
  assert.deepEqual(sorted(removed.stdout), [...programs, data].sort());
  assert.deepEqual(getcap(), ['']);
  assert.equal((await file('rm', '-r', folder)).stdout, '');
  assert.equal((await file('get', '-r', folder)).stdout, '');
});

test('warren caps file -r goes on after what it cannot reach, and its exit code is 1', async () => {
  const set = await file('set', '-r', 'cap_kill=p', join(folder, 'none'), folder);
  assert.equal(set.code, 1);
  assert.match(set.stderr, /none/);
  assert.deepEqual(getcap(), linesOf('cap_kill=p'));
  const wrong = await file('set', '-r', 'cap_kil=p', folder);
  assert.equal(wrong.code, 2);
  assert.deepEqual(getcap(), linesOf('cap_kill=p'), 'nothing is set before the text is understood');
});
