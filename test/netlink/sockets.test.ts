import assert from 'node:assert/strict';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { fstatSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import {
  connections,
  deleteConnections,
  inetSockets,
  nft,
  openNetlink,
  packetSockets,
  unixSockets,
} from '../../src/netlink/index.js';
import { assertFakeHost, holdNetworkNamespace } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';

assertFakeHost();

test('inetSockets() says what ss says of TCP and UDP, with inodes', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect(port, '127.0.0.1');
  const [, accepted] = await Promise.all([once(client, 'connect'), once(server, 'connection')]);
  const udp: UdpSocket = createSocket('udp6').bind(0);
  await once(udp, 'listening');

  const diag = openNetlink('sock_diag');
  const ours = (await inetSockets(diag)).filter(({ protocol }) => protocol === 'tcp' || protocol === 'udp');
  const host = (address: string): string =>
    address === '::' ? '*' : address.includes(':') ? `[${address}]` : address;
  const line = (each: (typeof ours)[number]): string =>
    [
      each.protocol,
      each.state,
      each.recvQ,
      each.sendQ,
      `${host(each.local)}:${each.localPort}`,
      `${host(each.peer)}:${each.peerPort === 0 ? '*' : each.peerPort}`,
      `ino:${each.inode}`,
    ].join(' ');
  const theirs = oracle('ss', ['-tuanHe'])
    .stdout.trim()
    .split('\n')
    .map((text) => {
      const [protocol, state, received, sent, local, peer] = text.split(/\s+/);
      return [protocol, state, received, sent, local, peer, /ino:\d+/.exec(text)?.[0]].join(' ');
    });
  assert.deepEqual(ours.map(line).sort(), theirs.sort());
  assert.deepEqual(
    (await inetSockets(diag, { states: ['LISTEN'], protocols: ['tcp'] })).map(({ localPort }) => localPort),
    [port],
  );
  const { fd } = (udp as unknown as Record<symbol, { handle: { fd: number } }>)[
    Object.getOwnPropertySymbols(udp).find((symbol) => symbol.description === 'state symbol') as symbol
  ]!.handle;
  assert.equal(ours.find(({ protocol }) => protocol === 'udp')?.inode, fstatSync(fd).ino);

  diag.close();
  udp.close();
  client.destroy();
  (accepted as [{ destroy(): void }])[0].destroy();
  server.close();
});

test('unixSockets() says path, abstract name, peer and file as ss does', async () => {
  const server = createServer().listen('/run/warren-test.sock');
  const abstract = createServer().listen('\0warren-abstract');
  await Promise.all([once(server, 'listening'), once(abstract, 'listening')]);
  const client = connect('/run/warren-test.sock');
  const [, [accepted]] = (await Promise.all([once(client, 'connect'), once(server, 'connection')])) as [
    unknown,
    [{ destroy(): void }],
  ];
  const diag = openNetlink('sock_diag');
  const all = await unixSockets(diag);
  const listening = all.find(({ name, state }) => name === '/run/warren-test.sock' && state === 'LISTEN');
  assert.equal(listening?.type, 'stream');
  assert.ok(all.some(({ name }) => name?.startsWith('@warren-abstract')));
  const here = all.find(({ peerInode, name }) => name === '/run/warren-test.sock' && peerInode !== undefined);
  assert.equal(all.find(({ inode }) => inode === here?.peerInode)?.peerInode, here?.inode);
  const text = oracle('ss', ['-xaneH']).stdout;
  const line = text
    .split('\n')
    .find((each) => each.includes('/run/warren-test.sock') && each.includes('LISTEN'));
  assert.match(line ?? '', new RegExp(` ${listening.inode} .*ino:${listening.file?.inode} `));
  diag.close();
  client.destroy();
  accepted.destroy();
  server.close();
  abstract.close();
});

test('sockets of another namespace are listed by a socket in it', async (t) => {
  const held = await holdNetworkNamespace();
  t.after(async () => held[Symbol.asyncDispose]());
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const diag = openNetlink('sock_diag', { namespace: { pid: held.pid } });
  assert.deepEqual(await inetSockets(diag), []);
  assert.deepEqual(await packetSockets(diag), []);
  diag.close();
  server.close();
});

test('connections() shows both directions of a translated connection as conntrack does; deleteConnections() forgets it', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const netfilter = openNetlink('netfilter');
  const table = { family: 'ip', table: 'translate' } as const;
  await nft.commit(netfilter, [
    nft.addTable(table),
    nft.addChain({ ...table, chain: 'out', hook: 'output', type: 'nat', priority: -100 }),
    nft.addRule({
      ...table,
      chain: 'out',
      expressions: [...nft.matchField('ip', 'tcp dport', 99), ...nft.nat('dnat', '127.0.0.1', { port })],
    }),
  ]);
  const client = connect(99, '127.0.0.1');
  const [, [accepted]] = (await Promise.all([once(client, 'connect'), once(server, 'connection')])) as [
    unknown,
    [{ destroy(): void }],
  ];
  const [found, ...more] = await connections(netfilter, { family: 'inet' });
  assert.equal(more.length, 0);
  const text = oracle('conntrack', ['-L', '-p', 'tcp']).stdout;
  const pairs = (key: string): number[] =>
    [...text.matchAll(new RegExp(`${key}=(\\d+)`, 'g'))].map(([, value]) => Number(value));
  assert.deepEqual([found?.orig.sport, found?.reply.sport], pairs('sport'));
  assert.deepEqual([found?.orig.dport, found?.reply.dport], pairs('dport'));
  assert.deepEqual([found?.orig.dport, found?.reply.sport, found?.tcpState], [99, port, 'ESTABLISHED']);
  assert.ok(found?.status.includes('DST_NAT') && found.status.includes('ASSURED'));
  assert.equal(await deleteConnections(netfilter, ({ orig }) => orig.dport === 99), 1);
  assert.doesNotMatch(oracle('conntrack', ['-L', '-p', 'tcp']).stdout, /dport=99/);
  client.destroy();
  accepted.destroy();
  server.close();
  await nft.commit(netfilter, [nft.deleteTable(table)]);
  netfilter.close();
});
