/** What the articles on capabilities(7) show at a shell, step by step, with the kernel's answers. */
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { run } from '../../src/index.js';
import { warren } from '../support/cli.js';
import { assertFakeHost } from '../support/fake-host.js';
import { oracle, type OracleResult } from '../support/oracle.js';
import { busyboxRootfs } from '../support/rootfs.js';

assertFakeHost();

const folder = mkdtempSync(join(tmpdir(), 'warren-transcript-'));
chmodSync(folder, 0o755);
const root = busyboxRootfs();
after(() => {
  rmSync(folder, { recursive: true });
  root[Symbol.dispose]();
});
const rootfs = root.path;
const [ping, cat] = ['ping', 'cat'].map((name) => {
  const copy = join(folder, name);
  copyFileSync(join('/bin', name), copy);
  return copy;
}) as [string, string];

const asUser = ['--reuid=12345', '--regid=12345', '--clear-groups'];
/** As an ordinary user, with more of setpriv(1)'s options. */
const user = (options: readonly string[], ...command: string[]): OracleResult =>
  oracle('setpriv', [...asUser, ...options, ...command], { allowFailure: true });
const pings = (...options: string[]): boolean => user(options, ping, '-c1', '-W2', '127.0.0.1').code === 0;
const setOf = (status: string, name: string): bigint =>
  BigInt(`0x${new RegExp(`^${name}:\\t([0-9a-f]{16})$`, 'm').exec(status)?.[1] ?? assert.fail(status)}`);
const NET_RAW = 1n << 13n;

test('transcript: ping of an ordinary user fails, with a file capability it works, without it fails again', async () => {
  // Nobody may have datagram sockets for it: then it needs a raw one.
  oracle('sysctl', ['-qw', 'net.ipv4.ping_group_range=1 0']);
  assert.equal(pings(), false);
  const refused = user([], ping, '-c1', '127.0.0.1');
  assert.match(refused.stderr, /Operation not permitted|cap_net_raw/);
  assert.equal((await warren(['caps', 'file', 'set', 'cap_net_raw=ep', ping])).code, 0);
  assert.match(oracle('getcap', [ping]).stdout, /cap_net_raw=ep/);
  assert.equal(pings(), true);
  assert.equal((await warren(['caps', 'file', 'rm', ping])).code, 0);
  assert.equal(pings(), false);
});

test('transcript: without CAP_CHOWN root is refused chown, with it alone it is allowed', async () => {
  const chown = ['sh', '-c', 'touch /f && chown 1 /f && stat -c %u /f'];
  const without = await run(chown, { rootfs, caps: { drop: ['CHOWN'] }, rejectOnFailure: false });
  assert.notEqual(without.exitCode, 0);
  assert.match(without.stderr, /Operation not permitted/);
  const alone = await run(chown, { rootfs, caps: { drop: ['ALL'], add: ['CHOWN'] } });
  assert.equal(alone.stdout.trim(), '1');
  const none = await run(chown, { rootfs, caps: { drop: ['ALL'] }, rejectOnFailure: false });
  assert.notEqual(none.exitCode, 0);
});

test('transcript: the bounding set keeps root from what is not in it, and a program that insists is not executed', async () => {
  const dropped = oracle('setpriv', ['--bounding-set=-net_raw', cat, '/proc/self/status']).stdout;
  for (const name of ['CapBnd', 'CapPrm', 'CapEff']) assert.equal(setOf(dropped, name) & NET_RAW, 0n, name);
  // p: what there is of it; ep: all of it, or EPERM.
  assert.equal((await warren(['caps', 'file', 'set', 'cap_net_raw=p', cat])).code, 0);
  const less = user(['--bounding-set=-net_raw'], cat, '/proc/self/status');
  assert.equal(less.code, 0);
  assert.equal(setOf(less.stdout, 'CapPrm'), 0n);
  assert.equal((await warren(['caps', 'file', 'set', 'cap_net_raw=ep', cat])).code, 0);
  const all = user(['--bounding-set=-net_raw'], cat, '/proc/self/status');
  assert.notEqual(all.code, 0);
  assert.match(all.stderr, /Operation not permitted/);
  assert.equal(setOf(user([], cat, '/proc/self/status').stdout, 'CapEff'), NET_RAW);
  assert.equal((await warren(['caps', 'file', 'rm', cat])).code, 0);
});

test('transcript: ambient capabilities survive execve of a program without any, and end with one that has its own', async () => {
  const ambient = ['--inh-caps=+net_raw', '--ambient-caps=+net_raw'];
  const status = user(ambient, cat, '/proc/self/status').stdout;
  for (const name of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'])
    assert.equal(setOf(status, name), NET_RAW, name);
  assert.equal(pings(...ambient), true);
  assert.equal(pings('--inh-caps=+net_raw'), false, 'inheritable alone gives nothing to a file without');
  assert.equal((await warren(['caps', 'file', 'set', 'cap_kill=ep', cat])).code, 0);
  const own = user(ambient, cat, '/proc/self/status').stdout;
  assert.equal(setOf(own, 'CapAmb'), 0n);
  assert.equal(setOf(own, 'CapEff'), 1n << 5n);
  assert.equal((await warren(['caps', 'file', 'rm', cat])).code, 0);
});
