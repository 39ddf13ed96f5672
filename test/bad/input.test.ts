/** What users get wrong: one message with the reason and the remedy, a stable code, an exit code, and nothing left. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { run, start, type StartOptions } from '../../src/index.js';
import { WarrenError } from '../../src/errors.js';
import { warren } from '../support/cli.js';
import { assertFakeHost } from '../support/fake-host.js';
import { assertNoTraces, leavesNothing, takeTraces } from '../support/leaks.js';
import { oracle } from '../support/oracle.js';
import { busyboxRootfs } from '../support/rootfs.js';

assertFakeHost();

const small = busyboxRootfs();
const files = mkdtempSync(join(tmpdir(), 'warren-files-'));
process.on('exit', () => {
  small[Symbol.dispose]();
  rmSync(files, { recursive: true });
});
const rootfs = small.path;
const file = (name: string, content: string): string => {
  writeFileSync(join(files, name), content);
  return join(files, name);
};
writeFileSync(join(rootfs, 'plain'), '');
writeFileSync(join(rootfs, 'not-executable'), '#!/bin/sh\n', { mode: 0o644 });
writeFileSync(join(rootfs, 'not-a-program'), '\x7fELF and no more', { mode: 0o755 });
writeFileSync(join(rootfs, 'no-interpreter'), '#!/no/such/interpreter\n', { mode: 0o755 });
writeFileSync(join(rootfs, 'etc/damaged'), '');
symlinkSync('../'.repeat(20) + 'nowhere/at/all', join(rootfs, 'climbing'));
mkdirSync(join(files, 'directory'));
const fifo = join(files, 'fifo');
oracle('mkfifo', [fifo]);

const inSmallRoot = ['--rootfs', rootfs];
const withOptions = (...options: string[]): string[] => [...inSmallRoot, ...options, '--', 'true'];

// What only the first start opens is no trace.
await run(['true'], { rootfs });

interface Case {
  readonly name: string;
  /** After `warren run`. */
  readonly args: readonly string[];
  readonly code: string;
  /** Default 125. */
  readonly exit?: number;
  /** What the message must tell. */
  readonly says: RegExp;
}

const cases: readonly Case[] = [
  // Root, command, working directory.
  {
    name: 'a missing root',
    args: ['--rootfs', '/no/such/root', '--', 'true'],
    code: 'ERR_ROOTFS',
    says: /"\/no\/such\/root": no such directory/,
  },
  {
    name: 'a root that is a file',
    args: ['--rootfs', '/etc/passwd', '--', 'true'],
    code: 'ERR_ROOTFS',
    says: /not a directory/,
  },
  {
    name: 'a missing command',
    args: [...inSmallRoot, '--', 'nope'],
    code: 'ERR_COMMAND_NOT_FOUND',
    exit: 127,
    says: /"nope": executable file not found in \$PATH: no such file or directory/,
  },
  {
    name: 'a missing command with a path',
    args: [...inSmallRoot, '--', '/no/such'],
    code: 'ERR_COMMAND_NOT_FOUND',
    exit: 127,
    says: /no such file or directory/,
  },
  {
    name: 'a missing command of the machine’s root',
    args: ['--', '/no/such'],
    code: 'ERR_COMMAND_NOT_FOUND',
    exit: 127,
    says: /no such file or directory/,
  },
  {
    name: 'a script without its interpreter',
    args: [...inSmallRoot, '--', '/no-interpreter'],
    code: 'ERR_COMMAND_NOT_FOUND',
    exit: 127,
    says: /interpreter/,
  },
  {
    name: 'a command that may not be executed',
    args: [...inSmallRoot, '--', '/not-executable'],
    code: 'ERR_COMMAND_NOT_EXECUTABLE',
    exit: 126,
    says: /permission denied/,
  },
  {
    name: 'a command that is a directory',
    args: [...inSmallRoot, '--', '/etc'],
    code: 'ERR_COMMAND_NOT_EXECUTABLE',
    exit: 126,
    says: /permission denied/,
  },
  {
    name: 'a command that is no program',
    args: [...inSmallRoot, '--', '/not-a-program'],
    code: 'ERR_COMMAND_NOT_EXECUTABLE',
    exit: 126,
    says: /exec format error/,
  },
  { name: 'no command', args: [...inSmallRoot, '--'], code: 'ERR_NO_COMMAND', says: /no command/ },
  { name: 'an empty command', args: [...inSmallRoot, '--', ''], code: 'ERR_COMMAND', says: /no command/ },
  {
    name: 'a missing working directory',
    args: withOptions('-w', '/no/such'),
    code: 'ERR_STEP',
    says: /step \d+ of \d+, .*\/no\/such: chdir failed with ENOENT/,
  },
  {
    name: 'a working directory that is a file',
    args: withOptions('-w', '/plain'),
    code: 'ERR_STEP',
    says: /step \d+ of \d+, .*ENOTDIR/,
  },
  {
    name: 'a relative working directory',
    args: withOptions('-w', 'tmp'),
    code: 'ERR_WORKDIR',
    says: /not an absolute path/,
  },
  // Volumes.
  {
    name: 'a missing volume source',
    args: withOptions('-v', '/no/such:/x'),
    code: 'ERR_MOUNT_SOURCE',
    says: /"\/no\/such": there is no such/,
  },
  {
    name: 'a relative mount target',
    args: withOptions('-v', '/etc:x'),
    code: 'ERR_MOUNT_SPEC',
    says: /not absolute/,
  },
  {
    name: 'a mount target with ..',
    args: withOptions('-v', '/etc:/a/../b'),
    code: 'ERR_MOUNT_SPEC',
    says: /holds "\.\."/,
  },
  {
    name: 'a mount target that is a link out of the root, to nothing',
    args: withOptions('-v', '/etc:/climbing'),
    code: 'ERR_STEP',
    says: /step \d+ of \d+, mount \/etc on \/climbing: .*ENOENT/,
  },
  {
    name: 'a directory on a file',
    args: withOptions('-v', '/etc:/plain'),
    code: 'ERR_STEP',
    says: /step \d+ of \d+, mount \/etc on \/plain/,
  },
  {
    name: 'a file on a directory',
    args: withOptions('-v', '/etc/passwd:/bin'),
    code: 'ERR_STEP',
    says: /step \d+ of \d+, mount \/etc\/passwd on \/bin/,
  },
  {
    name: 'a file where a directory is needed',
    args: withOptions('-v', '/etc:/plain/below'),
    code: 'ERR_STEP',
    says: /step \d+ of \d+, .*ENOTDIR/,
  },
  {
    name: 'a tmpfs on a file',
    args: withOptions('--tmpfs', '/plain'),
    code: 'ERR_STEP',
    says: /step \d+ of \d+, .*\/plain/,
  },
  {
    name: 'a mount on the root',
    args: withOptions('-v', '/etc:/'),
    code: 'ERR_MOUNT_SPEC',
    says: /root itself/,
  },
  {
    name: 'a mount over /proc',
    args: withOptions('-v', '/etc:/proc'),
    code: 'ERR_MOUNT_SPEC',
    says: /\/proc/,
  },
  {
    name: 'an unknown mount type',
    args: withOptions('--mount', 'type=nope,dst=/x'),
    code: 'ERR_MOUNT_SPEC',
    says: /"nope"/,
  },
  {
    name: 'two mounts on one target',
    args: withOptions('-v', '/etc:/x', '-v', '/usr:/x'),
    code: 'ERR_MOUNT_DUPLICATE',
    says: /"\/x"/,
  },
  { name: 'a tmpfs of 12x', args: withOptions('--tmpfs', '/x:size=12x'), code: 'ERR_SIZE', says: /"12x"/ },
  {
    name: 'a missing device',
    args: withOptions('--device', '/dev/nope'),
    code: 'ERR_DEVICE_NOT_FOUND',
    says: /"\/dev\/nope"/,
  },
  // Names.
  {
    name: 'an unknown capability',
    args: withOptions('--cap-add', 'NET_ADMN'),
    code: 'ERR_CAPABILITY_UNKNOWN',
    says: /NET_ADMN/,
  },
  {
    name: 'an unknown capability to drop',
    args: withOptions('--cap-drop', 'NOPE'),
    code: 'ERR_CAPABILITY_UNKNOWN',
    says: /NOPE/,
  },
  {
    name: 'an unknown signal',
    args: withOptions('--stop-signal', 'TERMINATE'),
    code: 'ERR_SIGNAL_UNKNOWN',
    says: /"TERMINATE"/,
  },
  {
    name: 'an unknown namespace choice',
    args: withOptions('--ipc', 'nope'),
    code: 'ERR_NAMESPACE_SPEC',
    says: /"nope"/,
  },
  {
    name: 'an unknown network',
    args: withOptions('--network', 'nope'),
    code: 'ERR_NETWORK_NOT_FOUND',
    says: /"nope"/,
  },
  {
    name: 'a missing namespace file',
    args: withOptions('--network', 'ns:/no/such'),
    code: 'ERR_NAMESPACE_NOT_FOUND',
    says: /"\/no\/such"/,
  },
  {
    name: 'a namespace file that is a FIFO',
    args: withOptions('--network', `ns:${fifo}`),
    code: 'ERR_NAMESPACE_SPEC',
    says: /it is no namespace file/,
  },
  {
    name: 'a namespace of another kind',
    args: withOptions('--network', 'ns:/proc/1/ns/uts', '--uts', 'private'),
    code: 'ERR_STEP',
    says: /step \d+ of \d+, join the network namespace: setns failed with EINVAL/,
  },
  {
    name: 'a namespace of no process',
    args: withOptions('--pid', 'pid:4194304'),
    code: 'ERR_NAMESPACE_NOT_FOUND',
    says: /4194304/,
  },
  {
    name: 'an unknown user',
    args: withOptions('-u', 'nobody-here'),
    code: 'ERR_USER_UNKNOWN',
    says: /"nobody-here"/,
  },
  {
    name: 'an unknown group',
    args: withOptions('--group-add', 'none-here'),
    code: 'ERR_GROUP_UNKNOWN',
    says: /"none-here"/,
  },
  {
    name: 'an unknown option',
    args: withOptions('--hostnam', 'x'),
    code: 'ERR_OPTION_UNKNOWN',
    says: /--hostnam/,
  },
  { name: 'an unknown limit', args: withOptions('--ulimit', 'files=1'), code: 'ERR_ULIMIT', says: /"files"/ },
  { name: 'a bad host name', args: withOptions('--hostname', 'a b'), code: 'ERR_HOSTNAME', says: /"a b"/ },
  // Parameters.
  ...['vm.overcommit_memory', 'kernel.pid_max', 'kernel.core_pattern', 'fs.file-max'].map((key): Case => ({
    name: `the global parameter ${key}`,
    args: withOptions('--sysctl', `${key}=1`),
    code: 'ERR_SYSCTL_NOT_ISOLATED',
    says: new RegExp(key.replaceAll('.', '\\.')),
  })),
  {
    name: 'a parameter absent in a new namespace',
    args: withOptions('--sysctl', 'net.core.netdev_max_backlog=1000'),
    code: 'ERR_SYSCTL_UNAVAILABLE',
    says: /does not exist in a namespace/,
  },
  {
    name: 'a parameter that is read-only in an unprivileged one',
    args: withOptions('--uidmap', '0:100000:65536', '--sysctl', 'net.core.rmem_max=212992'),
    code: 'ERR_SYSCTL_UNAVAILABLE',
    says: /read-only|does not permit|does not exist/,
  },
  {
    name: 'a parameter of a namespace that is shared',
    args: withOptions('--network', 'host', '--sysctl', 'net.ipv4.ip_forward=1'),
    code: 'ERR_SYSCTL_NOT_ISOLATED',
    says: /shares the host/,
  },
  {
    name: 'a parameter that is none',
    args: withOptions('--sysctl', 'net.ipv4.no_such=1'),
    code: 'ERR_SYSCTL_UNAVAILABLE',
    says: /does not exist/,
  },
  ...['net.ipv4.a\nb=1', 'net.ipv4.a+b=1', '.=1', 'net/../kernel/x=1', 'net..ipv4=1'].map((text): Case => ({
    name: `the malformed parameter ${JSON.stringify(text)}`,
    args: withOptions('--sysctl', text),
    code: 'ERR_SYSCTL_NAME',
    says: /./,
  })),
  {
    name: 'a parameter without a value',
    args: withOptions('--sysctl', 'net.ipv4.ip_forward'),
    code: 'ERR_OPTION_VALUE',
    says: /KEY=VALUE/,
  },
  {
    name: 'a parameter with an empty value',
    args: withOptions('--sysctl', 'net.ipv4.ip_forward='),
    code: 'ERR_SYSCTL_VALUE',
    says: /empty/,
  },
  {
    name: 'a parameter’s value of two lines',
    args: withOptions('--sysctl', 'net.ipv4.ip_forward=1\n2'),
    code: 'ERR_SYSCTL_VALUE',
    says: /line break/,
  },
  {
    name: 'a parameter’s value that the kernel refuses',
    args: withOptions('--sysctl', 'net.ipv4.tcp_keepalive_time=soon'),
    code: 'ERR_STEP',
    says: /step \d+ of \d+, .*EINVAL/,
  },
  {
    name: 'a parameter given twice, in two spellings',
    args: withOptions('--sysctl', 'net.ipv4.ip_forward=1', '--sysctl', 'net/ipv4/ip_forward=0'),
    code: 'ERR_SYSCTL_NAME',
    says: /twice/,
  },
  // Numbers.
  {
    name: 'overlapping id ranges inside',
    args: withOptions('--uidmap', '0:100000:10', '--uidmap', '5:200000:10'),
    code: 'ERR_IDMAP',
    says: /inside/,
  },
  {
    name: 'overlapping id ranges outside',
    args: withOptions('--uidmap', '0:100000:10', '--uidmap', '20:100005:10'),
    code: 'ERR_IDMAP',
    says: /outside/,
  },
  {
    name: 'an id range without an end',
    args: withOptions('--uidmap', '0:100000'),
    code: 'ERR_IDMAP',
    says: /INSIDE|three/,
  },
  {
    name: 'an id range past the last id',
    args: withOptions('--uidmap', '0:4294967290:100'),
    code: 'ERR_IDMAP',
    says: /last id/,
  },
  {
    name: 'a user that is not mapped',
    args: withOptions('--uidmap', '0:100000:10', '-u', '10'),
    code: 'ERR_USER_UNMAPPED',
    says: /10/,
  },
  { name: 'memory of 12x', args: withOptions('--shm-size', '12x'), code: 'ERR_SIZE', says: /"12x"/ },
  {
    name: 'a copy-on-write layer of 12x',
    args: withOptions('--storage-opt', 'size=12x'),
    code: 'ERR_SIZE',
    says: /"12x"/,
  },
  {
    name: 'a soft limit above the hard one',
    args: withOptions('--ulimit', 'nofile=9:1'),
    code: 'ERR_ULIMIT',
    says: /above/,
  },
  {
    name: 'an OOM score out of range',
    args: withOptions('--oom-score-adj', '1001'),
    code: 'ERR_RANGE',
    says: /1001/,
  },
  { name: 'an umask that is none', args: withOptions('--umask', '9'), code: 'ERR_OPTION_VALUE', says: /"9"/ },
  {
    name: 'a time limit that is none',
    args: withOptions('--timeout', 'soon'),
    code: 'ERR_OPTION_VALUE',
    says: /"soon"/,
  },
  // Files.
  {
    name: 'a missing seccomp file',
    args: withOptions('--security-opt', 'seccomp=/no/such'),
    code: 'ERR_SECCOMP_FILE',
    says: /"\/no\/such"/,
  },
  {
    name: 'a seccomp file that is no JSON',
    args: withOptions('--security-opt', `seccomp=${file('text', 'no')}`),
    code: 'ERR_SECCOMP_FILE',
    says: /JSON/,
  },
  ...(
    [
      ['action', { defaultAction: 'SCMP_ACT_NOPE' }],
      [
        'operator',
        {
          defaultAction: 'SCMP_ACT_ALLOW',
          syscalls: [
            { names: ['read'], action: 'SCMP_ACT_ERRNO', args: [{ index: 0, value: 1, op: 'NOPE' }] },
          ],
        },
      ],
      ['architecture', { defaultAction: 'SCMP_ACT_ALLOW', architectures: ['SCMP_ARCH_NOPE'] }],
      [
        'kernel version',
        {
          defaultAction: 'SCMP_ACT_ALLOW',
          syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW', includes: { minKernel: 'four' } }],
        },
      ],
    ] as const
  ).map(([what, profile]): Case => ({
    name: `a seccomp file with a wrong ${what}`,
    args: withOptions('--security-opt', `seccomp=${file(what, JSON.stringify(profile))}`),
    code: 'ERR_SECCOMP_',
    says: /NOPE|four/,
  })),
  {
    name: 'a missing environment file',
    args: withOptions('--env-file', '/no/such'),
    code: 'ERR_ENV_FILE',
    says: /"\/no\/such"/,
  },
  {
    name: 'an environment variable without a name',
    args: withOptions('-e', '=x'),
    code: 'ERR_ENV',
    says: /"=x"/,
  },
  { name: 'a terminal without one', args: withOptions('-it'), code: 'ERR_NOT_A_TTY', says: /not a TTY/ },
];

for (const { name, args, code, exit = 125, says } of cases) {
  test(`warren run refuses ${name}`, async () => {
    await leavesNothing(async () => {
      const result = await warren(['run', ...args], { env: { ...process.env, WARREN_JSON: '1' } });
      assert.equal(result.stdout, '');
      assert.equal(result.stderr.split('\n').length, 2, `one message: ${result.stderr}`);
      const error = JSON.parse(result.stderr) as { code: string; message: string; fix?: string };
      assert.ok(code.endsWith('_') ? error.code.startsWith(code) : error.code === code, result.stderr);
      assert.match(error.message, says);
      assert.match(error.message, /^Cannot /);
      assert.ok(error.fix !== undefined && error.fix !== '', `no remedy: ${result.stderr}`);
      assert.equal(result.code, exit);
    });
  });
}

test('a message is two lines for people: what and why, and the remedy', async () => {
  const { stderr } = await warren(['run', ...withOptions('-w', '/no/such')]);
  assert.match(stderr, /^warren: Cannot start the container: step \d+ of \d+, .+\n {2}fix: .+\n$/);
});

test('a hostile name cannot forge a line of a message', async () => {
  const { stderr } = await warren(['run', ...withOptions('-v', '/no\nwarren: all is well:/x')]);
  assert.equal(stderr.trimEnd().split('\n').length, 2, stderr);
});

const hostile: readonly [name: string, argv: readonly string[], options: StartOptions, code: RegExp][] = [
  ['a NUL in an argument', ['true', 'a\0b'], {}, /^ERR_COMMAND$/],
  ['a NUL in the root', ['true'], { rootfs: '/tmp\0/x' }, /^ERR_ROOTFS$/],
  ['a NUL in the working directory', ['true'], { workdir: '/\0' }, /^ERR_WORKDIR$/],
  ['a NUL in a variable', ['true'], { env: { A: '\0' } }, /^ERR_ENV$/],
  ['a NUL in a volume', ['true'], { volumes: ['/etc:/x\0y'] }, /^ERR_MOUNT_SPEC$/],
  ['a NUL in a parameter', ['true'], { sysctls: { 'net.ipv4.ip_forward\0': 1 } }, /^ERR_SYSCTL_NAME$/],
  [
    'a NUL in a parameter’s value',
    ['true'],
    { sysctls: { 'net.ipv4.ip_forward': '1\0' } },
    /^ERR_SYSCTL_VALUE$/,
  ],
  ['a NUL in a namespace', ['true'], { network: 'ns:/proc/1/ns/net\0' }, /^ERR_NAMESPACE_/],
  ['a descriptor that is none', ['true'], { stdout: -1 }, /^ERR_STDIO$/],
  ['a descriptor that is not open', ['true'], { stdout: 999_999 }, /^ERR_(?:STDIO|LAUNCH)$/],
  ['a signal that was aborted', ['true'], { signal: AbortSignal.abort() }, /^ERR_CANCELLED$/],
];

for (const [name, argv, options, code] of hostile) {
  test(`start() refuses ${name}`, async () => {
    await leavesNothing(async () => {
      await assert.rejects(start(argv, { rootfs, ...options }), (error) => {
        assert.ok(error instanceof WarrenError, String(error));
        assert.match(error.code, code);
        return true;
      });
    });
  });
}

test('start() takes more arguments than execve(2) does as a failure of the command', async () => {
  await assert.rejects(run(['true', 'x'.repeat(200_000)], { rootfs }), {
    code: 'ERR_COMMAND_NOT_EXECUTABLE',
    errno: 'E2BIG',
  });
});

test('a start that is aborted in its midst leaves nothing, whenever it is', async () => {
  await run(['true'], { rootfs });
  const before = takeTraces();
  for (let round = 0; round < 60; round++) {
    const abort = new AbortController();
    const starting = start(['sleep', '1000'], {
      rootfs,
      signal: abort.signal,
      stdout: 'ignore',
      stderr: 'ignore',
    });
    for (let turn = 0; turn < round % 12; turn++) await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    const status = await starting.then(
      async (container) => container.wait(),
      (error: unknown) => error as Error,
    );
    if (status instanceof Error) assert.ok(status instanceof WarrenError, String(status));
    else assert.equal(status.signal, 'SIGKILL');
  }
  await assertNoTraces(before);
});

test('a seccomp profile that denies even the end of a process does not keep one from ending', async () => {
  await leavesNothing(async () => {
    const deny = (...names: string[]): object => ({
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names, action: 'SCMP_ACT_ERRNO' }],
    });
    await assert.rejects(run(['no-such'], { rootfs, seccomp: deny('exit_group', 'exit') }), {
      code: 'ERR_COMMAND_NOT_FOUND',
    });
    await assert.rejects(run(['no-such'], { rootfs, seccomp: deny('exit_group', 'exit', 'sendmsg') }));
    await assert.rejects(run(['true'], { rootfs, seccomp: deny('execve') }), {
      code: 'ERR_COMMAND_NOT_EXECUTABLE',
    });
  });
});

test('a hundred and sixty volumes are as good as one, and more are refused', async () => {
  const volumes = Array.from({ length: 160 }, (_, index) => `${join(files, 'directory')}:/volumes/${index}`);
  const { stdout } = await run(['sh', '-c', 'ls /volumes | wc -l'], { rootfs, volumes });
  assert.equal(stdout.trim(), '160');
  const more = [...volumes, `${join(files, 'directory')}:/volumes/more`];
  await assert.rejects(run(['true'], { rootfs, volumes: more }), { code: 'ERR_MOUNT_COUNT' });
});
