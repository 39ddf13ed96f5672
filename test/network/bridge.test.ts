import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  attachAll,
  collectNetworkGarbage,
  createNetwork,
  type CreateNetworkOptions,
  detachAll,
  disconnectContainer,
  endpointsOf,
  listNetworks,
  prepareNetworks,
  removeNetwork,
} from '../../src/network/index.js';
import { assertFakeHost, networkDevices } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';
import { ask, box, emptyBox, neighbour, ownState, serve } from './support.js';

assertFakeHost();
after(ownState());

const json = (text: string): Record<string, unknown>[] => JSON.parse(text) as Record<string, unknown>[];

test('MISSION 2.5: a container of a network has its address, its neighbours, the host and the world outside', async () => {
  const outside = await neighbour();
  const { device, subnets } = await createNetwork('lab', { ipv6: true });
  assert.equal(subnets[0]?.subnet, '172.17.0.0/16');
  const one = await box(['lab']);
  const other = await box(['lab']);
  assert.deepEqual([one.ip, other.ip], ['172.17.0.2', '172.17.0.3']);

  const [eth0] = json(one.run('ip', '-json', '-details', 'address', 'show', 'eth0'));
  assert.equal(eth0?.['operstate'], 'UP');
  assert.equal(eth0['address'], '02:42:ac:11:00:02');
  const [port] = json(
    oracle('ip', ['-json', '-details', 'link', 'show', one.attachments[0]?.device ?? '']).stdout,
  );
  assert.equal(port?.['master'], device);
  assert.deepEqual(
    json(one.run('ip', '-json', 'route')).map(({ dst, gateway }) => [dst, gateway]),
    [
      ['default', '172.17.0.1'],
      ['172.17.0.0/16', undefined],
    ],
  );
  const gateway6 = subnets[1]?.gateway ?? '';
  for (const target of [
    '127.0.0.1',
    '172.17.0.1',
    other.ip,
    '198.51.100.2',
    gateway6,
    other.ip6,
    '2001:db8:1::2',
  ])
    assert.ok(one.can('ping', '-nc1', '-W2', target), target);

  await one[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
  await removeNetwork('lab');
  await outside.end();
  assert.deepEqual(networkDevices(), ['lo']);
  assert.equal(oracle('nft', ['list', 'tables']).stdout, '');
});

test('networks are apart from each other, internal ones from everything, and so is what is not published', async () => {
  const outside = await neighbour();
  await createNetwork('red', { ipv6: true });
  await createNetwork('blue', { ipv6: true });
  await createNetwork('cell', { internal: true, ipv6: true });
  const [red, blue, cell, mate] = [
    await box(['red']),
    await box(['blue']),
    await box(['cell']),
    await box(['cell']),
  ];
  const wires = [capture(outside.pid, 'up1'), capture(blue.pid, 'eth0'), capture(red.pid, 'eth0')];
  for (const wire of wires) await wire.started;
  for (const target of [blue.ip, blue.ip6])
    assert.ok(!red.can('ping', '-nc1', '-W0.3', target), 'another network');
  const internal = cell.attachments[0]?.gateways ?? [];
  for (const target of [red.ip, blue.ip6, '198.51.100.2', '198.51.100.1', ...internal]) {
    assert.ok(!cell.can('ping', '-nc1', '-W0.3', target), `out of an internal network, to ${target}`);
    // Nor with a way that a process in there has made for itself.
    for (const [index, gateway] of internal.entries())
      cell.can('ip', index === 0 ? '-4' : '-6', 'route', 'replace', 'default', 'via', gateway);
    assert.ok(!cell.can('ping', '-nc1', '-W0.3', target), `out of an internal network, to ${target}`);
  }
  for (const target of [mate.ip, mate.ip6]) assert.ok(cell.can('ping', '-nc1', '-W0.3', target), 'within');
  assert.equal(
    oracle('ping', ['-nc1', '-W0.3', cell.ip], { allowFailure: true }).code,
    0,
    'the host reaches in',
  );
  oracle('nsenter', [
    '--net',
    '--target',
    String(outside.pid),
    'ip',
    'route',
    'add',
    red.ip,
    'via',
    '198.51.100.1',
  ]);
  assert.equal(
    oracle('nsenter', ['--net', '--target', String(outside.pid), 'ping', '-nc1', '-W0.3', red.ip], {
      allowFailure: true,
    }).code,
    1,
    'from outside, without a published port',
  );
  for (const [index, wire] of wires.entries()) {
    const seen = await wire.end();
    const own = [['198.51.100.2'], [blue.ip, blue.ip6], [red.ip, red.ip6]][index] ?? [];
    for (const foreign of [cell.ip, cell.ip6, ...(index === 1 ? [red.ip, red.ip6] : [])])
      assert.ok(
        !seen.some((packet) => packet.includes(foreign)),
        `packets of ${foreign} at ${own.join(' ')}`,
      );
  }
  for (const each of [red, blue, cell, mate]) await each[Symbol.asyncDispose]();
  for (const name of ['red', 'blue', 'cell']) await removeNetwork(name);
  await outside.end();
});

/** Source and destination of the IP packets that a device sees. */
function capture(pid: number, device: string): { started: Promise<unknown>; end(): Promise<string[]> } {
  const script = `
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind((sys.argv[1], 0))
print('ready', flush=True)
while True:
    p = s.recv(200)
    if p[12:14] == b'\\x08\\x00': print(socket.inet_ntop(2, p[26:30]), socket.inet_ntop(2, p[30:34]), flush=True)
    if p[12:14] == b'\\x86\\xdd': print(socket.inet_ntop(10, p[22:38]), socket.inet_ntop(10, p[38:54]), flush=True)
`;
  const child = spawn(
    'nsenter',
    ['--net', '--target', String(pid), '/usr/bin/python3', '-c', script, device],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const closed = once(child, 'close');
  return {
    started: once(child.stdout, 'data'),
    async end() {
      child.kill('SIGKILL');
      await closed;
      return text.split('\n');
    },
  };
}

test('with icc=false, containers of one network do not reach each other, and still reach the host', async (t) => {
  await createNetwork('apart', { options: { icc: 'false' }, ipv6: true });
  const [one, other] = [await box(['apart']), await box(['apart'])];
  t.diagnostic(one.ip);
  for (const target of [other.ip, other.ip6]) assert.ok(!one.can('ping', '-nc1', '-W0.3', target));
  for (const gateway of one.attachments[0]?.gateways ?? [])
    assert.ok(one.can('ping', '-nc1', '-W0.3', gateway));
  for (const each of [one, other]) await each[Symbol.asyncDispose]();
  await removeNetwork('apart');
});

test('a router advertisement of a container changes nothing on the host, nor in its neighbours (CVE-2020-13401)', async () => {
  await createNetwork('lab', { ipv6: true });
  await createNetwork('four');
  const [one, other, plain, mate] = [
    await box(['lab']),
    await box(['lab']),
    await box(['four']),
    await box(['four']),
  ];
  oracle('sysctl', ['-qw', 'net.ipv6.conf.all.forwarding=0']);
  // Address fe80::1 of a router of the prefix 2001:db8:bad::/64, to all nodes.
  const script = `
import socket, struct
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58)
s.setsockopt(41, 18, 255)
s.setsockopt(41, 17, socket.if_nametoindex('eth0'))
prefix = struct.pack('!BBBBIII', 3, 4, 64, 0xc0, 86400, 86400, 0) + socket.inet_pton(10, '2001:db8:bad::')
for _ in range(3): s.sendto(struct.pack('!BBHBBHII', 134, 0, 0, 64, 0, 1800, 0, 0) + prefix, ('ff02::1', 0))
`;
  one.run('/usr/bin/python3', '-c', script);
  plain.can('sh', '-c', 'echo 0 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6');
  plain.can('/usr/bin/python3', '-c', script);
  // What is answered after them says that they have been looked at.
  assert.ok(one.can('ping', '-nc1', '-W2', other.ip));
  assert.ok(one.can('ping', '-nc1', '-W2', one.attachments[0]?.gateways[1] ?? ''));
  const everywhere =
    oracle('ip', ['-6', 'route']).stdout + other.run('ip', '-6', 'route') + mate.run('ip', '-6', 'route');
  assert.doesNotMatch(everywhere, /proto ra|bad/);
  for (const each of [one, other, plain, mate]) await each[Symbol.asyncDispose]();
  for (const name of ['lab', 'four']) await removeNetwork(name);
});

test('200 containers attached at once have 200 addresses', async () => {
  await createNetwork('crowd', { subnets: ['10.77.0.0/24'], ipv6: true });
  const empty = await Promise.all(Array.from({ length: 200 }, emptyBox));
  const plan = await prepareNetworks([{ network: 'crowd' }]);
  const all = await Promise.all(empty.map(async ({ pid, id }) => attachAll(plan, { pid }, id)));
  assert.equal(new Set(all.map(([each]) => each?.addresses[0])).size, 200);
  assert.equal(new Set(all.map(([each]) => each?.addresses[1])).size, 200);
  for (const { end } of empty) await end();
  await Promise.all(empty.map(async ({ id }) => detachAll(id)));
  assert.deepEqual(endpointsOf('crowd'), []);
  await removeNetwork('crowd');
});

test('of a network with 61 free addresses, four processes get 61, each once', async () => {
  await createNetwork('few', { subnets: ['10.78.0.0/26'] });
  const script = fileURLToPath(new URL('take-addresses.js', import.meta.url));
  const outputs = await Promise.all(
    ['a', 'b', 'c', 'd'].map(async (letter) => {
      const child = spawn(process.execPath, [script, 'few', letter], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let text = '';
      child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
      await once(child, 'close');
      return text.trim().split('\n');
    }),
  );
  const all = outputs.flat().filter((line) => line !== '' && line !== 'ERR_NETWORK_FULL');
  assert.equal(all.length, 61);
  assert.equal(new Set(all).size, 61);
  // The leases of processes that have ended are garbage.
  const { removed } = await collectNetworkGarbage();
  assert.equal(removed.filter((what) => what.includes('address')).length, 61);
  await removeNetwork('few');
});

test('killed at any moment of an attach, nothing is left that collectNetworkGarbage() does not remove', async () => {
  await createNetwork('doomed', { subnets: ['10.79.0.0/24'], ipv6: true });
  const script = fileURLToPath(new URL('attach-forever.js', import.meta.url));
  const { pid, end } = await emptyBox();
  const rounds = Number(process.env['WARREN_ROUNDS'] ?? 12);
  let interrupted = 0;
  for (let round = 0; round < rounds; round++) {
    const child = spawn(process.execPath, [script, 'doomed', String(pid)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    // Spread over what one round takes it.
    const until = performance.now() + (round % 25) * 0.7;
    while (performance.now() < until);
    child.kill('SIGKILL');
    await once(child, 'close');
    const { removed, kept } = await collectNetworkGarbage({ isAlive: () => false });
    assert.deepEqual(kept, []);
    if (removed.length > 0) interrupted++;
    assert.deepEqual(
      networkDevices().filter((name) => /^w[0-9a-f]{12}/.test(name)),
      [],
    );
    assert.doesNotMatch(oracle('nft', ['list', 'table', 'inet', 'warren']).stdout, /10\.79\.0/);
    const directory = join(process.env['WARREN_STATE'] ?? '', 'networks/doomed/run');
    assert.deepEqual(
      [...readdirSync(join(directory, 'leases')), ...readdirSync(join(directory, 'endpoints'))],
      [],
    );
  }
  assert.ok(interrupted > 0, 'no kill ever met an attach');
  await end();
  await removeNetwork('doomed');
});

test('bad input and bad luck are refused by what they are, and leave nothing', async () => {
  const refused = async (code: string, name: string, options: CreateNetworkOptions = {}) =>
    assert.rejects(createNetwork(name, options), { code }, JSON.stringify([name, options]));
  await refused('ERR_NETWORK_NAME', '../x');
  await refused('ERR_NETWORK_NAME', 'host');
  for (const subnet of ['127.0.0.0/8', '10.0.0.0/32', '0.0.0.0/0', 'fe80::/64', '224.0.0.0/4'])
    await refused('ERR_NETWORK_SUBNET', 'n', { subnets: [subnet] });
  for (const subnet of ['10.0.0.0', '10.0.0.1/24', '300.0.0.0/8', 'x', '10.0.0.0/33'])
    await assert.rejects(createNetwork('n', { subnets: [subnet] }), ({ code }: { code?: string }) =>
      ['ERR_IP_PREFIX', 'ERR_NETWORK_SUBNET'].includes(code ?? ''),
    );
  await refused('ERR_NETWORK_SUBNET', 'n', { subnets: ['10.1.0.0/24'], gateways: ['10.2.0.1'] });
  await refused('ERR_NETWORK_SUBNET', 'n', { subnets: ['10.1.0.0/24'], gateways: ['10.1.0.255'] });
  await refused('ERR_NETWORK_SUBNET', 'n', { subnets: ['10.1.0.0/24', '10.2.0.0/24'] });
  await refused('ERR_NETWORK_OPTION', 'n', { options: { mtu: '5' } });
  await refused('ERR_NETWORK_OPTION', 'n', { options: { nonsense: '5' } });
  await refused('ERR_INTERFACE_NAME', 'n', { options: { bridge: 'a name' } });
  await refused('ERR_INTERFACE_NAME', 'n', { options: { bridge: 'sixteen-bytes-xx' } });
  oracle('ip', ['link', 'add', 'br-theirs', 'type', 'bridge']);
  await refused('ERR_NETWORK_DEVICE', 'n', { options: { bridge: 'br-theirs' } });
  oracle('ip', ['link', 'delete', 'br-theirs']);
  oracle('ip', ['route', 'add', 'blackhole', '10.55.0.0/16']);
  await refused('ERR_NETWORK_OVERLAP', 'n', { subnets: ['10.55.7.0/24'] });
  oracle('ip', ['route', 'delete', 'blackhole', '10.55.0.0/16']);

  await createNetwork('tiny', { subnets: ['10.55.0.0/29'], ipRanges: ['10.55.0.4/31'] });
  await refused('ERR_NETWORK_EXISTS', 'tiny');
  await refused('ERR_NETWORK_OVERLAP', 'n', { subnets: ['10.55.0.0/24'] });
  const one = await box([{ network: 'tiny', ip: '10.55.0.2' }]);
  const rejectsBox = async (code: string, ip: string) =>
    assert.rejects(box([{ network: 'tiny', ip }]), { code });
  await rejectsBox('ERR_ADDRESS_IN_USE', '10.55.0.2');
  for (const ip of ['10.55.0.1', '10.55.0.7', '10.55.1.1']) await rejectsBox('ERR_ADDRESS_OUTSIDE', ip);
  await rejectsBox('ERR_NETWORK_REQUEST', 'fd00::1');
  await assert.rejects(removeNetwork('tiny'), { code: 'ERR_NETWORK_IN_USE' });
  const rest = [await box(['tiny']), await box(['tiny'])];
  await assert.rejects(box(['tiny']), { code: 'ERR_NETWORK_FULL' });
  for (const each of [one, ...rest]) await each[Symbol.asyncDispose]();
  await removeNetwork('tiny');

  oracle('sysctl', ['-qw', 'net.ipv6.conf.all.disable_ipv6=1']);
  await refused('ERR_IPV6_DISABLED', 'n', { ipv6: true });
  const plain = await createNetwork('plain');
  assert.equal(plain.subnets.length, 1);
  await (await box(['plain']))[Symbol.asyncDispose]();
  await removeNetwork('plain');
  oracle('sysctl', ['-qw', 'net.ipv6.conf.all.disable_ipv6=0']);
  await assert.rejects(removeNetwork('plain'), { code: 'ERR_NETWORK_NOT_FOUND' });
  assert.deepEqual(listNetworks(), []);
  assert.deepEqual(networkDevices(), ['lo']);
});

test('a bridge with all the ports that the kernel gives it takes no more containers, and says so', async () => {
  const { device } = await createNetwork('full');
  const batch = Array.from(
    { length: 1023 },
    (_, index) => `link add p${index} group 77 master ${device} type veth peer q${index} group 77`,
  );
  oracle('ip', ['-batch', '-'], { input: batch.join('\n') });
  await assert.rejects(box(['full']), { code: 'ERR_NETWORK_PORTS' });
  assert.deepEqual(endpointsOf('full'), []);
  oracle('ip', ['link', 'delete', 'group', '77']);
  await (await box(['full']))[Symbol.asyncDispose]();
  await removeNetwork('full');
});

test('a container is put into a second network and taken out of it while it runs; a bridge that is gone is made again', async () => {
  await createNetwork('first');
  const second = await createNetwork('second');
  const one = await box(['first']);
  oracle('ip', ['link', 'delete', second.device]);
  const plan = await prepareNetworks([{ network: 'second', aliases: ['db'] }]);
  const [added] = await attachAll(plan, { pid: one.pid }, one.id, { running: true });
  assert.equal(added?.interface, 'eth1');
  assert.ok(one.can('ping', '-nc1', '-W2', added.gateways[0] ?? ''));
  await assert.rejects(attachAll(plan, { pid: one.pid }, one.id, { running: true }), {
    code: 'ERR_ALREADY_ATTACHED',
  });
  await disconnectContainer(second, one.id);
  assert.ok(!one.can('ip', 'link', 'show', 'eth1'));
  await assert.rejects(disconnectContainer(second, one.id), { code: 'ERR_NOT_ATTACHED' });
  await one[Symbol.asyncDispose]();
  for (const name of ['first', 'second']) await removeNetwork(name);
});

test('a routed network has no bridge: a route for each container, and the same reach', async () => {
  const outside = await neighbour();
  await createNetwork('far', { driver: 'routed', subnets: ['10.66.0.0/24', 'fd66::/64'] });
  await createNetwork('lab');
  const [one, other, bridged] = [
    await box(['far'], { publish: ['8080:80'] }),
    await box(['far']),
    await box(['lab']),
  ];
  for (const target of [other.ip, other.ip6, '10.66.0.1', 'fd66::1', '198.51.100.2', '2001:db8:1::2'])
    assert.ok(one.can('ping', '-nc1', '-W2', target), target);
  assert.ok(!one.can('ping', '-nc1', '-W0.3', bridged.ip), 'another network');
  assert.ok(!bridged.can('ping', '-nc1', '-W0.3', one.ip), 'from another network');
  assert.ok(!one.can('ping', '-nc1', '-W0.3', '10.66.0.200'), 'an address that nobody has');
  assert.equal(
    json(oracle('ip', ['-json', 'route', 'get', one.ip]).stdout)[0]?.['dev'],
    one.attachments[0]?.device,
  );
  const server = await serve(one.pid, 80);
  assert.equal(ask(outside.pid, '198.51.100.1', 8080), 'from 198.51.100.2');
  assert.equal(ask(0, '127.0.0.1', 8080), 'from 10.66.0.1');
  assert.equal(ask(bridged.pid, '198.51.100.1', 8080), `from ${bridged.ip}`);
  for (const from of [one, other]) assert.equal(ask(from.pid, '198.51.100.1', 8080)?.slice(0, 5), 'from ');
  await server.end();
  for (const each of [one, other, bridged]) await each[Symbol.asyncDispose]();
  for (const name of ['far', 'lab']) await removeNetwork(name);
  assert.doesNotMatch(oracle('ip', ['route']).stdout, /10\.66/);
  await outside.end();
});

test('a macvlan network puts containers on the link of a device', async () => {
  const outside = await neighbour();
  await assert.rejects(
    createNetwork('lan', { driver: 'macvlan', subnets: ['203.0.113.0/24'], options: { parent: 'none0' } }),
    {
      code: 'ERR_NETWORK_DEVICE',
    },
  );
  await createNetwork('lan', {
    driver: 'macvlan',
    subnets: ['198.51.100.0/24'],
    ipRanges: ['198.51.100.128/25'],
    gateways: ['198.51.100.2'],
    options: { parent: 'up0' },
  });
  const one = await box(['lan']);
  assert.equal(one.ip, '198.51.100.128');
  assert.ok(one.can('ping', '-nc1', '-W2', '198.51.100.2'));
  assert.equal((await collectNetworkGarbage()).removed.length, 0, 'it is alive');
  await one[Symbol.asyncDispose]();
  await removeNetwork('lan');
  await outside.end();
});
