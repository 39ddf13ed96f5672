import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import {
  plan,
  readSysctl,
  run,
  writeSysctl,
  type ContainerOptions,
  type SysctlOptions,
} from '../../src/index.js';
import { warren } from '../support/cli.js';
import { hold, linesOf, sh } from '../support/container.js';
import { assertFakeHost, holdNetworkNamespace } from '../support/fake-host.js';
import { leavesNothing } from '../support/leaks.js';
import { oracle } from '../support/oracle.js';
import { busyboxRootfs } from '../support/rootfs.js';

assertFakeHost();

const root = busyboxRootfs();
after(() => root[Symbol.dispose]());
const rootfs = root.path;

const read = (key: string): string => readFileSync(`/proc/sys/${key}`, 'utf8').trim();

/** Sets parameters of this fake host for as long as the body runs. */
async function withHostValues(
  values: Readonly<Record<string, string>>,
  body: () => Promise<void>,
): Promise<void> {
  const before = Object.keys(values).map((key) => [key, read(key)] as const);
  try {
    for (const [key, value] of Object.entries(values)) writeFileSync(`/proc/sys/${key}`, value);
    await body();
  } finally {
    for (const [key, value] of before) writeFileSync(`/proc/sys/${key}`, value);
  }
}

const netKeys = linesOf(oracle('find', ['/proc/sys/net', '-type', 'f', '-printf', '%P\\n']).stdout);

/** What a file holds, or the errno of reading it: some are write-only, or have no value yet. */
function look(key: string): string {
  try {
    return readFileSync(`/proc/sys/net/${key}`, 'utf8').trimEnd();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? assert.fail(key);
  }
}

async function readOrErrno(key: string, options: SysctlOptions = {}): Promise<string> {
  return readSysctl(key, options).then(
    (text) => text.trimEnd(),
    (error: unknown) => {
      const { code = '', errno } = error as NodeJS.ErrnoException;
      return code.startsWith('ERR_') ? String(errno) : code;
    },
  );
}

test('MISSION 1.1: reads every key under /proc/sys/net on the host, dotted and slashed', async () => {
  assert.ok(netKeys.length > 100, String(netKeys.length));
  for (const key of netKeys) {
    const expected = look(key);
    assert.equal(await readOrErrno(`net/${key}`), expected, key);
    // Dotted, except where a name between the slashes has a dot of its own.
    if (!key.includes('.')) assert.equal(await readOrErrno(`net.${key.replaceAll('/', '.')}`), expected, key);
  }
});

test('MISSION 1.1: reads every key in another network namespace as sysctl(8) does there', async () => {
  await using held = await holdNetworkNamespace();
  oracle('nsenter', [
    ...[`--net=${held.path}`, 'sh', '-c'],
    'ip link add eth0.100 type bridge; cd /proc/sys/net/ipv4; echo 1 > ip_forward; echo 599 > tcp_keepalive_time; echo 0 > conf/eth0.100/forwarding',
  ]);
  const { stdout } = oracle('nsenter', [`--net=${held.path}`, 'sysctl', '--all', '--pattern', '^net'], {
    allowFailure: true,
  });
  const values = linesOf(stdout).map((text) => text.split(/ = ?(.*)/s, 2) as [string, string]);
  assert.ok(values.length > 100, String(values.length));
  const different: string[] = [];
  // sysctl(8) writes eth0.100 as eth0/100; here a dotted interface name is written in a slashed key.
  for (const [name, value] of values) {
    const key = name.replace(/[./]/g, (mark) => (mark === '.' ? '/' : '.'));
    const [first = ''] = (await readOrErrno(key, { in: held.path })).split('\n');
    if (first !== value) different.push(`${key}: ${first}, not ${value}`);
  }
  // Random, or a counter.
  assert.deepEqual(
    different.filter(
      (text) =>
        !/^net\/(?:core\/netdev_rss_key|ipv4\/tcp_fastopen_key|netfilter\/nf_conntrack_count)/.test(text),
    ),
    [],
  );
  assert.ok(values.some(([name]) => name.includes('eth0/100')));
});

test('MISSION 1.1: writes a key in any network namespace, by process and by path, and nowhere else', async () => {
  await using held = await holdNetworkNamespace();
  const inside = (key: string): string =>
    oracle('nsenter', [`--net=${held.path}`, 'cat', `/proc/sys/${key}`])
      .stdout.trim()
      .replaceAll('\t', ' ');
  const host = read('net/ipv4/tcp_keepalive_time');
  oracle('nsenter', [`--net=${held.path}`, 'ip', 'link', 'add', 'eth0.100', 'type', 'bridge']);
  await writeSysctl('net.ipv4.tcp_keepalive_time', 600, { in: held.pid });
  await writeSysctl('net/ipv4/tcp_keepalive_intvl', '10', { in: held.path });
  await writeSysctl('net/ipv4/conf/eth0.100/rp_filter', 2, { in: held.path });
  await writeSysctl('net.ipv4.ip_local_port_range', '20000 30000', { in: held.path });
  assert.deepEqual(
    ['tcp_keepalive_time', 'tcp_keepalive_intvl', 'conf/eth0.100/rp_filter', 'ip_local_port_range'].map(
      (key) => inside(`net/ipv4/${key}`),
    ),
    ['600', '10', '2', '20000 30000'],
  );
  assert.equal(read('net/ipv4/tcp_keepalive_time'), host);

  await withHostValues({ 'net/ipv4/tcp_keepalive_time': host }, async () => {
    await writeSysctl('net.ipv4.tcp_keepalive_time', 601);
    assert.equal(oracle('sysctl', ['-n', 'net.ipv4.tcp_keepalive_time']).stdout, '601\n');
    assert.equal(inside('net/ipv4/tcp_keepalive_time'), '600');
  });
});

test('MISSION 1.1: warren sysctl get and set, on the host, in a named namespace and in a container', async () => {
  const key = 'net.ipv4.tcp_keepalive_time';
  const host = oracle('sysctl', [key]).stdout;
  assert.equal((await warren(['sysctl', 'get', key])).stdout, host);
  oracle('ip', ['netns', 'add', 'blue']);
  try {
    const set = await warren([
      'sysctl',
      'set',
      '--in',
      'blue',
      `${key}=600`,
      'net/ipv4/tcp_keepalive_probes=6',
    ]);
    assert.equal(set.code, 0, set.stderr);
    const [time, probes] = [key, 'net.ipv4.tcp_keepalive_probes'].map(
      (name) => oracle('ip', ['netns', 'exec', 'blue', 'sysctl', '-n', name]).stdout,
    );
    assert.deepEqual([time, probes], ['600\n', '6\n']);
    assert.equal((await warren(['sysctl', 'get', '--in', 'blue', key])).stdout, `${key} = 600\n`);
  } finally {
    oracle('ip', ['netns', 'delete', 'blue']);
    // ip(8) has made it a mount of its own, for the sake of propagation.
    oracle('umount', ['/run/netns']);
  }
  // Inside, /proc/sys is read-only; from outside the parameter can be changed.
  await using container = await hold({ rootfs });
  const { code, stderr } = await warren(['sysctl', 'set', '--in', String(container.pid), `${key}=602`]);
  assert.equal(code, 0, stderr);
  const file = '/proc/sys/net/ipv4/tcp_keepalive_time';
  assert.equal(await sh(`cat ${file}`, { rootfs, network: `pid:${container.pid}` }), '602');
  assert.equal(oracle('sysctl', [key]).stdout, host);
});

test('MISSION 1.1: a key that is not there, a name that leaves /proc/sys and a value that the kernel refuses are told apart', async () => {
  await using held = await holdNetworkNamespace();
  for (const options of [{}, { in: held.path }]) {
    await assert.rejects(readSysctl('net.ipv4.no_such_key', options), { code: 'ERR_SYSCTL_NOT_FOUND' });
    await assert.rejects(readSysctl('net/../../self/status', options), { code: 'ERR_SYSCTL_NAME' });
    await assert.rejects(writeSysctl('net.ipv4.tcp_keepalive_time', 'soon', options), {
      code: 'ERR_SYSCTL_VALUE',
    });
  }
  const { code, stderr } = await warren(['sysctl', 'get', 'net.ipv4.no_such_key']);
  assert.notEqual(code, 0);
  assert.match(stderr, /no_such_key/);
});

test('MISSION 1.2: congestion control is copied from the initial namespace, keepalives are the kernel’s, whatever the host has', async () => {
  const keys = ['congestion_control', 'keepalive_time', 'keepalive_intvl', 'keepalive_probes'].map(
    (name) => `net/ipv4/tcp_${name}`,
  );
  const script = `cat ${keys.map((key) => `/proc/sys/${key}`).join(' ')}`;
  // A namespace copies from the initial one, which is the machine's, not from that of its maker, which is this fake host.
  const initial = linesOf(oracle('unshare', ['--net', 'sh', '-c', script]).stdout);
  const other =
    read('net/ipv4/tcp_available_congestion_control')
      .split(' ')
      .find((name) => name !== initial[0]) ?? assert.fail('one algorithm only');
  const [control = '', time = '', interval = '', probes = ''] = keys;
  await withHostValues({ [control]: other, [time]: '600', [interval]: '10', [probes]: '6' }, async () => {
    const expected = [initial[0], '7200', '75', '9'];
    assert.deepEqual(linesOf(await sh(script, { rootfs })), expected);
    assert.deepEqual(linesOf(oracle('unshare', ['--net', 'sh', '-c', script]).stdout), expected);
    assert.deepEqual(linesOf(await sh(script, { rootfs, network: 'host' })), [other, '600', '10', '6']);
    // Starting containers has disturbed nothing.
    assert.deepEqual(keys.map(read), [other, '600', '10', '6']);
  });
  assert.equal(linesOf(oracle('unshare', ['--net', 'sh', '-c', script]).stdout)[0], initial[0]);
});

/** The mount that a path is on, as a line of /proc/mounts. */
const mountOf = (path: string): string => `grep " ${path} " /proc/mounts`;

test('MISSION 1.3: /proc/sys and /proc/sysrq-trigger are read-only, the rest of /proc is not', async () => {
  assert.match(await sh(mountOf('/proc/sys'), { rootfs }), /^proc \/proc\/sys proc ro,/);
  assert.match(await sh(mountOf('/proc'), { rootfs }), /^proc \/proc proc rw,/);
  if (existsSync('/proc/sysrq-trigger')) {
    assert.match(
      await sh(mountOf('/proc/sysrq-trigger'), { rootfs }),
      /^proc \/proc\/sysrq-trigger proc ro,/,
    );
  }
  const refused = await run(['sh', '-c', 'echo 600 > /proc/sys/net/ipv4/tcp_keepalive_time'], {
    rootfs,
    rejectOnFailure: false,
  });
  assert.notEqual(refused.exitCode, 0);
  assert.match(refused.stderr, /Read-only file system/);
  assert.equal(
    await sh('echo renamed > /proc/$$/comm; read name < /proc/$$/comm; echo $name', { rootfs }),
    'renamed',
  );
});

test('MISSION 1.3: in a privileged container /proc/sys is writable', async () => {
  const host = read('net/ipv4/tcp_keepalive_time');
  const script = 'cd /proc/sys/net/ipv4; echo 600 > tcp_keepalive_time; cat tcp_keepalive_time';
  assert.equal(await sh(script, { rootfs, privileged: true }), '600');
  assert.equal(read('net/ipv4/tcp_keepalive_time'), host);
  const mounts = await sh('cat /proc/mounts', { rootfs, privileged: true });
  assert.deepEqual(
    linesOf(mounts).filter(
      (line) => line.includes(' /proc/') || (line.includes(' /proc ') && !line.includes(' rw,')),
    ),
    [],
  );
});

test('MISSION 1.3: a mount made by a container that may mount does not make /proc/sys writable by accident', async () => {
  // SYS_ADMIN alone is not privileged: the mount is still there, and read-only.
  assert.match(
    await sh(mountOf('/proc/sys'), { rootfs, caps: { add: ['SYS_ADMIN'] } }),
    /^proc \/proc\/sys proc ro,/,
  );
});

const sysctls = {
  'net.ipv4.tcp_keepalive_time': 600,
  'net/ipv4/tcp_keepalive_intvl': '10',
  'net.ipv4.conf.lo.rp_filter': 2,
  'net.ipv4.ip_local_port_range': '20000 30000',
  'kernel.msgmax': 4096,
  'kernel.shm_rmid_forced': 1,
  'fs.mqueue.msg_max': 7,
  'kernel.domainname': 'by-sysctl',
};

test('MISSION 1.4: the plan writes parameters after the namespaces exist and before /proc/sys turns read-only and the command starts', async () => {
  const { steps } = await plan(['true'], { rootfs, sysctls });
  const ops = steps.map((step) => step.op);
  const written = ops.flatMap((op, index) => (op === 'sysctl' ? [index] : []));
  assert.ok(written.length >= Object.keys(sysctls).length);
  const first = Math.min(...written);
  const last = Math.max(...written);
  const readOnly = steps.findIndex((step) => step.op === 'read-only-path' && step.path === '/proc/sys');
  for (const earlier of ['clone', 'enter', 'loopback'] as const) {
    assert.ok(ops.includes(earlier) && ops.indexOf(earlier) < first, earlier);
  }
  for (const [name, index] of [
    ['read-only-path', readOnly],
    ['pivot', ops.indexOf('pivot')],
    ['capabilities', ops.indexOf('capabilities')],
    ['exec', ops.indexOf('exec')],
  ] as const) {
    assert.ok(index > last, name);
  }
  assert.equal(ops.at(-1), 'exec');
});

test('MISSION 1.4: the first program of the container finds every parameter set, and the host keeps its own', async () => {
  const paths = Object.keys(sysctls).map((key) => key.replaceAll('.', '/'));
  const host = paths.map(read);
  // cat is the command itself: nothing of ours runs before it.
  const { stdout } = await run(['cat', ...paths.map((path) => `/proc/sys/${path}`)], { rootfs, sysctls });
  assert.deepEqual(
    linesOf(stdout).map((line) => line.replaceAll('\t', ' ')),
    Object.values(sysctls).map(String),
  );
  assert.deepEqual(paths.map(read), host);
});

test('MISSION 1.4: the articles’ line, on the command line', async () => {
  const { code, stdout } = await warren([
    ...['run', '--rootfs', rootfs, '--sysctl', 'net.ipv4.tcp_keepalive_time=600'],
    ...['--', 'cat', '/proc/sys/net/ipv4/tcp_keepalive_time'],
  ]);
  assert.deepEqual([code, stdout], [0, '600\n']);
});

test('MISSION 1.4: parameters are written into a namespace that is joined, too', async () => {
  await using held = await holdNetworkNamespace();
  const key = 'net.ipv4.tcp_keepalive_probes';
  await run(['true'], { rootfs, network: `ns:${held.path}`, sysctls: { [key]: 3 } });
  const { stdout } = oracle('nsenter', [
    `--net=${held.path}`,
    'cat',
    '/proc/sys/net/ipv4/tcp_keepalive_probes',
  ]);
  assert.equal(stdout, '3\n');
});

test('MISSION 1.4: as docker does, a network of its own has no privileged ports, and lets everybody ping', async () => {
  const script = 'cd /proc/sys/net/ipv4; cat ip_unprivileged_port_start ping_group_range';
  const shown = linesOf((await sh(script, { rootfs })).replaceAll('\t', ' '));
  assert.deepEqual(shown, ['0', '0 2147483647']);
});

/** What is refused, and the reason's code. */
const refusals: readonly (readonly [title: string, code: string, options: ContainerOptions])[] = [
  ['one that no namespace isolates', 'ERR_SYSCTL_NOT_ISOLATED', { sysctls: { 'vm.overcommit_memory': 1 } }],
  ['kernel.pid_max', 'ERR_SYSCTL_NOT_ISOLATED', { sysctls: { 'kernel.pid_max': 99 } }],
  [
    'kernel.core_pattern (CVE-2022-0811)',
    'ERR_SYSCTL_NOT_ISOLATED',
    { sysctls: { 'kernel.core_pattern': 'x' } },
  ],
  [
    'a network key with the host’s network',
    'ERR_SYSCTL_NOT_ISOLATED',
    { network: 'host', sysctls: { 'net.ipv4.tcp_keepalive_time': 600 } },
  ],
  [
    'an IPC key with the host’s IPC',
    'ERR_SYSCTL_NOT_ISOLATED',
    { ipc: 'host', sysctls: { 'kernel.msgmax': 600 } },
  ],
  [
    'one that a new namespace does not have',
    'ERR_SYSCTL_UNAVAILABLE',
    { sysctls: { 'net.core.netdev_max_backlog': 600 } },
  ],
  ['one that does not exist', 'ERR_SYSCTL_UNAVAILABLE', { sysctls: { 'net.ipv4.tcp_keepalive_tiem': 600 } }],
  [
    'one that is read-only under a user namespace',
    'ERR_SYSCTL_UNAVAILABLE',
    { uidMap: ['0:100000:65536'], sysctls: { 'net.core.rmem_max': 600_000 } },
  ],
  ['one outside /proc/sys', 'ERR_SYSCTL_NAME', { sysctls: { 'net/../../self/oom_score_adj': 0 } }],
  [
    'a value that would hold a second setting',
    'ERR_SYSCTL_VALUE',
    { sysctls: { 'net.ipv4.tcp_keepalive_time': '600\nkernel.core_pattern=|/bin/sh' } },
  ],
  [
    'an unsafe one under the policy of Kubernetes',
    'ERR_SYSCTL_UNSAFE',
    { sysctlPolicy: 'k8s-safe', sysctls: { 'net.core.somaxconn': 600 } },
  ],
  [
    'an unsafe one that no pattern allows',
    'ERR_SYSCTL_UNSAFE',
    { allowUnsafeSysctls: ['net.ipv4.*'], sysctls: { 'net.core.somaxconn': 600 } },
  ],
];

for (const [title, code, options] of refusals) {
  test(`MISSION 1.5: refuses ${title}, before anything is created`, async () => {
    await leavesNothing(async () => {
      // A root that does not run anything would be a later failure, with another code.
      await assert.rejects(run(['/no-such-program'], { rootfs, ...options }), { code, name: 'WarrenError' });
    });
  });
}

test('MISSION 1.5: safe parameters need no leave, patterns give it for unsafe ones', async () => {
  const options = {
    rootfs,
    sysctls: { 'net.core.somaxconn': 777, 'net.ipv4.tcp_keepalive_time': 600, 'kernel.msgmax': 4096 },
    allowUnsafeSysctls: ['net.core.*', 'kernel.msgmax'],
  };
  const script = 'cd /proc/sys; cat net/core/somaxconn net/ipv4/tcp_keepalive_time kernel/msgmax';
  assert.deepEqual(linesOf(await sh(script, options)), ['777', '600', '4096']);
});

test('MISSION 1.5: --allow-unsafe-sysctl on the command line; a refusal ends with 125, and says what to do', async () => {
  const line = ['run', '--rootfs', rootfs, '--sysctl', 'net.core.somaxconn=777'];
  const command = ['--', 'cat', '/proc/sys/net/core/somaxconn'];
  const allowed = await warren([...line, '--allow-unsafe-sysctl', 'net.core.*', ...command]);
  assert.deepEqual([allowed.code, allowed.stdout], [0, '777\n']);
  const refused = await warren([...line, '--allow-unsafe-sysctl', 'net.ipv4.*', ...command]);
  assert.deepEqual([refused.code, refused.stdout], [125, '']);
  assert.match(refused.stderr, /net\.core\.somaxconn/);
  assert.match(refused.stderr, /fix: .*--allow-unsafe-sysctl/);
});

test('MISSION 1.5: a refused parameter leaves those beside it unwritten', async () => {
  await using held = await holdNetworkNamespace();
  const read = (): string =>
    oracle('nsenter', [`--net=${held.path}`, 'cat', '/proc/sys/net/ipv4/tcp_keepalive_time']).stdout;
  const before = read();
  const sysctls = { 'net.ipv4.tcp_keepalive_time': 601, 'vm.swappiness': 1 };
  await assert.rejects(run(['true'], { rootfs, network: `ns:${held.path}`, sysctls }), {
    code: 'ERR_SYSCTL_NOT_ISOLATED',
  });
  assert.equal(read(), before);
});

test('MISSION 1.5: a value that the kernel refuses fails the start at that step, and leaves nothing', async () => {
  await leavesNothing(async () => {
    await assert.rejects(run(['true'], { rootfs, sysctls: { 'net.ipv4.tcp_keepalive_time': 'soon' } }), {
      code: 'ERR_STEP',
      errno: 'EINVAL',
      message: /net[./]ipv4[./]tcp_keepalive_time/,
    });
  });
});

test('MISSION 1.5: what a new network namespace lacks is what the kernel leaves out of it', async () => {
  await using container = await hold({ rootfs });
  // `unshare` with the same namespaces is the oracle for which keys there are.
  const list = 'cd /proc/sys/net && find . -type f | sort';
  const theirs = oracle('nsenter', [`--net=/proc/${container.pid}/ns/net`, 'sh', '-c', list]).stdout;
  assert.equal(await sh(list, { rootfs }), theirs.trim());
  assert.equal(theirs, oracle('unshare', ['--net', 'sh', '-c', list]).stdout);
  assert.ok(readdirSync('/proc/sys/net').length > 0);
});
