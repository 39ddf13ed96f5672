import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, rmdirSync } from 'node:fs';
import { after, test } from 'node:test';
import { run, start } from '../../src/index.js';
import { hold, linesOf, sh } from '../support/container.js';
import { assertFakeHost, holdNetworkNamespace, namespaceOf, networkDevices } from '../support/fake-host.js';
import { leavesNothing } from '../support/leaks.js';
import { oracle } from '../support/oracle.js';
import { busyboxRootfs } from '../support/rootfs.js';
import { waitFor, waitForExit } from '../support/wait.js';

assertFakeHost();

const root = busyboxRootfs();
after(() => root[Symbol.dispose]());
const rootfs = root.path;

const kinds = ['mnt', 'pid', 'uts', 'ipc', 'net', 'cgroup', 'user', 'time'] as const;

/** What lsns(8) says of a process: kind → inode. */
function lsns(pid: number): Map<string, number> {
  const { stdout } = oracle('lsns', ['--json', '--output', 'TYPE,NS', '--task', String(pid)]);
  const { namespaces } = JSON.parse(stdout) as { namespaces: { type: string; ns: number }[] };
  return new Map(namespaces.map(({ type, ns }) => [type, ns]));
}

/** Ids of System V objects, as ipcs(1) lists them: `q`, `m` or `s`. */
const listIpc = (flag: string): string => `ipcs -${flag} | awk '$2 ~ /^[0-9]+$/ { print $2 }'`;

test('a container has mount, PID, UTS, IPC, network and cgroup namespaces of its own, and the host’s user and time', async () => {
  await using container = await hold({ rootfs });
  const own = kinds.filter((kind) => namespaceOf(kind, container.pid) !== namespaceOf(kind));
  assert.deepEqual(own, ['mnt', 'pid', 'uts', 'ipc', 'net', 'cgroup']);
  const [theirs, ours] = [lsns(container.pid), lsns(process.pid)];
  assert.deepEqual(
    [...theirs.keys()].filter((kind) => theirs.get(kind) !== ours.get(kind)).sort(),
    [...own].sort(),
  );
  for (const kind of kinds)
    assert.equal(namespaceOf(kind, container.pid), `${kind}:[${String(theirs.get(kind))}]`);
});

test('a namespace that is "host" is the caller’s', async () => {
  await using container = await hold({
    rootfs,
    pid: 'host',
    uts: 'host',
    ipc: 'host',
    network: 'host',
    cgroupns: 'host',
  });
  for (const kind of ['pid', 'uts', 'ipc', 'net', 'cgroup', 'user', 'time'])
    assert.equal(namespaceOf(kind, container.pid), namespaceOf(kind), kind);
  assert.notEqual(namespaceOf('mnt', container.pid), namespaceOf('mnt'));
});

test('namespaces are joined by the id of a process, and by a path', async () => {
  await using first = await hold({ rootfs, monotonicOffsetSec: 5 });
  const by = (kind: string): `ns:${string}` => `ns:/proc/${first.pid}/ns/${kind}`;
  const pid = `pid:${first.pid}` as const;
  for (const options of [
    { pid, uts: pid, ipc: pid, network: pid, cgroupns: pid, timens: pid },
    {
      pid: by('pid'),
      uts: by('uts'),
      ipc: by('ipc'),
      network: by('net'),
      cgroupns: by('cgroup'),
      timens: by('time'),
    },
  ]) {
    await using second = await hold({ rootfs, ...options });
    for (const kind of ['pid', 'uts', 'ipc', 'net', 'cgroup', 'time'])
      assert.equal(namespaceOf(kind, second.pid), namespaceOf(kind, first.pid), kind);
    assert.notEqual(namespaceOf('mnt', second.pid), namespaceOf('mnt', first.pid));
  }
});

test('MISSION 2.1: a new process gets a new network namespace, with nothing but a loopback', async () => {
  // ip(8) of the machine's own root, inside.
  const inside = await run(['ip', '-json', 'address']);
  const links = JSON.parse(inside.stdout) as {
    ifname: string;
    flags: string[];
    addr_info: { local: string }[];
  }[];
  const unshared = JSON.parse(oracle('unshare', ['--net', 'ip', '-json', 'link']).stdout) as {
    ifname: string;
  }[];
  assert.deepEqual(
    links.map(({ ifname }) => ifname),
    unshared.map(({ ifname }) => ifname),
  );
  const lo = links.find(({ ifname }) => ifname === 'lo') ?? assert.fail('no lo');
  assert.ok(lo.flags.includes('UP'));
  assert.deepEqual(
    lo.addr_info.map(({ local }) => local),
    ['127.0.0.1', '::1'],
  );
  assert.equal((await run(['ip', 'route'])).stdout, '');
});

test('MISSION 2.1: --network takes a namespace that another program made, by path, and shows its devices', async () => {
  await using held = await holdNetworkNamespace();
  oracle('nsenter', ['--net=' + held.path, 'ip', 'link', 'add', 'dummy7', 'type', 'bridge']);
  const { stdout } = await run(['ip', '-json', 'link'], { network: `ns:${held.path}` });
  assert.deepEqual(
    (JSON.parse(stdout) as { ifname: string }[]).map(({ ifname }) => ifname),
    ['lo', 'dummy7'],
  );
  assert.deepEqual(networkDevices(), ['lo']);
  const inHost = await run(['ip', '-json', 'link'], { network: 'host' });
  assert.deepEqual(
    (JSON.parse(inHost.stdout) as { ifname: string }[]).map(({ ifname }) => ifname),
    networkDevices(),
  );
});

test('MISSION 3.1: host and domain name are the container’s own, and the host’s stay as they are', async () => {
  const host = [oracle('uname', ['-n']).stdout, readFileSync('/proc/sys/kernel/domainname', 'utf8')];
  const file = readFileSync('/etc/hostname', 'utf8');
  const shown = await sh(
    'hostname; cat /proc/sys/kernel/domainname /etc/hostname; uname -n; echo $HOSTNAME',
    {
      rootfs,
      hostname: 'blue',
      domainname: 'lab.example',
    },
  );
  assert.deepEqual(linesOf(shown), ['blue', 'lab.example', 'blue', 'blue', 'blue']);

  // And one that is changed later, from inside.
  await using container = await hold({ rootfs, caps: { add: ['SYS_ADMIN'] } }, 'hostname changed');
  assert.equal(oracle('nsenter', [`--uts=/proc/${container.pid}/ns/uts`, 'uname', '-n']).stdout, 'changed\n');
  assert.deepEqual(
    [oracle('uname', ['-n']).stdout, readFileSync('/proc/sys/kernel/domainname', 'utf8')],
    host,
  );
  assert.equal(readFileSync('/etc/hostname', 'utf8'), file);
});

test('MISSION 3.1: the default host name is the first twelve digits of the id', async () => {
  await using container = await hold({ rootfs });
  const { stdout } = oracle('nsenter', [`--uts=/proc/${container.pid}/ns/uts`, 'uname', '-n']);
  assert.equal(stdout.trim(), container.id.slice(0, 12));
  assert.equal(await sh('hostname', { rootfs, uts: 'host' }), oracle('uname', ['-n']).stdout.trim());
});

test('MISSION 3.2: System V queues, shared memory and semaphores are private', async () => {
  const list = ['q', 'm', 's'].map(listIpc).join('; ');
  const queue = /id: (\d+)/.exec(oracle('ipcmk', ['--queue']).stdout)?.[1] ?? assert.fail('no queue');
  try {
    assert.equal(await sh(list), '', 'a new one is empty');
    assert.ok(linesOf(await sh(list, { ipc: 'host' })).includes(queue));
    await using container = await hold({}, 'ipcmk -Q; ipcmk -M 4096; ipcmk -S 1');
    const entered = oracle('nsenter', [`--ipc=/proc/${container.pid}/ns/ipc`, 'sh', '-c', list]);
    assert.deepEqual(linesOf(entered.stdout), ['0', '0', '0']);
    assert.deepEqual(linesOf(await sh(list, { ipc: `pid:${container.pid}` })), ['0', '0', '0']);
    assert.equal(await sh(list), '', 'another container does not see them');
  } finally {
    oracle('ipcrm', ['--queue-id', queue]);
  }
});

test('MISSION 3.2: POSIX queues are private, and shown by /dev/mqueue', async () => {
  await using container = await hold({ rootfs }, 'touch /dev/mqueue/warren-inside');
  // The oracle is the kernel's own view of the host's queues.
  const queues = '/run/queues';
  mkdirSync(queues);
  oracle('mount', ['-t', 'mqueue', 'none', queues]);
  try {
    assert.ok(!readdirSync(queues).includes('warren-inside'));
  } finally {
    oracle('umount', [queues]);
    rmdirSync(queues);
  }
  assert.equal(await sh('ls /dev/mqueue', { rootfs }), '');
  assert.equal(await sh('ls /dev/mqueue', { rootfs, ipc: `pid:${container.pid}` }), 'warren-inside');
});

test('MISSION 3.3: the first process is 1 and sees only its own; the host sees its real id', async () => {
  const seen = await sh('echo $$; cd /proc; ls -d [0-9]* | sort -n', { rootfs });
  const [self, first, ...others] = linesOf(seen);
  assert.deepEqual([self, first], ['1', '1']);
  // Those of the pipe, and none else.
  assert.ok(others.length <= 2, seen);
  await using container = await hold({ rootfs });
  const status = readFileSync(`/proc/${container.pid}/status`, 'utf8');
  assert.match(status, new RegExp(`^NSpid:\\t${container.pid}\\t1$`, 'm'));
  const inspected = oracle('nsenter', [
    '--target',
    String(container.pid),
    '--pid',
    '--mount',
    '/bin/ps',
    '-o',
    'pid,comm',
  ]);
  assert.match(inspected.stdout, /^ +1 cat$/m);
});

test('MISSION 3.3: with the host’s PID namespace the container sees the host’s processes', async () => {
  const shown = await sh('cd /proc; ls -d [0-9]*', { rootfs, pid: 'host' });
  assert.ok(linesOf(shown).includes(String(process.pid)));
  assert.equal(await sh(`cat /proc/${process.pid}/comm`, { rootfs, pid: 'host' }), 'node');
});

test('MISSION 3.3: PID namespaces nest', async () => {
  await using container = await hold(
    { caps: { add: ['SYS_ADMIN'] }, rootfs },
    'unshare -p -f sleep 1000 & until grep -qs "^Name:.sleep" /proc/[2-9]*/status; do :; done',
  );
  const inner = await waitFor('the nested process', () =>
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && readIfThere(`/proc/${name}/comm`) === 'sleep\n')
      .map(
        (name) => /^NSpid:\t(.*)$/m.exec(readIfThere(`/proc/${name}/status`) ?? '')?.[1]?.split('\t') ?? [],
      )
      .find((ids) => ids.length === 3),
  );
  assert.equal(inner[2], '1');
  assert.notEqual(inner[1], '1');
  assert.equal(container.kill('SIGKILL'), true);
});

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

test('MISSION 3.3: process 1 adopts orphans', async () => {
  const script = `sh -c 'sleep 1000 & echo $!' > /tmp/orphan; read pid < /tmp/orphan; grep PPid /proc/$pid/status`;
  assert.equal(await sh(script, { rootfs }), 'PPid:\t1');
});

test('MISSION 3.3: with --init, process 1 reaps the orphans it adopts', async () => {
  // The orphan has ended when its pipe is closed; only its reaping may take a moment more.
  const script = `
    sh -c 'sh -c "echo \\$\\$ > /tmp/orphan; exec true" & wait'
    sh -c '(exec sh -c "echo \\$\\$ > /tmp/orphan") & exit'
    until [ -s /tmp/orphan ]; do :; done
    read pid < /tmp/orphan
    while [ -d /proc/$pid ]; do :; done
    echo "$$ reaped"`;
  const [self, word] = (await sh(script, { rootfs, init: true })).split(' ');
  assert.notEqual(self, '1');
  assert.equal(word, 'reaped');
});

test('MISSION 3.3: the death of process 1 ends all', async () => {
  await leavesNothing(async () => {
    await using container = await start(
      ['sh', '-c', 'sleep 1000 & setsid sleep 1000 & echo started; exec cat'],
      { rootfs, stdin: 'pipe' },
    );
    for await (const line of container.lines()) if (line === 'started') break;
    const theirs = readdirSync('/proc').filter(
      (name) =>
        /^\d+$/.test(name) &&
        tryNamespace('pid', Number(name)) === namespaceOf('pid', container.pid) &&
        Number(name) !== container.pid,
    );
    assert.equal(theirs.length, 2);
    container.kill('SIGKILL');
    assert.equal((await container.wait()).exitCode, 137);
    for (const pid of theirs) await waitForExit(Number(pid));
  });
});

function tryNamespace(kind: string, pid: number): string | undefined {
  try {
    return namespaceOf(kind, pid);
  } catch {
    return undefined;
  }
}

test('MISSION 3.4: a mount made inside never reaches the host, and /proc/PID shows it', async () => {
  const before = readFileSync('/proc/self/mountinfo', 'utf8');
  await using container = await hold(
    { rootfs, caps: { add: ['SYS_ADMIN'] } },
    'mkdir /inner; mount -t tmpfs -o size=1m inner-mount /inner; touch /inner/file',
  );
  assert.equal(readFileSync('/proc/self/mountinfo', 'utf8'), before);
  const { stdout } = oracle('findmnt', [
    '--task',
    String(container.pid),
    '--noheadings',
    '--output',
    'SOURCE,FSTYPE',
    '/inner',
  ]);
  assert.match(stdout, /^inner-mount +tmpfs/);
  for (const [file, line] of [
    ['mounts', /^inner-mount \/inner tmpfs rw/m],
    ['mountinfo', / \/ \/inner rw.* - tmpfs inner-mount /],
    ['mountstats', /^device inner-mount mounted on \/inner with fstype tmpfs$/m],
  ] as const) {
    assert.match(readFileSync(`/proc/${container.pid}/${file}`, 'utf8'), line);
    assert.doesNotMatch(readFileSync(`/proc/self/${file}`, 'utf8'), /inner-mount/);
  }
});

test('MISSION 3.4: the container’s mounts propagate nowhere', async () => {
  const { stdout } = await run(['cat', '/proc/self/mountinfo'], { rootfs });
  assert.deepEqual(
    linesOf(stdout).filter((line) => /shared:|master:/.test(line)),
    [],
  );
});

test('MISSION 3.6: a container is at the root of its cgroup namespace', async () => {
  const inside = linesOf(await sh('cat /proc/self/cgroup', { rootfs }));
  assert.ok(inside.length > 0);
  for (const line of inside) assert.match(line, /^\d+:[^:]*:\/$/);
  const host = oracle('cat', ['/proc/self/cgroup']).stdout;
  assert.equal(`${await sh('cat /proc/self/cgroup', { rootfs, cgroupns: 'host' })}\n`, host);
});

test('MISSION 3.6: a time namespace adds its offsets to the clocks', async () => {
  const uptime = (text: string): number => Number(text.split(' ')[0]);
  const own = (): number => uptime(readFileSync('/proc/uptime', 'utf8'));
  const offset = 1_000_000;
  const before = own();
  const inside = uptime(await sh('cat /proc/uptime', { rootfs, boottimeOffsetSec: offset }));
  const afterwards = own();
  assert.ok(inside >= before + offset - 0.01 && inside <= afterwards + offset + 0.01, String(inside));

  await using container = await hold({ rootfs, boottimeOffsetSec: offset, monotonicOffsetSec: 77 });
  assert.notEqual(namespaceOf('time', container.pid), namespaceOf('time'));
  const offsets = readFileSync(`/proc/${container.pid}/timens_offsets`, 'utf8');
  assert.match(offsets, /^monotonic +77 +0$/m);
  assert.match(offsets, new RegExp(`^boottime +${offset} +0$`, 'm'));
  const unshared = oracle('unshare', [
    '--time',
    '--fork',
    `--boottime=${offset}`,
    '--monotonic=77',
    'cat',
    '/proc/self/timens_offsets',
  ]);
  assert.equal(offsets, unshared.stdout);
});
