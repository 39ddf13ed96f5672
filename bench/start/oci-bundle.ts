/** An OCI bundle that asks of `runc` and `crun` what Warren's default container is. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeCapabilities, resolveCapabilities } from '../../src/kernel/capabilities.js';
import {
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_ERRNO,
  defaultSeccompPolicy,
  runningKernel,
} from '../../src/kernel/seccomp/index.js';
import { nativeSyscallArch, type SyscallArch } from '../../src/kernel/syscalls/index.js';
import { plan } from '../../src/index.js';

interface BundleOptions {
  readonly rootfs: string;
  /** crun knows no mixture of cgroup v1 and v2, and is run without cgroups. */
  readonly cgroups: boolean;
  /** Default: `/bin/true`. */
  readonly args?: readonly string[];
}

/** Not the same: no copy-on-write layer (a runtime is given one ready-made), and `runc` makes cgroups. */
export async function writeBundle(path: string, options: BundleOptions): Promise<string> {
  mkdirSync(path);
  writeFileSync(join(path, 'config.json'), JSON.stringify(await ociConfig(options)));
  return path;
}

async function ociConfig({ rootfs, cgroups, args = ['/bin/true'] }: BundleOptions): Promise<object> {
  const { steps } = await plan(['true'], { rootfs });
  const pathsOf = (op: 'mask' | 'read-only-path'): string[] =>
    steps.flatMap((step) => (step.op === op ? [step.path] : []));
  const kept = decodeCapabilities(resolveCapabilities({}, (1n << 41n) - 1n).mask);
  const mount = (type: string, destination: string, ...options: string[]): object => ({
    type,
    source: type,
    destination,
    options: ['nosuid', 'noexec', ...options],
  });
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args,
      env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      cwd: '/',
      capabilities: { bounding: kept, effective: kept, permitted: kept },
      rlimits: steps.flatMap((step) =>
        step.op === 'rlimit'
          ? [
              {
                type: `RLIMIT_${step.name.toUpperCase()}`,
                soft: Number(step.soft),
                hard: Number(step.hard),
              },
            ]
          : [],
      ),
    },
    root: { path: rootfs },
    hostname: 'bench',
    mounts: [
      mount('proc', '/proc', 'nodev'),
      { type: 'tmpfs', source: 'tmpfs', destination: '/dev', options: ['nosuid', 'mode=755', 'size=65536k'] },
      mount('devpts', '/dev/pts', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'),
      mount('tmpfs', '/dev/shm', 'nodev', 'mode=1777', 'size=65536k'),
      mount('mqueue', '/dev/mqueue', 'nodev'),
      mount('sysfs', '/sys', 'nodev', 'ro'),
      ...(cgroups ? [mount('cgroup', '/sys/fs/cgroup', 'nodev', 'ro')] : []),
    ],
    linux: {
      namespaces: ['mount', 'pid', 'network', 'ipc', 'uts', 'cgroup'].map((type) => ({ type })),
      sysctl: { 'net.ipv4.ip_unprivileged_port_start': '0', 'net.ipv4.ping_group_range': '0 2147483647' },
      maskedPaths: pathsOf('mask'),
      readonlyPaths: pathsOf('read-only-path'),
      seccomp: ociSeccomp(kept),
    },
  };
}

const archNames: Readonly<Record<SyscallArch, string>> = {
  x86_64: 'X86_64',
  x86: 'X86',
  x32: 'X32',
  arm64: 'AARCH64',
  arm: 'ARM',
};

/** Warren's default policy, in the words of the OCI specification. */
function ociSeccomp(capabilities: readonly string[]): object {
  const arch = nativeSyscallArch(process.arch);
  const policy = defaultSeccompPolicy({ capabilities, arch, kernel: runningKernel() });
  const action = (value: number): object => {
    if (value === SECCOMP_RET_ALLOW) return { action: 'SCMP_ACT_ALLOW' };
    if ((value & 0xffff_0000) >>> 0 === SECCOMP_RET_ERRNO)
      return { action: 'SCMP_ACT_ERRNO', errnoRet: value & 0xffff };
    throw new Error(`no OCI name for the seccomp action ${value}`);
  };
  const { action: defaultAction, errnoRet: defaultErrnoRet } = action(policy.defaultAction) as {
    action: string;
    errnoRet?: number;
  };
  return {
    defaultAction,
    defaultErrnoRet,
    architectures: policy.archs.map((each) => `SCMP_ARCH_${archNames[each]}`),
    syscalls: policy.rules.map(({ names, action: value, conditions }) => ({
      names,
      ...action(value),
      args: conditions.map(({ index, op, value: first, valueTwo }) => ({
        index,
        op: `SCMP_CMP_${op}`,
        value: Number(first),
        valueTwo: Number(valueTwo),
      })),
    })),
  };
}
