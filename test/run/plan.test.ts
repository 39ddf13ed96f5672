import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { plan } from '../../src/index.js';
import { warren, warrenPath } from '../support/cli.js';
import { assertFakeHost } from '../support/fake-host.js';
import { leavesNothing } from '../support/leaks.js';
import { oracle } from '../support/oracle.js';
import { busyboxRootfs } from '../support/rootfs.js';

assertFakeHost();

const root = busyboxRootfs();
after(() => root[Symbol.dispose]());
const rootfs = root.path;

interface PrintedStep {
  readonly number: number;
  readonly side: 'outside' | 'inside';
  readonly what: string;
  readonly why: string;
  readonly step: { readonly op: string };
  readonly calls: readonly string[];
}

const options = [
  '--rootfs',
  rootfs,
  '--hostname',
  'blue',
  '--sysctl',
  'net.ipv4.tcp_keepalive_time=600',
  '-v',
  '/usr:/mnt:ro',
];

async function printed(args: readonly string[], command: readonly string[]): Promise<PrintedStep[]> {
  const { code, stdout, stderr } = await warren(['run', '--plan=json', ...args, '--', ...command]);
  assert.deepEqual([code, stderr], [0, '']);
  return (JSON.parse(stdout) as { steps: PrintedStep[] }).steps;
}

test('MISSION 5.3: the plan has every step in order, with its system calls and why it stands there', async () => {
  const steps = await printed(options, ['true']);
  const ops = steps.map(({ step }) => step.op);
  const order = [
    'clone',
    'enter',
    'open-source',
    'overlay',
    'attach-root',
    'mount',
    'bind',
    'loopback',
    'sysctl',
  ];
  order.push(
    'read-only-path',
    'mask',
    'pivot',
    'hostname',
    'bounding',
    'user',
    'capabilities',
    'seccomp',
    'exec',
  );
  assert.deepEqual(
    order
      .map((op) => [op, ops.indexOf(op)] as const)
      .sort(([, a], [, b]) => a - b)
      .map(([op]) => op),
    order,
  );
  for (const [index, step] of steps.entries()) {
    assert.equal(step.number, index + 1);
    assert.ok(step.what.length > 0 && step.why.length > 0 && step.calls.length > 0, step.step.op);
  }
  // What happens to the new process only is inside.
  const inside = steps.findIndex(({ side }) => side === 'inside');
  assert.equal(ops[inside], 'enter');
  assert.ok(steps.slice(inside).every(({ side }) => side === 'inside'));
});

test('MISSION 5.3: the library and the command line tell the same plan, as data and as text', async () => {
  const { steps } = await plan(['true'], { rootfs });
  const told = await printed(['--rootfs', rootfs], ['true']);
  assert.deepEqual(
    told.map(({ step }) => step.op),
    steps.map(({ op }) => op),
  );
  const { stdout } = await warren(['run', '--plan', '--hostname', 'blue', '--rootfs', rootfs, '--', 'true']);
  const data = await printed(['--hostname', 'blue', '--rootfs', rootfs], ['true']);
  let next = 1;
  for (const [, first, last = first, what] of stdout.matchAll(/^ *(\d+)(?:–(\d+))? {2}(\S.*)$/gm)) {
    assert.equal(Number(first), next, 'every number is there, in order');
    // Several that do the same are told as one.
    if (first === last) assert.equal(what, data[next - 1]?.what);
    next = Number(last) + 1;
  }
  assert.equal(next - 1, data.length);
});

/** What of a line of strace(1), or of a plan's call, can be compared: the call, and the text it passes. */
function landmark(line: string): string | undefined {
  const [, kind] = /^fsopen\("([^"]+)"/.exec(line) ?? [];
  // How many tmpfs there are depends on what of /proc this kernel has to mask.
  if (kind !== undefined) return kind === 'tmpfs' ? undefined : `fsopen ${kind}`;
  const [, key] = /^openat2\(\w+, "(sys\/(?:net|kernel)\/[^"]+)"/.exec(line) ?? [];
  if (key !== undefined) return `openat2 ${key}`;
  const [call] =
    /^(?:pivot_root|setgroups|setresgid|setresuid|sethostname)\([^)]*\)|^capset|^seccomp\(\w+/.exec(line) ??
    [];
  return call ?? (line.startsWith('execve(') ? 'execve' : undefined);
}

test('MISSION 5.3: what strace(1) sees of a start is what the plan says, in that order', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'warren-strace-'));
  try {
    const log = join(directory, 'log');
    oracle('strace', ['-f', '-o', log, warrenPath, 'run', ...options, '--', '/bin/true']);
    const lines = readFileSync(log, 'utf8').split('\n');
    const pid = /^(\d+) +pivot_root/m.exec(lines.join('\n'))?.[1] ?? assert.fail('no pivot_root');
    const seen = lines
      .filter((line) => line.startsWith(`${pid} `))
      .flatMap((line) => landmark(line.slice(pid.length).trimStart()) ?? []);
    const told = (await printed(options, ['/bin/true'])).filter(({ side }) => side === 'inside');
    assert.deepEqual(
      seen,
      told.flatMap(({ calls }) => calls.flatMap((call) => landmark(call) ?? [])),
    );
    assert.ok(seen.length > 15 && seen.at(-1) === 'execve', seen.join('\n'));
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('MISSION 5.3: --plan takes no step: no process, no mount, no namespace, no file', async () => {
  using own = busyboxRootfs();
  const listing = (): string => oracle('find', [own.path, '-printf', '%P %T@ %C@\\n']).stdout;
  const before = listing();
  const directory = mkdtempSync(join(tmpdir(), 'warren-strace-'));
  try {
    await leavesNothing(async () => {
      const log = join(directory, 'log');
      const made =
        'clone,clone3,fork,vfork,unshare,setns,mount,move_mount,open_tree,fsopen,pivot_root,mkdir,mkdirat,socketpair';
      const result = oracle('strace', [
        ...[
          '-f',
          '-o',
          log,
          '-e',
          `trace=${made}`,
          warrenPath,
          'run',
          '--plan',
          '--rootfs',
          own.path,
          '--rw',
        ],
        ...['-v', `${own.path}/etc:/new/place`, '--tmpfs', '/also/new', '--', 'touch', '/touched'],
      ]);
      assert.match(result.stdout, /execute touch/);
      // Node's own threads are the only things made.
      const calls = readFileSync(log, 'utf8')
        .split('\n')
        .filter(
          (line) => /^\d+ +\w+\(/.test(line) && !line.includes('CLONE_THREAD') && !line.includes('SIGCHLD'),
        );
      assert.deepEqual(calls, []);
    });
    assert.equal(listing(), before);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('MISSION 5.3: --plan refuses what a start would refuse', async () => {
  const { code, stdout, stderr } = await warren([
    ...['run', '--plan', '--rootfs', rootfs, '--sysctl', 'vm.overcommit_memory=1', '--', 'true'],
  ]);
  assert.deepEqual([code, stdout], [125, '']);
  assert.match(stderr, /vm\.overcommit_memory/);
});

test('MISSION 5.3: a step that the kernel refuses is named by its place in the plan', async () => {
  const line = ['--rootfs', rootfs, '-w', '/no/such/directory'];
  const { code, stderr } = await warren(['run', ...line, '--', 'true']);
  const steps = await printed(line, ['true']);
  const step = steps.find(({ step }) => step.op === 'working-directory') ?? assert.fail('no such step');
  assert.equal(code, 125);
  assert.ok(stderr.includes(`step ${step.number} of ${steps.length}, ${step.what}`), stderr);
});
