import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { type DnsResponder, type DnsZone, startDns } from '../../src/network/index.js';
import { assertFakeHost, type HeldNamespace, holdNetworkNamespace } from '../support/fake-host.js';

assertFakeHost();

const crowd = Array.from({ length: 100 }, (_, index) => `10.1.1.${index + 1}`);
const zone: DnsZone = {
  hosts: [
    { names: ['db', 'sql'], addresses: ['10.0.0.2', 'fd00::2'], network: 'lab' },
    { names: ['web1', 'www'], addresses: ['10.0.0.3'], network: 'lab' },
    { names: ['web2', 'www'], addresses: ['10.0.0.4'], network: 'lab' },
    { names: ['crowd'], addresses: crowd, network: 'lab' },
  ],
  subnets: ['10.0.0.0/24', 'fd00::/64'],
};
let held: HeldNamespace;
let dns: DnsResponder;
before(async () => {
  held = await holdNetworkNamespace();
  dns = await startDns({ namespace: { pid: held.pid }, zone: () => zone, upstreams: [] });
});
after(async () => {
  await dns.close();
  await held[Symbol.asyncDispose]();
});

/** Runs a program in the namespace. The responder is in this process: it must go on meanwhile. */
async function inside(program: string, ...args: string[]): Promise<string> {
  const child = spawn('nsenter', [`--net=${held.path}`, program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(child, 'close');
  return text;
}
const dig = async (...args: string[]): Promise<string> =>
  inside('dig', '@127.0.0.11', '+tries=1', '+time=3', ...args);

test('dig understands A, AAAA, PTR, aliases, names below the network’s, over UDP and TCP', async () => {
  assert.equal(await dig('+short', 'db'), '10.0.0.2\n');
  assert.equal(await dig('+short', 'SQL.lab.', 'AAAA'), 'fd00::2\n');
  assert.equal(await dig('+short', '+tcp', 'db.lab'), '10.0.0.2\n');
  assert.equal(await dig('+short', '-x', '10.0.0.2'), 'db.lab.\n');
  assert.equal(await dig('+short', '-x', 'fd00::2'), 'db.lab.\n');
});

test('dig says NOERROR without answers, NXDOMAIN and REFUSED where they are due, and sees no malformed message', async () => {
  for (const [args, status] of [
    [['web1', 'AAAA'], 'NOERROR'],
    [['db', 'MX'], 'NOERROR'],
    [['nobody.lab'], 'NXDOMAIN'],
    [['-x', '10.0.0.77'], 'NXDOMAIN'],
    [['example.org'], 'REFUSED'],
    [['-c', 'CH', 'db', 'A'], 'REFUSED'],
    [['+opcode=5', 'db'], 'NOTIMP'],
  ] as const) {
    const text = await dig(...args);
    assert.match(text, new RegExp(`status: ${status}`), args.join(' '));
    assert.doesNotMatch(text, /malformed|mismatch|WARNING: .*(extra|malformed)/i, args.join(' '));
  }
});

test('several of one alias take turns', async () => {
  const firsts = new Set<string>();
  for (let round = 0; round < 4; round++) firsts.add((await dig('+short', 'www')).split('\n')[0] ?? '');
  assert.deepEqual([...firsts].sort(), ['10.0.0.3', '10.0.0.4']);
});

test('what does not fit is truncated, within EDNS’s size or 512 bytes, and whole over TCP', async () => {
  const cut = await dig('+noedns', '+ignore', 'crowd');
  assert.match(cut, /flags: [^;]*\btc\b/);
  assert.ok(Number(/MSG SIZE\s+rcvd: (\d+)/.exec(cut)?.[1]) <= 512);
  const wide = await dig('+bufsize=4096', '+ignore', 'crowd');
  assert.doesNotMatch(wide, /flags: [^;]*\btc\b/);
  assert.match(wide, /EDNS: version: 0.*udp: \d+/);
  assert.equal(
    (await dig('+noedns', '+short', 'crowd')).trim().split('\n').length,
    100,
    'dig asks again by TCP',
  );
});

test('hostile packets are refused or dropped, and honest ones answered afterwards', async () => {
  const packets = [
    ...fc.sample(fc.uint8Array({ maxLength: 600 }), 200),
    // Pointers to themselves, counts without records, labels without an end.
    Buffer.from('123401000001000000000000c00c00010001', 'hex'),
    Buffer.from('123401000001ffffffffffff0264620000010001', 'hex'),
    Buffer.from(`123401000001000000000000${'3f'.repeat(300)}`, 'hex'),
  ];
  const script = `
    const socket = require('node:dgram').createSocket('udp4');
    const packets = ${JSON.stringify(packets.map((each) => Buffer.from(each).toString('base64')))};
    let left = packets.length;
    for (const each of packets) socket.send(Buffer.from(each, 'base64'), 53, '127.0.0.11', () => --left || socket.close());
    const tcp = require('node:net').connect(53, '127.0.0.11', () => tcp.end(Buffer.from('ffff' + '00'.repeat(50), 'hex')));
    tcp.on('error', () => {}); tcp.resume();`;
  await inside(process.execPath, '-e', script);
  assert.equal(await dig('+short', 'db'), '10.0.0.2\n');
  assert.equal(await dig('+short', '+tcp', 'db'), '10.0.0.2\n');
});

test('a resolver that answers something else, or another question’s number, is not believed', async () => {
  const liar = createSocket('udp4');
  liar.on('message', (message, peer) => {
    const wrong = Buffer.from(message);
    wrong.writeUInt16BE(message.readUInt16BE(0) ^ 1, 0);
    wrong.writeUInt16BE(0x8180, 2);
    liar.send(wrong, peer.port, peer.address);
    liar.send(message.subarray(0, 5), peer.port, peer.address);
  });
  liar.bind(0, '127.0.0.9');
  await once(liar, 'listening');
  const other = await holdNetworkNamespace();
  const own = await startDns({
    namespace: { pid: other.pid },
    zone: () => zone,
    upstreams: ['127.0.0.9'],
    port: liar.address().port,
    timeoutMs: 300,
  });
  const child = spawn(
    'nsenter',
    [`--net=${other.path}`, 'dig', '@127.0.0.11', '+tries=1', '+time=3', 'example.org'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(child, 'close');
  assert.match(text, /status: SERVFAIL/);
  await own.close();
  await other[Symbol.asyncDispose]();
  liar.close();
  await once(liar, 'close');
});
