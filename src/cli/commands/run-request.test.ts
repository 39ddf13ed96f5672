import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerOptions } from '../../runtime/options.js';
import { parseOptions } from '../options.js';
import { keepOptionTable } from './keep-options.js';
import { networkOptionTable } from './network-options.js';
import { commandOf } from './run.js';
import { runOptionTable } from './run-options.js';
import { readRunRequest } from './run-request.js';

const files: Record<string, string> = {
  'my.env': 'FROM=file\n',
  'profile.json': '{"defaultAction":"SCMP_ACT_ALLOW"}',
  list: '[]',
  text: 'x',
};

function request(args: readonly string[]) {
  const parsed = parseOptions(runOptionTable, args, { command: 'warren run', stopAtOperand: true });
  return readRunRequest(parsed.values, {
    env: { TERM: 'xterm' },
    readFile: (path) => {
      const text = files[path];
      if (text !== undefined) return text;
      throw Object.assign(new Error('no such file'), { code: 'ENOENT', syscall: 'open' });
    },
  });
}

/** Each option with the library's options that it stands for. */
const mapping: Readonly<Record<string, [args: string[], options: ContainerOptions]>> = {
  rootfs: [['--rootfs', '/r'], { rootfs: '/r' }],
  rw: [['--rw'], { rw: true }],
  'read-only': [['--read-only'], { readOnly: true }],
  home: [['--home'], { home: true }],
  volume: [['-v', '/a:/b:ro', '--volume=/c:/d'], { volumes: ['/a:/b:ro', '/c:/d'] }],
  mount: [['--mount', 'type=tmpfs,dst=/x'], { mounts: ['type=tmpfs,dst=/x'] }],
  tmpfs: [['--tmpfs', '/x:size=1m'], { tmpfs: ['/x:size=1m'] }],
  'shm-size': [['--shm-size', '1g'], { shmSize: '1g' }],
  'storage-opt': [['--storage-opt', 'size=1g'], { storageSize: '1g' }],
  network: [['--net', 'none'], { network: 'none' }],
  pid: [['--pid', 'host'], { pid: 'host' }],
  ipc: [['--ipc=ns:/x'], { ipc: 'ns:/x' }],
  uts: [['--uts', 'pid:7'], { uts: 'pid:7' }],
  cgroupns: [['--cgroupns', 'private'], { cgroupns: 'private' }],
  userns: [['--userns', 'private'], { userns: 'private' }],
  timens: [['--timens', 'private'], { timens: 'private' }],
  uidmap: [['--uidmap', '0:1:2', '--uidmap', '5:6:7'], { uidMap: ['0:1:2', '5:6:7'] }],
  gidmap: [['--gidmap', '0:1:2'], { gidMap: ['0:1:2'] }],
  'boottime-offset': [['--boottime-offset', '-60'], { boottimeOffsetSec: -60 }],
  'monotonic-offset': [['--monotonic-offset', '60'], { monotonicOffsetSec: 60 }],
  hostname: [['-h', 'box'], { hostname: 'box' }],
  domainname: [['--domainname', 'd'], { domainname: 'd' }],
  user: [['-u', '1:2'], { user: '1:2' }],
  'group-add': [['--group-add', 'audio', '--group-add', '7'], { groupAdd: ['audio', '7'] }],
  workdir: [['-w', '/w'], { workdir: '/w' }],
  env: [['-e', 'A=b', '-e', 'TERM', '-e', 'NOT'], { env: { A: 'b', TERM: 'xterm' } }],
  'env-file': [['--env-file', 'my.env', '-e', 'A=b'], { env: { FROM: 'file', A: 'b' } }],
  umask: [['--umask', '077'], { umask: 0o77 }],
  'cap-add': [['--cap-add', 'NET_ADMIN'], { caps: { add: ['NET_ADMIN'] } }],
  'cap-drop': [['--cap-add', 'ALL', '--cap-drop', 'mknod'], { caps: { add: ['ALL'], drop: ['mknod'] } }],
  privileged: [['--privileged'], { privileged: true }],
  'security-opt': [
    [
      '--security-opt',
      'seccomp=profile.json',
      '--security-opt',
      'no-new-privileges',
      '--security-opt',
      'systempaths=unconfined',
    ],
    { seccomp: { defaultAction: 'SCMP_ACT_ALLOW' }, noNewPrivileges: true, systemPathsUnconfined: true },
  ],
  device: [['--device', '/dev/fuse'], { devices: ['/dev/fuse'] }],
  'device-cgroup-rule': [['--device-cgroup-rule', 'c 13:* rw'], { deviceCgroupRules: ['c 13:* rw'] }],
  ulimit: [['--ulimit', 'nofile=1:2'], { ulimits: ['nofile=1:2'] }],
  'oom-score-adj': [['--oom-score-adj', '-5'], { oomScoreAdj: -5 }],
  memory: [['-m', '64m'], { limits: { memory: '64m' } }],
  'memory-swap': [['--memory-swap', '-1'], { limits: { memorySwap: '-1' } }],
  'memory-reservation': [['--memory-reservation', '32m'], { limits: { memoryReservation: '32m' } }],
  cpus: [['--cpus', '.5'], { limits: { cpus: 0.5 } }],
  'cpu-shares': [['-c', '512'], { limits: { cpuShares: 512 } }],
  'cpuset-cpus': [['--cpuset-cpus', '0-1'], { limits: { cpusetCpus: '0-1' } }],
  'cpuset-mems': [['--cpuset-mems', '0'], { limits: { cpusetMems: '0' } }],
  'pids-limit': [['--pids-limit', '-1'], { limits: { pids: -1 } }],
  'blkio-weight': [['--blkio-weight', '500'], { limits: { blkioWeight: 500 } }],
  'cgroup-parent': [['--cgroup-parent', '/batch'], { cgroupParent: '/batch' }],
  sysctl: [
    ['--sysctl', 'net.ipv4.tcp_keepalive_time=600', '--sysctl', 'kernel/shm_rmid_forced=a=b'],
    { sysctls: { 'net.ipv4.tcp_keepalive_time': '600', 'kernel/shm_rmid_forced': 'a=b' } },
  ],
  'allow-unsafe-sysctl': [['--allow-unsafe-sysctl', 'net.core.*'], { allowUnsafeSysctls: ['net.core.*'] }],
  'sysctl-policy': [['--sysctl-policy', 'k8s-safe'], { sysctlPolicy: 'k8s-safe' }],
  'inherit-sysctls': [['--inherit-sysctls=net.ipv4.tcp_*'], { inheritSysctls: 'net.ipv4.tcp_*' }],
  check: [['--check'], { checkSysctls: true }],
  interactive: [['-i'], {}],
  tty: [['-t'], { tty: true }],
  init: [['--init'], { init: true }],
  'stop-signal': [['--stop-signal', 'INT'], { stopSignal: 'INT' }],
  'stop-timeout': [['--stop-timeout', '3'], { stopTimeoutMs: 3000 }],
  timeout: [['--timeout', '1m30s'], { timeoutMs: 90_000 }],
  rm: [['--rm'], {}],
  plan: [['--plan=json'], {}],
};

for (const [name, [args, options]] of Object.entries(mapping)) {
  test(`warren run ${args.join(' ')} asks the library for ${JSON.stringify(options)}`, () => {
    assert.ok(name in runOptionTable, name);
    assert.deepEqual(request(args).options, options);
  });
}

test('every option of warren run has a case above, or is about keeping the container or its networks', () => {
  const others = new Set(Object.keys({ ...keepOptionTable, ...networkOptionTable }));
  const without = (names: string[]): string[] => names.filter((name) => !others.has(name)).sort();
  assert.deepEqual(without(Object.keys(mapping)), without(Object.keys(runOptionTable)));
});

test('warren run without options asks for nothing, so that the library’s defaults stand', () => {
  assert.deepEqual(request([]), { options: {}, interactive: false, plan: undefined, warnings: [] });
});

test('-i and --plan are the command line’s own', () => {
  assert.equal(request(['-i']).interactive, true);
  assert.equal(request(['--plan']).plan, 'text');
  assert.equal(request(['--plan=json']).plan, 'json');
});

test('-e wins over a file', () => {
  assert.deepEqual(request(['-e', 'FROM=option', '--env-file', 'my.env']).options.env, { FROM: 'option' });
});

test('--security-opt takes docker’s words for seccomp and no-new-privileges', () => {
  const options = (text: string) => request(['--security-opt', text]).options;
  assert.deepEqual(options('seccomp=unconfined'), { seccomp: 'unconfined' });
  assert.deepEqual(options('seccomp:unconfined'), { seccomp: 'unconfined' });
  assert.deepEqual(options('seccomp=builtin'), { seccomp: 'default' });
  assert.deepEqual(options('no-new-privileges:false'), { noNewPrivileges: false });
  assert.deepEqual(options('no-new-privileges=true'), { noNewPrivileges: true });
});

test('--security-opt apparmor and label are taken, with a warning that they do nothing', () => {
  for (const text of ['apparmor=unconfined', 'label=disable', 'label:disable']) {
    const { options, warnings } = request(['--security-opt', text]);
    assert.deepEqual(options, {});
    assert.equal(warnings.length, 1, text);
  }
});

const refusals: readonly [args: string[], code: string][] = [
  [['--security-opt', 'seccomp=missing.json'], 'ERR_SECCOMP_FILE'],
  [['--security-opt', 'seccomp=text'], 'ERR_SECCOMP_FILE'],
  [['--security-opt', 'seccomp=list'], 'ERR_SECCOMP_FILE'],
  [['--security-opt', 'seccomp'], 'ERR_OPTION_VALUE'],
  [['--security-opt', 'no-new-privileges=perhaps'], 'ERR_OPTION_VALUE'],
  [['--security-opt', 'systempaths=confined'], 'ERR_OPTION_VALUE'],
  [['--security-opt', 'magic=1'], 'ERR_OPTION_VALUE'],
  [['--env-file', 'missing.env'], 'ERR_ENV_FILE'],
  [['--storage-opt', 'colour=red'], 'ERR_OPTION_VALUE'],
  [['--sysctl', 'net.ipv4.ip_forward'], 'ERR_OPTION_VALUE'],
  [['--sysctl-policy', 'strict'], 'ERR_OPTION_VALUE'],
  [['--timeout', 'soon'], 'ERR_OPTION_VALUE'],
  [['--umask', '9'], 'ERR_OPTION_VALUE'],
  [['--oom-score-adj', '1.5'], 'ERR_OPTION_VALUE'],
  [['--cpus', 'two'], 'ERR_OPTION_VALUE'],
  [['--pids-limit', '1.5'], 'ERR_OPTION_VALUE'],
  [['--plan=yaml'], 'ERR_OPTION_VALUE'],
];

for (const [args, code] of refusals) {
  test(`warren run ${args.join(' ')} is refused with ${code}`, () => {
    assert.throws(() => request(args), { code });
  });
}

test('commandOf() takes what follows --', () => {
  assert.deepEqual(commandOf({ operands: [], afterDashes: ['sh', '--', '-c'] }), ['sh', '--', '-c']);
});

test('commandOf() says that images come later when something stands before --, or -- is missing', () => {
  assert.throws(() => commandOf({ operands: ['alpine', '--', 'sh'], afterDashes: undefined }), {
    code: 'ERR_IMAGE_UNSUPPORTED',
    fix: /--/,
  });
});

test('commandOf() tells how the command that was used is written', () => {
  for (const verb of ['run', 'create', 'caps why'] as const)
    assert.throws(() => commandOf({ operands: [], afterDashes: [] }, verb), {
      fix: `write: warren ${verb} [OPTIONS] -- COMMAND [ARG…]`,
    });
});

test('commandOf() refuses to run nothing', () => {
  for (const afterDashes of [undefined, []]) {
    assert.throws(() => commandOf({ operands: [], afterDashes }), { code: 'ERR_NO_COMMAND' });
  }
});
