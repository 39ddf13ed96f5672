import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import {
  addPorts,
  createNetwork,
  keepNetworkRules,
  parsePortSpec,
  portsOf,
  prepareNetworks,
  removePorts,
} from '../../src/network/index.js';
import { assertFakeHost } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';
import { waitFor } from '../support/wait.js';
import { ask, box, neighbour, ownState, serve } from './support.js';

assertFakeHost();
const cleanUp = ownState();
let outside: Awaited<ReturnType<typeof neighbour>>;
before(async () => {
  outside = await neighbour();
  await createNetwork('lab', { ipv6: true });
  await createNetwork('other');
});
after(async () => {
  await cleanUp();
});

function gatewayOf({ attachments }: Awaited<ReturnType<typeof box>>): string {
  return attachments[0]?.gateways.find((each) => !each.includes(':')) ?? '';
}

/** How many rules and sets the table has. */
function rulesAndSets(): number {
  return oracle('nft', ['--stateless', '--terse', 'list', 'table', 'inet', 'warren']).stdout.split('\n')
    .length;
}

for (const bridgeFilter of ['0', '1'])
  test(`MISSION 2.8: a published port is reached from outside, from the host, from neighbours and from itself, over IPv4 and IPv6; bridge-nf-call-iptables=${bridgeFilter}`, async (t) => {
    if (!existsSync('/proc/sys/net/bridge')) {
      if (bridgeFilter === '1') {
        t.skip('this kernel has no br_netfilter loaded');
        return;
      }
    } else
      for (const key of ['iptables', 'ip6tables'])
        oracle('sysctl', ['-qw', `net.bridge.bridge-nf-call-${key}=${bridgeFilter}`]);
    const web = await box(['lab'], { publish: ['8080:80', '8080:80/udp'] });
    const neighbouring = await box(['lab']);
    const elsewhere = await box(['other']);
    const servers = [
      await serve(web.pid, 80),
      await serve(web.pid, 80, { address: '::' }),
      await serve(web.pid, 80, { kind: 'udp' }),
      await serve(web.pid, 80, { kind: 'udp', address: '::' }),
    ];
    const gateway = web.attachments[0]?.gateways ?? [];
    for (const kind of ['tcp', 'udp'] as const) {
      // The client's true address is seen, but for those whose answers would not come back this way.
      assert.equal(ask(outside.pid, '198.51.100.1', 8080, { kind }), 'from 198.51.100.2');
      assert.equal(ask(outside.pid, '2001:db8:1::1', 8080, { kind }), 'from 2001:db8:1::2');
      assert.equal(ask(elsewhere.pid, '198.51.100.1', 8080, { kind }), `from ${elsewhere.ip}`);
      assert.equal(ask(0, '198.51.100.1', 8080, { kind }), 'from 198.51.100.1');
      assert.equal(ask(0, '2001:db8:1::1', 8080, { kind }), 'from 2001:db8:1::1');
      for (const address of ['127.0.0.1', '127.0.0.53'])
        assert.equal(ask(0, address, 8080, { kind }), `from ${gateway[0]}`);
      assert.equal(ask(0, '::1', 8080, { kind }), `from ${gateway[1]}`);
      for (const from of [neighbouring, web]) {
        // Translated on the bridge, the neighbour's answers come back that way too.
        const isSeen = bridgeFilter === '1' && from === neighbouring;
        assert.equal(ask(from.pid, '198.51.100.1', 8080, { kind }), `from ${isSeen ? from.ip : gateway[0]}`);
        assert.equal(
          ask(from.pid, '2001:db8:1::1', 8080, { kind }),
          `from ${isSeen ? from.ip6 : gateway[1]}`,
        );
      }
    }
    assert.equal(ask(outside.pid, '198.51.100.1', 8081, { patienceSec: 0.5 }), undefined);
    for (const server of servers) await server.end();
    for (const each of [web, neighbouring, elsewhere]) await each[Symbol.asyncDispose]();
  });

test('the number of rules does not grow with what is published', async () => {
  const before = rulesAndSets();
  const some = [];
  for (let index = 0; index < 5; index++)
    some.push(await box(['lab'], { publish: [`${9000 + index * 10}-${9009 + index * 10}:1-10`] }));
  assert.equal(rulesAndSets(), before);
  const map = oracle('nft', ['list', 'map', 'inet', 'warren', 'publish4']).stdout;
  assert.equal(map.match(/tcp \. 90\d\d /g)?.length, 50);
  for (const each of some) await each[Symbol.asyncDispose]();
});

test('MISSION 2.8: ports are added to and taken from a container that runs', async () => {
  const web = await box(['lab']);
  const server = await serve(web.pid, 80);
  assert.equal(ask(0, '198.51.100.1', 8082, { patienceSec: 0.5 }), undefined);
  assert.deepEqual(await addPorts(web.id, parsePortSpec('8082:80')), [
    { hostPort: 8082, containerPort: 80, protocol: 'tcp' },
  ]);
  assert.ok(ask(0, '198.51.100.1', 8082));
  assert.ok(ask(0, '127.0.0.1', 8082));
  await removePorts(web.id, [{ hostPort: 8082, protocol: 'tcp' }]);
  assert.deepEqual(portsOf(web.id), []);
  assert.equal(ask(0, '198.51.100.1', 8082, { patienceSec: 0.5 }), undefined);
  await assert.rejects(removePorts(web.id, [{ hostPort: 8082, protocol: 'tcp' }]), {
    code: 'ERR_PORT_NOT_PUBLISHED',
  });
  await server.end();
  await web[Symbol.asyncDispose]();
});

test('a port that a process or a container holds is refused, and the message says who', async () => {
  const holder = await serve(0, 8090, { address: '127.0.0.1' });
  await assert.rejects(box(['lab'], { publish: ['8090:80'] }), (error: Error) => {
    assert.match(error.message, /process \d+ \(python3\)/);
    return (error as { code?: string }).code === 'ERR_PORT_IN_USE';
  });
  // Only that address is taken.
  const beside = await box(['lab'], { publish: ['198.51.100.1:8090:80'] });
  await holder.end();
  await assert.rejects(box(['lab'], { publish: ['8090:80'] }), (error: Error) => {
    assert.ok(error.message.includes(beside.id.slice(0, 12)));
    return (error as { code?: string }).code === 'ERR_PORT_IN_USE';
  });
  await beside[Symbol.asyncDispose]();
  const all = await box(['lab'], { publish: ['8090:80'] });
  await assert.rejects(box(['lab'], { publish: ['127.0.0.1:8090:80'] }), { code: 'ERR_PORT_IN_USE' });
  assert.deepEqual(
    (
      await box(['other'], { publish: ['8090:80/udp'] }).then(async (each) => {
        const [port] = each.attachments[0]?.ports ?? [];
        await each[Symbol.asyncDispose]();
        return port;
      })
    )?.protocol,
    'udp',
  );
  await all[Symbol.asyncDispose]();
});

test('without a port of the host, a free one of the kernel’s range is chosen; of a range, the first that is free', async () => {
  const [low = 0, high = 0] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
    .split(/\s+/)
    .map(Number);
  const some = await box(['lab'], { publish: ['80', '81', '127.0.0.1::82'] });
  for (const { hostPort } of some.attachments[0]?.ports ?? []) assert.ok(hostPort >= low && hostPort <= high);
  const one = await box(['lab'], { publish: ['7000-7001:80'] });
  const two = await box(['lab'], { publish: ['7000-7001:80'] });
  assert.deepEqual(
    [one, two].map(({ attachments }) => attachments[0]?.ports[0]?.hostPort),
    [7000, 7001],
  );
  await assert.rejects(box(['lab'], { publish: ['7000-7001:80'] }), { code: 'ERR_PORTS_EXHAUSTED' });
  for (const each of [some, one, two]) await each[Symbol.asyncDispose]();
});

test('-p 0.0.0.0:… is every address of IPv4 and -p [::]:… of IPv6; two containers may have one each', async () => {
  const four = await box(['lab'], { publish: ['0.0.0.0:8092:80'] });
  const six = await box(['lab'], { publish: ['[::]:8092:80'] });
  const servers = [
    await serve(four.pid, 80, { address: '::' }),
    await serve(four.pid, 80),
    await serve(six.pid, 80, { address: '::' }),
  ];
  assert.equal(ask(outside.pid, '198.51.100.1', 8092), 'from 198.51.100.2');
  assert.equal(ask(0, '127.0.0.1', 8092), `from ${gatewayOf(four)}`);
  assert.equal(ask(outside.pid, '2001:db8:1::1', 8092), 'from 2001:db8:1::2');
  await six[Symbol.asyncDispose]();
  assert.equal(ask(outside.pid, '2001:db8:1::1', 8092, { patienceSec: 1 }), undefined);
  for (const spec of ['8092:80', '0.0.0.0:8092:80', '127.0.0.1:8092:80', '198.51.100.1:8092:80'])
    await assert.rejects(box(['lab'], { publish: [spec] }), { code: 'ERR_PORT_IN_USE' }, spec);
  for (const spec of ['[::1]:8092:80', '[2001:db8:1::1]:8092:80']) {
    const beside = await box(['lab'], { publish: [spec] });
    await assert.rejects(box(['lab'], { publish: ['[::]:8092:80'] }), { code: 'ERR_PORT_IN_USE' });
    await beside[Symbol.asyncDispose]();
  }
  for (const server of servers) await server.end();
  await four[Symbol.asyncDispose]();
  // Of processes too: one of IPv4 only, one of both.
  const holder = await serve(0, 8093);
  await (await box(['lab'], { publish: ['[::]:8093:80'] }))[Symbol.asyncDispose]();
  await assert.rejects(box(['lab'], { publish: ['0.0.0.0:8093:80'] }), { code: 'ERR_PORT_IN_USE' });
  await holder.end();
  const both = createServer().listen({ host: '::', port: 8094, ipv6Only: false });
  await once(both, 'listening');
  await assert.rejects(box(['lab'], { publish: ['0.0.0.0:8094:80'] }), { code: 'ERR_PORT_IN_USE' });
  both.close();
  const only6 = createServer().listen({ host: '::', port: 8095, ipv6Only: true });
  await once(only6, 'listening');
  await (await box(['lab'], { publish: ['0.0.0.0:8095:80'] }))[Symbol.asyncDispose]();
  only6.close();
  // A network of the other family has nothing to offer.
  await assert.rejects(box(['other'], { publish: ['[::]:8096:80'] }), { code: 'ERR_NETWORK_REQUEST' });
});

test('SCTP is published also where the kernel cannot tell who listens', async (t) => {
  const web = await box(['lab'], { publish: ['8091:80/sctp'] });
  assert.deepEqual(portsOf(web.id), [{ hostPort: 8091, containerPort: 80, protocol: 'sctp' }]);
  const { nftables } = JSON.parse(
    oracle('nft', ['--json', 'list', 'map', 'inet', 'warren', 'publish4']).stdout,
  ) as { nftables: { map?: { elem?: unknown[] } }[] };
  assert.match(JSON.stringify(nftables.flatMap(({ map }) => map?.elem ?? [])), /"sctp",8091/);
  await assert.rejects(box(['lab'], { publish: ['8091:80/sctp'] }), { code: 'ERR_PORT_IN_USE' });
  t.diagnostic(existsSync('/proc/net/sctp') ? 'with SCTP' : 'the kernel has no SCTP');
  await web[Symbol.asyncDispose]();
  assert.deepEqual(portsOf(web.id), []);
});

test('what is published on 127.0.0.1 is reached from there only (CVE-2020-8558)', async () => {
  const web = await box(['lab'], { publish: ['127.0.0.1:8100:80'] });
  const server = await serve(web.pid, 80);
  const local = await serve(0, 8101, { address: '127.0.0.1' });
  assert.ok(ask(0, '127.0.0.1', 8100));
  assert.equal(ask(0, '198.51.100.1', 8100, { patienceSec: 0.5 }), undefined);
  // A neighbour that sends packets for 127.0.0.1 here: over the link outside, and from a container.
  for (const [pid, device, via] of [
    [outside.pid, 'up1', '198.51.100.1'],
    [web.pid, 'eth0', web.attachments[0]?.gateways[0] ?? ''],
  ] as const) {
    const inside = (...args: string[]) =>
      oracle('nsenter', ['--net', '--target', String(pid), ...args], { allowFailure: true });
    inside('sysctl', '-qw', `net.ipv4.conf.all.route_localnet=1`);
    inside('ip', 'route', 'del', 'local', '127.0.0.0/8', 'dev', 'lo', 'table', 'local');
    inside('ip', 'route', 'del', 'local', '127.0.0.1', 'dev', 'lo', 'table', 'local');
    inside('ip', 'addr', 'del', '127.0.0.1/8', 'dev', 'lo');
    inside('ip', 'route', 'add', '127.0.0.0/8', 'via', via, 'dev', device);
    for (const port of [8100, 8101])
      assert.equal(ask(pid, '127.0.0.1', port, { patienceSec: 0.5 }), undefined);
  }
  // Also where somebody has opened the host for it.
  oracle('sysctl', ['-qw', 'net.ipv4.conf.all.route_localnet=1']);
  assert.equal(ask(web.pid, '127.0.0.1', 8101, { patienceSec: 0.5 }), undefined, 'from a container');
  assert.equal(ask(outside.pid, '127.0.0.1', 8100, { patienceSec: 0.5 }), undefined, 'from outside');
  oracle('sysctl', ['-qw', 'net.ipv4.conf.all.route_localnet=0']);
  await server.end();
  await local.end();
  await web[Symbol.asyncDispose]();
});

test('a client of the host that connects from a port which is published hears its server, over TCP and UDP', async (t) => {
  const web = await box(['lab'], {
    publish: ['18400:80', '18400:80/udp', '127.0.0.1:18401:80', '[::1]:18401:80'],
  });
  const servers = [await serve(web.pid, 80), await serve(web.pid, 80, { address: '::' })];
  for (const host of ['127.0.0.1', '::1']) {
    const server = createServer((socket) => socket.end('heard')).listen(18410, host);
    t.after(() => server.close());
    await once(server, 'listening');
    for (const localPort of [18400, 18401]) {
      const client = connect({ host, port: 18410, localAddress: host, localPort });
      client.setTimeout(5000, () => client.destroy(new Error(`no answer on ${host} to port ${localPort}`)));
      assert.equal(await text(client), 'heard');
      assert.ok(ask(0, host, localPort), 'the published port is still reached');
    }
    const type = host === '::1' ? 'udp6' : 'udp4';
    const [udpServer, udpClient] = [createSocket(type), createSocket(type)];
    t.after(() => {
      udpServer.close();
      udpClient.close();
    });
    udpServer.on('message', (_message, { port, address }) => udpServer.send('heard', port, address));
    await new Promise<void>((resolve) => udpServer.bind(18410, host, resolve));
    await new Promise<void>((resolve) => udpClient.bind(18400, host, resolve));
    udpClient.send('x', 18410, host);
    const [message] = (await once(udpClient, 'message', { signal: AbortSignal.timeout(5000) })) as [Buffer];
    assert.equal(message.toString(), 'heard');
  }
  for (const each of servers) await each.end();
  for (const set of ['clients4', 'clients6']) oracle('nft', ['flush', 'set', 'inet', 'warren', set]);
  await web[Symbol.asyncDispose]();
});

test('MISSION 2.8: a table that was flushed is restored by the next command, with what is published', async () => {
  const web = await box(['lab'], { publish: ['8110:80'] });
  const server = await serve(web.pid, 80);
  const list = () => oracle('nft', ['-s', 'list', 'table', 'inet', 'warren']).stdout;
  const before = list();
  for (const flush of [
    ['flush', 'ruleset'],
    ['flush', 'table', 'inet', 'warren'],
    ['flush', 'chain', 'inet', 'warren', 'publish'],
    ['flush', 'set', 'inet', 'warren', 'networks'],
  ]) {
    oracle('nft', flush);
    assert.notEqual(oracle('nft', ['-s', 'list', 'ruleset']).stdout, before);
    await prepareNetworks([{ network: 'lab' }]);
    assert.deepEqual(sorted(list()), sorted(before), flush.join(' '));
    assert.ok(ask(0, '127.0.0.1', 8110));
  }
  await server.end();
  await web[Symbol.asyncDispose]();
});

test('keepNetworkRules() restores what somebody flushes, without a command; and nothing while nobody does', async () => {
  const web = await box(['lab'], { publish: ['8111:80'] });
  const server = await serve(web.pid, 80);
  const list = () => oracle('nft', ['-s', 'list', 'table', 'inet', 'warren']).stdout;
  const before = list();
  oracle('nft', ['flush', 'ruleset']);
  const end = new AbortController();
  let restored = 0;
  const keeping = keepNetworkRules({ signal: end.signal, onRestored: () => restored++ });
  const times = async (count: number) =>
    waitFor(`${count} restorations`, () => (restored === count ? true : undefined));
  await times(1);
  for (const [index, flush] of [
    'flush ruleset',
    'delete table inet warren',
    'flush chain inet warren publish',
  ].entries()) {
    oracle('nft', flush.split(' '));
    await times(index + 2);
    assert.deepEqual(sorted(list()), sorted(before), flush);
    assert.ok(ask(0, '127.0.0.1', 8111));
  }
  oracle('nft', ['add', 'table', 'ip', 'theirs']);
  oracle('nft', ['delete', 'table', 'ip', 'theirs']);
  const second = await box(['lab'], { publish: ['8112:80'] });
  await second[Symbol.asyncDispose]();
  await server.end();
  await web[Symbol.asyncDispose]();
  end.abort();
  await keeping;
  assert.equal(restored, 4);
});

function sorted(text: string): string[] {
  return text
    .replace(/,\s+/g, ',\n')
    .split('\n')
    .map((line) => line.replace(/elements = \{|\}|,/g, '').trim())
    .sort();
}
