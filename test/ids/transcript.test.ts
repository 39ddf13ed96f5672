/** What the articles on user_namespaces(7) show at a shell, step by step, as an ordinary user, with the kernel's answers. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { warren } from '../support/cli.js';
import { assertFakeHost } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';
import { holdUserNamespace } from './holder.js';

assertFakeHost();

const uid = 12345;
const asUser = [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
const shell = (
  options: readonly string[],
  script: string,
): { code: number; stdout: string; stderr: string } =>
  oracle('setpriv', [...asUser, 'unshare', '--user', ...options, 'sh', '-c', script], { allowFailure: true });

test('transcript: unshare -U alone: everybody is 65534, no map, and no capability after an execve', () => {
  const { stdout } = shell(
    [],
    'id -u; id -g; cat /proc/self/uid_map; stat -c %u /etc/passwd; grep CapEff /proc/self/status',
  );
  assert.equal(stdout, '65534\n65534\n65534\nCapEff:\t0000000000000000\n');
});

test('transcript: the map is written once, from outside; the second write is refused, and warren reads it', async () => {
  await using held = await holdUserNamespace({ uid });
  const file = `/proc/${held.pid}/uid_map`;
  writeFileSync(file, `0 ${uid} 1`);
  assert.deepEqual(readFileSync(file, 'utf8').trim().split(/ +/).map(Number), [0, uid, 1]);
  assert.throws(() => writeFileSync(file, `0 ${uid} 1`), { code: 'EPERM' });
  const { stdout } = await warren(['ids', 'map', '--in', String(held.pid), '0', '1']);
  assert.match(stdout, /^uid 0 → 12345$/m);
  assert.match(stdout, /^uid 1 → no name \(65534\)/m);
});

test('transcript: root inside, with all capabilities there and none outside', () => {
  const script =
    'id -u; grep CapEff /proc/self/status; hostname blue; unshare --uts hostname blue && echo own';
  const { stdout, stderr } = shell(['--map-root-user'], script);
  const [id, effective, own] = stdout.trim().split('\n');
  const last = Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8'));
  assert.equal(id, '0');
  assert.equal(BigInt(`0x${effective?.split('\t')[1] ?? ''}`), (1n << BigInt(last + 1)) - 1n);
  // Not that of the machine's UTS namespace, which another user namespace owns.
  assert.match(stderr, /hostname: you must be root|Operation not permitted/);
  assert.equal(own, 'own');
});

test('transcript: root inside is refused what belongs to others outside', () => {
  const { code, stderr } = shell(['--map-root-user'], 'chown 1 /proc/self/fd/1 || cat /etc/shadow');
  assert.notEqual(code, 0);
  assert.match(stderr, /Permission denied/);
  assert.match(stderr, /Invalid argument|Operation not permitted/);
});

test('transcript: setgroups must be denied before an ordinary user maps a group', () => {
  const early = shell([], 'cat /proc/self/setgroups');
  assert.equal(early.stdout, 'allow\n');
  const write = (first: string): string =>
    `import ctypes, os
libc = ctypes.CDLL(None)
assert libc.unshare(0x10000000) == 0
${first}
try:
    with open("/proc/self/gid_map", "w") as file: file.write("0 ${uid} 1")
    print("written", open("/proc/self/setgroups").read().strip())
except PermissionError: print("refused")`;
  const python = (script: string): string =>
    oracle('setpriv', [...asUser, '/usr/bin/python3', '-c', script]).stdout;
  assert.equal(python(write('')), 'refused\n');
  const deny = 'open("/proc/self/setgroups", "w").write("deny")';
  assert.equal(python(write(deny)), 'written deny\n');
});

test('transcript: setgroups(2) is refused where it is denied', () => {
  const { stdout } = shell(
    ['--map-root-user'],
    `cat /proc/self/setgroups; /usr/bin/python3 -c 'import os; os.setgroups([0])' 2>&1 | tail -1`,
  );
  assert.match(stdout, /^deny\nPermissionError: .*Operation not permitted/);
});
