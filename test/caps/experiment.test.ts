/** MISSION 4.4 where the kernel does not tell: which capability a command lacks, found out by giving it one more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Experiment, Measured } from '../../src/explore/capabilities/experiment.js';
import { assertFakeHost } from '../support/fake-host.js';
import { plainUser } from '../support/plain-user.js';
import { command } from './cli.js';

assertFakeHost();

type Found = Experiment & { by: string; mapped: boolean };

function why(...args: string[]): Found {
  const { stdout, stderr } = command('caps', 'why', '--by', 'experiment', '--json', ...args);
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout) as Found;
}

const callOf = ({ diagnoses }: Experiment, syscall: string): Measured => {
  const call = diagnoses.find((each) => each.syscall === syscall);
  assert.ok(call, JSON.stringify(diagnoses));
  return call;
};

const python = (script: string): string[] => ['/usr/bin/python3', '-c', script];
const killsAnothers = `
import os, time
reader, writer = os.pipe()
child = os.fork()
if child == 0:
    os.setuid(5)
    os.write(writer, b"x")
    time.sleep(100)
os.read(reader, 1)
os.kill(child, 15)
`;

/** Each with the capability that its manual page names; what a container has by default is taken away first. */
const needs: readonly (readonly [
  capability: string,
  syscall: string,
  errno: string,
  command: readonly string[],
  options?: readonly string[],
])[] = [
  ['CAP_CHOWN', 'fchownat', 'EPERM', ['chown', '1', '/tmp']],
  ['CAP_SETUID', 'setresuid', 'EPERM', ['setpriv', '--reuid=5', 'true']],
  ['CAP_SYS_CHROOT', 'chroot', 'EPERM', ['chroot', '/', 'true']],
  ['CAP_KILL', 'kill', 'EPERM', python(killsAnothers)],
  ['CAP_NET_RAW', 'socket', 'EPERM', python('import socket; socket.socket(2, socket.SOCK_RAW, 1)')],
  [
    'CAP_NET_BIND_SERVICE',
    'bind',
    'EACCES',
    python('import socket; socket.socket().bind(("127.0.0.1", 80))'),
    ['--sysctl', 'net.ipv4.ip_unprivileged_port_start=1024'],
  ],
  ['CAP_SYS_ADMIN', 'mount', 'EPERM', ['mount', '-t', 'tmpfs', 'tmpfs', '/mnt']],
  ['CAP_SYS_ADMIN', 'sethostname', 'EPERM', ['hostname', 'other']],
  ['CAP_DAC_OVERRIDE', 'openat', 'EACCES', ['sh', '-ec', 'chown 5 /tmp; chmod 700 /tmp; echo >/tmp/file']],
];

for (const [capability, syscall, errno, args, options = []] of needs) {
  test(`by experiment: ${args.join(' ').trim().slice(0, 60)} needs ${capability}, and with it succeeds`, () => {
    const found = why('--cap-drop', capability.slice('CAP_'.length), ...options, '--', ...args);
    const call = callOf(found, syscall);
    assert.deepEqual([call.errno, call.cure], [errno, [capability]]);
    assert.deepEqual(found.added, [capability]);
    assert.notEqual(found.exitCodes.without, 0);
    assert.equal(found.exitCodes.with, 0);
    assert.equal(found.mapped, true);
  });
}

test('by experiment: several capabilities, each found for its own call, with what the call pointed to', () => {
  const found = why(
    ...['--cap-drop', 'ALL', '--', 'sh', '-c'],
    'chown 1 /tmp; hostname x; setpriv --reuid=5 true',
  );
  assert.deepEqual(
    found.diagnoses.map(({ program, cure }) => [program, cure]),
    [
      ['chown', ['CAP_CHOWN']],
      ['hostname', ['CAP_SYS_ADMIN']],
      ['setpriv', ['CAP_SETUID']],
    ],
  );
  assert.equal(callOf(found, 'fchownat').arguments, '"/tmp", 1, -1');
});

test('by experiment: what no table foresees is found by halves', () => {
  // A file with CAP_SYS_RESOURCE forced upon it is refused at execve where that is not in the bounding set: EPERM.
  const script = `
import os, shutil
shutil.copy("/bin/true", "/tmp/true")
os.setxattr("/tmp/true", "security.capability", bytes.fromhex("01000002" + "00000001" + 24 * "0"))
os.execv("/tmp/true", ["true"])
`;
  const call = callOf(why('--', ...python(script)), 'execve');
  assert.deepEqual([call.errno, call.arguments, call.cure], ['EPERM', '"/tmp/true"', ['CAP_SYS_RESOURCE']]);
});

test('by experiment: netlink refuses in a message; then the command as a whole tells', () => {
  const found = why('--', 'ip', 'link', 'set', 'lo', 'down');
  assert.deepEqual(found.diagnoses, []);
  assert.deepEqual(
    [found.whole, found.added, found.exitCodes.with],
    [['CAP_NET_ADMIN'], ['CAP_NET_ADMIN'], 0],
  );
});

test('by experiment: a device is asked of the first user namespace, which no container has here', () => {
  const call = callOf(why('--', 'mknod', '/tmp/null', 'c', '1', '3'), 'mknodat');
  assert.equal(call.cure, undefined);
  assert.match(call.because ?? '', /CAP_MKNOD is asked of the first user namespace/);
});

test('by experiment: a user who is not root lacks what --cap-add does not give', () => {
  const args = ['--user', '5', '--', 'sh', '-c', 'echo >/usr/file'];
  assert.deepEqual(callOf(why(...args), 'openat').cure, ['CAP_DAC_OVERRIDE']);
  const { stdout } = command('caps', 'why', '--by', 'experiment', ...args);
  assert.match(stdout, /the command runs as 5, whom --cap-add gives nothing/);
});

test('by experiment: a refusal for another reason is no capability’s', () => {
  // A file that may only be appended to, for whoever: a sealed memory file.
  const script = `
import os, fcntl
fd = os.memfd_create("sealed", 2)
fcntl.fcntl(fd, 1033, 8)
os.write(fd, b"x")
`;
  const found = why('--', ...python(script));
  const call = callOf(found, 'write');
  assert.deepEqual([call.errno, call.cure, found.added], ['EPERM', undefined, []]);
  assert.match(call.because ?? '', /not for want of a capability/);
  const blocked = callOf(
    why('--', ...python('import os, ctypes; exit(ctypes.CDLL(None).syscall(250, 0, -3, 0) < 0)')),
    'keyctl',
  );
  assert.match(blocked.because ?? '', /seccomp filter refuses it whatever/);
});

test('by experiment: a command that lacks nothing, or fails of itself', () => {
  for (const name of ['true', 'false']) {
    const { code, stdout } = command('caps', 'why', '--by', 'experiment', '--cap-drop', 'ALL', '--', name);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /No call failed with EPERM or EACCES/);
  }
});

test('by experiment: nothing ever sets the clock, nor is CAP_SYS_TIME given; not even --try reaches it', () => {
  const before = Date.now();
  const monotonic = performance.now();
  const show = 'date -s 2020-01-01; grep CapEff /proc/self/status; exit 1';
  const found = why('--', 'sh', '-c', show);
  const call = callOf(found, 'clock_settime');
  assert.deepEqual([call.cure, call.notTried, found.added], [undefined, ['CAP_SYS_TIME'], []]);
  const tried = why('--try', 'SYS_TIME', '--', 'date', '-s', '2020-01-01');
  assert.equal(callOf(tried, 'clock_settime').cure, undefined);
  assert.notEqual(tried.exitCodes.with, 0);
  const drift = Date.now() - before - (performance.now() - monotonic);
  assert.ok(Math.abs(drift) < 5_000, `the clock went ${drift} ms astray`);
});

test('by experiment: only in a user namespace of its own, in which nobody is root here', () => {
  for (const args of [
    ['--userns', 'host'],
    ['--privileged'],
    ['--uidmap', '0:0:65536'],
    ['--uidmap', '0:100000:10', '--gidmap', '0:100000:10', '--gidmap', '10:0:1'],
  ]) {
    const { stderr } = command('caps', 'why', '--by', 'experiment', ...args, '--', 'true');
    assert.equal((JSON.parse(stderr) as { code: string }).code, 'ERR_USAGE', args.join(' '));
  }
  assert.equal(command('caps', 'why', '--by', 'guess', '--', 'true').code, 2);
});

test('by experiment: --once looks, and tries nothing', () => {
  const found = why('--once', '--', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt');
  assert.equal(found.runs, 1);
  assert.match(callOf(found, 'mount').because ?? '', /likely lacks CAP_SYS_ADMIN: not tried/);
});

test('by experiment: as an ordinary user, who needs nothing else', async () => {
  using user = plainUser();
  const ask = async (...args: string[]): Promise<Found> =>
    JSON.parse((await user.warren(['caps', 'why', '--json', ...args])).stdout) as Found;
  const mount = await ask('--', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt');
  assert.equal(mount.by, 'experiment');
  assert.equal(mount.mapped, false);
  assert.deepEqual(callOf(mount, 'mount').cure, ['CAP_SYS_ADMIN']);
  assert.equal(mount.exitCodes.with, 0);
  const script = 'mkdir /tmp/closed; chmod 0 /tmp/closed; ls /tmp/closed';
  const closed = await ask('--cap-drop', 'DAC_OVERRIDE', '--', 'sh', '-c', script);
  assert.deepEqual(callOf(closed, 'openat').cure, ['CAP_DAC_OVERRIDE']);
  const clock = await ask('--', 'date', '-s', '2020-01-01');
  assert.deepEqual(callOf(clock, 'clock_settime').notTried, ['CAP_SYS_TIME']);
});

test('by experiment: process 1 that stops itself goes on, as it does without a tracer', () => {
  const { code, stdout } = command(
    ...(['caps', 'why', '--by', 'experiment', '--', 'sh', '-c', 'kill -STOP $$; exit 0'] as const),
  );
  assert.equal(code, 0, stdout);
});
