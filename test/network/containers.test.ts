/** Containers of the library in networks. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { CreateOptions, DetachedContainer } from '../../src/containers/index.js';
import {
  connectNetwork,
  disconnectNetwork,
  publishContainerPorts,
  unpublishContainerPorts,
} from '../../src/containers/connect-network.js';
import {
  addPorts,
  createNetwork,
  endpointsOfContainer,
  parsePortSpec,
  portsOf,
  removeNetwork,
  removePorts,
} from '../../src/network/index.js';
import { assertFakeHost } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';
import { waitFor } from '../support/wait.js';
import {
  addressOf,
  assertNoNetworkTraces,
  endpointOf,
  idle,
  networkedState,
  networkTraces,
  pidOf,
} from './container-support.js';
import { ask, neighbour, serve } from './support.js';

assertFakeHost();
const state = networkedState();
const { store, rootfs, root } = state;
let outside: Awaited<ReturnType<typeof neighbour>>;
before(async () => {
  outside = await neighbour();
  await createNetwork('lab', { subnets: ['10.90.0.0/24', 'fd90::/64'] });
  await createNetwork('other', { subnets: ['10.91.0.0/24'] });
});
beforeEach(async () => {
  await state.clear();
  await store.collectGarbage();
});
after(async () => {
  await state[Symbol.asyncDispose]();
  await outside.end();
});

const run = async (options: CreateOptions, script?: string): Promise<DetachedContainer> =>
  idle(state, options, script);
const inside = async (container: DetachedContainer, script: string): Promise<string> =>
  (await container.exec(['sh', '-ec', script])).stdout;
const rejects = async (promise: Promise<unknown>, code: string, why?: RegExp): Promise<void> => {
  await assert.rejects(promise, (error: Error & { code?: string; why?: string }) => {
    assert.equal(error.code, code, error.stack);
    if (why) assert.match(`${error.message}: ${error.why ?? ''}`, why);
    return true;
  });
};

test('run() gives the addresses, the link-layer address and the names that are asked for', async () => {
  const web = await run({
    name: 'web',
    networks: [{ network: 'lab', aliases: ['www'] }, 'other:ip=10.91.0.77,alias=back'],
    ip: '10.90.0.50',
    ip6: 'fd90::50',
    mac: '02:00:00:00:be:ef',
    aliases: ['everywhere'],
    addHosts: ['db:192.0.2.1'],
    dns: ['192.0.2.53'],
    dnsSearch: ['example.com'],
    dnsOptions: ['ndots:2'],
  });
  const devices = JSON.parse(
    oracle('nsenter', ['-t', String(pidOf(web)), '-n', 'ip', '-j', 'addr']).stdout,
  ) as {
    ifname: string;
    address: string;
    addr_info: { local: string; prefixlen: number; scope: string }[];
  }[];
  const seen = devices
    .filter(({ ifname }) => ifname !== 'lo')
    .map(({ ifname, address, addr_info }) => [
      ifname,
      ifname === 'eth0' ? address : '',
      ...addr_info
        .filter(({ scope }) => scope === 'global')
        .map(({ local, prefixlen }) => `${local}/${prefixlen}`),
    ]);
  assert.deepEqual(seen, [
    ['eth0', '02:00:00:00:be:ef', '10.90.0.50/24', 'fd90::50/64'],
    ['eth1', '', '10.91.0.77/24'],
  ]);
  const hosts = await inside(web, 'cat /etc/hosts');
  assert.match(hosts, /^192\.0\.2\.1\s+db$/m);
  assert.match(hosts, /^10\.90\.0\.50\s+web www everywhere /m);
  assert.match(hosts, /^10\.91\.0\.77\s+web back everywhere /m);
  assert.equal(
    await inside(web, 'cat /etc/resolv.conf | grep -v "^#"; cat /etc/hostname'),
    `nameserver 192.0.2.53\nsearch example.com\noptions ndots:2\n${web.id.slice(0, 12)}`,
  );
});

test('a published port is reached from outside, from the host, from neighbours and from the container itself', async () => {
  const web = await run({ networks: ['lab'], publish: ['8080:80'] });
  const neighbouring = await run({ networks: ['lab'] });
  const elsewhere = await run({ networks: ['other'] });
  const servers = [await serve(pidOf(web), 80), await serve(pidOf(web), 80, { address: '::' })];
  assert.equal(ask(outside.pid, '198.51.100.1', 8080), 'from 198.51.100.2');
  assert.equal(ask(outside.pid, '2001:db8:1::1', 8080), 'from 2001:db8:1::2');
  assert.equal(ask(pidOf(elsewhere), '198.51.100.1', 8080), `from ${addressOf(elsewhere, 'other')}`);
  for (const address of [
    '127.0.0.1',
    '10.90.0.1',
    '10.91.0.1',
    '198.51.100.1',
    '::1',
    'fd90::1',
    '2001:db8:1::1',
  ])
    assert.match(String(ask(0, address, 8080)), /^from /, address);
  for (const container of [neighbouring, web]) {
    assert.match(String(ask(pidOf(container), '198.51.100.1', 8080)), /^from /);
    assert.match(String(ask(pidOf(container), '2001:db8:1::1', 8080)), /^from /);
  }
  for (const server of servers) await server.end();
});

test('ports are added to a container that runs, and taken back', async () => {
  const web = await run({ networks: ['lab'] });
  const server = await serve(pidOf(web), 80);
  await addPorts(web.id, parsePortSpec('8081:80'));
  assert.equal(ask(outside.pid, '198.51.100.1', 8081), 'from 198.51.100.2');
  await removePorts(web.id, [{ hostPort: 8081, protocol: 'tcp' }]);
  assert.equal(ask(outside.pid, '198.51.100.1', 8081, { patienceSec: 1 }), undefined);
  assert.deepEqual(portsOf(web.id), []);
  await server.end();
});

test('run() names the holder of a port, or of an address, and leaves nothing', async () => {
  const first = await run({ networks: ['lab'], publish: ['8080:80'], ip: '10.90.0.60' });
  const traces = networkTraces(root).filter((trace) => !trace.startsWith('device'));
  await rejects(
    run({ networks: ['lab'], publish: ['8080:80'] }),
    'ERR_PORT_IN_USE',
    new RegExp(first.id.slice(0, 12)),
  );
  await rejects(
    run({ networks: ['lab'], ip: '10.90.0.60' }),
    'ERR_ADDRESS_IN_USE',
    new RegExp(first.id.slice(0, 12)),
  );
  const server = await serve(0, 8082);
  await rejects(run({ networks: ['lab'], publish: ['8082:80'] }), 'ERR_PORT_IN_USE', /python3/);
  await server.end();
  await rejects(run({ networks: ['nowhere'] }), 'ERR_NETWORK_NOT_FOUND');
  await rejects(
    run({ networks: ['lab'], uidMap: ['0:100000:65536'], gidMap: ['0:100000:65536'] }),
    'ERR_NETWORK_USERNS',
  );
  assert.deepEqual(store.ids(), [first.id]);
  assert.deepEqual(
    networkTraces(root).filter((trace) => !trace.startsWith('device')),
    traces,
  );
  await first.remove({ force: true });
  await assertNoNetworkTraces(root);
});

test('a restart policy keeps the network: same address, same port', async () => {
  const web = await run({ networks: ['lab'], publish: ['8083:80'], restart: 'always' });
  const before = endpointOf(web);
  const first = pidOf(web);
  process.kill(first, 'SIGKILL');
  const second = await waitFor('the next run', () => {
    const { pid, state: now } = web.snapshot().status;
    return now === 'running' && pid > 0 && pid !== first ? pid : undefined;
  });
  assert.deepEqual(endpointOf(web), before);
  const server = await serve(second, 80);
  assert.equal(ask(outside.pid, '198.51.100.1', 8083), 'from 198.51.100.2');
  await server.end();
  await web.stop();
  await assertNoNetworkTraces(root);
});

test('stop(), kill() and remove() give address, port and name back at once; start() takes them again', async () => {
  const options = { networks: ['lab'], publish: ['8084:80'], ip: '10.90.0.70' };
  const web = await run(options);
  const ends = [
    async () => web.stop(),
    async () => web.kill(),
    async () => {
      process.kill(pidOf(web), 'SIGKILL');
      return web.wait();
    },
  ];
  for (const end of ends) {
    await end();
    if (end !== ends[2]) assert.deepEqual(endpointsOfContainer(web.id), []);
    await web.start();
    assert.equal(addressOf(web), '10.90.0.70');
  }
  await web.remove({ force: true });
  const another = await run(options);
  assert.equal(addressOf(another), '10.90.0.70');
  await another.remove({ force: true });
  await assertNoNetworkTraces(root);
});

test('what one that ended by itself had goes to the next who needs it, and to collectGarbage()', async () => {
  const options = { networks: ['lab'], publish: ['8085:80'], ip: '10.90.0.71' };
  const ended = async (): Promise<DetachedContainer> => {
    const container = await run(options);
    process.kill(pidOf(container), 'SIGKILL');
    await waitFor('its end', () => container.snapshot().status.state === 'exited' || undefined);
    return container;
  };
  await ended();
  await ended();
  const last = await ended();
  assert.notDeepEqual(endpointsOfContainer(last.id), []);
  await store.collectGarbage();
  assert.deepEqual(endpointsOfContainer(last.id), []);
  await assertNoNetworkTraces(root);
});

test('collectGarbage() leaves alone what runs, what restarts, and what is just being started', async () => {
  const web = await run({ networks: ['lab'], publish: ['8086:80'] });
  const busy = await run({ networks: ['lab'], restart: 'always' }, 'exit 1');
  const kept = [endpointOf(web), endpointOf(busy)];
  const starting = Array.from({ length: 4 }, async () => run({ networks: ['lab'] }));
  for (let round = 0; round < 10; round++) await store.collectGarbage();
  const started = await Promise.all(starting);
  assert.deepEqual([endpointOf(web), endpointOf(busy)], kept);
  assert.equal(new Set(started.map((each) => addressOf(each))).size, 4);
});

test('removeNetwork() refuses while a container runs in it', async () => {
  await createNetwork('brief');
  const web = await run({ networks: ['brief'] });
  await rejects(removeNetwork('brief'), 'ERR_NETWORK_IN_USE', new RegExp(web.id.slice(0, 12)));
  await web.remove({ force: true });
  await removeNetwork('brief');
});

test('connectNetwork() puts a running container into one more network, by name too; disconnectNetwork() takes it out', async () => {
  const web = await run({ name: 'mobile', networks: ['lab'] });
  const there = await run({ networks: ['other'] });
  const made = await connectNetwork(root, 'mobile', { network: 'other', aliases: ['roamer'] });
  assert.equal(made?.interface, 'eth1');
  assert.equal(await inside(there, 'ping -c1 -W2 roamer >/dev/null && echo yes'), 'yes');
  assert.equal(await inside(there, 'ping -c1 -W2 mobile >/dev/null && echo yes'), 'yes');
  await rejects(connectNetwork(root, 'mobile', { network: 'other' }), 'ERR_ALREADY_ATTACHED');
  await disconnectNetwork(root, 'mobile', 'other');
  await rejects(disconnectNetwork(root, 'mobile', 'other'), 'ERR_NOT_ATTACHED');
  assert.equal(await inside(there, 'grep -c ^[^#].*roamer /etc/hosts || :'), '0');
  assert.equal(await inside(web, 'ls /sys/class/net'), 'eth0\nlo');
  const alone = await run({ network: 'none' });
  await rejects(connectNetwork(root, alone.id, { network: 'lab' }), 'ERR_NETWORK_REQUEST');
});

test('what connectNetwork() and disconnectNetwork() change is so at the next start, of one that does not run too', async () => {
  const web = await run({ name: 'settler', networks: ['lab'], mac: '02:00:00:00:00:09' });
  const there = await run({ networks: ['other'] });
  await connectNetwork(root, 'settler', { network: 'other', aliases: ['roamer'] });
  await web.restart();
  assert.equal(await inside(web, 'ls /sys/class/net'), 'eth0\neth1\nlo');
  assert.equal(await inside(web, 'cat /sys/class/net/eth0/address'), '02:00:00:00:00:09');
  assert.equal(await inside(there, 'ping -c1 -W2 roamer >/dev/null && echo yes'), 'yes');
  await web.stop();
  await disconnectNetwork(root, 'settler', 'lab');
  await rejects(disconnectNetwork(root, 'settler', 'lab'), 'ERR_NOT_ATTACHED');
  await rejects(connectNetwork(root, 'settler', { network: 'other' }), 'ERR_ALREADY_ATTACHED');
  await rejects(connectNetwork(root, 'settler', { network: 'lab', ip6: 'fd00::9' }), 'ERR_ADDRESS_OUTSIDE');
  await web.start();
  assert.equal(await inside(web, 'ls /sys/class/net'), 'eth0\nlo');
  assert.notEqual(await inside(web, 'cat /sys/class/net/eth0/address'), '02:00:00:00:00:09');
  assert.equal(await inside(there, 'ping -c1 -W2 roamer >/dev/null && echo yes'), 'yes');
  await createNetwork('fleeting');
  await web.stop();
  await connectNetwork(root, 'settler', { network: 'fleeting' });
  await removeNetwork('fleeting');
  await rejects(web.start(), 'ERR_NETWORK_NOT_FOUND');
  await disconnectNetwork(root, 'settler', 'fleeting');
  await disconnectNetwork(root, 'settler', 'other');
  await web.start();
  assert.equal(
    await inside(web, 'ls /sys/class/net; ping -c1 -W2 127.0.0.1 >/dev/null && echo up'),
    'lo\nup',
  );
});

test('who is taken out of the network that led out, and published, goes out and publishes by another', async () => {
  const web = await run({ name: 'mover', networks: ['lab', 'other'], publish: ['8194:80'] });
  const server = await serve(pidOf(web), 80);
  const gateways = async () => inside(web, 'ip route | sed -n "s/^default via \\([0-9.]*\\).*/\\1/p"');
  assert.equal(await gateways(), '10.90.0.1');
  await disconnectNetwork(root, 'mover', 'lab');
  assert.equal(await gateways(), '10.91.0.1');
  assert.deepEqual(portsOf(web.id), [{ hostPort: 8194, containerPort: 80, protocol: 'tcp' }]);
  assert.equal(ask(outside.pid, '198.51.100.1', 8194), 'from 198.51.100.2');
  await connectNetwork(root, 'mover', { network: 'lab' });
  assert.equal(await gateways(), '10.91.0.1');
  await disconnectNetwork(root, 'mover', 'lab');
  await disconnectNetwork(root, 'mover', 'other');
  assert.equal(await gateways(), '');
  assert.deepEqual(portsOf(web.id), []);
  await server.end();
});

test('publishContainerPorts() and unpublishContainerPorts() change what its next starts publish too', async () => {
  const web = await run({ name: 'trader', networks: ['lab'], publish: ['8191:80'] });
  const [random] = await publishContainerPorts(root, 'trader', parsePortSpec('82'));
  await publishContainerPorts(root, 'trader', parsePortSpec('8192:81'));
  await unpublishContainerPorts(root, 'trader', [{ hostPort: 8191, protocol: 'tcp' }]);
  assert.ok(random);
  await web.restart();
  const after = portsOf(web.id);
  assert.deepEqual(
    after.map(({ containerPort }) => containerPort),
    [82, 81],
  );
  await unpublishContainerPorts(root, 'trader', [{ hostPort: after[0]?.hostPort ?? 0, protocol: 'tcp' }]);
  await web.restart();
  assert.deepEqual(portsOf(web.id), [{ hostPort: 8192, containerPort: 81, protocol: 'tcp' }]);
  await rejects(publishContainerPorts(root, 'trader', parsePortSpec('8192:80')), 'ERR_PORT_IN_USE');
  await web.stop();
  await rejects(publishContainerPorts(root, 'trader', parsePortSpec('8193:80')), 'ERR_CONTAINER_NOT_RUNNING');
  await web.start();
  assert.equal(portsOf(web.id).length, 1);
});

test('in several networks, ports are published and added on the first, and on no other what is published already', async () => {
  const web = await run({ networks: ['other', 'lab'], publish: ['18310:80'] });
  const endpoint = (): readonly string[] =>
    endpointsOfContainer(web.id).map(
      ({ network, ports }) => `${network} ${ports.map((port) => port.hostPort).join(' ')}`,
    );
  assert.deepEqual(endpoint(), ['other 18310', 'lab ']);
  await publishContainerPorts(root, web.id, parsePortSpec('18311:80'));
  assert.deepEqual(endpoint(), ['other 18310 18311', 'lab ']);
  // Only lab has IPv6.
  await publishContainerPorts(root, web.id, parsePortSpec('[::1]:18312:80'));
  assert.deepEqual(endpoint(), ['other 18310 18311', 'lab 18312']);
  for (const spec of ['18310:81', '[::1]:18311:81'])
    await rejects(
      publishContainerPorts(root, web.id, parsePortSpec(spec)),
      'ERR_PORT_IN_USE',
      /published already/,
    );
  await web.remove({ force: true });
});

test('a port of an address whose family the container has not is refused, and nothing is left', async () => {
  await rejects(
    run({ networks: ['other'], publish: ['[::1]:18313:80'] }),
    'ERR_NETWORK_REQUEST',
    /no IPv6 address in the network "other"/,
  );
  const web = await run({ networks: ['other'] });
  await rejects(publishContainerPorts(root, web.id, parsePortSpec('[::1]:18313:80')), 'ERR_NETWORK_REQUEST');
  assert.deepEqual(portsOf(web.id), []);
  await web.remove({ force: true });
});

test('an address or a MAC that no container can have is refused, and the message says why', async () => {
  for (const ip of ['10.90.0.0', '10.90.0.255'])
    await rejects(
      run({ networks: [{ network: 'lab', ip }] }),
      'ERR_ADDRESS_OUTSIDE',
      /first or last of 10\.90\.0\.0\/24/,
    );
  await rejects(
    run({ networks: [{ network: 'lab', ip: '10.92.0.1' }] }),
    'ERR_ADDRESS_OUTSIDE',
    /has 10\.90\.0\.0\/24/,
  );
  for (const mac of ['00:00:00:00:00:00', '01:00:5e:00:00:01'])
    await rejects(run({ networks: ['lab'], mac }), 'ERR_NETWORK_REQUEST', /no unicast link-layer address/);
});

test('rename() of a container that runs: its neighbours find it by the new name, and not by the old', async () => {
  const [web, neighbour] = [
    await run({ name: 'web', networks: [{ network: 'lab', aliases: ['www'] }] }),
    await run({ networks: ['lab'] }),
  ];
  await web.rename('shop');
  assert.match(await inside(neighbour, 'grep 10.90 /etc/hosts'), /^[0-9.]+\tshop www /m);
  assert.doesNotMatch(await inside(neighbour, 'grep ^1 /etc/hosts'), /\bweb\b/);
  assert.deepEqual(
    endpointsOfContainer(web.id).map(({ aliases }) => aliases),
    [['shop', 'www']],
  );
  await web.rename('shop.example');
  assert.doesNotMatch(await inside(neighbour, 'grep ^1 /etc/hosts'), /shop/);
  for (const each of [web, neighbour]) await each.remove({ force: true });
});

test('--network container:NAME shares interfaces and names; one that does not run is refused', async () => {
  const web = await run({ name: 'host-of-two', networks: ['lab'], publish: ['8087:81'] });
  const second = await run({ network: 'container:host-of-two' });
  assert.equal(
    await inside(second, 'readlink /proc/self/ns/net'),
    await inside(web, 'readlink /proc/self/ns/net'),
  );
  assert.equal(await inside(second, 'cat /etc/hosts'), await inside(web, 'cat /etc/hosts'));
  const server = await serve(pidOf(second), 81);
  assert.equal(ask(outside.pid, '198.51.100.1', 8087), 'from 198.51.100.2');
  await server.end();
  await second.stop();
  assert.equal(addressOf(web), (await inside(web, 'ip -4 -o addr show eth0')).split(/[ /]+/)[3]);
  await web.stop();
  await rejects(run({ network: 'container:host-of-two' }), 'ERR_CONTAINER_NOT_RUNNING');
  await rejects(run({ network: 'container:nobody' }), 'ERR_CONTAINER_NOT_FOUND');
});

test('members find each other by name and alias, and not whoever has stopped; the file does not grow with those who go', async () => {
  const first = await run({ name: 'first', networks: ['lab'] });
  const second = await run({ name: 'second', networks: ['lab:alias=deux'] });
  assert.equal(
    await inside(first, 'ping -c1 -W2 second >/dev/null && ping -c1 -W2 deux >/dev/null && echo yes'),
    'yes',
  );
  assert.equal(await inside(second, 'ping -c1 -W2 first >/dev/null && echo yes'), 'yes');
  await second.stop();
  assert.equal(await inside(first, 'ping -c1 -W1 second >/dev/null 2>&1 || echo no'), 'no');
  const size = (): number => readFileSync(join(root, 'hosts/lab')).length;
  const before = size();
  for (let round = 0; round < 3; round++) {
    await second.start();
    await second.stop();
  }
  assert.equal(size(), before);
});

/** The members that a container sees, by one of its names. */
const seen = async (container: DetachedContainer): Promise<string[]> =>
  (await inside(container, "sed -n 's/^[1-9][0-9.]*\\t\\([a-z-]*\\).* # .*/\\1/p' /etc/hosts"))
    .split('\n')
    .filter((name) => name !== '')
    .sort();

test('who is in two networks, or has hosts of its own, sees its neighbours come and go', async () => {
  const first = await run({ name: 'first', networks: ['lab'] });
  const between = await run({ name: 'between', networks: ['lab', 'other'] });
  const added = await run({ name: 'added', networks: ['lab'], addHosts: ['db:192.0.2.7'] });
  const all = ['added', 'between', 'between', 'first'];
  assert.deepEqual(await seen(between), all);
  assert.deepEqual(await seen(added), ['added', 'between', 'first']);
  // What the container writes there itself stays.
  await inside(between, 'echo "192.0.2.9 mine" >>/etc/hosts');
  const later = await run({ name: 'later', networks: ['other'] });
  const both = await run({ name: 'both', networks: ['lab', 'other'] });
  assert.deepEqual(await seen(between), [...all, 'both', 'both', 'later'].sort());
  assert.equal(await inside(between, 'ping -c1 -W2 later >/dev/null && echo yes'), 'yes');
  assert.deepEqual(await seen(added), ['added', 'between', 'both', 'first']);
  await later.rename('so-late');
  assert.deepEqual(await seen(between), [...all, 'both', 'both', 'so-late'].sort());
  await both.stop();
  await first.kill();
  assert.deepEqual(await seen(between), ['added', 'between', 'between', 'so-late']);
  assert.deepEqual(await seen(added), ['added', 'between']);
  assert.match(await inside(between, 'cat /etc/hosts'), /^192\.0\.2\.9 mine$/m);
  assert.match(await inside(added, 'cat /etc/hosts'), /^192\.0\.2\.7\tdb$/m);
  // A monitor that was killed has not told anybody.
  oracle('kill', ['-9', String(later.status().monitorPid)]);
  await waitFor('its end', () => later.status().state === 'dead' || undefined);
  await store.collectGarbage();
  assert.deepEqual(await seen(between), ['added', 'between', 'between']);
  await between.stop();
  await added.stop();
  assert.ok(!existsSync(join(root, 'own-hosts/lab')) && !existsSync(join(root, 'own-hosts/other')));
});

test('connectNetwork() brings the names of the network to a container that runs; disconnectNetwork() takes them away', async () => {
  const first = await run({ name: 'first', networks: ['lab'] });
  const second = await run({ name: 'second', networks: ['other'] });
  const roamer = await run({
    name: 'roamer',
    networks: ['lab'],
    restart: { name: 'always', maximumRetries: 0 },
  });
  assert.deepEqual(await seen(roamer), ['first', 'roamer']);
  await connectNetwork(root, 'roamer', { network: 'other' });
  assert.deepEqual(await seen(roamer), ['first', 'roamer', 'roamer', 'second']);
  assert.equal(await inside(roamer, 'ping -c1 -W2 second >/dev/null && echo yes'), 'yes');
  assert.equal((await inside(roamer, 'grep -c " /etc/hosts " /proc/self/mountinfo')).trim(), '2');
  const third = await run({ name: 'third', networks: ['other'] });
  assert.deepEqual(await seen(roamer), ['first', 'roamer', 'roamer', 'second', 'third']);
  // Its monitor starts it again, without us: with the same names.
  const before = pidOf(roamer);
  oracle('kill', ['-9', String(before)]);
  await waitFor('the restart', () => {
    const { state: now, pid } = roamer.status();
    return (now === 'running' && pid !== before) || undefined;
  });
  await third.stop();
  assert.deepEqual(await seen(roamer), ['first', 'roamer', 'roamer', 'second']);
  await disconnectNetwork(root, 'roamer', 'lab');
  assert.deepEqual(await seen(roamer), ['roamer', 'second']);
  await disconnectNetwork(root, 'roamer', 'other');
  assert.deepEqual(await seen(roamer), []);
  assert.deepEqual(await seen(first), ['first']);
  assert.deepEqual(await seen(second), ['second']);
  await roamer.remove({ force: true });
  assert.ok(!existsSync(join(root, 'own-hosts/lab')) && !existsSync(join(root, 'own-hosts/other')));
});

test('what a container has mounted as its /etc/hosts itself is left alone', async () => {
  const own = join(root, 'own');
  writeFileSync(own, '192.0.2.1 mine\n');
  const web = await run({
    name: 'web',
    networks: ['lab'],
    mounts: [`type=bind,source=${own},target=/etc/hosts`],
  });
  await connectNetwork(root, 'web', { network: 'other' });
  assert.equal(await inside(web, 'cat /etc/hosts'), '192.0.2.1 mine');
  assert.equal(readFileSync(own, 'utf8'), '192.0.2.1 mine\n');
  rmSync(own);
});

test('a reader of /etc/hosts never finds half of a line', async () => {
  const reader = await run({ name: 'reader', networks: ['lab'] });
  const path = join(root, 'hosts/lab');
  const over = new AbortController();
  const looking = (async () => {
    while (!over.signal.aborted) {
      for (const line of readFileSync(path, 'utf8').split('\n'))
        if (line !== '' && !line.startsWith('#'))
          assert.match(line, /^(127\.0\.0\.1|::1|f[ef]0[0-9]::[0-9]?)\s|^[0-9a-f:.]+\t.* # [0-9a-f]{12}$/);
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  await Promise.all(
    Array.from({ length: 12 }, async (_, index) => {
      const container = await run({ name: `n${'x'.repeat(1 + index * 4)}`, networks: ['lab'] });
      if (index % 2 === 0) await container.stop();
    }),
  );
  over.abort();
  await looking;
  const names = (await inside(reader, "grep -v '^#' /etc/hosts | grep -c ' # '")).trim();
  // Each has a line of IPv4 and one of IPv6.
  assert.equal(names, String((1 + 6) * 2));
});

test('forty containers started at once have forty addresses', async () => {
  const all = await Promise.all(Array.from({ length: 40 }, async () => run({ networks: ['lab'] })));
  assert.equal(new Set(all.map((each) => addressOf(each))).size, 40);
  const seen = all.map((each) => {
    const text = oracle('nsenter', [
      '-t',
      String(pidOf(each)),
      '-n',
      'ip',
      '-4',
      '-o',
      'addr',
      'show',
      'eth0',
    ]).stdout;
    return text.split(/[ /]+/)[3];
  });
  assert.deepEqual(
    seen,
    all.map((each) => addressOf(each)),
  );
  await state.clear();
  await store.collectGarbage();
  await assertNoNetworkTraces(root);
});

test('"nft flush ruleset" while containers run: the next start restores what all of them publish', async () => {
  const web = await run({ networks: ['lab'], publish: ['8088:80'] });
  const server = await serve(pidOf(web), 80);
  oracle('nft', ['flush', 'ruleset']);
  assert.equal(ask(outside.pid, '198.51.100.1', 8088, { patienceSec: 1 }), undefined);
  await run({ networks: ['other'] });
  assert.equal(ask(outside.pid, '198.51.100.1', 8088), 'from 198.51.100.2');
  await server.end();
});

test('net.* parameters apply inside, and not on the host', async () => {
  const web = await run({
    networks: ['lab'],
    sysctls: { 'net.ipv4.ip_default_ttl': '77', 'net.core.somaxconn': '99' },
  });
  assert.equal(
    await inside(web, 'cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/net/core/somaxconn'),
    '77\n99',
  );
  assert.notEqual(readFileSync('/proc/sys/net/ipv4/ip_default_ttl', 'utf8').trim(), '77');
});

test('restart() does not wait for the devices of the run before', async () => {
  const web = await run({ networks: ['lab', 'other'], ip: '10.90.0.90' });
  for (let round = 0; round < 5; round++) {
    await web.restart();
    assert.equal(addressOf(web), '10.90.0.90');
  }
});

test('a start that fails gives its network back', async () => {
  await assert.rejects(store.run(['/no/such/program'], { rootfs, networks: ['lab'], publish: ['8089:80'] }));
  await assertNoNetworkTraces(root);
});
