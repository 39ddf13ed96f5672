/** `./warren` and networks: what is typed, and what is killed. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { finish, startWarren, warren, type CliResult } from '../support/cli.js';
import { assertFakeHost } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';
import { waitFor } from '../support/wait.js';
import { assertNoNetworkTraces, networkedState, networkTraces } from './container-support.js';
import { ask, neighbour, serve } from './support.js';

assertFakeHost();
const rounds = Number(process.env['WARREN_ROUNDS'] ?? 30);
const state = networkedState();
const { store, rootfs, root, env } = state;
let outside: Awaited<ReturnType<typeof neighbour>>;
before(async () => {
  outside = await neighbour();
  for (const [name, subnet] of [
    ['lab', '10.90.0.0/24'],
    ['other', '10.91.0.0/24'],
  ] as const)
    await ok('network', 'create', name, '--subnet', subnet);
});
beforeEach(async () => {
  await state.clear();
  await store.collectGarbage();
});
after(async () => {
  await state[Symbol.asyncDispose]();
  await outside.end();
});

async function ok(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await warren(args, { env });
  assert.equal(code, 0, `warren ${args.join(' ')}: ${stderr}`);
  return stdout.trim();
}

async function refused(...args: readonly string[]): Promise<string> {
  const { code, stderr } = await warren(args, { env });
  assert.notEqual(code, 0, `warren ${args.join(' ')} was not refused`);
  return stderr;
}

const run = async (...args: readonly string[]): Promise<string> =>
  ok('run', '-d', '--rootfs', rootfs, '--stop-signal', 'KILL', ...args);
const idle = ['--', 'sleep', '73303'] as const;

interface Inspected {
  readonly State: { readonly Pid: number };
  readonly HostConfig: { readonly NetworkMode: string; readonly PortBindings: object };
  readonly NetworkSettings: {
    readonly IPAddress: string;
    readonly MacAddress: string;
    readonly Gateway: string;
    readonly Ports: object;
    readonly Networks: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  };
}

async function inspect(name: string): Promise<Inspected> {
  const [found] = JSON.parse(await ok('inspect', name)) as Inspected[];
  return found ?? assert.fail();
}

test('warren ps and inspect have networks and ports in docker’s shapes, as long as the container runs', async () => {
  await run(
    ...['--name', 'web', '--network', 'lab:alias=www', '--network', 'other', '--ip', '10.90.0.9'],
    ...['-p', '8080-8081:80-81', '-p', '127.0.0.1:9000:90/udp', ...idle],
  );
  const ports = '0.0.0.0:8080-8081->80-81/tcp, 127.0.0.1:9000->90/udp';
  assert.equal(await ok('ps', '--format', '{{.Names}}|{{.Networks}}|{{.Ports}}'), `web|lab,other|${ports}`);
  assert.match(await ok('ps'), /0\.0\.0\.0:8080-8081->80-81\/tcp/);
  const { HostConfig, NetworkSettings } = await inspect('web');
  assert.equal(HostConfig.NetworkMode, 'lab');
  assert.deepEqual(NetworkSettings.Ports, {
    '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8080' }],
    '81/tcp': [{ HostIp: '0.0.0.0', HostPort: '8081' }],
    '90/udp': [{ HostIp: '127.0.0.1', HostPort: '9000' }],
  });
  const { IPAddress, MacAddress, Gateway, Networks } = NetworkSettings;
  assert.deepEqual([IPAddress, MacAddress, Gateway], ['10.90.0.9', '02:42:0a:5a:00:09', '10.90.0.1']);
  assert.deepEqual(Object.keys(Networks), ['lab', 'other']);
  assert.deepEqual([Networks['lab']?.['IPAddress'], Networks['lab']?.['IPPrefixLen']], ['10.90.0.9', 24]);
  assert.deepEqual(Networks['lab']?.['Aliases'], ['web', 'www']);
  assert.equal(
    await ok(
      'inspect',
      '-f',
      '{{range $name, $net := .NetworkSettings.Networks}}{{$name}} {{$net.IPAddress}} {{end}}',
      'web',
    ),
    `lab 10.90.0.9 other ${String(Networks['other']?.['IPAddress'])}`,
  );
  process.kill((await inspect('web')).State.Pid, 'SIGKILL');
  await ok('wait', 'web');
  assert.equal(await ok('ps', '-a', '--format', '{{.Ports}}'), '');
  assert.deepEqual((await inspect('web')).NetworkSettings.Ports, {});
});

test('warren run -p, -P --expose, and warren port', async () => {
  await run('--name', 'web', '--network', 'lab', '-P', '--expose', '80', '--expose', '53/udp', ...idle);
  const [tcp = ''] = (await ok('port', 'web', '80')).split('\n');
  const port = Number(tcp.slice(tcp.lastIndexOf(':') + 1));
  assert.match(await ok('port', 'web'), /^53\/udp -> 0\.0\.0\.0:\d+$/m);
  const { Pid } = (await inspect('web')).State;
  const server = await serve(Pid, 80);
  assert.equal(ask(outside.pid, '198.51.100.1', port), 'from 198.51.100.2');
  await ok('port', 'add', 'web', '8090:80');
  assert.equal(ask(outside.pid, '198.51.100.1', 8090), 'from 198.51.100.2');
  assert.match(
    await refused('run', '--rootfs', rootfs, '--network', 'lab', '-p', '8090:80', '--', 'true'),
    /8090/,
  );
  await ok('port', 'rm', 'web', '8090');
  assert.equal(ask(outside.pid, '198.51.100.1', 8090, { patienceSec: 1 }), undefined);
  await server.end();
});

test('warren port rm takes what warren port prints, and refuses what is no port of the host', async () => {
  await run('--name', 'web', '--network', 'lab', '-p', '18300:80', '-p', '127.0.0.1:18301:80', ...idle);
  for (const line of (await ok('port', 'web')).split('\n'))
    await ok('port', 'rm', 'web', line.split(' -> ')[1] ?? '');
  assert.equal(await ok('port', 'web'), '');
  await ok('port', 'add', 'web', '18300:80');
  for (const spec of ['18300:80', '18300-18301', 'web:18300'])
    assert.match(await refused('port', 'rm', 'web', spec), /it is not \[IP:\]HOSTPORT/);
  await ok('rm', '-f', 'web');
});

test('warren port tells the families that a port is published of, and takes one of them back for good', async () => {
  await ok('network', 'create', 'six', '--subnet', 'fd91::/64');
  await ok('network', 'create', 'both', '--ipv6');
  await run('--name', 'six', '--network', 'six', '-p', '18310:80', ...idle);
  assert.equal(await ok('port', 'six'), '80/tcp -> [::]:18310');
  await run('--name', 'both', '--network', 'both', '-p', '18311:80', '-p', '0.0.0.0:18312:81', ...idle);
  assert.equal(
    await ok('port', 'both'),
    '80/tcp -> 0.0.0.0:18311\n80/tcp -> [::]:18311\n81/tcp -> 0.0.0.0:18312',
  );
  assert.equal(
    await ok('ps', '--filter', 'name=both', '--format', '{{.Ports}}'),
    '0.0.0.0:18311-18312->80-81/tcp, [::]:18311->80/tcp',
  );
  assert.deepEqual((await inspect('both')).HostConfig.PortBindings, {
    '80/tcp': [{ HostIp: '', HostPort: '18311' }],
    '81/tcp': [{ HostIp: '0.0.0.0', HostPort: '18312' }],
  });
  assert.match(await refused('port', 'rm', 'both', '[::]:18312'), /Cannot take back port 18312/);
  assert.equal(await ok('port', 'rm', 'both', '0.0.0.0:18311'), '80/tcp -> 0.0.0.0:18311');
  const left = '80/tcp -> [::]:18311\n81/tcp -> 0.0.0.0:18312';
  assert.equal(await ok('port', 'both'), left);
  const server = await serve((await inspect('both')).State.Pid, 80, { address: '::' });
  assert.equal(ask(outside.pid, '198.51.100.1', 18311, { patienceSec: 1 }), undefined);
  assert.equal(ask(outside.pid, '2001:db8:1::1', 18311), 'from 2001:db8:1::2');
  await server.end();
  await ok('restart', '-t', '0', 'both');
  assert.equal(await ok('port', 'both'), left);
  assert.equal(await ok('port', 'add', 'both', '18313:82'), '82/tcp -> 0.0.0.0:18313\n82/tcp -> [::]:18313');
  await ok('rm', '-f', 'six', 'both');
  await ok('network', 'rm', 'six', 'both');
});

test('--dns, --dns-search and --dns-opt that are none are refused before anything is made', async () => {
  for (const [option, value] of [
    ['--dns', 'resolver'],
    ['--dns', '9.9.9.9\nnameserver 6.6.6.6'],
    ['--dns-search', 'a\nnameserver 6.6.6.6'],
    ['--dns-search', 'a b'],
    ['--dns-opt', ''],
  ] as const)
    assert.match(
      await refused('run', '--rootfs', rootfs, '--network', 'lab', option, value, '--', 'true'),
      new RegExp(`Cannot use ${option}`),
    );
  assert.equal(await ok('ps', '-aq'), '');
});

test('what --network says of its first network, --ip, --ip6 and --mac-address may not say otherwise', async () => {
  for (const [network, ...options] of [
    ['lab:ip=10.90.0.20', '--ip', '10.90.0.21'],
    ['lab:ip6=fd00::20', '--ip6', 'fd00::21'],
    ['lab:mac=02:00:00:00:00:20', '--mac-address', '02:00:00:00:00:21'],
  ] as const)
    assert.match(
      await refused('run', '--rootfs', rootfs, '--network', network, ...options, '--', 'true'),
      new RegExp(`Cannot use both ${options.join(' ')} and .* of the network "lab"`),
    );
  assert.equal(await ok('ps', '-aq'), '');
  // Of two networks, and names, which add up.
  await run(
    ...['--name', 'web', '--network', 'lab:alias=one', '--network', 'other:ip=10.91.0.20'],
    ...['--ip', '10.90.0.20', '--network-alias', 'two', ...idle],
  );
  const { Networks } = (await inspect('web')).NetworkSettings;
  assert.equal(Networks['lab']?.['IPAddress'], '10.90.0.20');
  assert.equal(Networks['other']?.['IPAddress'], '10.91.0.20');
  assert.deepEqual(Networks['lab']['Aliases'], ['web', 'one', 'two']);
});

test('--dns, --dns-search, --dns-opt and --add-host of a container in no network are in its own files, and in no other', async () => {
  const files = ['/etc/hosts', '/etc/resolv.conf'];
  const before = files.map((path) => readFileSync(path, 'utf8'));
  const names = ['--add-host', 'db:192.0.2.1', '--dns', '192.0.2.53', '--dns-search', 'a.test'];
  const show = ['--', 'cat', ...files] as const;
  for (const network of [[], ['none'], ['host'], [`ns:/proc/${outside.pid}/ns/net`]]) {
    const options = network.flatMap((each) => ['--network', each]);
    const said = await ok('run', '--rootfs', rootfs, ...options, ...names, '--dns-opt', 'ndots:3', ...show);
    assert.match(said, /^192\.0\.2\.1\tdb$/m);
    assert.match(said, /localhost/);
    assert.match(said, /^nameserver 192\.0\.2\.53\nsearch a\.test\noptions ndots:3$/m);
    // As it is kept, and started again.
    await run('--name', 'web', ...options, ...names, ...idle);
    await ok('restart', '-t', '0', 'web');
    assert.match(await ok('exec', 'web', 'cat', '/etc/hosts'), /^192\.0\.2\.1\tdb$/m);
    assert.match(await ok('exec', 'web', 'cat', '/etc/resolv.conf'), /^nameserver 192\.0\.2\.53$/m);
    if (network[0] === 'none')
      for (const option of [
        ['--dns', '192.0.2.53'],
        ['--add-host', 'db:192.0.2.1'],
      ])
        assert.match(
          await refused('run', '--rootfs', rootfs, '--network', 'container:web', ...option, '--', 'true'),
          /whose network it shares/,
        );
    await ok('rm', '-f', 'web');
  }
  const host = ['run', '--rootfs', rootfs, '--network', 'host'] as const;
  const withHosts = await ok(...host, '--add-host', 'me:host-gateway', ...show);
  assert.ok(withHosts.startsWith(`${before.join('').trimEnd().split('\n')[0] ?? ''}\n`));
  assert.match(withHosts, /^127\.0\.0\.1\tme$/m);
  const none = ['run', '--rootfs', rootfs, '--network', 'none'] as const;
  for (const [options, why] of [
    [['--add-host', 'me:host-gateway'], /no network with a way to the host/],
    [['--add-host', 'db'], /not NAME:ADDRESS/],
    [['--dns', 'resolver'], /no IP address/],
    [['--rw', '--add-host', 'db:192.0.2.1'], /files of the directory itself/],
    [['-p', '8080:80'], /in no network/],
  ] as const)
    assert.match(await refused(...none, ...options, ...show), why);
  assert.deepEqual(
    files.map((path) => readFileSync(path, 'utf8')),
    before,
  );
  assert.equal(await ok('ps', '-aq'), '');
});

test('an --expose that is none is refused, also where nothing publishes it', async () => {
  for (const options of [['--network', 'lab'], ['--network', 'lab', '-P'], ['--network', 'none'], []])
    for (const port of ['http', '70000', '8080:80'])
      assert.match(
        await refused('run', '--rootfs', rootfs, ...options, '--expose', port, '--', 'true'),
        new RegExp(`Cannot expose "${port}"`),
      );
  assert.equal(await ok('ps', '-aq'), '');
  await ok('run', '--rm', '--rootfs', rootfs, '--expose', '80', '--', 'true');
});

test('warren network connect, disconnect and rm', async () => {
  const id = await run('--name', 'web', '--network', 'lab', ...idle);
  const [name, address = ''] = (await ok('network', 'connect', '--alias', 'two', 'other', 'web')).split(' ');
  assert.equal(name, 'eth1');
  assert.match(address, /^10\.91\.0\.\d+\/24$/);
  assert.match(await ok('exec', 'web', 'ip', '-4', '-o', 'addr'), new RegExp(` eth1 .*${address}`));
  assert.match(await refused('network', 'rm', 'other'), new RegExp(id.slice(0, 12)));
  await ok('network', 'disconnect', 'other', 'web');
  assert.doesNotMatch(await ok('exec', 'web', 'ip', '-4', '-o', 'addr'), /eth1/);
  process.kill((await inspect('web')).State.Pid, 'SIGKILL');
  await ok('wait', 'web');
  // Nobody has noticed its end, and it is no hindrance.
  await ok('network', 'create', 'third');
  await ok('network', 'rm', 'third', 'lab');
  await ok('network', 'create', 'lab', '--subnet', '10.90.0.0/24');
});

test('--network none, host, ns: and container: give the namespace that they name', async () => {
  const own = (await ok('run', '--rootfs', rootfs, '--network', 'none', '--', 'ls', '/sys/class/net')).split(
    '\n',
  );
  assert.deepEqual(own, ['lo']);
  const link = ['readlink', '/proc/self/ns/net'] as const;
  assert.equal(
    await ok('run', '--rootfs', rootfs, '--network', 'host', '--', ...link),
    readlinkSync('/proc/self/ns/net'),
  );
  oracle('touch', ['/run/blue']);
  oracle('unshare', ['--net=/run/blue', 'true']);
  const blue = oracle('nsenter', ['--net=/run/blue', ...link]).stdout.trim();
  assert.equal(await ok('run', '--rootfs', rootfs, '--network', 'ns:/run/blue', '--', ...link), blue);
  oracle('umount', ['/run/blue']);
  oracle('rm', ['/run/blue']);
  oracle('touch', ['/run/netns/green']);
  oracle('unshare', ['--net=/run/netns/green', 'true']);
  const green = oracle('nsenter', ['--net=/run/netns/green', ...link]).stdout.trim();
  assert.equal(await ok('run', '--rootfs', rootfs, '--network', 'ns:green', '--', ...link), green);
  oracle('umount', ['/run/netns/green']);
  oracle('rm', ['/run/netns/green']);
  await run('--name', 'web', '--network', 'lab', ...idle);
  const web = readlinkSync(`/proc/${(await inspect('web')).State.Pid}/ns/net`);
  assert.equal(await ok('run', '--rootfs', rootfs, '--network', 'container:web', '--', ...link), web);
  assert.match(await refused('run', '--rootfs', rootfs, '--network', 'container:none', '--', 'true'), /none/);
  assert.match(
    await refused('run', '--rootfs', rootfs, '--network', 'lab', '--network', 'host', '--', 'true'),
    /alone/,
  );
});

test('warren run in the foreground gives its network back at its end', async () => {
  const text = await ok(
    'run',
    '--rm',
    '--rootfs',
    rootfs,
    '--network',
    'lab',
    '-p',
    '8091:80',
    '--',
    'ip',
    '-4',
    '-o',
    'addr',
  );
  assert.match(text, / eth0 +inet 10\.90\.0\./);
  const { code } = await warren(
    ['run', '--rootfs', rootfs, '--network', 'lab', '-p', '8091:80', '--', 'false'],
    { env },
  );
  assert.equal(code, 1);
  await assertNoNetworkTraces(root);
});

test('forty commands at once give forty addresses', async () => {
  const all = await Promise.all(Array.from({ length: 40 }, async () => run('--network', 'lab', ...idle)));
  const addresses = JSON.parse(await ok('inspect', ...all)) as Inspected[];
  assert.equal(new Set(addresses.map(({ NetworkSettings }) => NetworkSettings.IPAddress)).size, 40);
});

test('"nft flush ruleset": the next command about networks restores what is published', async () => {
  await run('--name', 'web', '--network', 'lab', '-p', '8092:80', ...idle);
  const server = await serve((await inspect('web')).State.Pid, 80);
  oracle('nft', ['flush', 'ruleset']);
  await ok('network', 'create', 'third');
  await ok('network', 'rm', 'third');
  assert.equal(ask(outside.pid, '198.51.100.1', 8092), 'from 198.51.100.2');
  await server.end();
});

/** Launchers and monitors, and what runs in containers: everything that has come since, but the command itself. */
function launched(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        if (readlinkSync(`/proc/${pid}/exe`).startsWith('/memfd:')) return true;
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('73303');
      } catch {
        // Gone meanwhile, or on its way.
        return false;
      }
    });
}

test(`kill -9 at any moment of a networked start, ${rounds} rounds: nothing is left after warren gc`, async () => {
  const once = async (): Promise<CliResult> =>
    warren(['run', '-d', '--rootfs', rootfs, '--network', 'lab', '-p', '8093:80', ...idle], { env });
  const began = performance.now();
  assert.equal((await once()).code, 0);
  const usualMs = performance.now() - began;
  await state.clear();
  for (let round = 0; round < rounds; round++) {
    const child = startWarren(
      ['run', '-d', '--rootfs', rootfs, '--network', 'lab', '--network', 'other', '-p', '8093:80', ...idle],
      { env },
    );
    const ended = finish(child);
    const isEnded = ended.then(() => true);
    await delay(Math.random() * usualMs);
    if (round % 3 === 0) child.kill('SIGKILL');
    else {
      // The monitor, or the container's first process: as soon as there is any, or never.
      const [pid] = (
        await Promise.race([
          waitFor('a process', () => (launched().length > 0 ? launched() : undefined)).catch(() => []),
          isEnded.then(() => launched()),
        ])
      ).sort(() => Math.random() - 0.5);
      try {
        if (pid !== undefined) process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
    await ended;
    if (round % 5 !== 4 && round !== rounds - 1) continue;
    // What lives on is no garbage, and can be removed.
    await ok('gc');
    for (const id of store.ids()) {
      const { code, stderr } = await warren(['rm', '-f', id], { env });
      assert.ok(code === 0 || /no container/i.test(stderr), stderr);
    }
    await ok('gc');
    await waitFor('all processes to end', () => launched().length === 0 || undefined);
    await assertNoNetworkTraces(root);
  }
  assert.deepEqual(networkTraces(root), []);
});

test('--sysctl sets a parameter of an interface that the networks give, and refuses that of another', async () => {
  const key = (device: string): string => `net.ipv4.conf.${device}.rp_filter=2`;
  const show = [
    '--',
    'cat',
    '/proc/sys/net/ipv4/conf/eth0/rp_filter',
    '/proc/sys/net/ipv4/conf/eth1/rp_filter',
  ];
  const both = ['--network', 'lab', '--network', 'other', '--sysctl', key('eth0'), '--sysctl', key('eth1')];
  assert.equal(await ok('run', '--rootfs', rootfs, ...both, ...show), '2\n2');
  assert.match(
    await refused('run', '--rootfs', rootfs, '--network', 'lab', '--sysctl', key('eth1'), ...idle),
    /does not exist/,
  );
});
