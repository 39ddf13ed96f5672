import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { createNetwork, type DnsZone, removeNetwork, startDns } from '../../src/network/index.js';
import { assertFakeHost } from '../support/fake-host.js';
import { spawn } from 'node:child_process';
import { type Box, box, ownState } from './support.js';

assertFakeHost();
const cleanUp = ownState();
let web: Box;
let db: Box;
before(async () => {
  await createNetwork('lab', { ipv6: true });
  web = await box(['lab']);
  db = await box(['lab']);
});
after(async () => {
  await web[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
  await removeNetwork('lab');
  await cleanUp();
});

/** Asks with c-ares, from the container. @returns What it says, or the error's code. */
async function resolve(pid: number, call: string): Promise<unknown> {
  const script = `
    const { Resolver } = require('node:dns').promises;
    const resolver = new Resolver({ timeout: 3000, tries: 1 });
    resolver.setServers(['127.0.0.11']);
    resolver.${call}.then((found) => console.log(JSON.stringify(found)), ({ code }) => console.log(JSON.stringify(code)));
  `;
  const child = spawn('nsenter', ['--net', '--target', String(pid), process.execPath, '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(child, 'close');
  return JSON.parse(text);
}

test('a responder answers names, aliases and addresses inside the container, over UDP and TCP', async () => {
  const crowd = Array.from({ length: 100 }, (_, index) => `10.1.1.${index + 1}`);
  const zone: DnsZone = {
    hosts: [
      { names: ['db', 'sql'], addresses: [db.ip, db.ip6], network: 'lab' },
      { names: ['crowd'], addresses: crowd, network: 'lab' },
    ],
    subnets: ['172.17.0.0/16'],
  };
  const dns = await startDns({ namespace: { pid: web.pid }, zone: () => zone, upstreams: [] });
  assert.deepEqual(await resolve(web.pid, `resolve4('db')`), [db.ip]);
  assert.deepEqual(await resolve(web.pid, `resolve6('SQL.lab')`), [db.ip6]);
  assert.deepEqual(await resolve(web.pid, `reverse('${db.ip}')`), ['db.lab']);
  assert.deepEqual(await resolve(web.pid, `reverse('${db.ip6}')`), ['db.lab']);
  // More than fits into a packet: asked again over TCP.
  assert.deepEqual(((await resolve(web.pid, `resolve4('crowd')`)) as string[]).sort(), crowd.sort());
  assert.equal(await resolve(web.pid, `resolve4('nobody.lab')`), 'ENOTFOUND');
  assert.equal(await resolve(web.pid, `resolve4('example.org')`), 'EREFUSED');
  // Of another container it is nothing.
  assert.equal(await resolve(db.pid, `resolve4('db')`), 'ECONNREFUSED');
  await dns.close();
  assert.equal(await resolve(web.pid, `resolve4('db')`), 'ECONNREFUSED');
});

test('what is not ours is asked of the host’s resolvers, the next where one does not answer', async () => {
  const upstream = createSocket('udp4');
  // A CNAME, which we know nothing of: it is passed on as it is.
  upstream.on('message', (message, peer) => {
    const answer = Buffer.concat([
      message.subarray(0, 29),
      Buffer.from('c00c000500010000003c0006036e7331c00c', 'hex'),
    ]);
    answer.writeUInt16BE(0x8180, 2);
    answer.writeUInt16BE(1, 6);
    answer.writeUInt16BE(0, 10);
    upstream.send(answer, peer.port, peer.address);
  });
  upstream.bind(0, '127.0.0.2');
  await once(upstream, 'listening');
  const dns = await startDns({
    namespace: { pid: web.pid },
    zone: () => ({ hosts: [], subnets: [] }),
    upstreams: ['127.0.0.3', '127.0.0.2'],
    port: upstream.address().port,
    timeoutMs: 300,
  });
  assert.deepEqual(await resolve(web.pid, `resolveCname('example.org')`), ['ns1.example.org']);
  await dns.close();
  const silent = await startDns({
    namespace: { pid: web.pid },
    zone: () => ({ hosts: [], subnets: [] }),
    upstreams: ['127.0.0.3'],
    timeoutMs: 100,
  });
  assert.equal(await resolve(web.pid, `resolve4('example.org')`), 'ESERVFAIL');
  await silent.close();
  upstream.close();
  await once(upstream, 'close');
});
