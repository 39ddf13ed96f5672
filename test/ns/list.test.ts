import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  compareNamespaces,
  findLeaks,
  findNamespaces,
  parseNamespaceTarget,
  readNamespaces,
  readNetnsids,
  releaseLeaks,
  type Namespace,
} from '../../src/explore/namespaces/index.js';
import { assertFakeHost, namespaceOf } from '../support/fake-host.js';
import { leavesNothing } from '../support/leaks.js';
import { oracle } from '../support/oracle.js';
import { holding, inodeOf, namedNetns } from './holders.js';

assertFakeHost();

async function find(inode: number): Promise<Namespace> {
  const { namespaces } = await readNamespaces();
  return namespaces.find((each) => each.inode === inode) ?? assert.fail(`namespace ${inode} is not listed`);
}

const kindsOf = ({ holders }: Namespace): string[] => holders.map(({ kind }) => kind);

test('readNamespaces() finds a namespace by a process in it, as MISSION 2.3 asks', async () => {
  await using held = await holding('unshare("net"); tell(link("net"))');
  const found = await find(inodeOf(held.told[0]));
  assert.equal(found.type, 'net');
  assert.deepEqual(found.processes, [held.pid]);
  assert.deepEqual(found.holders, []);
  assert.equal(found.first?.pid, held.pid);
  assert.match(found.first.command, /python3 -c/);
  assert.equal(found.creatorUid, 0);
  assert.ok((found.ageSec ?? NaN) < 60);
});

test('readNamespaces() finds a namespace that only a thread is in', async () => {
  await using held = await holding(`
made = threading.Event()
def work():
    unshare("uts"); tell(link("uts", "thread-self")); made.set(); threading.Event().wait()
threading.Thread(target=work, daemon=True).start(); made.wait()`);
  const found = await find(inodeOf(held.told[0]));
  assert.equal(found.type, 'uts');
  assert.deepEqual(found.processes, []);
  const [holder] = found.holders;
  assert.ok(holder?.kind === 'thread');
  assert.equal(holder.pid, held.pid);
  assert.equal(holder.command, 'python3');
  assert.equal(readFileSync(`/proc/${held.pid}/task/${holder.tid}/comm`, 'utf8'), 'python3\n');
});

test('readNamespaces() finds one thread that is elsewhere among hundreds', async () => {
  await using held = await holding(`
made = threading.Barrier(301)
def work(index):
    if index == 137: unshare("ipc"); tell(link("ipc", "thread-self"))
    made.wait(); threading.Event().wait()
for index in range(300): threading.Thread(target=work, args=(index,), daemon=True).start()
made.wait()`);
  const found = await find(inodeOf(held.told[0]));
  assert.deepEqual(kindsOf(found), ['thread']);
});

test('readNamespaces() finds a namespace that only an open descriptor holds', async () => {
  await using held = await holding(`
before = os.open("/proc/self/ns/ipc", os.O_RDONLY)
unshare("ipc"); kept = os.open("/proc/self/ns/ipc", os.O_RDONLY); tell(link("ipc")); tell(kept)
setns(before, "ipc"); os.close(before)`);
  const found = await find(inodeOf(held.told[0]));
  assert.deepEqual(found.processes, []);
  assert.deepEqual(found.holders, [
    { kind: 'descriptor', pid: held.pid, fd: Number(held.told[1]), command: 'python3' },
  ]);
});

test('readNamespaces() finds a network namespace that only a socket keeps', async () => {
  await using held = await holding(`
before = os.open("/proc/self/ns/net", os.O_RDONLY)
unshare("net"); kept = socket.socket(); tell(link("net")); tell(kept.fileno())
setns(before, "net"); os.close(before)`);
  const found = await find(inodeOf(held.told[0]));
  assert.deepEqual(found.processes, []);
  assert.deepEqual(found.holders, [
    { kind: 'socket', pid: held.pid, fd: Number(held.told[1]), command: 'python3' },
  ]);
  assert.equal(typeof found.owner, 'number', 'it was opened by way of its socket');
});

test('readNamespaces() finds the time namespace that the next child of a process will be in', async () => {
  await using held = await holding('unshare("time"); tell(link("time_for_children"))');
  const found = await find(inodeOf(held.told[0]));
  assert.equal(found.type, 'time');
  assert.deepEqual(found.holders, [{ kind: 'next-child', pid: held.pid, command: 'python3' }]);
});

test('readNamespaces() finds namespaces that only a bind mount holds, by names with spaces and newlines too', async () => {
  await leavesNothing(async () => {
    const path = '/run/a b\n\\040c';
    writeFileSync(path, '');
    oracle('unshare', [`--uts=${path}`, 'true']);
    try {
      const found = await find(statSync(path).ino);
      assert.equal(found.type, 'uts');
      assert.deepEqual(found.holders, [
        { kind: 'mount', path, mountNamespace: inodeOf(namespaceOf('mnt')), here: true },
      ]);
      assert.equal(found.ageSec, undefined);
    } finally {
      oracle('umount', [path]);
      rmSync(path);
    }
  });
});

test('readNamespaces() finds a bind mount in a mount namespace that is not ours, behind a chroot', async () => {
  await using held = await holding(`
unshare("mnt")
check(libc.mount(b"none", b"/", None, 0x44000, None), "private")
check(libc.mount(b"tmpfs", b"/mnt", b"tmpfs", 0, None), "mount")
open("/mnt/file", "w").close(); os.mkdir("/mnt/jail")
pid = os.fork()
if pid == 0:
    unshare("net"); tell(link("net"))
    check(libc.mount(b"/proc/self/ns/net", b"/mnt/file", None, 4096, None), "bind"); os._exit(0)
os.waitpid(pid, 0)
tell(link("mnt")); os.chroot("/mnt/jail"); os.chdir("/")`);
  const [net, mnt] = held.told.map(inodeOf);
  const found = await find(net ?? NaN);
  assert.deepEqual(found.holders, [{ kind: 'mount', path: '/mnt/file', mountNamespace: mnt, here: false }]);
  assert.equal(typeof found.owner, 'number', 'it was opened from inside that mount namespace');
});

test('readNamespaces() finds a user namespace that is only the parent of another', async () => {
  await using held = await holding(`
unshare("user"); tell(link("user")); become_root(); unshare("user"); tell(link("user"))`);
  const [outer, inner] = held.told.map(inodeOf);
  const found = await find(outer ?? NaN);
  assert.deepEqual(found.processes, []);
  assert.deepEqual(found.holders, [{ kind: 'child', type: 'user', inode: inner }]);
  assert.equal(found.parent, inodeOf(namespaceOf('user')));
  assert.equal((await find(inner ?? NaN)).parent, outer);
});

test('readNamespaces() finds a user namespace that only owns another, and who made it', async () => {
  await leavesNothing(async () => {
    writeFileSync('/run/owned', '');
    let user: number;
    let net: number;
    {
      await using held = await holding(`
os.setresgid(4321, 4321, 4321); os.setresuid(4321, 4321, 4321)
libc.prctl(4, 1, 0, 0, 0)
unshare("user"); tell(link("user")); unshare("net"); tell(link("net"))`);
      [user = NaN, net = NaN] = held.told.map(inodeOf);
      oracle('mount', ['--bind', `/proc/${held.pid}/ns/net`, '/run/owned']);
    }
    try {
      const owner = await find(user);
      assert.deepEqual(owner.processes, []);
      assert.deepEqual(owner.holders, [{ kind: 'owned', type: 'net', inode: net }]);
      assert.equal(owner.creatorUid, 4321);
      assert.equal((await find(net)).creatorUid, 4321);
    } finally {
      oracle('umount', ['/run/owned']);
      rmSync('/run/owned');
    }
  });
});

interface LsnsRow {
  readonly ns: number;
  readonly type: string;
  readonly nprocs: number;
  readonly pid: number;
  readonly pns: number;
  readonly ons: number;
}

test('readNamespaces() shows what lsns shows: numbers, types, lowest pids, parents, owners (MISSION 2.3, 3.8)', async () => {
  await using first = await holding('unshare("user"); unshare("net"); unshare("uts")');
  await using second = await holding('unshare("mnt"); unshare("ipc"); unshare("cgroup")');
  using named = namedNetns('lsns');
  {
    const listed = JSON.parse(
      oracle('lsns', ['--json', '--output', 'NS,TYPE,NPROCS,PID,PNS,ONS']).stdout,
    ) as { namespaces: LsnsRow[] };
    const { namespaces } = await readNamespaces();
    const ours = new Map(namespaces.map((each) => [each.inode, each]));
    for (const row of listed.namespaces) {
      const found = ours.get(row.ns) ?? assert.fail(`${row.type}:[${row.ns}] is missing`);
      assert.equal(found.type, row.type);
      if (row.nprocs > 0 && found.processes.length > 0 && !found.processes.includes(process.pid)) {
        assert.equal(found.processes.length, row.nprocs);
        assert.equal(found.first?.pid, row.pid);
      }
      assert.equal(typeof found.parent === 'number' ? found.parent : 0, row.pns);
      assert.equal(typeof found.owner === 'number' ? found.owner : 0, row.ons);
    }
    assert.ok(ours.has(named.inode));
    for (const { pid } of [first, second])
      assert.ok(namespaces.some(({ processes }) => processes.includes(pid)));
    const theirs = new Set(listed.namespaces.map(({ ns }) => ns));
    for (const { inode, processes } of namespaces)
      if (processes.length > 0) assert.ok(theirs.has(inode), `lsns does not know ${inode}`);
  }
});

test('readNetnsids() gives the numbers that ip netns gave (MISSION 2.3)', async () => {
  await leavesNothing(async () => {
    using named = namedNetns('numbered');
    oracle('ip', ['netns', 'set', 'numbered', '77']);
    const { namespaces } = await readNamespaces();
    assert.equal((await readNetnsids(namespaces)).get(named.inode), 77);
  });
});

test('a process whose name and arguments hold newlines and parentheses is read as it is', async () => {
  await using held = await holding(
    'libc.prctl(15, b") 1 (\\n[x", 0, 0, 0); unshare("net"); tell(link("net"))',
  );
  const found = await find(inodeOf(held.told[0]));
  assert.equal(found.first?.pid, held.pid);
  assert.equal(found.first.ppid, process.pid);
});

test('processes that begin and end meanwhile do no harm', async () => {
  await leavesNothing(async () => {
    await using busy = await holding(`
import subprocess
def work():
    while True: subprocess.run(["unshare", "--net", "--mount", "true"])
for _ in range(2): threading.Thread(target=work, daemon=True).start()`);
    for (let round = 0; round < 20; round++) {
      const { namespaces } = await readNamespaces();
      for (const each of namespaces)
        assert.ok(each.processes.length + each.holders.length > 0, JSON.stringify(each));
      assert.equal(new Set(namespaces.map(({ inode }) => inode)).size, namespaces.length);
      assert.ok(namespaces.some(({ processes }) => processes.includes(busy.pid)));
    }
  });
});

test('compareNamespaces() tells which two processes share, and how theirs are related (MISSION 3.8)', async () => {
  await using held = await holding(`
unshare("user"); become_root(); unshare("user"); unshare("uts")`);
  const inventory = await readNamespaces();
  const compared = compareNamespaces(
    inventory,
    parseNamespaceTarget(String(held.pid)),
    parseNamespaceTarget('self'),
  );
  const of = (type: string) => compared.find((each) => each.type === type);
  assert.deepEqual([of('user')?.kinship, of('user')?.levels], ['descendant', 2]);
  assert.equal(of('uts')?.kinship, 'other');
  assert.equal(of('uts')?.ownerA, of('user')?.a);
  assert.equal(of('net')?.kinship, 'same');
  const back = compareNamespaces(inventory, { by: 'pid', pid: process.pid }, { by: 'pid', pid: held.pid });
  assert.equal(back.find(({ type }) => type === 'user')?.kinship, 'ancestor');
});

test('findNamespaces() takes a pid, a number, a file and a name', async () => {
  using named = namedNetns('findme');
  const { inode: ino } = named;
  const inventory = await readNamespaces();
  for (const text of [String(ino), `net:[${ino}]`, `net:${ino}`, '/run/netns/findme', 'findme']) {
    assert.deepEqual(
      findNamespaces(inventory, parseNamespaceTarget(text)).map(({ inode }) => inode),
      [ino],
      text,
    );
  }
  assert.equal(findNamespaces(inventory, parseNamespaceTarget('self')).length, 8);
  for (const text of [`uts:[${ino}]`, '/run/netns/nothing', '4194303']) {
    assert.throws(() => findNamespaces(inventory, parseNamespaceTarget(text)), {
      code: 'ERR_NAMESPACE_NOT_FOUND',
    });
  }
});

test('releaseLeaks() unmounts what only a mount keeps, and nothing that has a name, a holder, or is mounted elsewhere', async () => {
  await leavesNothing(async () => {
    mkdirSync('/run/leaks');
    oracle('mount', ['-t', 'tmpfs', '--make-private', 'tmpfs', '/run/leaks']);
    for (const name of ['plain', 'open']) {
      writeFileSync(`/run/leaks/${name}`, '');
      oracle('unshare', [`--net=/run/leaks/${name}`, 'true']);
    }
    using named = namedNetns('kept');
    const kept = named.inode;
    const [plain, open] = ['plain', 'open'].map((name) => statSync(`/run/leaks/${name}`).ino);
    try {
      {
        await using held = await holding('kept = os.open("/run/leaks/open", os.O_RDONLY)');
        const leaks = findLeaks(await readNamespaces());
        const reason = (inode: number | undefined) =>
          leaks.find(({ namespace }) => namespace.inode === inode)?.reason;
        assert.deepEqual([plain, open, kept].map(reason), ['mounted', 'open', 'named']);
        assert.ok(
          leaks.some(({ namespace }) =>
            namespace.holders.some((each) => 'pid' in each && each.pid === held.pid),
          ),
        );
        const { released, kept: remaining } = releaseLeaks(leaks, undefined);
        assert.deepEqual(released, [{ inode: plain, path: '/run/leaks/plain' }]);
        assert.ok(remaining.some(({ inode }) => inode === kept));
        assert.ok(remaining.some(({ inode }) => inode === open));
      }
      const after = findLeaks(await readNamespaces());
      assert.ok(!after.some(({ namespace }) => namespace.inode === plain));
      assert.deepEqual(releaseLeaks(after, new Set([kept])).released, [
        { inode: kept, path: '/run/netns/kept' },
      ]);
      assert.ok(!oracle('ip', ['netns', 'list']).stdout.includes('kept'));
    } finally {
      oracle('umount', ['--recursive', '/run/leaks']);
      rmSync('/run/leaks', { recursive: true });
    }
  });
});

test('readNamespaces() leaves no descriptor, mount or process behind', async () => {
  await readNamespaces();
  await leavesNothing(async () => {
    await readNamespaces();
  });
});
