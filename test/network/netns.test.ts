import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { createNetwork, removeNetwork } from '../../src/network/index.js';
import {
  addNetns,
  attachNetns,
  carryOutWire,
  identifyNetns,
  monitorNetns,
  netnsNames,
  netnsPids,
  planWire,
  removeNetns,
} from '../../src/network/netns/index.js';
import { warrenPath } from '../support/cli.js';
import { assertFakeHost } from '../support/fake-host.js';
import { oracle, type OracleResult } from '../support/oracle.js';
import { box, emptyBox, neighbour, ownState } from './support.js';

assertFakeHost();
const cleanUp = ownState();
after(async () => {
  await cleanUp();
  // ip netns leaves it too: a mount of its own.
  oracle('umount', ['/run/netns'], { allowFailure: true });
});

const ip = (...args: string[]) => oracle('ip', args, { allowFailure: true });
const cli = (...args: string[]): OracleResult => oracle(warrenPath, args, { allowFailure: true });
const ok = (...args: string[]): string => {
  const { code, stdout, stderr } = cli(...args);
  assert.equal(code, 0, stderr);
  return stdout;
};

test('MISSION 2.2: named namespaces: ip netns sees and removes what we make, and the other way round', async () => {
  await addNetns('ours');
  oracle('ip', ['netns', 'add', 'theirs']);
  assert.deepEqual(netnsNames(), ['ours', 'theirs']);
  assert.deepEqual(ip('netns', 'list').stdout.match(/^\w+/gm)?.sort(), ['ours', 'theirs']);
  assert.match(oracle('ip', ['netns', 'exec', 'ours', 'ip', '-json', 'link']).stdout, /"operstate":"DOWN"/);
  await assert.rejects(addNetns('theirs'), { code: 'ERR_NETNS_EXISTS' });
  for (const name of ['', '..', 'a/b']) await assert.rejects(addNetns(name), { code: 'ERR_NETNS_NAME' });
  oracle('ip', ['netns', 'delete', 'ours']);
  await removeNetns('theirs');
  assert.deepEqual(netnsNames(), []);
  assert.equal(ip('netns', 'list').stdout, '');
  await assert.rejects(removeNetns('theirs'), { code: 'ERR_NETNS_NOT_FOUND' });
});

test('a namespace outlives its name while a process is in it, and its process while it has a name', async () => {
  const { pid, end } = await emptyBox();
  await attachNetns('kept', pid);
  assert.deepEqual(identifyNetns(pid), ['kept']);
  assert.equal(ip('netns', 'identify', String(pid)).stdout.trim(), 'kept');
  assert.deepEqual(netnsPids('kept').map(String), ip('netns', 'pids', 'kept').stdout.trim().split('\n'));
  oracle('ip', ['-n', 'kept', 'link', 'add', 'mark0', 'type', 'bridge']);
  await removeNetns('kept');
  assert.equal(oracle('nsenter', ['--net', '--target', String(pid), 'ip', 'link', 'show', 'mark0']).code, 0);
  await attachNetns('kept', pid);
  await end();
  assert.equal(ip('-n', 'kept', 'link', 'show', 'mark0').code, 0);
  await removeNetns('kept');
  await assert.rejects(attachNetns('kept', 4_000_000), { code: 'ERR_NAMESPACE_NOT_FOUND' });
});

test('monitorNetns() tells of names that come and go, whoever makes them', async () => {
  const stop = new AbortController();
  const events = monitorNetns(stop.signal);
  const next = events.next();
  await addNetns('one');
  assert.deepEqual((await next).value, { change: 'add', name: 'one' });
  oracle('ip', ['netns', 'delete', 'one']);
  assert.deepEqual((await events.next()).value, { change: 'delete', name: 'one' });
  const last = events.next();
  stop.abort();
  assert.equal((await last).done, true);
});

test('netns wire gives each namespace an address of its own; --help behind an action is answered', async () => {
  const names = ['wired-a', 'wired-b', 'wired-c'];
  const wire = ['netns', 'wire', '--no-nat', '--gateway', '10.201.1.1/24', '--bridge', 'wire1'];
  for (const name of names) {
    oracle(warrenPath, ['netns', 'add', name]);
    oracle(warrenPath, [...wire, name]);
  }
  for (const address of ['10.201.1.3', '10.201.1.4'])
    oracle('ip', ['netns', 'exec', 'wired-a', 'ping', '-c1', '-W5', address]);
  // All that a small subnet has are given.
  oracle(warrenPath, ['netns', 'add', 'wired-d']);
  const small = ['netns', 'wire', '--no-nat', '--gateway', '10.201.1.2/30', '--bridge', 'wire2', 'wired-d'];
  oracle('ip', ['-n', 'wired-b', 'address', 'add', '10.201.1.1/32', 'dev', 'lo']);
  const { code, stderr } = oracle(warrenPath, small, { allowFailure: true });
  assert.equal(code, 2);
  assert.match(stderr, /others have all from 10\.201\.1\.1 to 10\.201\.1\.2/);
  assert.match(oracle(warrenPath, ['netns', 'wire', '--help']).stdout, /^Usage: warren netns/);
  for (const name of [...names, 'wired-d']) oracle(warrenPath, ['netns', 'rm', name]);
  oracle('ip', ['link', 'delete', 'wire1']);
});

test('netns exec ends with 127 and 126 for a command that is not there or is no program, as enter does', async () => {
  await addNetns('named');
  for (const how of [
    ['netns', 'exec', 'named'],
    ['enter', 'named', '--net'],
  ]) {
    const missing = cli(...how, '--', 'nosuch-command');
    assert.equal(missing.code, 127, how.join(' '));
    assert.match(missing.stderr, /executable file not found/);
    assert.match(missing.stderr, /among the programs of this machine/);
    assert.doesNotMatch(missing.stderr, /container/);
    assert.equal(cli(...how, '--', '/proc/self/status').code, 126);
    assert.equal(cli(...how, '--', 'sh', '-c', 'exit 3').code, 3);
  }
  // Where the command is not come to: neither its code, nor one for it.
  assert.equal(cli('netns', 'exec', 'nosuch', 'true').code, 125);
  assert.equal(cli('netns', 'rm', 'nosuch').code, 1);
  await removeNetns('named');
});

test('netns wire that fails takes back what it made, and says what is in the way', async () => {
  // What the kernel changes by itself, carrier and IPv6, is none of it.
  const devices = (...where: string[]) =>
    (JSON.parse(ip(...where, '-json', 'link').stdout) as { ifname: string; flags: string[] }[]).map(
      ({ ifname, flags }) => [ifname, flags.includes('UP')],
    );
  const state = () => [
    devices(),
    devices('-n', 'tied'),
    ip('-4', '-oneline', 'address').stdout,
    ip('-n', 'tied', '-4', '-oneline', 'address').stdout,
    ip('-n', 'tied', 'route').stdout,
    oracle('nft', ['list', 'ruleset']).stdout,
    readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8'),
  ];
  const refused = (reason: RegExp, ...args: string[]): void => {
    const before = state();
    const { code, stderr } = cli('netns', 'wire', '--bridge', 'wire3', '--gateway', '10.203.1.1/24', ...args);
    assert.equal(code, 1, stderr);
    assert.match(stderr, reason);
    assert.deepEqual(state(), before);
  };
  await addNetns('tied');
  // The name of the end inside, of the end outside, of the bridge.
  oracle('ip', ['-n', 'tied', 'link', 'add', 'eth0', 'type', 'bridge']);
  refused(/Cannot make the device "eth0" in the namespace.*with no IPv4 address/s, 'tied');
  oracle('ip', ['-n', 'tied', 'link', 'delete', 'eth0']);
  oracle('ip', ['link', 'add', 'taken0', 'type', 'veth', 'peer', 'name', 'taken1']);
  refused(/Cannot make the device "taken0".*of that name here/s, '--host-device', 'taken0', 'tied');
  refused(/Cannot use "taken0" as the bridge.*\(veth\), which is no bridge/s, '--bridge', 'taken0', 'tied');
  oracle('ip', ['link', 'delete', 'taken0']);
  // Later: the pair is there, the namespace has a way out.
  oracle('ip', ['-n', 'tied', 'link', 'add', 'other0', 'type', 'bridge']);
  oracle('ip', ['-n', 'tied', 'link', 'set', 'other0', 'up']);
  oracle('ip', ['-n', 'tied', 'address', 'add', '192.0.2.1/24', 'dev', 'other0']);
  oracle('ip', ['-n', 'tied', 'route', 'add', 'default', 'via', '192.0.2.9']);
  refused(/default route of the namespace: it has one already, through 192\.0\.2\.9/, 'tied');
  oracle('ip', ['-n', 'tied', 'link', 'delete', 'other0']);
  // At the very end: a chain of another kind.
  oracle('nft', ['add table ip warren_wire; add chain ip warren_wire postrouting']);
  refused(/chain/, 'tied');
  oracle('nft', ['delete', 'table', 'ip', 'warren_wire']);
  // A bridge that others use stays as it is.
  const wire = ['netns', 'wire', '--no-nat', '--bridge', 'wire3', '--gateway', '10.203.1.1/24', 'tied'];
  ok(...wire);
  refused(/"eth0" in the namespace.*with 10\.203\.1\.2\/24: it may be wired already/s, '--no-nat', 'tied');
  await removeNetns('tied');
  oracle('ip', ['link', 'delete', 'wire3']);
});

test('MISSION 2.5: wire: a pair, a bridge, addresses, a default route and NAT; the plan’s commands do the same', async () => {
  const outside = await neighbour();
  await addNetns('blue');
  await addNetns('red');
  const options = { bridge: 'wire0', gateway: '10.200.1.1/24' };
  await carryOutWire(planWire({ ...options, shownAs: { name: 'blue' }, hostDevice: 'wb' }), {
    path: '/run/netns/blue',
  });
  await carryOutWire(
    planWire({ ...options, address: '10.200.1.9', shownAs: { name: 'red' }, hostDevice: 'wr' }),
    { path: '/run/netns/red' },
  );
  const reach = (from: string, to: string) => ip('netns', 'exec', from, 'ping', '-nc1', '-W2', to).code === 0;
  for (const to of ['10.200.1.1', '10.200.1.9', '198.51.100.2']) assert.ok(reach('blue', to), to);
  assert.equal(
    oracle('nft', ['list', 'table', 'ip', 'warren_wire']).stdout.match(/masquerade/g)?.length,
    1,
    'once a bridge',
  );
  const shape = () => [
    ip('-n', 'blue', '-json', 'route').stdout,
    ip('-brief', '-4', 'address', 'show', 'wire0').stdout,
    oracle('nft', ['-s', 'list', 'table', 'ip', 'warren_wire']).stdout,
  ];
  const ours = shape();

  oracle('nft', ['delete', 'table', 'ip', 'warren_wire']);
  oracle('ip', ['link', 'delete', 'wire0']);
  oracle('ip', ['link', 'delete', 'wb']);
  for (const { command } of planWire({ ...options, shownAs: { name: 'blue' }, hostDevice: 'wb' }))
    oracle('sh', ['-ec', command]);
  assert.deepEqual(shape(), ours);
  assert.ok(reach('blue', '198.51.100.2'));

  oracle('nft', ['delete', 'table', 'ip', 'warren_wire']);
  for (const device of ['wire0', 'wb', 'wr']) oracle('ip', ['link', 'delete', device]);
  for (const name of ['blue', 'red']) await removeNetns(name);
  assert.throws(() => planWire({ gateway: '10.0.0.0/24', shownAs: { name: 'x' }, hostDevice: 'w' }), {
    code: 'ERR_WIRE',
  });
  await outside.end();
});

test('MISSION 2.3, 2.4, 2.6: on the command line: every namespace, what it owns, and the other ends of its devices', async () => {
  const { device } = await createNetwork('lab');
  const web = await box(['lab'], { publish: ['8080:80'] });
  ok('netns', 'add', 'named');
  // Held by a descriptor of ours and nothing else.
  const { pid, end } = await emptyBox();
  const held = openSync(`/proc/${pid}/ns/net`, 'r');
  await end();
  const views = JSON.parse(ok('netns', 'ls', '--json')) as {
    names: string[];
    processes: number[];
    holders: { kind: string; pid?: number }[];
  }[];
  assert.ok(views.some(({ names }) => names[0] === 'named'));
  assert.ok(views.some(({ processes }) => processes.includes(web.pid)));
  assert.ok(
    views.some(
      ({ processes, holders }) =>
        processes.length === 0 &&
        holders.some((each) => each.kind === 'descriptor' && each.pid === process.pid),
    ),
  );
  assert.match(ok('netns', 'ls'), /named/);
  closeSync(held);

  const port = web.attachments[0]?.device ?? '';
  const peer = ok('netns', 'peer', String(web.pid));
  assert.match(peer, new RegExp(`^eth0 ↔ ${port} in this namespace, a port of ${device}, network lab`));
  const veth = ok('veth', port);
  assert.match(veth, new RegExp(`^${port} ↔ eth0 in container ${web.id.slice(0, 12)}, network lab`));
  assert.equal(cli('veth', 'lo').code, 2);

  execFileSync('nsenter', ['-t', String(web.pid), '-n', 'sysctl', '-qw', 'net.ipv4.tcp_keepalive_time=601']);
  const shown = ok('netns', 'show', String(web.pid));
  assert.match(shown, /net\.ipv4\.tcp_keepalive_time = 601 \(fresh: 7200\)/);
  for (const part of [web.ip, 'default via 172.17.0.1', 'table local', `other end: ${port}`, String(web.pid)])
    assert.ok(shown.includes(part), part);
  const snapshot = JSON.parse(ok('netns', 'show', '--json', String(web.pid))) as {
    routes: unknown[];
    devices: unknown[];
  };
  assert.equal(snapshot.devices.length, 2);
  assert.match(ok('netns', 'show'), /chain publish/);

  for (const dashes of [[], ['--']])
    assert.equal(/\S+/.exec(ok('netns', 'exec', 'named', ...dashes, 'ip', '-brief', 'link'))?.[0], 'lo');
  assert.equal(ok('netns', 'identify', String(web.pid)), '');
  ok('netns', 'attach', 'web', String(web.pid));
  assert.equal(ok('netns', 'identify', String(web.pid)), 'web\n');
  assert.match(ok('netns', 'pids', 'web'), new RegExp(`^${web.pid}$`, 'm'));
  assert.match(ok('netns', 'wire', '--plan', 'named'), /ip -n named route add default via 10\.200\.1\.1/);
  ok('netns', 'rm', 'named', 'web');
  assert.deepEqual(readdirSync('/run/netns'), []);
  await web[Symbol.asyncDispose]();
  await removeNetwork('lab');
});

test('warren netns show tells of sockets of every family, with their process', async (t) => {
  ok('netns', 'add', 'talk');
  const script = `
    import socket, sys
    a = socket.socket(socket.AF_UNIX); a.bind("\\0warren-talk"); a.listen()
    b = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(0x0806))
    c = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0); c.bind((0, 1))
    d = socket.socket(); d.bind(("127.0.0.1", 0)); d.listen()
    print("ready", flush=True); sys.stdin.read()`.replace(/^ {4}/gm, '');
  const child = spawn('nsenter', ['--net=/run/netns/talk', 'python3', '-c', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.stdin.end());
  await once(child.stdout, 'data');
  const text = ok('netns', 'show', 'talk');
  for (const part of [
    /tcp LISTEN 127\.0\.0\.1:\d+/,
    /stream LISTEN @warren-talk/,
    /raw 0x806 all devices/,
    /port \d+ groups 1/,
  ])
    assert.match(text, new RegExp(`${part.source}.* python3 \\(${child.pid ?? 0}\\)`));
  child.stdin.end();
  await once(child, 'close');
  ok('netns', 'rm', 'talk');
});

test('warren network: made, listed, inspected in docker’s shape, removed', async () => {
  const id = ok(
    'network',
    'create',
    'lab',
    '--subnet',
    '10.90.0.0/24',
    '--ipv6',
    '--label',
    'a=b',
    '-o',
    'mtu=1400',
  ).trim();
  assert.match(id, /^[0-9a-f]{64}$/);
  const web = await box(['lab']);
  const [found] = JSON.parse(ok('network', 'inspect', 'lab')) as [Record<string, unknown>];
  assert.deepEqual(
    [found['Name'], found['Id'], found['Driver'], found['EnableIPv6'], found['Labels'], found['Options']],
    ['lab', id, 'bridge', true, { a: 'b' }, { mtu: '1400' }],
  );
  assert.equal(
    (found['Containers'] as Record<string, { IPv4Address: string }>)[web.id]?.IPv4Address,
    '10.90.0.2/24',
  );
  assert.match(web.run('ip', 'link', 'show', 'eth0'), /mtu 1400/);
  assert.match(ok('network', 'ls'), /lab\s+bridge\s+10\.90\.0\.0\/24/);
  const refused = cli('network', 'rm', 'lab');
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /a container is in it/);
  await web[Symbol.asyncDispose]();
  assert.equal(ok('network', 'rm', id.slice(0, 12)), 'lab\n');
  ok('network', 'create', 'idle');
  assert.equal(ok('network', 'prune'), 'idle\n');
  assert.equal(cli('network', 'inspect', 'idle').code, 1);
  assert.equal(cli('network', 'crate', 'x').code, 2);
});

test('a firewall is found whose rule logs before it drops, or is in a chain that every packet comes to', async () => {
  const table = (rules: string): void => {
    oracle('nft', ['-f', '-'], {
      input: `table ip strict { chain last { drop; }; chain pass { ${rules}; }; }`,
    });
    oracle('nft', ['add', 'chain', 'ip', 'strict', 'entry', '{ type filter hook forward priority 0; }']);
    oracle('nft', ['add', 'rule', 'ip', 'strict', 'entry', 'jump', 'pass']);
  };
  const found = (): string => {
    const { stderr, code } = cli('network', 'create', 'lab', '-o', 'bridge=br-lab');
    assert.equal(code, 0, stderr);
    return stderr;
  };
  for (const [rules, says] of [
    ['counter log prefix "no way " level info drop', /by chain pass, the rule ".*drop"/],
    ['ct state established accept; jump last', /by chain last, the rule "drop"/],
    ['goto last', /by chain last, the rule "drop"/],
    ['return; drop', undefined],
    ['accept; drop', undefined],
    ['tcp dport 1 drop', undefined],
  ] as const) {
    table(rules);
    const stderr = found();
    if (says === undefined) assert.equal(stderr, '', rules);
    else {
      assert.match(stderr, says);
      assert.match(stderr, /table ip strict, chain entry/);
      // The remedy, as it is printed.
      oracle('sh', ['-ec', /fix: (.*)/.exec(stderr)?.[1] ?? '']);
      ok('network', 'rm', 'lab');
      assert.equal(found(), '', rules);
    }
    ok('network', 'rm', 'lab');
    oracle('nft', ['delete', 'table', 'ip', 'strict']);
  }
});

test('warren netns wire that is interrupted takes back its steps, or has done all, and ends by the signal', async () => {
  const state = (): string =>
    [ip('-br', 'link'), ip('-n', 'cut', '-br', 'addr'), ip('-n', 'cut', 'route')]
      .map(({ stdout }) => stdout)
      .join();
  ok('netns', 'add', 'cut');
  const before = state().replace(/@if\d+/g, '');
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // When its first step is seen, it is in the middle.
    const monitor = spawn('ip', ['monitor', 'link'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const child = spawn(warrenPath, ['netns', 'wire', 'cut'], { stdio: ['ignore', 'ignore', 'pipe'] });
    monitor.stdout.on('data', (data: Buffer) => {
      if (data.includes('wire0')) child.kill(signal);
    });
    let stderr = '';
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    const [code, by] = (await once(child, 'close')) as [number | null, string | null];
    monitor.kill();
    await once(monitor, 'close');
    // It was faster than the signal.
    const isDone = code === 0 || ip('-n', 'cut', 'route').stdout.includes('default');
    if (code !== 0) assert.equal(by, signal, stderr);
    assert.doesNotMatch(stderr, /^\s+at /m);
    if (isDone) {
      assert.match(state(), /10\.200\.1\.2/);
      for (const args of [
        ['-n', 'cut', 'link', 'del', 'eth0'],
        ['link', 'del', 'wire0'],
        ['-n', 'cut', 'link', 'set', 'lo', 'down'],
      ])
        oracle('ip', args);
      ip('-n', 'cut', 'addr', 'flush', 'dev', 'lo');
      oracle('nft', ['delete', 'table', 'ip', 'warren_wire'], { allowFailure: true });
    } else assert.equal(state().replace(/@if\d+/g, ''), before);
  }
  ok('netns', 'rm', 'cut');
});

test('a wiring that is cancelled between two steps takes back those before', async () => {
  ok('netns', 'add', 'cut');
  const links = ip('-br', 'link').stdout;
  const controller = new AbortController();
  const steps = planWire({ shownAs: { name: 'cut' }, hostDevice: 'wirecut', nat: false });
  const giveUp = async (): Promise<undefined> => {
    controller.abort();
    return Promise.resolve(undefined);
  };
  const half = steps.map((step, at) => (at === 4 ? { ...step, run: giveUp } : step));
  await assert.rejects(carryOutWire(half, { path: '/run/netns/cut' }, controller), { kind: 'cancelled' });
  assert.equal(ip('-br', 'link').stdout, links);
  assert.equal(ip('-n', 'cut', '-br', 'link').stdout.trim().split('\n').length, 1);
  ok('netns', 'rm', 'cut');
});

test('two at once: wirings get addresses of their own; of two who remove a name, one is told that it is gone', async () => {
  const names = ['one', 'two', 'three'];
  ok('netns', 'add', ...names);
  const both = async (...all: string[][]): Promise<{ code: number | null; stderr: string }[]> =>
    Promise.all(
      all.map(async (args) => {
        const child = spawn(warrenPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
        let stderr = '';
        child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
        const [code] = (await once(child, 'close')) as [number | null];
        return { code, stderr };
      }),
    );
  for (const { code, stderr } of await both(...names.map((name) => ['netns', 'wire', '--no-nat', name])))
    assert.equal(code, 0, stderr);
  const got = names.map((name) => /10\.200\.1\.\d+/.exec(ip('-n', name, '-br', 'addr').stdout)?.[0]);
  assert.deepEqual(got.sort(), ['10.200.1.2', '10.200.1.3', '10.200.1.4']);
  ok('netns', 'rm', 'two', 'three');
  const ends = await both(['netns', 'rm', 'one'], ['netns', 'rm', 'one'], ['netns', 'rm', 'one']);
  assert.equal(ends.filter(({ code }) => code === 0).length, 1);
  for (const { code, stderr } of ends)
    if (code !== 0) assert.match(stderr, /Cannot find the network namespace "one"/);
  oracle('ip', ['link', 'del', 'wire0']);
});

test('a firewall that drops what is forwarded is found, with the rule and what to do', async () => {
  oracle('iptables-nft', ['-N', 'DOCKER-USER']);
  oracle('iptables-nft', ['-A', 'FORWARD', '-j', 'DOCKER-USER']);
  oracle('iptables-nft', ['-P', 'FORWARD', 'DROP']);
  oracle('nft', ['-f', '-'], {
    input:
      'table inet firewalld { chain filter_FORWARD { type filter hook forward priority 10; ct state established accept; reject with icmpx admin-prohibited; }; }',
  });
  oracle('ip6tables-legacy', ['-P', 'FORWARD', 'DROP']);
  const { stderr, code } = cli('network', 'create', 'lab', '-o', 'bridge=br-lab');
  assert.equal(code, 0, stderr);
  assert.match(
    stderr,
    /docker drops .*table ip filter, chain FORWARD, its policy is drop\n\s+fix: iptables -I DOCKER-USER -i br-lab -j ACCEPT/,
  );
  assert.match(
    stderr,
    /firewalld drops .*its rule "reject with icmpx (type )?admin-prohibited"\n\s+fix: firewall-cmd/,
  );
  assert.match(stderr, /iptables drops .*iptables-legacy table ip6 filter/);
  ok('network', 'rm', 'lab');
  // What the message says helps.
  for (const direction of ['-i', '-o'])
    oracle('iptables-nft', ['-I', 'DOCKER-USER', direction, 'br-lab', '-j', 'ACCEPT']);
  oracle('nft', ['delete', 'table', 'inet', 'firewalld']);
  oracle('ip6tables-legacy', ['-P', 'FORWARD', 'ACCEPT']);
  const outside = await neighbour();
  assert.equal(cli('network', 'create', 'lab', '-o', 'bridge=br-lab').stderr, '');
  const web = await box(['lab']);
  assert.ok(web.can('ping', '-nc1', '-W2', '198.51.100.2'));
  await web[Symbol.asyncDispose]();
  ok('network', 'rm', 'lab');
  await outside.end();
  oracle('nft', ['flush', 'ruleset']);
});
