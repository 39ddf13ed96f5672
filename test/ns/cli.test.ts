import assert from 'node:assert/strict';
import { readFileSync, readlinkSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { test } from 'node:test';
import { warren, warrenOnTerminal } from '../support/cli.js';
import { linesOf } from '../support/container.js';
import { assertFakeHost, namespaceOf } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';
import { plainUser } from '../support/plain-user.js';
import { holding, inodeOf, namedNetns } from './holders.js';

assertFakeHost();

interface ListedNamespace {
  readonly type: string;
  readonly inode: number;
  readonly nprocs: number;
  readonly pid: number | null;
  readonly holders: readonly unknown[];
  readonly container: { readonly id: string } | null;
}

interface Listed {
  readonly namespaces: readonly ListedNamespace[];
  readonly unseen: readonly string[];
}

async function listed(args: readonly string[] = []): Promise<Listed> {
  const { code, stdout, stderr } = await warren(['ns', 'ls', '--json', ...args]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Listed;
}

test('warren ns ls --type net shows names, holders and numbers of network namespaces (MISSION 2.3)', async () => {
  using named = namedNetns('shown');
  await using held = await holding('unshare("net"); tell(link("net"))');
  const { stdout } = await warren(['ns', 'ls', '--type', 'net']);
  const lines = linesOf(stdout);
  assert.match(lines[0] ?? '', /^\s*NS TYPE NPROCS PID UID AGE .*NETNSID COMMAND$/);
  assert.ok(
    lines.some((line) => line.startsWith(`${named.inode} net`) && line.includes('mount /run/netns/shown')),
  );
  assert.ok(lines.some((line) => line.startsWith(String(inodeOf(held.told[0]))) && line.includes('python3')));
  assert.ok(lines.slice(1).every((line) => line.includes(' net ')));
});

test('warren ns ls --json, --columns and --tree show the same namespaces', async () => {
  await using held = await holding('unshare("user"); unshare("net"); tell(link("net"))');
  const all = new Set((await listed()).namespaces.map(({ inode }) => inode));
  assert.ok(all.has(inodeOf(held.told[0])));
  for (const args of [
    ['--columns', 'ns'],
    ['--columns', 'ns', '--tree'],
    ['--columns', 'ns', '--tree=parent'],
  ]) {
    const { stdout } = await warren(['ns', 'ls', ...args]);
    const shown = [...stdout.matchAll(/\d{6,}/g)].map(([digits]) => Number(digits));
    assert.equal(new Set(shown).size, shown.length, 'each once');
    assert.deepEqual(new Set(shown), all, args.join(' '));
  }
});

test('warren ns ls --pid shows what lsns --task does', async () => {
  await using held = await holding('unshare("net"); unshare("ipc")');
  const rows = oracle('lsns', ['--noheadings', '--output', 'NS', '--task', String(held.pid)]).stdout;
  const { namespaces } = await listed(['--pid', String(held.pid)]);
  assert.deepEqual(
    namespaces.map(({ inode }) => inode).sort((a, b) => a - b),
    linesOf(rows)
      .map(Number)
      .sort((a, b) => a - b),
  );
});

test('warren ns show and compare answer for a process and for a file', async () => {
  using named = namedNetns('one');
  const shown = await warren(['ns', 'show', 'one']);
  assert.match(shown.stdout, new RegExp(`^net:\\[${named.inode}\\]\\n`));
  assert.match(shown.stdout, /held by\s+mount \/run\/netns\/one\n/);
  await using held = await holding('unshare("net")');
  const { stdout } = await warren(['ns', 'compare', 'self', String(held.pid)]);
  assert.match(stdout, /^net +\d+ \d+ +not shared, both owned by user:\[\d+\]$/m);
  assert.match(stdout, /^uts +\d+ \d+ +shared$/m);
});

test('warren ns leaks --release lets a namespace go by its number', async () => {
  using named = namedNetns('leak');
  const before = await warren(['ns', 'leaks']);
  assert.match(
    before.stdout,
    new RegExp(`net:\\[${named.inode}\\] kept by its name\\n  mount /run/netns/leak\\n`),
  );
  const { stdout } = await warren(['ns', 'leaks', '--release', String(named.inode)]);
  assert.equal(stdout, `released ${named.inode}: unmounted /run/netns/leak\n`);
  assert.equal(oracle('ip', ['netns', 'list']).stdout, '');
});

test('warren ns refuses what it cannot understand, by name', async () => {
  const refused: [string[], string][] = [
    [[], 'ERR_USAGE'],
    [['list'], 'ERR_USAGE'],
    [['ls', 'extra'], 'ERR_USAGE'],
    [['ls', '--release'], 'ERR_USAGE'],
    [['ls', '--type', 'nat'], 'ERR_OPTION_VALUE'],
    [['ls', '--columns', 'nothing'], 'ERR_OPTION_VALUE'],
    [['ls', '--tree=up'], 'ERR_OPTION_VALUE'],
    [['show'], 'ERR_USAGE'],
    [['show', '4194303'], 'ERR_NAMESPACE_NOT_FOUND'],
    [['show', 'a/b'], 'ERR_NAMESPACE_SPEC'],
    [['compare', 'self'], 'ERR_USAGE'],
  ];
  for (const [args, code] of refused) {
    const result = await warren(['ns', ...args], { env: { ...process.env, WARREN_JSON: '1' } });
    assert.notEqual(result.code, 0);
    assert.equal((JSON.parse(result.stderr) as { code: string }).code, code, args.join(' '));
  }
});

test('an ordinary user sees their own namespaces, and is told what they cannot see', async () => {
  using user = plainUser();
  await using other = await holding('unshare("net"); tell(link("net"))');
  const { stdout, stderr, code } = await user.warren(['ns', 'ls', '--json']);
  assert.equal(code, 0, stderr);
  const { namespaces, unseen } = JSON.parse(stdout) as Listed;
  assert.ok(namespaces.some(({ inode }) => inode === inodeOf(namespaceOf('net'))));
  assert.ok(!namespaces.some(({ inode }) => inode === inodeOf(other.told[0])));
  assert.match(unseen.join('\n'), /^the namespaces of \d+ of \d+ processes/m);
  assert.match(stderr, /warren: note: not seen: the namespaces of/);
});

test('with /proc mounted hidepid=2 an ordinary user is told that processes are hidden', async () => {
  using user = plainUser();
  oracle('mount', ['-o', 'remount,hidepid=2', '/proc']);
  try {
    const { stdout, stderr, code } = await user.warren(['ns', 'ls']);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /not seen: the processes of others: \/proc is mounted with hidepid/);
    assert.match(stdout, /warren|node/);
  } finally {
    oracle('mount', ['-o', 'remount,hidepid=0', '/proc']);
  }
});

test('warren enter runs a command, with its exit code, as nsenter does (MISSION 3.7)', async () => {
  await using held = await holding('unshare("net"); unshare("uts"); libc.sethostname(b"within", 6)');
  const pid = String(held.pid);
  const script = 'hostname; readlink /proc/self/ns/net; cat; exit 3';
  const ours = await warren(['enter', pid, '--net', '--uts', '--', 'sh', '-c', script], { input: 'given\n' });
  const theirs = oracle('nsenter', ['--target', pid, '--net', '--uts', 'sh', '-c', script], {
    input: 'given\n',
    allowFailure: true,
  });
  assert.deepEqual([ours.code, ours.stdout], [theirs.code, theirs.stdout]);
  assert.equal(ours.code, 3);
  assert.match(ours.stdout, /^within\n/);
});

test('warren enter gives a shell on a terminal, which is relayed', async () => {
  await using held = await holding('unshare("net")');
  const session = warrenOnTerminal(['enter', String(held.pid), '--net', '--', 'sh']);
  session.type('tty; echo in:$((40+2))\r');
  await session.expect(/\/dev\/pts\/\d+/);
  await session.expect(/in:42/);
  session.type('exit 5\r');
  assert.equal(await session.end(), 5);
});

test('warren enter --plan prints the steps and takes none', async () => {
  const { stdout, code } = await warren(['enter', '1', '--plan', '--', 'true']);
  assert.equal(code, 0);
  assert.match(stdout, /execute true/);
  const json = JSON.parse((await warren(['enter', '1', '--plan=json', '--', 'true'])).stdout) as {
    steps: unknown[];
  };
  assert.ok(json.steps.length > 5);
});

test('warren enter explains why the kernel refused', async () => {
  using user = plainUser();
  const failure = async (
    args: readonly string[],
  ): Promise<{ code: string; message: string; fix: string }> => {
    const { stderr, code } = await user.warren(['enter', ...args], { env: { WARREN_JSON: '1' } });
    assert.equal(code, 125, stderr);
    return JSON.parse(stderr) as { code: string; message: string; fix: string };
  };
  {
    // Root's: not even to be looked at.
    await using held = await holding('unshare("net")');
    const { code, message, fix } = await failure([String(held.pid), '--net', '--', 'true']);
    assert.equal(code, 'ERR_ENTER_DENIED');
    assert.match(message, /another user/);
    assert.match(fix, /root/);
  }
  {
    // One's own process, but the namespace belongs to root's user namespace.
    await using held = await holding(
      `unshare("net"); os.setresgid(${user.gid}, ${user.gid}, ${user.gid}); os.setresuid(${user.uid}, ${user.uid}, ${user.uid}); libc.prctl(4, 1, 0, 0, 0)`,
    );
    const { code, message } = await failure([String(held.pid), '--net', '--', 'true']);
    assert.equal(code, 'ERR_ENTER_DENIED');
    assert.match(message, /the net namespace belongs to user:\[\d+\], where joining it needs CAP_SYS_ADMIN/);
    assert.match(message, /we have no CAP_SYS_ADMIN/);
  }
});

test('an ordinary user enters a user namespace of their own, and what it owns', async () => {
  using user = plainUser();
  await using held = await holding(`
os.setgroups([]); os.setresgid(${user.gid}, ${user.gid}, ${user.gid}); os.setresuid(${user.uid}, ${user.uid}, ${user.uid})
libc.prctl(4, 1, 0, 0, 0)
unshare("user")
for name, text in ("setgroups", "deny"), ("uid_map", "0 ${user.uid} 1"), ("gid_map", "0 ${user.gid} 1"):
    with open(f"/proc/self/{name}", "w") as file: file.write(text)
unshare("net"); unshare("uts")`);
  const { stdout, stderr, code } = await user.warren([
    'enter',
    String(held.pid),
    '--user',
    '--net',
    '--uts',
    '--',
    'sh',
    '-c',
    'id -u; readlink /proc/self/ns/net; hostname mine && hostname',
  ]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(linesOf(stdout), ['0', readlinkSync(`/proc/${held.pid}/ns/net`), 'mine']);
  assert.equal(readFileSync(`/proc/${held.pid}/uid_map`, 'utf8').trim().split(/\s+/)[0], '0');
});

test('warren enter refuses options that contradict each other, and words in the wrong place', async () => {
  const refused: [string[], string][] = [
    [[], 'ERR_USAGE'],
    [['1', 'ls', '--', 'true'], 'ERR_USAGE'],
    [['1', '--all', '--net', '--', 'true'], 'ERR_USAGE'],
    [['1', '--tools', '--toolbox', '/', '--', 'true'], 'ERR_USAGE'],
    [['1', '--target-rw', '--', 'true'], 'ERR_USAGE'],
    [['1', '--tools', '--like-container', '--', 'true'], 'ERR_ENTER_OPTIONS'],
    [['1', '--tools', '--mount', '--', 'true'], 'ERR_ENTER_OPTIONS'],
    [['1', '--setuid', 'root', '--', 'true'], 'ERR_OPTION_VALUE'],
    [['1', '--env', 'NOTHING', '--', 'true'], 'ERR_OPTION_VALUE'],
    [['4194303', '--', 'true'], 'ERR_PROCESS_NOT_FOUND'],
    [['nothing', '--', 'true'], 'ERR_NAMESPACE_NOT_FOUND'],
    [['/etc/passwd', '--', 'true'], 'ERR_NAMESPACE_SPEC'],
  ];
  for (const [args, code] of refused) {
    const result = await warren(['enter', ...args], { env: { ...process.env, WARREN_JSON: '1' } });
    assert.equal(result.code, 125, args.join(' '));
    assert.equal((JSON.parse(result.stderr) as { code: string }).code, code, args.join(' '));
  }
});

test('warren enter and ns know containers by name: as its root, like its command, and with tools (MISSION 3.7, 6.3)', async () => {
  const env = { ...process.env, WARREN_STATE: '/run/enter-test-state' };
  const cli = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await warren(args, { env });
    assert.equal(code, 0, stderr);
    return stdout.trimEnd();
  };
  const map = ['--uidmap', '0:100000:65536', '--gidmap', '0:100000:65536'];
  const id = await cli(
    'run',
    '-d',
    '--name',
    'box',
    '--hostname',
    'inbox',
    '--user',
    '1000',
    ...map,
    '--',
    'sleep',
    '1000',
  );
  try {
    assert.deepEqual(
      linesOf(
        await cli('enter', 'box', '--', 'sh', '-c', 'id -u; hostname; echo $$ > /tmp/x; cat /tmp/x'),
      ).slice(0, 2),
      ['0', 'inbox'],
    );
    const like = await cli(
      'enter',
      'box',
      '--like-container',
      '--',
      'sh',
      '-c',
      'id -u; grep CapBnd /proc/self/status; grep CapBnd /proc/1/status',
    );
    const [uid, own, its] = linesOf(like);
    assert.equal(uid, '1000');
    assert.equal(own, its);
    assert.match(await cli('ns', 'show', 'box'), /^uts:\[\d+\]\n(?:.*\n)*? +first +\d+ sleep 1000$/m);
    assert.match(await cli('ns', 'compare', 'self', 'box'), /^uts .* not shared/m);
    const twice = await warren(['enter', 'box', '--like-container', '--', 'true'], { env });
    assert.equal(twice.stderr.match(/system-call filter/g)?.length, 1, twice.stderr);
    // The host's root, in its PID and network namespaces; not in its user namespace, whose ids own nothing here.
    const tools = await cli(
      'enter',
      'box',
      '--tools',
      '--',
      'sh',
      '-c',
      'ps -e -o comm= | head -1; cat /target/etc/hostname; cat /proc/self/uid_map',
    );
    assert.match(tools, /^sleep\ninbox\n\s*0 +0 +4294967295$/);
    const { namespaces } = await listed(['--type', 'net,user']);
    const containers = namespaces.flatMap(({ container }) => container?.id ?? []);
    assert.deepEqual(containers, [id.slice(0, 12), id.slice(0, 12)]);
    const missing = await warren(['enter', 'nobody', '--', 'true'], { env });
    assert.match(missing.stderr, /neither a container nor a network namespace/);
  } finally {
    await warren(['rm', '-f', 'box'], { env });
    rmSync('/run/enter-test-state', { recursive: true });
  }
});

test('an ordinary user enters a container of their own like its command, and brings tools to it, of which nothing is left in it', async () => {
  using user = plainUser();
  const { code, stderr } = await user.warren(['run', '-d', '--name', 'mine', '--', 'sleep', '1000']);
  assert.equal(code, 0, stderr);
  try {
    const like = await user.warren(['enter', 'mine', '--like-container', '--', 'id', '-u']);
    assert.deepEqual([like.code, like.stdout], [0, '0\n'], like.stderr);
    const before = await user.warren(['diff', 'mine']);
    const script = 'id -u; hostname; cat /proc/1/comm; ls /sys/class/net; touch /target/etc/new; echo $?';
    const tools = await user.warren(['enter', 'mine', '--tools', '--', 'sh', '-c', script]);
    const { stdout: name } = await user.warren(['exec', 'mine', '--', 'hostname']);
    assert.deepEqual(tools.stdout.split('\n'), ['0', name.trim(), 'sleep', 'lo', '1', ''], tools.stderr);
    assert.match(tools.stderr, /Read-only file system/);
    const network = ['enter', 'mine', '--tools', '--net', '--', 'sh', '-c', 'hostname; ls /sys/class/net'];
    const only = await user.warren(network);
    assert.deepEqual([only.code, only.stdout], [0, `${hostname()}\nlo\n`], only.stderr);
    const writing = ['enter', 'mine', '--tools', '--target-rw', '--', 'touch', '/target/etc/new'];
    assert.deepEqual((await user.warren(['diff', 'mine'])).stdout, before.stdout);
    assert.equal((await user.warren(writing)).code, 0);
    assert.match((await user.warren(['diff', 'mine'])).stdout, /^A \/etc\/new$/m);
  } finally {
    await user.warren(['rm', '-f', 'mine']);
  }
});
