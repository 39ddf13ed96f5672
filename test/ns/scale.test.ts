import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readNamespaces } from '../../src/explore/namespaces/index.js';
import { assertFakeHost, namespaceOf } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';
import { holding, inodeOf } from './holders.js';

assertFakeHost();

/** Processes that do `work` and then wait; the first one ends after them. */
const processes = (count: number, work = 'pass'): string => `
import atexit
done, told = os.pipe()
for index in range(${count}):
    if os.fork() == 0:
        ${work}
        os.write(told, b"."); os.read(0, 1); os._exit(0)
for _ in range(${count}): os.read(done, 1)
atexit.register(lambda: [os.wait() for _ in range(${count})])`;

/** The same, threads of one process. */
const threads = (count: number, work = 'pass'): string => `
threading.stack_size(65536)
made = threading.Barrier(${count + 1}); never = threading.Event()
def run(index):
    ${work}
    made.wait(); never.wait()
for index in range(${count}): threading.Thread(target=run, args=(index,), daemon=True).start()
made.wait()`;

/** The system calls of one look at the machine that open, ask or read something: by strace(1), of all threads. */
async function countCalls(made: string): Promise<number> {
  await using held = await holding(made);
  assert.ok(held.pid > 0);
  const folder = mkdtempSync(join(tmpdir(), 'warren-scale-'));
  try {
    const calls =
      'openat,close,readlinkat,readlink,read,pread64,getdents64,statx,newfstatat,fstat,ioctl,setns';
    const script = `
      import { readNamespaces } from '${join(import.meta.dirname, '../../src/explore/namespaces/index.js')}';
      await readNamespaces();`;
    const options = ['-f', '-c', '-U', 'calls,name', '-o', join(folder, 'counts'), '-e'];
    const node = [process.execPath, '--input-type=module', '-e', script];
    oracle('strace', [...options, `trace=${calls},pidfd_open,pidfd_getfd`, ...node]);
    const total = /^\s*(\d+) total$/m.exec(readFileSync(join(folder, 'counts'), 'latin1'));
    return Number(total?.[1] ?? assert.fail('strace counted nothing'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const [what, make, few] of [
  ['processes', (count: number) => processes(count), 200],
  ['processes with a namespace each', (count: number) => processes(count, 'unshare("uts")'), 200],
  ['threads', (count: number) => threads(count), 500],
  ['threads with a namespace each', (count: number) => threads(count, 'unshare("uts")'), 200],
  [
    'descriptors of namespaces',
    (count: number) =>
      `kept = [(unshare("uts"), os.open("/proc/self/ns/uts", os.O_RDONLY)) for _ in range(${count})]`,
    200,
  ],
] as const) {
  test(`readNamespaces() asks the kernel four times as much about four times as many ${what}, and no more`, async () => {
    const none = await countCalls('pass');
    const some = (await countCalls(make(few))) - none;
    const many = (await countCalls(make(4 * few))) - none;
    assert.ok(some >= few, `${some} calls for ${few} are too few to have been made for them`);
    assert.ok(many <= 4.4 * some, `${many} calls for ${4 * few}, ${some} for ${few}`);
  });
}

test('readNamespaces() lists two thousand processes, as /proc and lsns do', async () => {
  await using held = await holding(processes(2000, 'if index % 500 == 7: unshare("net")'));
  const { namespaces } = await readNamespaces();
  const nets = namespaces.filter(({ type }) => type === 'net');
  const children = readFileSync(`/proc/${held.pid}/task/${held.pid}/children`, 'latin1').trim().split(' ');
  assert.equal(children.length, 2000);
  const own = nets.find(({ inode }) => inode === inodeOf(namespaceOf('net')));
  const listed = new Set(own?.processes);
  const apart = children.map(Number).filter((pid) => !listed.has(pid));
  assert.deepEqual(
    nets.flatMap((each) => (each === own ? [] : each.processes)).sort((a, b) => a - b),
    apart.sort((a, b) => a - b),
  );
  assert.equal(apart.length, 4);
  const rows = oracle('lsns', ['--noheadings', '--raw', '--type', 'net', '--output', 'NS,NPROCS']).stdout;
  const counts = new Map(
    rows
      .trim()
      .split('\n')
      .map((row) => row.split(' ').map(Number) as [number, number]),
  );
  for (const { inode, processes: pids } of nets) {
    // lsns is a process more.
    const theirs = (counts.get(inode) ?? NaN) - (inode === own?.inode ? 1 : 0);
    assert.equal(pids.length, theirs, `net:[${inode}]`);
  }
});

test('readNamespaces() finds each of two thousand and more threads where it is', async () => {
  await using held = await holding(
    threads(2500, 'if index % 5 == 0: unshare("uts"); unshare("ipc") if index % 10 == 0 else None'),
  );
  const { namespaces } = await readNamespaces();
  const tids = readdirSync(`/proc/${held.pid}/task`);
  assert.equal(tids.length, 2501);
  for (const type of ['uts', 'ipc'] as const) {
    const found = namespaces
      .filter((each) => each.type === type)
      .flatMap(({ inode, holders }) =>
        holders.flatMap((each) =>
          each.kind === 'thread' && each.pid === held.pid ? [[each.tid, inode] as const] : [],
        ),
      );
    const links = tids.map(
      (tid) => [Number(tid), inodeOf(readlinkSync(`/proc/${held.pid}/task/${tid}/ns/${type}`))] as const,
    );
    const home = inodeOf(namespaceOf(type, held.pid));
    assert.deepEqual(
      new Map(found.toSorted(([a], [b]) => a - b)),
      new Map(links.filter(([, inode]) => inode !== home).toSorted(([a], [b]) => a - b)),
    );
    assert.equal(found.length, type === 'uts' ? 500 : 250);
  }
});
