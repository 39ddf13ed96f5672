import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import type { NamespaceKind } from '../../src/plan/constants.js';
import { enter, type EnterOptions, type EnterTarget } from '../../src/runtime/enter/index.js';
import { linesOf } from '../support/container.js';
import { assertFakeHost, namespaceOf } from '../support/fake-host.js';
import { leavesNothing } from '../support/leaks.js';
import { oracle } from '../support/oracle.js';
import { busyboxRootfs } from '../support/rootfs.js';
import { waitForExit } from '../support/wait.js';
import { holding, namedNetns, type Holding } from './holders.js';

assertFakeHost();

interface Output {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

async function run(
  target: EnterTarget,
  namespaces: readonly NamespaceKind[] | undefined,
  argv: readonly string[],
  options: EnterOptions = {},
): Promise<Output> {
  await using process = await enter(target, namespaces, argv, options);
  const read = async (stream: NodeJS.ReadableStream | null): Promise<string> => {
    let text = '';
    for await (const chunk of stream ?? []) text += String(chunk);
    return text;
  };
  const [stdout, stderr, { exitCode }] = await Promise.all([
    read(process.stdout),
    read(process.stderr),
    process.wait(),
  ]);
  return { stdout, stderr, exitCode };
}

/** What a script of sh(1) prints in there. */
async function sh(
  target: EnterTarget,
  namespaces: readonly NamespaceKind[] | undefined,
  script: string,
  options?: EnterOptions,
): Promise<string> {
  const { stdout, stderr, exitCode } = await run(target, namespaces, ['/bin/sh', '-ec', script], options);
  assert.equal(exitCode, 0, stderr);
  return stdout.trimEnd();
}

/** A container made by hand: PID 1 of every kind of namespace but user and time, in a root of its own. */
async function jail(root: string, more = ''): Promise<Holding & { readonly inner: number }> {
  const held = await holding(`
for kind in ("mnt", "uts", "ipc", "net", "cgroup", "pid"): unshare(kind)
check(libc.mount(b"none", b"/", None, 0x44000, None), "private")
root = ${JSON.stringify(root)}.encode()
check(libc.mount(root, root, None, 4096, None), "bind")
libc.sethostname(b"jail", 4)
reader, writer = os.pipe()
pid = os.fork()
if pid == 0:
    os.chdir(root); check(libc.pivot_root(b".", b"."), "pivot"); check(libc.umount2(b".", 2), "umount"); os.chdir("/")
    check(libc.mount(b"proc", b"/proc", b"proc", 0, None), "proc")
    ${more}
    os.write(writer, b"x"); os.close(writer); os.execv("/bin/sleep", ["sleep", "1000"])
os.close(writer); os.read(reader, 1); os.read(reader, 1)
tell(pid)
import atexit; atexit.register(lambda: (os.kill(pid, 9), os.waitpid(pid, 0)))`);
  return {
    ...held,
    inner: Number(held.told[0]),
    [Symbol.asyncDispose]: held[Symbol.asyncDispose].bind(held),
  };
}

// The launcher's sealed copy is made once, and stays open.
await run(process.pid, undefined, ['true']);

const all = ['mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'] as const;

test('enter() joins every namespace of a process: nothing is different from inside (MISSION 3.7)', async () => {
  using rootfs = busyboxRootfs();
  await leavesNothing(async () => {
    await using held = await jail(rootfs.path);
    const links = await sh(
      held.inner,
      undefined,
      all.map((kind) => `readlink /proc/self/ns/${kind}`).join('; '),
    );
    assert.deepEqual(
      linesOf(links),
      all.map((kind) => readlinkSync(`/proc/${held.inner}/ns/${kind}`)),
    );
    assert.equal(await sh(held.inner, undefined, 'hostname'), 'jail');
  });
});

test('enter() puts the command itself into the PID namespace, as its 1 sees (MISSION 3.3)', async () => {
  using rootfs = busyboxRootfs();
  await using held = await jail(rootfs.path);
  const [pid = '', ...processes] = linesOf(await sh(held.inner, undefined, 'echo $$; ps -o pid,comm; true'));
  assert.ok(processes.some((line) => line.trim() === `${pid} sh`));
  assert.ok(processes.some((line) => /^\s*1 sleep$/.test(line)));
  assert.ok(processes.length <= 4, 'only its own processes show');
  // As nsenter does for children; its own process stays outside.
  const nsenter = oracle('nsenter', [
    '--target',
    String(held.inner),
    '--all',
    '/bin/sh',
    '-c',
    'readlink /proc/self/ns/pid',
  ]);
  assert.equal(nsenter.stdout.trim(), readlinkSync(`/proc/${held.inner}/ns/pid`));
});

test('enter() shows the mount table and the root of the process, and starts in / (MISSION 3.4)', async () => {
  using rootfs = busyboxRootfs();
  await using held = await jail(rootfs.path);
  const [cwd, ...mounts] = linesOf(await sh(held.inner, ['mnt'], 'pwd; cat /proc/1/mounts'));
  assert.equal(cwd, '/');
  assert.deepEqual(mounts, linesOf(readFileSync(`/proc/${held.inner}/mounts`, 'utf8')));
  writeFileSync(`${rootfs.path}/mark`, 'here');
  assert.equal(await sh(held.inner, ['mnt'], 'cat /mark'), 'here');
  assert.equal(await sh(held.inner, ['mnt'], 'pwd', { workdir: '/usr/bin' }), '/usr/bin');
});

test('enter() takes the root that the process is chrooted to, within its mount namespace', async () => {
  using rootfs = busyboxRootfs();
  mkdirSync(`${rootfs.path}/deeper/bin`, { recursive: true });
  oracle('cp', [
    '-a',
    `${rootfs.path}/bin/busybox`,
    `${rootfs.path}/bin/sh`,
    `${rootfs.path}/bin/sleep`,
    `${rootfs.path}/deeper/bin/`,
  ]);
  await using held = await jail(rootfs.path, 'os.chroot("/deeper"); os.chdir("/")');
  assert.equal(await sh(held.inner, ['mnt'], 'cd ..; pwd; busybox ls /'), '/\nbin');
});

test('enter() joins the network alone, and the programs are the caller’s (MISSION 3.7, 2.4)', async () => {
  using rootfs = busyboxRootfs();
  await using held = await jail(rootfs.path);
  const out = await sh(
    held.inner,
    ['net'],
    'readlink /proc/self/ns/net /proc/self/ns/mnt; pwd; ip -o link | wc -l; echo $MARK',
    { env: { MARK: 'kept' } },
  );
  assert.deepEqual(linesOf(out), [
    readlinkSync(`/proc/${held.inner}/ns/net`),
    namespaceOf('mnt'),
    process.cwd(),
    '1',
    'kept',
  ]);
});

test('enter() leaves the variables of the caller behind where the root is another', async () => {
  using rootfs = busyboxRootfs();
  await using held = await jail(rootfs.path);
  process.env['WARREN_TEST_MARK'] = 'secret';
  try {
    const env = await sh(held.inner, undefined, 'env', { env: { GIVEN: 'x=y' } });
    assert.ok(!env.includes('WARREN_TEST_MARK'));
    assert.match(env, /^GIVEN=x=y$/m);
    assert.match(env, /^HOME=\/root$/m);
    assert.match(env, /^PATH=\/usr\/local\/sbin:/m);
    assert.match(await sh(held.inner, ['net'], 'env'), /^WARREN_TEST_MARK=secret$/m);
  } finally {
    delete process.env['WARREN_TEST_MARK'];
  }
});

test('enter() becomes root of a user namespace, and has all capabilities there', async () => {
  await using held = await holding(`
unshare("user"); become_root(); unshare("net"); unshare("uts")`);
  const out = await sh(
    held.pid,
    undefined,
    'id -u; cat /proc/self/uid_map; grep CapEff /proc/self/status; hostname inner; hostname; readlink /proc/self/ns/net',
  );
  const [uid, map, capabilities, hostname, net] = linesOf(out);
  assert.equal(uid, '0');
  assert.match(map ?? '', /^\s*0\s+0\s+1$/);
  assert.equal(
    Number.parseInt(capabilities?.split('\t')[1] ?? '', 16).toString(16),
    (2 ** (Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8')) + 1) - 1).toString(16),
  );
  assert.equal(hostname, 'inner');
  assert.equal(net, readlinkSync(`/proc/${held.pid}/ns/net`));
});

test('enter() with likeContainer takes ids, capabilities, no_new_privs and environment of the process', async () => {
  await using held = await holding(`
unshare("net")
libc.prctl(24, 21, 0, 0, 0); libc.prctl(38, 1, 0, 0, 0)
os.setgroups([2000]); os.setresgid(1001, 1001, 1001); os.setresuid(1000, 1000, 1000); libc.prctl(4, 1, 0, 0, 0)
os.execve("/bin/sh", ["sh", "-c", "echo ready; exec cat"], {"ONLY": "this", "PATH": "/bin:/usr/bin"})`);
  const fields = (text: string): string[] =>
    linesOf(text).filter((line) => /^(Uid|Gid|Groups|Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs):/.test(line));
  const script = 'cat /proc/self/status; echo; env';
  const out = await sh(held.pid, ['net'], script, { likeContainer: true });
  assert.deepEqual(fields(out), fields(readFileSync(`/proc/${held.pid}/status`, 'utf8')));
  assert.match(out, /^ONLY=this$/m);
  assert.doesNotMatch(out, /^HOME=/m);
});

test('enter() with tools brings the caller’s programs, shows the root below /target, and writes nothing (MISSION 6.3)', async () => {
  using rootfs = busyboxRootfs();
  rmSync(`${rootfs.path}/bin/sh`);
  writeFileSync(`${rootfs.path}/mark`, 'its own');
  await leavesNothing(async () => {
    await using held = await jail(rootfs.path);
    const before = oracle('find', [rootfs.path, '-printf', '%P %T@ %m\\n']).stdout;
    const hostMounts = readFileSync('/proc/self/mountinfo', 'utf8');
    const itsMounts = readFileSync(`/proc/${held.inner}/mountinfo`, 'utf8');
    const out = await sh(
      held.inner,
      undefined,
      'cat /target/mark; echo; readlink /proc/self/ns/net; ps -e -o comm=; ls /sys/class/net; touch /target/x 2>&1 || echo refused',
      { tools: true },
    );
    const lines = linesOf(out);
    assert.deepEqual(lines.slice(0, 2), ['its own', readlinkSync(`/proc/${held.inner}/ns/net`)]);
    assert.deepEqual(lines.slice(2, 5), ['sleep', 'sh', 'ps'], 'its processes and ours alone');
    assert.equal(lines[5], 'lo');
    assert.equal(lines.at(-1), 'refused');
    assert.equal(oracle('find', [rootfs.path, '-printf', '%P %T@ %m\\n']).stdout, before);
    assert.equal(readFileSync('/proc/self/mountinfo', 'utf8'), hostMounts);
    assert.equal(readFileSync(`/proc/${held.inner}/mountinfo`, 'utf8'), itsMounts);
    assert.ok(!existsSync('/target'));
    await assert.rejects(run(held.inner, undefined, ['/bin/sh']), {
      code: 'ERR_COMMAND_NOT_FOUND',
      fix: /--tools/,
    });
    assert.equal(
      await sh(held.inner, undefined, 'echo written > /target/new; cat /target/new', {
        tools: true,
        targetWritable: true,
      }),
      'written',
    );
    assert.equal(readFileSync(`${rootfs.path}/new`, 'utf8'), 'written\n');
  });
});

test('enter() takes the tools of another directory, in which nothing is made', async () => {
  using rootfs = busyboxRootfs();
  using toolbox = busyboxRootfs();
  writeFileSync(`${toolbox.path}/box`, 'tools');
  await using held = await jail(rootfs.path);
  const out = await sh(
    held.inner,
    undefined,
    'cat /box; echo; ls /target/bin/busybox; ls -d /dev/null; hostname',
    {
      tools: toolbox.path,
    },
  );
  assert.deepEqual(linesOf(out), ['tools', '/target/bin/busybox', '/dev/null', 'jail']);
  assert.ok(!existsSync(`${toolbox.path}/target`));
});

test('enter() of a named network namespace shows the files of /etc/netns in /etc, as ip netns exec does', async () => {
  await leavesNothing(async () => {
    using named = namedNetns('named');
    // The machine's /etc stays as it is.
    for (const name of ['upper', 'work']) mkdirSync(`/run/etc-${name}`);
    const layers = 'lowerdir=/etc,upperdir=/run/etc-upper,workdir=/run/etc-work';
    oracle('mount', ['-t', 'overlay', 'overlay', '-o', layers, '/etc']);
    mkdirSync('/etc/netns/named', { recursive: true });
    writeFileSync('/etc/netns/named/resolv.conf', 'nameserver 192.0.2.53\n');
    try {
      const script = 'cat /etc/resolv.conf; ls /sys/class/net; readlink /proc/self/ns/net';
      const ours = await sh({ netns: 'named' }, undefined, script);
      assert.equal(ours, oracle('ip', ['netns', 'exec', 'named', 'sh', '-c', script]).stdout.trimEnd());
      assert.ok(ours.endsWith(`net:[${named.inode}]`));
      assert.match(ours, /^nameserver 192\.0\.2\.53\nlo\n/);
      assert.notEqual(readFileSync('/etc/resolv.conf', 'utf8'), 'nameserver 192.0.2.53\n');
    } finally {
      oracle('umount', ['/etc']);
      for (const name of ['upper', 'work']) rmSync(`/run/etc-${name}`, { recursive: true });
    }
  });
});

test('enter() by the file of a namespace of each type', async () => {
  using rootfs = busyboxRootfs();
  await using held = await jail(rootfs.path);
  for (const kind of ['net', 'ipc', 'uts', 'cgroup', 'pid'] as const) {
    const path = `/proc/${held.inner}/ns/${kind}`;
    const link = await sh({ path }, undefined, `readlink /proc/self/ns/${kind}`);
    assert.equal(link, readlinkSync(path), kind);
  }
  assert.equal(
    await sh({ path: `/proc/${held.inner}/ns/mnt` }, undefined, 'ls /bin/busybox; pwd'),
    '/bin/busybox\n/',
  );
});

test('enter() passes input, output, exit codes and signals', async () => {
  await using held = await holding('unshare("net")');
  assert.equal((await run(held.pid, undefined, ['sh', '-c', 'exit 42'])).exitCode, 42);
  await using cat = await enter(held.pid, undefined, ['cat'], { stdin: 'pipe' });
  cat.stdin?.end('through\n');
  const [line] = (await once(cat.stdout ?? assert.fail(), 'data')) as [Buffer];
  assert.equal(String(line), 'through\n');
  await using sleeper = await enter(held.pid, undefined, ['sleep', '1000']);
  sleeper.kill('SIGTERM');
  assert.equal((await sleeper.wait()).signal, 'SIGTERM');
});

test('enter() gives the command a terminal of the devpts that it sees', async () => {
  await using held = await holding('unshare("net")');
  await using shell = await enter(
    held.pid,
    undefined,
    ['sh', '-c', 'tty; stty size; test -t 0 && echo yes'],
    {
      tty: true,
      ttySize: { rows: 33, columns: 77 },
    },
  );
  let text = '';
  for await (const chunk of shell.terminal?.readable ?? []) text += String(chunk);
  assert.match(text, /^\/dev\/pts\/\d+\r\n33 77\r\nyes\r\n$/);
});

test('enter() refuses a process that has ended, one that never was, a file that is none, and what contradicts itself', async () => {
  await leavesNothing(async () => {
    let gone: number;
    {
      await using held = await holding('unshare("net")');
      gone = held.pid;
      oracle('kill', ['-9', String(gone)]);
      await waitForExit(gone);
    }
    const refused: [EnterTarget, EnterOptions, string][] = [
      [gone, {}, 'ERR_PROCESS_NOT_FOUND'],
      [4_194_303, {}, 'ERR_PROCESS_NOT_FOUND'],
      [0, {}, 'ERR_TARGET'],
      [{ path: '/etc/passwd' }, {}, 'ERR_NAMESPACE_SPEC'],
      [{ path: '/run/netns/nothing' }, {}, 'ERR_NAMESPACE_NOT_FOUND'],
      [{ netns: '../x' }, {}, 'ERR_NAMESPACE_SPEC'],
      [process.pid, { tools: true, likeContainer: true }, 'ERR_ENTER_OPTIONS'],
      [process.pid, { tools: true, root: '/' }, 'ERR_ENTER_OPTIONS'],
      [process.pid, { tools: true, uid: 1000 }, 'ERR_ENTER_OPTIONS'],
      [process.pid, { tools: '/nothing/there' }, 'ERR_TOOLBOX'],
      [process.pid, { uid: -1 }, 'ERR_ENTER_OPTIONS'],
      [process.pid, { workdir: 'relative' }, 'ERR_WORKDIR'],
      [{ path: '/proc/self/ns/net' }, { likeContainer: true }, 'ERR_ENTER_OPTIONS'],
    ];
    for (const [target, options, code] of refused) {
      await assert.rejects(run(target, undefined, ['true'], options), { code }, JSON.stringify(target));
    }
    await assert.rejects(run({ path: '/proc/self/ns/net' }, ['uts'], ['true']), {
      code: 'ERR_ENTER_OPTIONS',
    });
  });
});

test('enter() of a PID namespace whose first process has ended says so, where the kernel says ENOMEM', async () => {
  await using held = await holding(`
unshare("pid")
pid = os.fork()
if pid == 0: os._exit(0)
os.waitpid(pid, 0)`);
  const path = `/proc/${held.pid}/ns/pid_for_children`;
  await leavesNothing(async () => {
    await assert.rejects(run({ path }, undefined, ['true']), {
      code: 'ERR_ENTER_DENIED',
      errno: 'ENOMEM',
      message: /first process of its PID namespace has ended/,
    });
  });
});

test('enter() of a process whose mount namespace is the caller’s, and of one with nothing else to join', async () => {
  await using held = await holding('unshare("uts")');
  const out = await sh(held.pid, undefined, 'readlink /proc/self/ns/uts /proc/self/ns/mnt; pwd');
  assert.deepEqual(linesOf(out), [
    readlinkSync(`/proc/${held.pid}/ns/uts`),
    namespaceOf('mnt'),
    process.cwd(),
  ]);
  assert.equal(await sh(process.pid, undefined, 'readlink /proc/self/ns/net'), namespaceOf('net'));
});

test('a FIFO as the file of a namespace is refused, not waited at', async () => {
  oracle('mkfifo', ['/run/fifo']);
  try {
    await assert.rejects(run({ path: '/run/fifo' }, undefined, ['true']), { code: 'ERR_NAMESPACE_SPEC' });
    assert.ok(statSync('/run/fifo').isFIFO());
  } finally {
    rmSync('/run/fifo');
  }
});

test('enter() warns of a command that processes of the container could reach files of the machine through', async () => {
  using rootfs = busyboxRootfs();
  await using held = await jail(rootfs.path);
  const warningsOf = async (namespaces: readonly NamespaceKind[], options: EnterOptions): Promise<number> => {
    await using command = await enter(held.inner, namespaces, ['/bin/sleep', '1000'], options);
    return command.warnings.filter((warning) => warning.includes('/proc/PID/root')).length;
  };
  assert.equal(await warningsOf(['pid'], { uid: 1000 }), 1);
  assert.equal(await warningsOf(['pid'], { likeContainer: true }), 1);
  assert.equal(await warningsOf(['pid', 'mnt'], { uid: 1000 }), 0);
  assert.equal(await warningsOf(['pid'], {}), 0);
  assert.equal(await warningsOf(['net'], { uid: 1000 }), 0);
});
