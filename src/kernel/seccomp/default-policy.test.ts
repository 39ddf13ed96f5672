import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  auditArch,
  syscallNumbers,
  x32Bit,
  type NativeSyscallArch,
  type SyscallArch,
} from '../syscalls/index.js';
import { defaultSeccompFilter } from './default-filter.js';
import { seccompCapabilities } from './default-policy.js';
import { compileSeccompProfile, parseSeccompText } from './index.js';
import { runSeccompProgram } from './interpret.js';

/** The reference stands beside the checkout; it is no part of it. */
const reference = join(
  process.env['WARREN_SPEC'] ?? join('..', 'shared', 'spec'),
  'docker-default-seccomp.json',
);
const skip = existsSync(reference)
  ? false
  : `no ${reference}: set WARREN_SPEC to the directory of the specifications`;

interface Reference {
  readonly syscalls: readonly ReferenceRule[];
}

interface ReferenceRule {
  readonly names: readonly string[];
  readonly action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  readonly errnoRet?: number;
  readonly args?: readonly { index: number; value: number; valueTwo?: number; op: string }[];
  readonly includes?: ReferenceFilter;
  readonly excludes?: ReferenceFilter;
}

interface ReferenceFilter {
  readonly caps?: readonly string[];
  readonly arches?: readonly string[];
  readonly minKernel?: string;
}

const abis: Readonly<Record<NativeSyscallArch, readonly SyscallArch[]>> = {
  x86_64: ['x86_64', 'x86', 'x32'],
  arm64: ['arm64', 'arm'],
};

const capabilitySets: readonly (readonly string[])[] = [
  [],
  ...seccompCapabilities.map((name) => [name]),
  ...seccompCapabilities.map((name) => seccompCapabilities.filter((other) => other !== name)),
  [...seccompCapabilities, 'CAP_NET_ADMIN', 'CAP_AUDIT_WRITE'],
  ['CAP_CHOWN', 'CAP_NET_RAW', 'CAP_SYS_CHROOT', 'CAP_MKNOD'],
];

const cases: readonly {
  readonly capabilities: readonly string[];
  readonly kernel: readonly [number, number];
}[] = [
  ...capabilitySets.map((capabilities) => ({ capabilities, kernel: [6, 18] as const })),
  { capabilities: [], kernel: [4, 7] },
  { capabilities: [], kernel: [4, 8] },
  { capabilities: ['CAP_SYS_PTRACE'], kernel: [4, 7] },
  { capabilities: ['CAP_SYS_ADMIN'], kernel: [3, 19] },
];

for (const native of ['x86_64', 'arm64'] as const) {
  test(
    `defaultSeccompFilter() decides every call of ${native} as docker's profile, whatever the capabilities`,
    { skip },
    () => {
      const profile = JSON.parse(readFileSync(reference, 'utf8')) as Reference;
      const mentioned = new Set(profile.syscalls.flatMap((rule) => rule.includes?.caps ?? []));
      assert.deepEqual([...mentioned].sort(), [...seccompCapabilities].sort(), 'capabilities that matter');
      let decisions = 0;
      for (const { capabilities, kernel } of cases) {
        const program = defaultSeccompFilter({ capabilities, arch: native, kernel });
        const rules = profile.syscalls.filter((rule) => applies(rule, native, capabilities, kernel));
        for (const abi of abis[native]) {
          const expect = naiveDecisions(rules, abi);
          for (const nr of numbersToTry(abi)) {
            for (const args of argumentsToTry(rules, abi, nr)) {
              const { action } = runSeccompProgram(program, { arch: auditArch[abi], nr, args });
              decisions += 1;
              if (action !== expect(nr, args)) {
                const call = `${abi} ${String(nr)}(${args.join(', ')})`;
                assert.equal(
                  action.toString(16),
                  expect(nr, args).toString(16),
                  `${call} with ${capabilities.join(' ')}`,
                );
              }
            }
          }
        }
      }
      assert.ok(decisions > 50_000, `${String(decisions)} decisions compared`);
    },
  );

  test(
    `compileSeccompProfile() of docker's own file decides on ${native} as defaultSeccompFilter()`,
    { skip },
    () => {
      const json = parseSeccompText(readFileSync(reference, 'utf8'));
      for (const capabilities of [[], ['CAP_SYS_ADMIN'], ['CAP_SYS_PTRACE', 'CAP_BPF']]) {
        const options = { capabilities, arch: native, kernel: [6, 18] } as const;
        const theirs = compileSeccompProfile(json, options);
        const ours = defaultSeccompFilter(options);
        assert.deepEqual(theirs.warnings, []);
        for (const abi of abis[native]) {
          for (const nr of numbersToTry(abi)) {
            for (const args of [[0n], [0x7e020000n], [38n], [0xffffffffn]]) {
              const call = { arch: auditArch[abi], nr, args };
              assert.equal(
                runSeccompProgram(ours, call).action,
                runSeccompProgram(theirs.program, call).action,
              );
            }
          }
        }
      }
    },
  );
}

test('defaultSeccompFilter() answers the commonest calls within 15 instructions', () => {
  for (const arch of ['x86_64', 'arm64'] as const) {
    const program = defaultSeccompFilter({ capabilities: [], arch, kernel: [6, 18] });
    assert.ok(program.length / 8 < 1000);
    for (const name of [
      'read',
      'write',
      'close',
      'futex',
      'openat',
      'mmap',
      'epoll_pwait',
      'sendto',
      'recvfrom',
    ]) {
      const nr = syscallNumbers(arch).get(name) as number;
      const { action, steps } = runSeccompProgram(program, { arch: auditArch[arch], nr });
      assert.equal(action, 0x7fff0000, name);
      assert.ok(steps < 15, `${name} on ${arch} takes ${String(steps)}`);
    }
  }
});

test('defaultSeccompFilter() compiles once for each set of the capabilities that matter', () => {
  const options = { arch: 'x86_64', kernel: [6, 18] } as const;
  const filter = defaultSeccompFilter({
    ...options,
    capabilities: ['CAP_SYS_CHROOT', 'CAP_CHOWN', 'CAP_SYSLOG'],
  });
  assert.equal(
    defaultSeccompFilter({ ...options, capabilities: new Set(['CAP_SYSLOG', 'CAP_SYS_CHROOT']) }),
    filter,
  );
  assert.notEqual(defaultSeccompFilter({ ...options, capabilities: ['CAP_SYS_CHROOT'] }), filter);
});

test('defaultSeccompFilter() kills a call through an ABI that the machine does not have', () => {
  const filter = defaultSeccompFilter({ capabilities: [], arch: 'x86_64', kernel: [6, 18] });
  assert.equal(runSeccompProgram(filter, { arch: auditArch.arm64, nr: 63 }).action, 0);
});

function applies(
  { includes, excludes }: ReferenceRule,
  native: NativeSyscallArch,
  capabilities: readonly string[],
  kernel: readonly [number, number],
): boolean {
  const arch = native === 'x86_64' ? 'amd64' : 'arm64';
  const isNew = (version: string): boolean => {
    const [major = 0, minor = 0] = version.split('.').map(Number);
    return kernel[0] * 1000 + kernel[1] >= major * 1000 + minor;
  };
  if (excludes?.arches?.includes(arch)) return false;
  if (excludes?.caps?.some((name) => capabilities.includes(name))) return false;
  if (includes?.arches && !includes.arches.includes(arch)) return false;
  if (includes?.caps && !includes.caps.every((name) => capabilities.includes(name))) return false;
  return includes?.minKernel === undefined || isNew(includes.minKernel);
}

/** The meaning of the file, as plainly as it can be written: any rule that matches, else EPERM, ENOSYS beyond it. */
function naiveDecisions(
  rules: readonly ReferenceRule[],
  abi: SyscallArch,
): (nr: number, args: readonly bigint[]) => number {
  const numbers = syscallNumbers(abi);
  const highest = Math.max(...rules.flatMap((rule) => rule.names.map((name) => numbers.get(name) ?? 0)));
  const byNumber = rulesByNumber(rules, abi);
  return (nr, args) => {
    for (const { rule } of byNumber.get(nr) ?? []) {
      if ((rule.args ?? []).every((arg) => holds(arg, args[arg.index] as bigint, abi))) {
        return rule.action === 'SCMP_ACT_ALLOW' ? 0x7fff0000 : 0x50000 + (rule.errnoRet ?? 1);
      }
    }
    if (abi === 'x86_64' && nr >= x32Bit) throw new Error('that is a number of x32');
    return nr > highest ? 0x50026 : 0x50001;
  };
}

function rulesByNumber(
  rules: readonly ReferenceRule[],
  abi: SyscallArch,
): ReadonlyMap<number, readonly { rule: ReferenceRule }[]> {
  const numbers = syscallNumbers(abi);
  const byNumber = new Map<number, { rule: ReferenceRule }[]>();
  for (const rule of rules) {
    for (const name of rule.names) {
      const nr = numbers.get(name);
      if (nr !== undefined) byNumber.set(nr, [...(byNumber.get(nr) ?? []), { rule }]);
    }
  }
  return byNumber;
}

function holds(arg: NonNullable<ReferenceRule['args']>[number], given: bigint, abi: SyscallArch): boolean {
  const value = BigInt(arg.value);
  const argument = abi === 'x86_64' || abi === 'arm64' ? given : given & 0xffffffffn;
  if (arg.op === 'SCMP_CMP_EQ') return argument === value;
  if (arg.op === 'SCMP_CMP_LT') return argument < value;
  if (arg.op === 'SCMP_CMP_GT') return argument > value;
  assert.equal(arg.op, 'SCMP_CMP_MASKED_EQ');
  return (argument & value) === BigInt(arg.valueTwo ?? 0);
}

/** All assigned numbers, the gaps between them, and what lies beyond. */
function numbersToTry(abi: SyscallArch): number[] {
  const base = abi === 'x32' ? x32Bit : 0;
  const dense = Array.from({ length: 600 }, (_, i) => base + i);
  const known = [...syscallNumbers(abi).values()];
  const far = [base + 4096, base + 0xf0000, base + 0xf0007, base + 0x3fffffff];
  return [...new Set([...dense, ...known, ...far])];
}

/** Around every value that a rule compares with, with and without high bits; one try where no argument counts. */
function argumentsToTry(rules: readonly ReferenceRule[], abi: SyscallArch, nr: number): bigint[][] {
  const args = (rulesWithArgs(rules, abi).get(nr) ?? []).flatMap((rule) => rule.args ?? []);
  if (args.length === 0) return [[0n, 0n]];
  const values = args.flatMap(({ value }) => [BigInt(value) - 1n, BigInt(value), BigInt(value) + 1n]);
  const flags = Array.from({ length: 64 }, (_, bit) => 1n << BigInt(bit));
  const all = [
    ...values,
    ...values.map((value) => value + (1n << 32n)),
    ...flags,
    0x7e020000n,
    17n,
    (1n << 64n) - 1n,
  ];
  return [...new Set(all)].filter((value) => value >= 0n).map((value) => [value, 0x7e020000n]);
}

const withArgs = new WeakMap<readonly ReferenceRule[], Map<SyscallArch, Map<number, ReferenceRule[]>>>();

function rulesWithArgs(
  rules: readonly ReferenceRule[],
  abi: SyscallArch,
): ReadonlyMap<number, ReferenceRule[]> {
  const byAbi = withArgs.get(rules) ?? new Map<SyscallArch, Map<number, ReferenceRule[]>>();
  withArgs.set(rules, byAbi);
  let found = byAbi.get(abi);
  if (found === undefined) {
    found = new Map();
    for (const [nr, list] of rulesByNumber(rules, abi))
      found.set(
        nr,
        list.map(({ rule }) => rule),
      );
    byAbi.set(abi, found);
  }
  return found;
}
