/** What an ordinary user without any privilege is told of parameters, and gets. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { WhyReport } from '../../src/sysctl.js';
import { assertFakeHost } from '../support/fake-host.js';
import { plainUser, type PlainUser } from '../support/plain-user.js';

assertFakeHost();

let user: PlainUser;

before(async () => {
  user = plainUser();
  const { code, stderr } = await user.warren(['run', '-d', '--name', 'mine', '--', 'sleep', '1000']);
  assert.equal(code, 0, stderr);
});

after(async () => {
  await user.warren(['rm', '-f', 'mine']);
  user[Symbol.dispose]();
});

const why = async (...args: readonly string[]): Promise<WhyReport> => {
  const { code, stdout, stderr } = await user.warren(['sysctl', 'why', '--json', ...args]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as WhyReport;
};
const valueOf = ({ values }: WhyReport, where: string): unknown =>
  values.find(({ place }) => place === where)?.reading;

test('sysctl why shows an ordinary user a fresh namespace, beside their own container', async () => {
  const set = ['sysctl', 'set', '--in', 'mine', 'net.ipv4.tcp_keepalive_time=333'];
  assert.equal((await user.warren(set)).code, 0);
  const network = await why('net.ipv4.tcp_keepalive_time', '--in', 'mine');
  assert.equal(network.verdict, 'reset');
  assert.deepEqual(valueOf(network, 'mine'), { value: '333' });
  assert.deepEqual(valueOf(network, 'fresh namespace'), { value: '7200' });
  assert.deepEqual(network.unseen, []);
  const queues = await why('kernel.msgmax', '--in', 'mine');
  assert.deepEqual(valueOf(queues, 'fresh namespace'), { value: '8192' });
  assert.equal((await why('net.core.rmem_max')).verdict, 'shared');
});

test('sysctl why does not take for everybody’s what only root of a user namespace is refused', async () => {
  // Read-only there, and writable for the machine's root.
  const report = await why('kernel.hostname', '--in', 'mine');
  assert.equal(report.verdict, 'copied');
  assert.match(report.unseen.join(), /the machine’s own user namespace/);
});

test('sysctl get takes a namespace file of an ordinary user’s container, as it takes the container', async () => {
  const { stdout } = await user.warren(['inspect', '--format', '{{.State.Pid}}', 'mine']);
  const file = (kind: string): string => `/proc/${stdout.trim()}/ns/${kind}`;
  for (const [kind, key] of [
    ['ipc', 'kernel.msgmax'],
    ['uts', 'kernel.hostname'],
    ['net', 'net.ipv4.tcp_keepalive_intvl'],
    ['user', 'user.max_net_namespaces'],
  ] as const) {
    const [byFile, byName] = await Promise.all([
      user.warren(['sysctl', 'get', '--in', file(kind), key]),
      user.warren(['sysctl', 'get', '--in', 'mine', key]),
    ]);
    assert.deepEqual([byFile.code, byFile.stdout], [0, byName.stdout], byFile.stderr);
  }
  // The machine's own are not theirs, whichever way.
  const denied = await user.warren(['sysctl', 'get', '--in', '/proc/1/ns/ipc', 'kernel.msgmax']);
  assert.notEqual(denied.code, 0);
});

test('sysctl diff compares an ordinary user’s container with a fresh namespace', async () => {
  await user.warren(['sysctl', 'set', '--in', 'mine', 'net.ipv4.tcp_keepalive_intvl=11']);
  const { code, stdout, stderr } = await user.warren(['sysctl', 'diff', 'mine', 'fresh', 'net.ipv4']);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^net\.ipv4\.tcp_keepalive_intvl +11 +75$/m);
  assert.match(stderr, /fresh belongs to a user namespace/);
});

test('run --inherit-sysctls and --check work for an ordinary user', async () => {
  const inherited = await user.warren([
    ...['run', '--inherit-sysctls', '--check', '--sysctl', 'net.ipv4.tcp_keepalive_time=44', '--'],
    ...['cat', '/proc/sys/net/ipv4/tcp_keepalive_time'],
  ]);
  assert.deepEqual([inherited.code, inherited.stdout], [0, '44\n'], inherited.stderr);
  const checked = await user.warren([
    ...['run', '--check', '--sysctl', 'net.ipv4.tcp_rmem=4096', '--'],
    'true',
  ]);
  assert.match(checked.stderr, /it has 3 numbers/);
});

test('where the kernel makes no namespace, it is said which limit or right is in the way', async () => {
  const said = async (script: string): Promise<string> => {
    const inside = `${script} "$0" "$@"`;
    const { stderr, stdout } = await user.run([
      ...['unshare', '--user', '--map-root-user', 'sh', '-c', inside],
      ...[user.command, 'sysctl', 'diff', 'host', 'fresh'],
    ]);
    return stdout + stderr;
  };
  assert.match(
    await said('echo 0 >/proc/sys/user/max_net_namespaces;'),
    /ENOSPC: user\.max_net_namespaces is 0/,
  );
  const noRight = 'setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin';
  assert.match(
    await said(`echo 0 >/proc/sys/user/max_user_namespaces; ${noRight}`),
    /ENOSPC: user\.max_user_namespaces is 0/,
  );
});

test('a pattern of --inherit-sysctls that matches nothing is told, with what is near', async () => {
  const said = async (pattern: string): Promise<string> =>
    (await user.warren(['run', `--inherit-sysctls=${pattern}`, '--', 'true'])).stderr;
  assert.match(
    await said('net.ipv4.tcp_keepalve_time'),
    /matches --inherit-sysctls="net\.ipv4\.tcp_keepalve_time"; did you mean net\.ipv4\.tcp_keepalive_time\?/,
  );
  assert.match(await said('net.ipv4.tcp_keepalve_*'), /did you mean net\.ipv4\.tcp_keepalive\*\?/);
  assert.match(await said('vm.*'), /matches --inherit-sysctls="vm\.\*"$/m);
  assert.equal(await said('net.ipv4.tcp_keepalive_*'), '');
  assert.equal(await said('kernel.msg*'), '');
});

test('what is no namespace file is called that, and a namespace without parameters is as well', async () => {
  const said = async (...args: readonly string[]): Promise<string> => {
    const { code, stderr } = await user.warren(args);
    assert.notEqual(code, 0, args.join(' '));
    return stderr;
  };
  for (const args of [
    ['sysctl', 'diff', 'host', '/etc/passwd'],
    ['sysctl', 'why', 'net.ipv4.ip_forward', '--in', '/etc/passwd'],
    ['sysctl', 'get', 'net.ipv4.ip_forward', '--in', '/etc/passwd'],
    ['sysctl', 'ls', '--in', '/dev/null'],
    ['ns', 'show', '/etc/passwd'],
  ])
    assert.match(await said(...args), /no namespace file/, args.join(' '));
  assert.match(await said('sysctl', 'diff', 'host', '/proc/self/ns/mnt'), /without parameters \(mnt\)/);
});

test('a namespace file is known by what it is, wherever it is mounted', async () => {
  // A name that says nothing of its kind.
  const { stdout, stderr } = await user.run([
    ...['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c'],
    'touch ipc; unshare --ipc sh -c \'echo 5000 >/proc/sys/kernel/msgmax; mount --bind /proc/$$/ns/ipc ipc\'; "$0" sysctl get --in "$PWD/ipc" kernel.msgmax; "$0" sysctl diff host "$PWD/ipc"',
    user.command,
  ]);
  assert.match(stdout, /^kernel\.msgmax = 5000$/m, stderr);
  assert.match(stdout, /^kernel\.msgmax +8192 +5000$/m, stderr);
});
