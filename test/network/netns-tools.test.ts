/** `warren netns` beside ip(8): each does half of the work of the other. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { after, afterEach, test } from 'node:test';
import { holding, inodeOf } from '../ns/holders.js';
import { warrenPath } from '../support/cli.js';
import { assertFakeHost, namespaceOf } from '../support/fake-host.js';
import { leavesNothing } from '../support/leaks.js';
import { oracle } from '../support/oracle.js';
import { emptyBox, ownState } from './support.js';

assertFakeHost();
const cleanUp = ownState();
after(cleanUp);
// What a test that failed has left must not fail the next; and either tool leaves the directory's own mount.
afterEach(() => {
  for (const name of readdirSync('/run/netns'))
    oracle('ip', ['netns', 'delete', name], { allowFailure: true });
  oracle('umount', ['/run/netns'], { allowFailure: true });
});

const ours = (...args: string[]): string => oracle(warrenPath, ['netns', ...args]).stdout;
const theirs = (...args: string[]): string => oracle('ip', ['netns', ...args]).stdout;
/** Names as either prints them; ip adds the number that we have for it. */
const namesIn = (text: string): string[] => text.match(/^\S+/gm)?.sort() ?? [];

/** One may be gone between being listed and being looked at: ls complains, and tells of the others. */
const listDescriptors = (pid: number): string =>
  oracle('sh', ['-c', `ls -l /proc/${pid}/fd`], { allowFailure: true }).stdout;

/** Each does what the first word says; the other looks. */
const bothWays = [
  { by: 'warren', make: ours, look: theirs, add: ['add'], rm: ['rm'], ls: ['list'] },
  { by: 'ip', make: theirs, look: ours, add: ['add'], rm: ['delete'], ls: ['ls', '-q'] },
] as const;

for (const { by, make, look, add, rm, ls } of bothWays) {
  test(`MISSION 2.2: what ${by} netns adds, attaches and removes, the other lists, identifies, enters and counts`, async () => {
    await leavesNothing(async () => {
      // ip and we share the directory for the mounts the first time: a mount that stays.
      make(...add, 'first');
      assert.deepEqual(namesIn(look(...ls)), ['first']);
      const { pid, end } = await emptyBox();
      make('attach', 'second', String(pid));
      assert.deepEqual(namesIn(look(...ls)), ['first', 'second']);
      for (const tool of [ours, theirs]) {
        assert.equal(tool('identify', String(pid)), 'second\n');
        // ip prints an empty line.
        assert.equal(tool('identify', String(process.pid)).trim(), '');
        assert.equal(tool('pids', 'second'), `${pid}\n`);
        assert.equal(tool('pids', 'first'), '');
        assert.equal(tool('exec', 'second', 'readlink', '/proc/self/ns/net'), `${namespaceOf('net', pid)}\n`);
      }
      // Loopback is down in a new one; what one tool changes the other sees.
      assert.doesNotMatch(look('exec', 'first', 'ip', '-brief', 'link', 'show', 'lo'), /UP/);
      make('exec', 'first', 'ip', 'link', 'set', 'lo', 'up');
      assert.match(look('exec', 'first', 'ip', '-brief', 'link', 'show', 'lo'), /UP/);
      // A name of the same namespace: both are told.
      make('attach', 'third', String(pid));
      // ip stops at one.
      for (const name of namesIn(theirs('identify', String(pid)))) assert.match(name, /^second$|^third$/);
      assert.deepEqual(namesIn(ours('identify', String(pid))), ['second', 'third']);
      await end();
      assert.equal(look('pids', 'second'), '', 'its name keeps it');
      for (const name of ['first', 'second', 'third']) make(...rm, name);
      assert.equal(look(...ls), '');
      oracle('umount', ['/run/netns']);
    });
  });

  test(`MISSION 2.2: what ${by} netns adds the other removes, and refuses to add again`, async () => {
    await leavesNothing(async () => {
      make(...add, 'once');
      const again = look === ours ? ['netns', 'add', 'once'] : ['add', 'once'];
      const { code, stderr } =
        look === ours
          ? oracle(warrenPath, again, { allowFailure: true })
          : oracle('ip', ['netns', ...again], { allowFailure: true });
      assert.notEqual(code, 0);
      assert.match(stderr, /once/);
      look(look === ours ? 'rm' : 'delete', 'once');
      assert.equal(make(...(make === ours ? ['ls', '-q'] : ['list'])), '');
      oracle('umount', ['/run/netns']);
    });
  });
}

test('MISSION 2.2: warren netns exec shows the files of /etc/netns/NAME in /etc, as ip netns exec does, and ends as its command', async () => {
  await leavesNothing(async () => {
    // The machine's /etc stays as it is.
    for (const name of ['upper', 'work']) mkdirSync(`/run/etc-${name}`);
    const layers = 'lowerdir=/etc,upperdir=/run/etc-upper,workdir=/run/etc-work';
    oracle('mount', ['-t', 'overlay', 'overlay', '-o', layers, '/etc']);
    try {
      mkdirSync('/etc/netns/named', { recursive: true });
      mkdirSync('/etc/own');
      mkdirSync('/etc/netns/named/own');
      writeFileSync('/etc/netns/named/resolv.conf', 'nameserver 192.0.2.53\n');
      writeFileSync('/etc/netns/named/hosts', '192.0.2.9 nine\n');
      writeFileSync('/etc/netns/named/own/file', 'in a directory\n');
      // There is none in /etc: nothing to show it in place of.
      writeFileSync('/etc/netns/named/nowhere', '');
      const before = readFileSync('/etc/resolv.conf', 'utf8');
      for (const make of [ours, theirs]) {
        make('add', 'named');
        const script =
          'cat /etc/resolv.conf /etc/hosts /etc/own/file; ls /sys/class/net; readlink /proc/self/ns/net';
        const [our, their] = [ours, theirs].map((tool) => tool('exec', 'named', 'sh', '-c', script));
        assert.equal(our, their);
        assert.match(
          our ?? '',
          /^nameserver 192\.0\.2\.53\n192\.0\.2\.9 nine\nin a directory\nlo\nnet:\[\d+\]\n$/,
        );
        assert.equal(readFileSync('/etc/resolv.conf', 'utf8'), before);
        for (const [file, args] of [
          [warrenPath, ['netns']],
          ['ip', ['netns']],
        ] as const)
          assert.equal(
            oracle(file, [...args, 'exec', 'named', 'sh', '-c', 'exit 7'], { allowFailure: true }).code,
            7,
          );
        theirs('delete', 'named');
      }
    } finally {
      oracle('umount', ['/etc']);
      for (const name of ['upper', 'work']) rmSync(`/run/etc-${name}`, { recursive: true });
      oracle('umount', ['/run/netns'], { allowFailure: true });
    }
  });
});

test('MISSION 2.2: warren netns monitor and ip netns monitor say the same of what either does', async (t) => {
  // ip watches the directory that is there when it starts, before the first name mounts another over it.
  theirs('add', 'before');
  const start = (...words: readonly [string, ...string[]]) => {
    const [file, ...args] = words;
    const child = spawn(file, [...args, 'netns', 'monitor'], { stdio: ['ignore', 'pipe', 'inherit'] });
    t.after(() => child.kill());
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    return { child, next: async () => ((await lines.next()) as { value: string }).value };
  };
  const monitors = [start(warrenPath), start('stdbuf', '-oL', 'ip')];
  // Both watch; stdbuf, since ip keeps its lines back otherwise.
  for (let watching = 0, tries = 0; watching < monitors.length && tries < 200; tries++) {
    watching = 0;
    for (const { child } of monitors) if (listDescriptors(child.pid ?? 0).includes('inotify')) watching++;
  }
  for (const [make, rm] of [
    [ours, 'rm'],
    [theirs, 'delete'],
  ] as const) {
    make('add', 'seen');
    for (const { next } of monitors) assert.equal(await next(), 'add seen');
    make(rm, 'seen');
    for (const { next } of monitors) assert.equal(await next(), 'delete seen');
  }
  for (const { child } of monitors) {
    const ended = once(child, 'exit');
    child.kill();
    await ended;
  }
  ours('rm', 'before');
});

interface NetnsRow {
  readonly inode: number;
  readonly names: readonly string[];
  readonly processes: readonly number[];
  readonly holders: readonly Record<string, unknown>[];
}

test('MISSION 2.3: warren netns ls finds a namespace that only a name, a mount, a descriptor, a socket, a process or a thread keeps, and show shows it', async () => {
  await leavesNothing(async () => {
    // First: it copies the mounts that there are.
    await using elsewhere = await holding(`
unshare("mnt")
check(libc.mount(b"none", b"/", None, 0x44000, None), "private")
check(libc.mount(b"tmpfs", b"/mnt", b"tmpfs", 0, None), "mount")
open("/mnt/file", "w").close()
pid = os.fork()
if pid == 0:
    unshare("net"); tell(link("net"))
    check(libc.mount(b"/proc/self/ns/net", b"/mnt/file", None, 4096, None), "bind"); os._exit(0)
os.waitpid(pid, 0); tell(link("mnt"))`);
    theirs('add', 'named');
    writeFileSync('/run/anonymous', '');
    oracle('unshare', ['--net=/run/anonymous', 'true']);
    const goBack = 'setns(before, "net"); os.close(before)';
    const before = 'before = os.open("/proc/self/ns/net", os.O_RDONLY)';
    await using descriptor = await holding(
      `${before}\nunshare("net"); kept = os.open("/proc/self/ns/net", os.O_RDONLY); tell(link("net")); tell(kept)\n${goBack}`,
    );
    await using left = await holding(
      `${before}\nunshare("net"); kept = socket.socket(); tell(link("net")); tell(kept.fileno())\n${goBack}`,
    );
    await using threaded = await holding(`
made = threading.Event()
def work():
    unshare("net"); tell(link("net", "thread-self")); tell(threading.get_native_id()); made.set(); threading.Event().wait()
threading.Thread(target=work, daemon=True).start()
made.wait()`);
    const alone = await emptyBox();
    const rows = JSON.parse(ours('ls', '--json')) as NetnsRow[];
    const find = (inode: number): NetnsRow => rows.find((each) => each.inode === inode) ?? assert.fail();
    const named = rows.find(({ names }) => names[0] === 'named') ?? assert.fail('named');
    const mountNamespace = inodeOf(namespaceOf('mnt'));
    const anonymous = oracle('stat', ['-c', '%i', '/run/anonymous']).stdout.trim();
    const expected: readonly (readonly [inode: number, holder: Record<string, unknown>])[] = [
      [named.inode, { kind: 'mount', path: '/run/netns/named', mountNamespace, here: true }],
      [Number(anonymous), { kind: 'mount', path: '/run/anonymous', mountNamespace, here: true }],
      [
        inodeOf(elsewhere.told[0]),
        { kind: 'mount', path: '/mnt/file', mountNamespace: inodeOf(elsewhere.told[1]), here: false },
      ],
      [
        inodeOf(descriptor.told[0]),
        { kind: 'descriptor', pid: descriptor.pid, fd: Number(descriptor.told[1]), command: 'python3' },
      ],
      [
        inodeOf(left.told[0]),
        { kind: 'socket', pid: left.pid, fd: Number(left.told[1]), command: 'python3' },
      ],
      [
        inodeOf(threaded.told[0]),
        { kind: 'thread', pid: threaded.pid, tid: Number(threaded.told[1]), command: 'python3' },
      ],
    ];
    for (const [inode, holder] of expected) {
      const { processes, holders } = find(inode);
      assert.deepEqual([processes, holders], [[], [holder]], JSON.stringify(holder));
    }
    const inProcess = find(inodeOf(namespaceOf('net', alone.pid)));
    assert.deepEqual([inProcess.processes, inProcess.holders], [[alone.pid], []]);
    // Each can be opened by what keeps it.
    for (const { inode } of [...expected.map(([number]) => find(number)), inProcess]) {
      const shown = JSON.parse(ours('show', '--json', `net:[${inode}]`)) as {
        inode: number;
        devices: { ifname: string }[];
      };
      assert.equal(shown.inode, inode);
      assert.deepEqual(
        shown.devices.map(({ ifname }) => ifname),
        ['lo'],
      );
    }
    await alone.end();
    for (const each of [descriptor, left, elsewhere, threaded]) await each[Symbol.asyncDispose]();
    oracle('umount', ['/run/anonymous']);
    rmSync('/run/anonymous');
    ours('rm', 'named');
    oracle('umount', ['/run/netns']);
  });
});

test('MISSION 2.4: warren veth and netns peer find the other end in a namespace that was made inside another, and in one that only a socket keeps', async () => {
  // A process in a namespace, and its child in one that it has made there.
  await using outer = await holding(`
unshare("net")
made = os.pipe()
if os.fork() == 0:
    unshare("net"); tell(os.getpid()); tell(link("net")); os.write(made[1], b"x"); stay(); os._exit(0)
os.read(made[0], 1)
`);
  const [innerPid = '', innerName] = outer.told;
  const enter = (pid: number | string, ...words: string[]) =>
    oracle('nsenter', ['--net', '--target', String(pid), ...words]).stdout;
  enter(outer.pid, 'ip', 'link', 'add', 'down0', 'type', 'veth', 'peer', 'name', 'up0', 'netns', innerPid);
  oracle('ip', ['link', 'add', 'far0', 'type', 'veth', 'peer', 'name', 'far1', 'netns', innerPid]);
  await using left = await holding(`
before = os.open("/proc/self/ns/net", os.O_RDONLY)
unshare("net"); kept = socket.socket()
os.system("ip link add in0 type veth peer name out0 netns ${process.pid}"); tell(link("net"))
setns(before, "net"); os.close(before)`);

  const inner = inodeOf(innerName);
  interface Peer {
    device: string;
    peer: string;
    namespace: number;
  }
  const peers = (text: string): string[][] =>
    (JSON.parse(text) as Peer[]).map(({ device, peer, namespace }) => [device, peer, String(namespace)]);
  const [outerInode, own] = [inodeOf(namespaceOf('net', outer.pid)), inodeOf(namespaceOf('net'))].map(String);
  assert.deepEqual(peers(ours('peer', '--json', innerPid)).sort(), [
    ['far1', 'far0', own],
    ['up0', 'down0', outerInode],
  ]);
  assert.deepEqual(peers(ours('peer', '--json', String(outer.pid))), [['down0', 'up0', String(inner)]]);
  assert.deepEqual(peers(enter(outer.pid, warrenPath, 'veth', '--json')), [['down0', 'up0', String(inner)]]);
  assert.deepEqual(peers(enter(innerPid, warrenPath, 'veth', '--json', 'up0')), [
    ['up0', 'down0', outerInode],
  ]);
  assert.match(
    oracle(warrenPath, ['veth', 'far0']).stdout,
    new RegExp(`^far0 ↔ far1 in process ${innerPid}$`, 'm'),
  );
  const socketOnly = String(inodeOf(left.told[0]));
  assert.deepEqual(peers(oracle(warrenPath, ['veth', '--json', 'out0']).stdout), [
    ['out0', 'in0', socketOnly],
  ]);
  assert.deepEqual(peers(ours('peer', '--json', `net:[${socketOnly}]`)), [['in0', 'out0', own]]);
  oracle('ip', ['link', 'delete', 'far0']);
  oracle('ip', ['link', 'delete', 'out0']);
});

test('warren netns show says scope and flags of addresses, marks and devices of rules, and the commands of processes', async () => {
  ours('add', '--up', 'told');
  const inside = (...args: string[]) => oracle('ip', ['-n', 'told', ...args]);
  for (const args of [
    ['link', 'add', 'br0', 'type', 'bridge'],
    ['addr', 'add', '10.1.0.1/24', 'brd', '10.1.0.255', 'dev', 'br0'],
    [
      'addr',
      'add',
      '10.5.0.1/32',
      'dev',
      'br0',
      'scope',
      'link',
      'label',
      'br0:x',
      'valid_lft',
      '600',
      'preferred_lft',
      '0',
    ],
    ['rule', 'add', 'priority', '90', 'not', 'fwmark', '0x10/0xff', 'iif', 'br0', 'lookup', '100'],
    [
      'rule',
      'add',
      'priority',
      '91',
      'to',
      '10.9.0.0/16',
      'oif',
      'br0',
      'ipproto',
      'tcp',
      'dport',
      '80-90',
      'unreachable',
    ],
    [
      '-6',
      'rule',
      'add',
      'priority',
      '92',
      'uidrange',
      '10-20',
      'fwmark',
      '7',
      'lookup',
      'main',
      'suppress_prefixlength',
      '0',
    ],
  ])
    inside(...args);
  const child = spawn('nsenter', ['--net=/run/netns/told', 'cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.write('ready');
  await once(child.stdout, 'data');
  const lines = new Set(
    ours('show', 'told')
      .split('\n')
      .map((line) => line.trim()),
  );
  for (const line of [
    '127.0.0.1/8 scope host',
    '::1/128 scope host',
    '10.1.0.1/24 brd 10.1.0.255 scope global',
    '90: not from all fwmark 0x10/0xff iif br0 lookup 100',
    '91: from all to 10.9.0.0/16 oif br0 ipproto 6 dport 80-90 unreachable',
    '92: from all fwmark 0x7 uidrange 10-20 lookup main suppress_prefixlength 0 (IPv6)',
    `${child.pid ?? 0} cat`,
  ])
    assert.ok(lines.has(line), `${line}\n${[...lines].join('\n')}`);
  assert.match([...lines].join('\n'), /^10\.5\.0\.1\/32 scope link deprecated label br0:x valid \d+s$/m);
  const ended = once(child, 'exit');
  child.stdin.end();
  await ended;
  ours('rm', 'told');
});

test('warren netns show says of inet, unix, packet and netlink sockets of another namespace which process has them, as ss does', async () => {
  theirs('add', 'diag');
  const script = `
import socket, sys
kept = [socket.socket(), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM), socket.socket(socket.AF_UNIX)]
kept[0].bind(("0.0.0.0", 0)); kept[0].listen()
kept[1].bind(("::", 0))
kept[2].bind("\\0warren-diag"); kept[2].listen()
kept.append(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(0x0806)))
kept.append(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)); kept[-1].bind((0, 1))
print(*[each.fileno() for each in kept], flush=True); sys.stdin.read()`;
  const child = spawn('nsenter', ['--net=/run/netns/diag', 'python3', '-c', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  interface Socket {
    inode: number;
    portid?: number;
    process?: { pid: number; command: string };
  }
  const shown = JSON.parse(ours('show', '--json', 'diag')) as Record<string, Socket[]>;
  const said = (key: string): string[] =>
    (shown[key] ?? []).map(({ inode, process: owner }) => `${inode} ${owner?.command} ${owner?.pid}`).sort();
  const ss = (families: string, inode: RegExp): string[] =>
    oracle('ss', ['-N', 'diag', '-anHpe', ...families.split(' ')])
      .stdout.trim()
      .split('\n')
      .filter((line) => line.includes('users:'))
      .map((line) => {
        const [, command, pid] = /users:\(\("([^"]+)",pid=(\d+)/.exec(line) ?? [];
        return `${inode.exec(line)?.[1]} ${command} ${pid}`;
      })
      .sort();
  assert.deepEqual(said('sockets'), ss('-t -u', /ino:(\d+)/));
  assert.deepEqual(said('unixSockets'), ss('-x', /@warren-diag (\d+)/));
  assert.deepEqual(said('packetSockets'), ss('-0', /ino:(\d+)/));
  for (const [key, count] of Object.entries({ sockets: 2, unixSockets: 1, packetSockets: 1 })) {
    assert.equal(said(key).length, count, key);
    for (const line of said(key)) assert.match(line, new RegExp(` python3 ${child.pid ?? 0}$`));
  }
  // ss tells no inode of netlink sockets; it has the process and the port. Those of the reading itself are not told.
  const [routing, ...others] = shown['netlinkSockets'] ?? [];
  assert.deepEqual([routing?.process?.pid, others], [child.pid, []]);
  assert.match(
    oracle('ss', ['-N', 'diag', '-f', 'netlink', '-anH']).stdout,
    new RegExp(`${routing?.portid ?? 'none'}`),
  );
  const ended = once(child, 'exit');
  child.stdin.end();
  await ended;
  ours('rm', 'diag');
});

/** What ip and nft say of a machine with a namespace `blue`: but for what differs at each run. */
function stateOf(text: string): unknown {
  const chance =
    /^(?:ifindex|link_index|link_netnsid|handle|id|.*timer|.*_id|.*stats.*|operstate|tentative|.*_life_time)$/;
  const clean = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(clean).sort(byText);
    if (typeof value === 'string')
      return value.replace(/([0-9a-f]{2}:){5}[0-9a-f]{2}/g, 'MAC').replace(/fe80::[0-9a-f:]+/g, 'fe80::X');
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .filter(([key]) => !chance.test(key))
        .map(([key, each]) => [key, clean(each)]),
    );
  };
  const byText = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
  return text
    .trim()
    .split('\n===\n')
    .map((each) => clean(/^[[{]/.test(each) ? (JSON.parse(each) as unknown) : each));
}

const tellState = [
  'ip -json -details addr',
  'ip -n blue -json -details addr',
  'ip -4 -json -details route show table all',
  'ip -n blue -4 -json -details route show table all',
  'bridge -json -details link',
  'nft -json list ruleset',
  'sysctl net.ipv4.ip_forward net.ipv4.conf.all.forwarding',
].join('\necho; echo ===\n');

test('MISSION 2.5: the commands that netns wire --plan prints give another machine the same devices, addresses, routes and rules', () => {
  /** Runs a script on a machine without anything but a namespace `blue`. */
  const onMachine = (script: string): string =>
    oracle('unshare', [
      '--mount',
      '--net',
      'sh',
      '-ec',
      `mount -t tmpfs tmpfs /run; mkdir /run/netns /run/warren-state; export WARREN_STATE=/run/warren-state
ip link set lo up; ip netns add blue
${script}`,
    ]).stdout;
  for (const options of [
    '--host-device h0',
    "--host-device 'h;$0' --bridge \"it's\" --gateway 10.3.0.254/16 --address 10.3.9.9 --device 'a&b'",
    '--host-device h0 --no-nat',
  ]) {
    const wire = `${warrenPath} netns wire ${options}`;
    const plan = onMachine(`${wire} --plan blue`);
    assert.deepEqual(
      stateOf(onMachine(`(${plan}) >/run/out\n${tellState}`)),
      stateOf(onMachine(`${wire} blue\n${tellState}`)),
      plan,
    );
    // It is printed for a machine as it is: there, nothing has been done.
    assert.deepEqual(
      stateOf(onMachine(`${wire} --plan blue >/run/out\n${tellState}`)),
      stateOf(onMachine(tellState)),
    );
  }
  const { code, stderr } = oracle(warrenPath, ['netns', 'wire', '--plan', '--bridge', 'w*', 'self'], {
    allowFailure: true,
  });
  assert.equal(code, 2);
  assert.match(stderr, /nft/);
});
