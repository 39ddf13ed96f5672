import assert from 'node:assert/strict';
import { readlinkSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { namespaceAddon } from './index.js';
import { decodeFacts, decodeSweep, encodeRequests, namespaceTypes, type SweptProcess } from './namespace.js';

const CLONE_NEWNET = 0x4000_0000;

const inodeOf = (link: string): number => Number(/\[(\d+)\]/.exec(readlinkSync(link))?.[1]);

test('sweepProcesses() tells of this process what /proc does', async () => {
  const own = decodeSweep(await namespaceAddon().sweepProcesses()).find(({ pid }) => pid === process.pid);
  assert.ok(own);
  assert.equal(own.ppid, process.ppid);
  assert.deepEqual(
    own.namespaces.slice(0, 8),
    namespaceTypes.map((type) => inodeOf(`/proc/self/ns/${type}`)),
  );
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  assert.equal(own.startTicks, Number(fields[19]));
  assert.equal(own.name, readFileSync('/proc/self/comm', 'utf8').trimEnd());
  assert.ok(own.threads > 1);
  assert.deepEqual(own.threadsElsewhere, []);
  assert.deepEqual(own.holds, [], 'what it holds itself for the sweep is left out');
});

test('inspectNamespaces() answers each request in its order, and says what was wrong with one', async () => {
  const answers = decodeFacts(
    await namespaceAddon().inspectNamespaces(
      encodeRequests([
        { path: '/proc/self/ns/net' },
        { path: '/etc/passwd' },
        { path: '/nothing' },
        { path: `${process.pid}/ns/user` },
        { path: `${process.pid}/ns/net`, steps: 'u' },
      ]),
    ),
  );
  assert.deepEqual(
    answers.map((answer) => answer.errno ?? [answer.type, answer.inode]),
    [
      ['net', inodeOf('/proc/self/ns/net')],
      'EINVAL',
      'ENOENT',
      ['user', inodeOf('/proc/self/ns/user')],
      ['user', inodeOf('/proc/self/ns/user')],
    ],
  );
});

test('openProcess() refuses what is no process', () => {
  for (const pid of [0, -1, 4_194_303])
    assert.throws(() => namespaceAddon().openProcess(pid), { syscall: 'pidfd_open' });
});

test('listNamespaces() lists what the sweep finds, where the kernel can', async (t) => {
  const ids = namespaceAddon().listNamespaces();
  if (ids === null) {
    t.skip('the kernel has no listns(2): it came with Linux 6.19');
    return;
  }
  const requests = Array.from({ length: ids.length / 8 }, (_, index) => ({
    path: `id:${ids.readBigUInt64LE(index * 8)}`,
  }));
  const facts = decodeFacts(await namespaceAddon().inspectNamespaces(encodeRequests(requests)));
  const inodes = new Set(facts.flatMap((each) => (each.errno === undefined ? [each.inode] : [])));
  assert.ok(inodes.has(inodeOf('/proc/self/ns/net')));
});

test('a namespace can be opened by its 64-bit id, as listns(2) gives it', async (t) => {
  const id = namespaceAddon().namespaceId('/proc/self/ns/net');
  if (id === null) {
    t.skip('the kernel has no NS_GET_ID: it came with Linux 6.18');
    return;
  }
  const [facts] = decodeFacts(
    await namespaceAddon().inspectNamespaces(
      encodeRequests([{ path: `id:${id}:${CLONE_NEWNET}:${inodeOf('/proc/self/ns/net')}` }]),
    ),
  );
  assert.ok(facts && facts.errno === undefined, JSON.stringify(facts));
  assert.equal(facts.inode, inodeOf('/proc/self/ns/net'));
});

/** As native/addon/sweep.c writes it. */
function encodeSweep(processes: readonly SweptProcess[]): Buffer {
  const numbers = (...values: number[]): Buffer => Buffer.from(Uint32Array.from(values).buffer);
  return Buffer.concat(
    processes.flatMap((each) => {
      const name = Buffer.from(each.name);
      const { links, descriptors, sockets } = each.denied;
      return [
        numbers(1, each.pid, each.ppid, each.uid, each.threads),
        numbers(Number(links) + Number(descriptors) * 2 + Number(sockets) * 4),
        numbers(each.startTicks % 2 ** 32, Math.floor(each.startTicks / 2 ** 32), name.length),
        numbers(...each.namespaces),
        name,
        Buffer.alloc((4 - (name.length % 4)) % 4),
        ...each.threadsElsewhere.map(({ tid, namespaces }) => numbers(2, tid, ...namespaces)),
        ...each.holds.map(({ kind, fd, type, inode }) =>
          numbers(3, kind === 'socket' ? 2 : 1, fd, namespaceTypes.indexOf(type), inode),
        ),
      ];
    }),
  );
}

test('decodeSweep() reads whatever names, threads and descriptors the addon wrote', () => {
  const word = fc.nat({ max: 0xffff_ffff });
  const inodes = fc.array(word, { minLength: 10, maxLength: 10 });
  const swept = fc.record({
    pid: word,
    ppid: word,
    uid: word,
    threads: word,
    startTicks: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    name: fc.string({ unit: 'grapheme', maxLength: 15 }),
    namespaces: inodes,
    threadsElsewhere: fc.array(fc.record({ tid: word, namespaces: inodes }), { maxLength: 3 }),
    holds: fc.array(
      fc.record({
        kind: fc.constantFrom('descriptor' as const, 'socket' as const),
        fd: word,
        type: fc.constantFrom(...namespaceTypes),
        inode: word,
      }),
      { maxLength: 3 },
    ),
    denied: fc.record({ links: fc.boolean(), descriptors: fc.boolean(), sockets: fc.boolean() }),
  });
  fc.assert(
    fc.property(fc.array(swept, { maxLength: 5 }), (processes) => {
      assert.deepEqual(
        JSON.parse(JSON.stringify(decodeSweep(encodeSweep(processes)))),
        JSON.parse(JSON.stringify(processes)),
      );
    }),
  );
});
