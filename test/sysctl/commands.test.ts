import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { warren, type CliResult } from '../support/cli.js';
import { hold, linesOf } from '../support/container.js';
import { assertFakeHost, holdNetworkNamespace } from '../support/fake-host.js';
import { leavesNothing } from '../support/leaks.js';
import { oracle } from '../support/oracle.js';
import { busyboxRootfs } from '../support/rootfs.js';

assertFakeHost();

const root = busyboxRootfs();
after(() => root[Symbol.dispose]());
const folder = mkdtempSync(join(tmpdir(), 'warren-sysctl-'));
after(() => rmSync(folder, { recursive: true }));

const sysctl = async (...args: string[]): Promise<CliResult> => warren(['sysctl', ...args]);

async function printed(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await sysctl(...args);
  assert.equal(code, 0, stderr);
  return stdout;
}

const inside = (path: string, key: string): string =>
  oracle('nsenter', [`--net=${path}`, 'cat', `/proc/sys/${key}`]).stdout.trim();

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

interface Why {
  readonly verdict: string;
  readonly summary: string;
  readonly values: readonly { readonly place: string; readonly reading: { readonly value?: string } }[];
  readonly statements: readonly { readonly text: string; readonly evidence: string }[];
  readonly remedies: readonly {
    readonly tool: string;
    readonly lines: readonly string[];
    readonly note?: string;
  }[];
}

const why = async (...args: string[]): Promise<Why> =>
  JSON.parse(await printed('why', '--json', ...args)) as Why;

const said = ({ statements }: Why): string => statements.map(({ text }) => text).join('\n');

test('warren sysctl ls prints what sysctl(8) prints, in another namespace and below a pattern', async () => {
  await using held = await holdNetworkNamespace();
  oracle('nsenter', [`--net=${held.path}`, 'ip', 'link', 'add', 'eth0.100', 'type', 'bridge']);
  const theirs = oracle(
    'nsenter',
    [`--net=${held.path}`, 'sysctl', '--all', '--pattern', '^net\\.ipv4\\.(tcp|conf)'],
    {
      allowFailure: true,
    },
  );
  const sorted = (text: string): string[] =>
    linesOf(text.replaceAll('\t', ' '))
      .filter((line) => !line.includes('tcp_fastopen_key'))
      .sort();
  const ours = await printed('ls', '--in', held.path, 'net.ipv4.tcp*', 'net.ipv4.conf');
  assert.deepEqual(sorted(ours), sorted(theirs.stdout));
  assert.ok(ours.includes('net.ipv4.conf.eth0/100.rp_filter = '));
});

test('warren sysctl ls of a process has its IPC, UTS and user parameters too', async () => {
  await using container = await hold({
    rootfs: root.path,
    hostname: 'listed',
    sysctls: { 'kernel.msgmax': 5000 },
  });
  const values = JSON.parse(
    await printed('ls', '--json', '--in', String(container.pid), 'kernel', 'fs.mqueue', 'user'),
  ) as Record<string, string>;
  assert.equal(values['kernel.hostname'], 'listed');
  assert.equal(values['kernel.msgmax'], '5000');
  assert.ok('fs.mqueue.msg_max' in values && 'user.max_net_namespaces' in values);
  assert.ok(!('kernel.core_pattern' in values));
});

test('warren sysctl set says whether sockets that exist keep the old value', async () => {
  await using held = await holdNetworkNamespace();
  const keeps = await sysctl('set', '--in', held.path, 'net.ipv4.tcp_rmem=4096 99999 6291456');
  assert.equal(keeps.code, 0, keeps.stderr);
  assert.match(keeps.stderr, /note: net\.ipv4\.tcp_rmem: .*sockets that exist keep/);
  const atOnce = await sysctl('set', '--in', held.path, 'net.ipv4.tcp_syncookies=0');
  assert.equal(atOnce.stderr, '');
  // The kernel bears it out: what a socket got when it was made stays.
  const script = `
    import socket, sys
    old = socket.socket(); before = old.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    open('/proc/sys/net/ipv4/tcp_rmem', 'w').write('4096 77777 6291456')
    new = socket.socket()
    print(before, old.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF), new.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF))`;
  const { stdout } = oracle('nsenter', [
    `--net=${held.path}`,
    'python3',
    '-c',
    script.replace(/^ {4}/gm, ''),
  ]);
  assert.equal(stdout.trim(), '99999 99999 77777');
});

test('warren sysctl set -p applies a file and reports each line; only what is marked with - may fail', async () => {
  await using held = await holdNetworkNamespace();
  const path = file(
    'settings',
    `# keepalive
net.ipv4.tcp_keepalive_time = 600
net/ipv4/tcp_keepalive_intvl=10
-net.ipv4.no_such_key = 1
net.ipv4.conf.*.rp_filter = 2
net.ipv4.tcp_keepalive_probes = many
net.core.netdev_max_backlog = 5
net/../kernel/core_pattern = x
net.ipv4.tcp_[rw]mem = 4096 5000 600000
net.ipv4.tcp_[rw = 1
`,
  );
  const { code, stdout } = await sysctl('set', '--in', held.path, '-p', path);
  assert.equal(code, 1);
  const lines = linesOf(stdout).map((line) => line.slice(path.length + 1));
  assert.deepEqual(lines.slice(0, 2), [
    '2: net.ipv4.tcp_keepalive_time = 600',
    '3: net.ipv4.tcp_keepalive_intvl = 10',
  ]);
  assert.match(lines[2] ?? '', /^4: not set: net\.ipv4\.no_such_key: there is no such key/);
  assert.deepEqual(
    lines.filter((line) => line.startsWith('5:')),
    ['all', 'default', 'lo'].map((device) => `5: net.ipv4.conf.${device}.rp_filter = 2`),
  );
  for (const key of ['rmem', 'wmem'])
    assert.ok(lines.includes(`9: net.ipv4.tcp_${key} = 4096 5000 600000`), stdout);
  assert.equal(inside(held.path, 'net/ipv4/tcp_wmem').replaceAll('\t', ' '), '4096 5000 600000');
  assert.match(lines.find((line) => line.startsWith('10:')) ?? '', /not set: .*bracket has no other end/);
  const failed = lines.filter((line) => /^[678]: not set/.test(line));
  assert.equal(failed.length, 3, stdout);
  assert.deepEqual(
    ['tcp_keepalive_time', 'tcp_keepalive_intvl', 'tcp_keepalive_probes', 'conf/lo/rp_filter'].map((key) =>
      inside(held.path, `net/ipv4/${key}`),
    ),
    ['600', '10', '9', '2'],
  );
  const fine = await sysctl('set', '--in', held.path, '-p', file('fine', '-net.ipv4.no_such_key = 1\n'));
  assert.equal(fine.code, 0);
});

test('warren sysctl set checks every operand before it writes the first', async () => {
  await using held = await holdNetworkNamespace();
  const key = 'net.ipv4.tcp_keepalive_time';
  const { code } = await sysctl('set', '--in', held.path, `${key}=600`, 'net..x=1');
  assert.notEqual(code, 0);
  assert.equal(inside(held.path, 'net/ipv4/tcp_keepalive_time'), '7200');
});

test('warren sysctl diff shows what was changed in a namespace, against a fresh one', async () => {
  await using held = await holdNetworkNamespace();
  oracle('nsenter', [`--net=${held.path}`, 'sysctl', '-w', 'net.core.somaxconn=77']);
  const text = await printed('diff', 'fresh', held.path);
  const rows = linesOf(text).map((line) => line.split(/\s{2,}/));
  assert.deepEqual(rows[0], ['KEY', 'fresh', held.path]);
  assert.deepEqual(rows.slice(1), [['net.core.somaxconn', '4096', '77']]);
  assert.deepEqual(JSON.parse(await printed('diff', '--json', 'fresh', 'fresh', 'net')), []);
});

test('warren sysctl explain has scope, origin, version, rules and documents, with the kernel’s word beside the table’s', async () => {
  const explained = JSON.parse(await printed('explain', '--json', 'net.ipv4.tcp_keepalive_time')) as Record<
    string,
    unknown
  >;
  assert.deepEqual(
    ['scope', 'origin', 'since', 'isolated', 'access', 'userAccess', 'kubernetes', 'docker'].map(
      (name) => explained[name],
    ),
    ['network', 'default', '4.5', true, 'writable', 'writable', 'safe', 'accepted'],
  );
  const text = await printed('explain', 'net.core.somaxconn');
  for (const pattern of [/listen\(2\)/, /allowed-unsafe-sysctls/, /2\.6\.25/, /docs\.kernel\.org/])
    assert.match(text, pattern);
  const shared = JSON.parse(await printed('explain', '--json', 'net.netfilter.nf_conntrack_max')) as Record<
    string,
    unknown
  >;
  assert.deepEqual([shared['origin'], shared['isolated'], shared['access']], ['shared', false, 'read-only']);
});

test('MISSION 1.2: why tells the articles’ story: congestion control is copied, the keepalives are the kernel’s', async () => {
  await using container = await hold({ rootfs: root.path });
  const pid = String(container.pid);
  const control = await why('--in', pid, 'net.ipv4.tcp_congestion_control');
  assert.equal(control.verdict, 'copied');
  assert.match(said(control), /first network namespace/);
  for (const [name, value] of [
    ['time', '7200'],
    ['intvl', '75'],
    ['probes', '9'],
  ] as const) {
    const report = await why('--in', pid, `net.ipv4.tcp_keepalive_${name}`);
    assert.equal(report.verdict, 'reset');
    assert.deepEqual(
      report.values.slice(1).map(({ reading }) => reading.value),
      [value, value],
    );
    assert.match(said(report), /kernel’s default, whatever the host has/);
    assert.match(said(report), /\/proc\/sys is mounted read-only/);
    assert.ok(report.statements.every(({ evidence }) => evidence !== ''));
    assert.deepEqual(
      report.remedies.map(({ tool }) => tool),
      ['warren', 'docker', 'compose', 'podman', 'kubernetes'],
    );
  }
});

test('MISSION 1.3: why sees that /proc/sys is writable in a privileged container', async () => {
  await using container = await hold({ rootfs: root.path, privileged: true });
  const report = await why('--in', String(container.pid), 'net.ipv4.tcp_keepalive_time');
  assert.match(said(report), /\/proc\/sys is writable/);
  assert.doesNotMatch(said(report), /mounted read-only/);
});

test('why tells a shared network from an own one, a global key, an absent one and one that only looks isolated', async () => {
  await using container = await hold({ rootfs: root.path, network: 'host' });
  const verdict = async (...args: string[]): Promise<string> => (await why(...args)).verdict;
  assert.equal(await verdict('--in', String(container.pid), 'net.ipv4.tcp_keepalive_time'), 'same-namespace');
  assert.equal(await verdict('vm.swappiness'), 'global');
  assert.equal(await verdict('net.core.netdev_max_backlog'), 'absent');
  assert.equal(await verdict('net.ipv4.no_such_key'), 'nowhere');
  assert.equal(await verdict('vm.no_such_key'), 'nowhere');
  assert.equal(await verdict('net.core.rmem_max'), 'shared');
  assert.equal(await verdict('kernel.msgmax'), 'reset');
});

test('MISSION 1.7: why sees that conf.all overrides the interface’s rp_filter', async () => {
  await using held = await holdNetworkNamespace();
  oracle('nsenter', [
    `--net=${held.path}`,
    'sysctl',
    '-w',
    'net.ipv4.conf.all.rp_filter=1',
    'net.ipv4.conf.lo.rp_filter=0',
  ]);
  const report = await why('--in', held.path, 'net.ipv4.conf.lo.rp_filter');
  assert.equal(report.verdict, 'overridden');
  assert.match(said(report), /on lo, 1 counts/);
});

test('MISSION 1.5: the remedy for an unsafe key names the kubelet’s option, that for a safe one does not', async () => {
  const kubernetes = async (key: string): Promise<string> =>
    (await why(key)).remedies.find(({ tool }) => tool === 'kubernetes')?.lines.join('\n') ?? '';
  assert.match(
    await kubernetes('net.core.somaxconn'),
    /kubelet --allowed-unsafe-sysctls net\.core\.somaxconn/,
  );
  assert.doesNotMatch(await kubernetes('net.ipv4.tcp_keepalive_time'), /kubelet/);
});

test('MISSION 1.6: a change from outside, with only the network namespace entered, reaches the container', async () => {
  await using container = await hold({ rootfs: root.path });
  const { code, stderr } = await sysctl(
    'set',
    '--in',
    String(container.pid),
    'net.ipv4.tcp_keepalive_time=601',
  );
  assert.equal(code, 0, stderr);
  assert.match(stderr, /a connection whose timer runs keeps its old time/);
  assert.equal(inside(`/proc/${container.pid}/ns/net`, 'net/ipv4/tcp_keepalive_time'), '601');
  const report = await why('--in', String(container.pid), 'net.ipv4.tcp_keepalive_time');
  assert.match(said(report), /has another value than a namespace made now/);
});

const refusals: readonly (readonly [title: string, args: readonly string[], code: RegExp])[] = [
  ['no action', [], /the actions are/],
  ['an unknown action', ['show'], /the actions are/],
  ['get without a key', ['get'], /no key is named/],
  ['get with a wildcard', ['get', 'net.ipv4.tcp_*'], /wildcard/],
  ['a key that leaves /proc/sys', ['get', 'net/../../etc/passwd'], /"\.\."/],
  ['a doubled slash', ['get', 'net//ipv4'], /empty component/],
  ['a newline in a key', ['get', 'net.ipv4\nkernel'], /control character/],
  ['= in a key', ['get', 'a=b'], /"="/],
  ['a file and settings at once', ['set', '-p', '/dev/null', 'x=1'], /both a file and settings/],
  ['a pattern that leaves /proc/sys', ['ls', '../*'], /pattern/],
  ['a pattern that nothing matches', ['ls', 'net.no_such_*'], /no key there matches/],
  ['one place to compare', ['diff', 'host'], /two places/],
  ['a process that is not there', ['ls', '--in', '4194303'], /\/proc\/4194303\/ns\/net/],
  ['a namespace that is not there', ['get', '--in', 'no-such', 'net.core.somaxconn'], /no-such/],
  ['a name with a slash', ['get', '--in', '../x', 'net.core.somaxconn'], /neither a process id/],
  ['two keys to explain', ['explain', 'net.core.somaxconn', 'net.core.optmem_max'], /second key/],
  ['a file that is not there', ['set', '-p', '/no/such/file'], /ENOENT/],
  ['a census without leave', ['census'], /--i-may-disturb-this-host/],
  ['a census in a namespace', ['census', '--i-may-disturb-this-host'], /first network namespace/],
  ['a restoration without a journal', ['census', '--restore', '--journal', '/no/such/journal'], /journal/],
];

for (const [title, args, pattern] of refusals) {
  test(`warren sysctl refuses ${title}, in one message, and changes nothing`, async () => {
    const before = oracle('sh', [
      '-c',
      'cd /proc/sys/net && find . -type f | sort | xargs cat 2>/dev/null | cksum',
    ]).stdout;
    const { code, stdout, stderr } = await sysctl(...args);
    assert.notEqual(code, 0);
    assert.equal(stdout, '');
    assert.match(stderr, pattern);
    assert.doesNotMatch(stderr, /\n\s+at /, 'a stack trace');
    const after = oracle('sh', [
      '-c',
      'cd /proc/sys/net && find . -type f | sort | xargs cat 2>/dev/null | cksum',
    ]).stdout;
    assert.equal(after, before);
  });
}

test('warren sysctl set refuses values that the kernel would read differently: too long, with a newline, too few fields', async () => {
  await using held = await holdNetworkNamespace();
  const refused = async (setting: string): Promise<string> => {
    const { code, stderr } = await sysctl('set', '--in', held.path, setting);
    assert.notEqual(code, 0, setting.slice(0, 60));
    return stderr;
  };
  assert.match(await refused(`net.ipv4.tcp_keepalive_time=${'1'.repeat(100_000)}`), /longer than/);
  assert.match(await refused('net.ipv4.tcp_keepalive_time=600\n7'), /line break/);
  assert.match(await refused('net.ipv4.ip_local_port_range=60000 100'), /refuses the value/);
  assert.equal(inside(held.path, 'net/ipv4/ip_local_port_range').replaceAll('\t', ' '), '32768 60999');
});

test('a namespace whose last process ends while it is held can be read to the end', async () => {
  const held = await holdNetworkNamespace();
  const { Place } = await import('../../src/explore/sysctl/index.js');
  const { sysctlTools } = await import('../../src/runtime/throw-away.js');
  const place = await Place.open(held.pid, sysctlTools);
  try {
    await held[Symbol.asyncDispose]();
    const keys = await place.keys();
    assert.ok(keys.length > 300);
    assert.deepEqual(await place.read('net/ipv4/tcp_keepalive_time'), { value: '7200' });
    assert.equal(await place.write('net/ipv4/tcp_keepalive_time', '600'), undefined);
    assert.deepEqual(await place.read('net/ipv4/tcp_keepalive_time'), { value: '600' });
  } finally {
    place.close();
  }
});

test('a key that goes with its interface is not there, and is no crash', async () => {
  await using held = await holdNetworkNamespace();
  oracle('nsenter', [`--net=${held.path}`, 'ip', 'link', 'add', 'gone0', 'type', 'bridge']);
  const { NetworkSysctls } = await import('../../src/kernel/sysctl-files.js');
  const { openSync, closeSync } = await import('node:fs');
  const fd = openSync(held.path, 'r');
  const files = new NetworkSysctls(fd);
  try {
    assert.ok(files.keys().includes('net/ipv4/conf/gone0/rp_filter'));
    oracle('nsenter', [`--net=${held.path}`, 'ip', 'link', 'delete', 'gone0']);
    assert.deepEqual(files.read('net/ipv4/conf/gone0/rp_filter'), { errno: 'ENOENT' });
    assert.equal(files.write('net/ipv4/conf/gone0/rp_filter', '1'), 'ENOENT');
    assert.equal(files.access('net/ipv4/conf/gone0/rp_filter'), 'absent');
  } finally {
    files.close();
    closeSync(fd);
  }
});

test('a container with a user namespace of its own is read and explained', async () => {
  await using container = await hold({ rootfs: root.path, uidMap: ['0:100000:65536'] });
  const report = await why('--in', String(container.pid), 'net.ipv4.tcp_keepalive_time');
  assert.match(said(report), /user namespace of its own/);
  const values = JSON.parse(await printed('ls', '--json', '--in', String(container.pid), 'user')) as Record<
    string,
    string
  >;
  assert.equal(values['user.max_net_namespaces'], '2147483647');
});

test('without privilege, values are read and explained, and what could not be seen is said', async () => {
  const plain = (args: readonly string[]): { stdout: string; status: number | null } =>
    oracle('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all', ...args], {
      allowFailure: true,
    }) as never;
  const script = `
    const { whySysctl, Place } = await import(${JSON.stringify(new URL('../../src/explore/sysctl/index.js', import.meta.url).href)});
    const tools = {
      ask: async () => { throw Object.assign(new Error('no'), { code: 'EPERM' }); },
      makeNamespace: async () => { throw Object.assign(new Error('no'), { code: 'EPERM' }); },
      makeUserNetwork: async () => { throw Object.assign(new Error('no'), { code: 'EPERM' }); },
      openSysctls: async () => undefined,
    };
    const { release } = await import('node:os');
    const report = await whySysctl('net.ipv4.tcp_keepalive_time', tools, { release: release() });
    console.log(JSON.stringify(report));`;
  const { stdout } = plain([process.execPath, '--input-type=module', '-e', script]);
  const report = JSON.parse(stdout) as Why & { readonly unseen: readonly string[] };
  assert.equal(report.verdict, 'reset');
  assert.match(report.unseen.join(), /a fresh namespace \(EPERM\)/);
});

test('nothing that only looks leaves anything behind, or a value changed', async () => {
  const values = (): string[] =>
    linesOf(
      oracle('sh', ['-c', 'find /proc/sys -type f | sort | xargs grep -H . 2>/dev/null; true']).stdout,
    ).filter(
      (line) =>
        !/\/(?:fs\/(?:dentry-state|file-nr|inode-nr|inode-state|quota)|kernel\/(?:ns_last_pid|random)|kernel\/(?:pty\/nr|hung_task_detect_count|perf_)|fs\/aio-nr)/.test(
          line,
        ),
    );
  const before = values();
  await leavesNothing(async () => {
    await printed('why', 'net.ipv4.tcp_keepalive_time');
    await printed('explain', 'net.ipv4.conf.all.rp_filter');
    await printed('diff', 'host', 'fresh');
    await printed('ls', 'net.core');
  });
  assert.deepEqual(values(), before);
  assert.ok(readFileSync('/proc/sys/kernel/ostype', 'utf8').startsWith('Linux'));
});

const remedyOf = ({ remedies }: Why, tool: string): string =>
  remedies
    .filter((remedy) => remedy.tool === tool)
    .flatMap(({ lines, note = '' }) => [...lines, note])
    .join('\n');

test('why has the remedy that works for each kind: names, interfaces, users, keys that are combined', async () => {
  await using held = await holdNetworkNamespace();
  oracle('nsenter', [`--net=${held.path}`, 'ip', 'link', 'add', 'eth0', 'type', 'bridge']);
  const name = await why('kernel.hostname');
  assert.match(remedyOf(name, 'docker'), /docker run --hostname/);
  assert.match(remedyOf(name, 'kubernetes'), /hostname:/);
  assert.equal(remedyOf(await why('kernel.domainname'), 'podman'), '');
  const user = await why('user.max_inotify_watches');
  assert.match(user.summary, /an ordinary container shares the host's/);
  assert.match(remedyOf(user, 'warren'), /--uidmap .* --sysctl user\.max_inotify_watches=/);
  assert.equal(remedyOf(user, 'docker'), '');
  const ofInterface = await why('--in', held.path, 'net.ipv4.conf.eth0.rp_filter');
  assert.match(remedyOf(ofInterface, 'docker'), /endpoint\.sysctls=net\.ipv4\.conf\.IFNAME\.rp_filter=VALUE/);
  assert.match(
    remedyOf(ofInterface, 'warren'),
    /--network NETWORK --sysctl net\.ipv4\.conf\.eth0\.rp_filter/,
  );
  oracle('nsenter', [`--net=${held.path}`, 'sysctl', '-w', 'net.ipv4.conf.all.rp_filter=2']);
  const combined = await why('--in', held.path, 'net.ipv4.conf.lo.rp_filter');
  const line =
    /warren sysctl set (--in .*)/.exec(remedyOf(combined, 'warren'))?.[1] ?? assert.fail('no remedy');
  // It is tried: what the explanation says to type makes the key count.
  await printed('set', ...line.split(' '));
  const then = await why('--in', held.path, 'net.ipv4.conf.lo.rp_filter');
  assert.notEqual(then.verdict, 'overridden', line);
});

test('why has a remedy for a container that shares the host’s namespace: leave that out', async () => {
  await using container = await hold({ rootfs: root.path, network: 'host' });
  const report = await why('--in', String(container.pid), 'net.ipv4.tcp_keepalive_time');
  assert.match(remedyOf(report, 'warren'), /without --network host/);
  assert.match(remedyOf(report, 'host'), /shares its network namespace/);
});

test('why knows what was likely meant by a key that is not there, and refuses folders', async () => {
  const slip = await why('net.ipv4.tcp_keepalive_tiem');
  assert.equal(slip.verdict, 'nowhere');
  assert.match(remedyOf(slip, 'warren'), /warren sysctl why net\.ipv4\.tcp_keepalive_time\n/);
  const noInterface = await why('net.ipv4.conf.nosuch7.rp_filter');
  assert.match(
    remedyOf(noInterface, 'warren'),
    /run --network NETWORK --sysctl net\.ipv4\.conf\.nosuch7\.rp_filter/,
  );
  // Nobody is sent to another key that is not there either, or to the host's own from a container.
  await using held = await holdNetworkNamespace();
  for (const [args, expected] of [
    [['net.ipv4.conf.nosuch7.rp_filte'], /why net\.ipv4\.conf\.nosuch7\.rp_filter\n/],
    [
      ['--in', held.path, 'net.ipv4.conf.nosuch7.rp_filter'],
      /set --in \S+ net\.ipv4\.conf\.default\.rp_filter=/,
    ],
    [['net.ipv4.conf.eth0.100.rp_filter'], /why net\/ipv4\/conf\/eth0\.100\/rp_filter\n/],
    [['net.ipv4.somaxconn'], /why net\.core\.somaxconn\n/],
    [['vm.overcommit_memry'], /why vm\.overcommit_memory\n/],
  ] as const) {
    assert.match(`${remedyOf(await why(...args), 'warren')}\n`, expected);
  }
  const removed = await why('net.ipv4.tcp_tw_recycle');
  assert.match(removed.summary, /gone from the kernel since Linux 4\.12/);
  const neighbour = await why('--in', held.path, 'net.ipv4.neigh.nosuch7.gc_stale_time');
  assert.match(remedyOf(neighbour, 'host'), /sysctl -w net\.ipv4\.neigh\.default\.gc_stale_time=/);
  for (const action of ['why', 'explain']) {
    const { code, stderr } = await sysctl(action, 'net.ipv4');
    assert.notEqual(code, 0);
    assert.match(stderr, /folder of keys/);
  }
});

test('why does not call a key the machine’s that PID namespaces have of their own on this kernel', async (t) => {
  const own =
    oracle('unshare', [
      '--pid',
      '--fork',
      '--mount-proc',
      'sh',
      '-c',
      'echo 4000 >/proc/sys/kernel/pid_max; exec cat /proc/1/root/proc/sys/kernel/pid_max',
    ]).stdout.trim() === '4000' && readFileSync('/proc/sys/kernel/pid_max', 'utf8').trim() !== '4000';
  const report = await why('kernel.pid_max');
  assert.equal(report.verdict, own ? 'other-kind' : 'global');
  t.diagnostic(`kernel.pid_max is ${own ? 'a PID namespace’s own' : 'the machine’s'} here`);
});

test('explain measures IPC, UTS and user parameters as well', async () => {
  const explained = async (key: string): Promise<unknown[]> => {
    const found = JSON.parse(await printed('explain', '--json', key)) as Record<string, unknown>;
    return ['scope', 'isolated', 'access', 'userAccess', 'origin'].map((name) => found[name]);
  };
  assert.deepEqual(await explained('kernel.hostname'), ['uts', true, 'writable', 'read-only', 'creator']);
  assert.deepEqual(await explained('user.max_net_namespaces'), [
    'user',
    true,
    'writable',
    'writable',
    'default',
  ]);
  assert.deepEqual((await explained('fs.mqueue.msg_max')).slice(0, 3), ['ipc', true, 'writable']);
});

test('the library refuses NUL, a megabyte and what argv cannot carry; = and + in a value reach the kernel as they are', async () => {
  const { readSysctl, writeSysctl } = await import('../../src/sysctl.js');
  await using held = await holdNetworkNamespace();
  const place = { in: held.path };
  await assert.rejects(readSysctl('net.core.somaxconn\0x', place), { code: 'ERR_SYSCTL_NAME' });
  await assert.rejects(writeSysctl('net.core.somaxconn', '1\0', place), { code: 'ERR_SYSCTL_VALUE' });
  await assert.rejects(writeSysctl('net.core.somaxconn', '1'.repeat(1 << 20), place), {
    code: 'ERR_SYSCTL_VALUE',
  });
  const { code, stdout } = await sysctl(
    ...['set', '--in', held.path, '-p', file('large', `net.core.somaxconn = ${'1'.repeat(1_000_000)}\n`)],
  );
  assert.equal(code, 1);
  assert.match(stdout, /:1: not set: .*longer than/);
  assert.ok(stdout.length < 1000, String(stdout.length));
  assert.equal(inside(held.path, 'net/core/somaxconn'), '4096');
  await using container = await hold({ rootfs: root.path });
  await printed('set', '--in', String(container.pid), 'kernel.domainname=a+b=c');
  assert.equal(
    await printed('get', '--in', String(container.pid), 'kernel.domainname'),
    'kernel.domainname = a+b=c\n',
  );
});

test('warren sysctl set says that numbers that were not given are as they were', async () => {
  await using held = await holdNetworkNamespace();
  const { code, stdout, stderr } = await sysctl('set', '--in', held.path, 'net.ipv4.tcp_rmem=5000');
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^net\.ipv4\.tcp_rmem = 5000\t\d+\t\d+\n$/);
  assert.match(stderr, /more numbers than were given/);
});

test('warren sysctl set -p passes over, in patterns, what has a line of its own, before or after: sysctl.d(5)', async () => {
  await using held = await holdNetworkNamespace();
  oracle('nsenter', [`--net=${held.path}`, 'ip', 'link', 'add', 'br0', 'type', 'bridge']);
  // The first three lines are those of systemd's 50-default.conf.
  const path = file(
    'systemd',
    `net.ipv4.conf.default.rp_filter = 2
net.ipv4.conf.*.rp_filter = 1
-net.ipv4.conf.all.rp_filter
-net.ipv4.conf.l*.rp_filter
net.ipv4.tcp_rmem = 5000
`,
  );
  const { code, stdout, stderr } = await sysctl('set', '--in', held.path, '-p', path);
  assert.equal(code, 0, stdout + stderr);
  const value = (device: string): string => inside(held.path, `net/ipv4/conf/${device}/rp_filter`);
  assert.deepEqual(['default', 'all', 'lo', 'br0'].map(value), ['2', '0', '0', '1']);
  assert.match(stdout, /:5: net\.ipv4\.tcp_rmem = 5000 \(it has more numbers/);
});

test('warren sysctl set --in changes nothing but what is theirs: not the machine’s, not what is shared with the host', async () => {
  await using container = await hold({ rootfs: root.path });
  await using held = await holdNetworkNamespace();
  const pid = String(container.pid);
  const valueOf = (key: string): string => readFileSync(`/proc/sys/${key}`, 'utf8').trim();
  // Only what they are already: were it not refused, the machine would still be as it was.
  const [swappiness, users, longest] = [
    `vm.swappiness=${valueOf('vm/swappiness')}`,
    `user.max_user_namespaces=${valueOf('user/max_user_namespaces')}`,
    `kernel.msgmax=${valueOf('kernel/msgmax')}`,
  ];
  const own = 'net.core.somaxconn=77';
  for (const [place, setting] of [
    [pid, swappiness],
    [pid, users],
    [held.path, swappiness],
    [held.path, longest],
  ] as const) {
    const { code, stderr } = await sysctl('set', '--in', place, own, setting);
    assert.equal(code, 2, setting);
    assert.match(stderr, /no namespace isolates it|shares with this command|one namespace only/);
    // Nothing half done.
    assert.notEqual(inside(`/proc/${place === pid ? pid : held.pid}/ns/net`, 'net/core/somaxconn'), '77');
    const { stdout } = await sysctl('set', '--in', place, '-p', file('theirs', `${setting}\n${own}\n`));
    assert.match(stdout, /:1: not set: .*\n.*:2: net\.core\.somaxconn = 77\n$/);
    assert.equal((await sysctl('set', '--in', place, 'net.core.somaxconn=4096')).code, 0);
  }
  const { writeSysctl } = await import('../../src/sysctl.js');
  await assert.rejects(writeSysctl('vm.swappiness', valueOf('vm/swappiness'), { in: container.pid }), {
    code: 'ERR_SYSCTL_NOT_ISOLATED',
  });
  await assert.rejects(
    writeSysctl('user.max_user_namespaces', valueOf('user/max_user_namespaces'), { in: container.pid }),
    { code: 'ERR_SYSCTL_NOT_ISOLATED' },
  );
});
