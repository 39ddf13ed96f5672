import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  auditArch,
  syscallNumber,
  x32Bit,
  type NativeSyscallArch,
  type SyscallArch,
} from '../syscalls/index.js';
import { compileSeccompPolicy } from './compile.js';
import { runSeccompProgram } from './interpret.js';
import {
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_KILL_PROCESS,
  SECCOMP_RET_KILL_THREAD,
  SECCOMP_RET_LOG,
  SECCOMP_RET_TRACE,
  SECCOMP_RET_TRAP,
  seccompOps,
  type SeccompCondition,
  type SeccompPolicy,
  type SeccompRule,
} from './policy.js';

const eperm = SECCOMP_RET_ERRNO | 1;
const enosys = SECCOMP_RET_ERRNO | 38;
const natives: readonly NativeSyscallArch[] = ['x86_64', 'arm64'];
const subs: Readonly<Record<NativeSyscallArch, readonly SyscallArch[]>> = {
  x86_64: ['x86', 'x32'],
  arm64: ['arm'],
};

function rule(names: string, action: number, ...conditions: SeccompCondition[]): SeccompRule {
  return { names: names.split(' '), action, conditions };
}

function arg(index: number, op: SeccompCondition['op'], value: bigint, valueTwo = 0n): SeccompCondition {
  return { index, op, value, valueTwo };
}

function policy(
  defaultAction: number,
  rules: readonly SeccompRule[],
  archs: readonly SyscallArch[] = ['x86_64'],
): SeccompPolicy {
  return { native: 'x86_64', archs, defaultAction, rules };
}

/** Compiles and asks for one call of x86_64, or of another ABI. */
function decide(
  p: SeccompPolicy,
  name: string | number,
  args: bigint[] = [],
  abi: SyscallArch = 'x86_64',
): number {
  const nr = typeof name === 'number' ? name : (syscallNumber(abi, name) as number);
  return runSeccompProgram(compileSeccompPolicy(p), { arch: auditArch[abi], nr, args }).action;
}

test('compileSeccompPolicy() compares all 64 bits of an argument on a 64-bit ABI and the low 32 on the others', () => {
  const p = policy(eperm, [rule('close', SECCOMP_RET_ALLOW, arg(0, 'EQ', 5n))], ['x86_64', 'x86', 'x32']);
  const high = 5n + (1n << 40n);
  assert.equal(decide(p, 'close', [5n]), SECCOMP_RET_ALLOW);
  assert.equal(decide(p, 'close', [high]), eperm);
  assert.equal(decide(p, 'close', [high], 'x86'), SECCOMP_RET_ALLOW);
  assert.equal(decide(p, 'close', [high], 'x32'), SECCOMP_RET_ALLOW);
});

test('compileSeccompPolicy() takes conditions of one rule together and rules for one call apart', () => {
  const p = policy(eperm, [
    rule('dup3', SECCOMP_RET_ALLOW, arg(0, 'EQ', 1n), arg(2, 'EQ', 0n)),
    rule('dup3', SECCOMP_RET_ALLOW, arg(1, 'GT', 100n)),
  ]);
  assert.equal(decide(p, 'dup3', [1n, 0n, 0n]), SECCOMP_RET_ALLOW);
  assert.equal(decide(p, 'dup3', [1n, 0n, 1n]), eperm);
  assert.equal(decide(p, 'dup3', [9n, 101n, 9n]), SECCOMP_RET_ALLOW);
});

test('compileSeccompPolicy() takes two conditions on one argument of a rule as alternatives, as runc does', () => {
  const p = policy(eperm, [rule('close', SECCOMP_RET_ALLOW, arg(0, 'LT', 3n), arg(0, 'GT', 9n))]);
  assert.deepEqual(
    [2n, 5n, 10n].map((fd) => decide(p, 'close', [fd])),
    [SECCOMP_RET_ALLOW, eperm, SECCOMP_RET_ALLOW],
  );
});

test('compileSeccompPolicy() lets the first unconditional rule win over all others for its call', () => {
  const p = policy(eperm, [
    rule('close', SECCOMP_RET_LOG, arg(0, 'EQ', 1n)),
    rule('close', SECCOMP_RET_TRAP),
    rule('close', SECCOMP_RET_ALLOW),
    rule('close', SECCOMP_RET_KILL_PROCESS, arg(0, 'EQ', 2n)),
  ]);
  for (const fd of [0n, 1n, 2n]) assert.equal(decide(p, 'close', [fd]), SECCOMP_RET_TRAP);
});

test('compileSeccompPolicy() leaves out rules with the default action, so they hide nothing', () => {
  const p = policy(eperm, [rule('close', eperm), rule('close', SECCOMP_RET_ALLOW, arg(0, 'EQ', 1n))]);
  assert.equal(decide(p, 'close', [1n]), SECCOMP_RET_ALLOW);
});

test('compileSeccompPolicy() refuses rules alike but for their action', () => {
  const p = policy(eperm, [
    rule('close', SECCOMP_RET_ALLOW, arg(0, 'EQ', 1n)),
    rule('close', SECCOMP_RET_TRAP, arg(0, 'EQ', 1n)),
  ]);
  assert.throws(() => compileSeccompPolicy(p), { code: 'ERR_SECCOMP_PROFILE', message: /"close"/ });
});

test('compileSeccompPolicy() answers ENOSYS above the highest call a restrictive profile mentions, and only there', () => {
  for (const action of [eperm, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_TRAP]) {
    const p = policy(action, [rule('read mseal', SECCOMP_RET_ALLOW)]);
    assert.equal(decide(p, 'mseal'), SECCOMP_RET_ALLOW);
    assert.equal(decide(p, 400), action);
    assert.equal(decide(p, 463), enosys);
  }
  for (const action of [SECCOMP_RET_ALLOW, SECCOMP_RET_LOG, SECCOMP_RET_TRACE]) {
    assert.equal(decide(policy(action, [rule('mseal', eperm)]), 463), action);
  }
  // A rule with the default action is left out, yet the profile knows the call.
  assert.equal(decide(policy(eperm, [rule('mseal', eperm)]), 462), eperm);
});

test('compileSeccompPolicy() kills x32 calls where x32 is not listed, but for -1, which tracers use', () => {
  const p = policy(SECCOMP_RET_ALLOW, [rule('close', eperm)]);
  assert.equal(decide(p, x32Bit), SECCOMP_RET_KILL_THREAD);
  assert.equal(decide(p, 0xffffffff), SECCOMP_RET_ALLOW);
  assert.equal(decide({ ...p, archs: ['x86_64', 'x32'] }, x32Bit + 3), eperm);
  assert.equal(decide({ ...p, archs: ['x86_64', 'x32'] }, x32Bit), SECCOMP_RET_ALLOW);
});

test('compileSeccompPolicy() applies a rule for a socket or IPC call to its part of socketcall and ipc on i386', () => {
  const p = policy(
    SECCOMP_RET_ALLOW,
    [rule('bind', eperm), rule('shmat', eperm), rule('socket', eperm, arg(0, 'EQ', 16n))],
    ['x86_64', 'x86'],
  );
  assert.equal(decide(p, 'bind', [], 'x86'), eperm);
  assert.equal(decide(p, 'socketcall', [2n], 'x86'), eperm);
  assert.equal(decide(p, 'socketcall', [3n], 'x86'), SECCOMP_RET_ALLOW);
  assert.equal(decide(p, 'ipc', [21n], 'x86'), eperm);
  // The arguments lie in memory there: the whole part is refused rather than none of it.
  assert.equal(decide(p, 'socketcall', [1n], 'x86'), eperm);
  assert.equal(decide(p, 'socket', [1n], 'x86'), SECCOMP_RET_ALLOW);
});

test('compileSeccompPolicy() reaches targets further away than 255 instructions', () => {
  const rules = Array.from({ length: 300 }, (_, i) =>
    rule('close', SECCOMP_RET_ALLOW, arg(0, 'EQ', BigInt(2 * i))),
  );
  const p = policy(eperm, [...rules, rule('mseal', SECCOMP_RET_LOG)], ['x86_64', 'x86', 'x32']);
  for (const abi of p.archs) {
    assert.equal(decide(p, 'close', [0n], abi), SECCOMP_RET_ALLOW);
    assert.equal(decide(p, 'close', [598n], abi), SECCOMP_RET_ALLOW);
    assert.equal(decide(p, 'close', [597n], abi), eperm);
    assert.equal(decide(p, 'mseal', [], abi), SECCOMP_RET_LOG);
    assert.equal(decide(p, 'read', [], abi), eperm);
  }
});

test('compileSeccompPolicy() refuses a profile of more than 4096 instructions', () => {
  const rules = Array.from({ length: 1100 }, (_, i) =>
    rule('close', SECCOMP_RET_ALLOW, arg(0, 'EQ', BigInt(i))),
  );
  assert.throws(() => compileSeccompPolicy(policy(eperm, rules)), { code: 'ERR_SECCOMP_TOO_LARGE' });
});

test('compileSeccompPolicy() of a policy without rules returns the default action at once', () => {
  for (const defaultAction of [eperm, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS]) {
    for (const native of natives) {
      const p: SeccompPolicy = { native, archs: [native, ...subs[native]], defaultAction, rules: [] };
      for (const abi of p.archs) assert.equal(decide(p, 'close', [], abi), defaultAction);
    }
  }
});

// ── random policies against the plainest reading of the rules ──

const names = [
  'read',
  'close',
  'mmap',
  'socket',
  'bind',
  'socketcall',
  'shmget',
  'waitpid',
  'execve',
  'mseal',
  'set_tls',
  'nosuch',
];
const edges = [
  0n,
  1n,
  5n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  1n << 32n,
  (1n << 32n) + 5n,
  (1n << 64n) - 1n,
];

const condition = fc.record({
  index: fc.integer({ min: 0, max: 2 }),
  op: fc.constantFrom(...seccompOps),
  value: fc.oneof(fc.constantFrom(...edges), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })),
  valueTwo: fc.constantFrom(...edges),
});

/** One action besides the default: which of two matching rules is tested first then makes no difference. */
const randomPolicy = fc
  .record({
    native: fc.constantFrom(...natives),
    withSubs: fc.boolean(),
    defaultAction: fc.constantFrom(eperm, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW),
    other: fc.constantFrom(SECCOMP_RET_LOG, SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO | 13),
    rules: fc.array(
      fc.record({
        names: fc.uniqueArray(fc.constantFrom(...names), { minLength: 1, maxLength: 4 }),
        conditions: fc.uniqueArray(condition, { maxLength: 3, selector: ({ index }) => index }),
        isDefault: fc.boolean(),
      }),
      { maxLength: 12 },
    ),
  })
  .map(({ native, withSubs, defaultAction, other, rules }): SeccompPolicy => ({
    native,
    archs: withSubs ? [native, ...subs[native]] : [native],
    defaultAction,
    rules: rules.map((r) => ({
      names: r.names,
      conditions: r.conditions,
      action: r.isDefault ? defaultAction : other,
    })),
  }));

test('compileSeccompPolicy() decides as the rules read, for random policies and calls', () => {
  fc.assert(
    fc.property(
      randomPolicy,
      fc.array(
        fc.tuple(
          fc.constantFrom(...names),
          fc.array(fc.constantFrom(...edges), { minLength: 3, maxLength: 3 }),
        ),
        {
          minLength: 1,
          maxLength: 20,
        },
      ),
      (p, calls) => {
        const program = compileSeccompPolicy(p);
        for (const abi of p.archs) {
          for (const [name, given] of calls) {
            const values = p.rules.flatMap((r) => r.conditions.map((c) => c.value));
            for (const args of [given, [values[0] ?? 0n, values[1] ?? 0n, values[2] ?? 0n]]) {
              const nr = syscallNumber(abi, name);
              if (nr === undefined) continue;
              const { action } = runSeccompProgram(program, { arch: auditArch[abi], nr, args });
              assert.equal(
                action.toString(16),
                naive(p, abi, name, args).toString(16),
                `${abi} ${name} ${args.join(' ')}`,
              );
            }
          }
        }
      },
    ),
    { numRuns: 1500 },
  );
});

function naive(p: SeccompPolicy, abi: SyscallArch, name: string, args: readonly bigint[]): number {
  const multiplexed =
    abi === 'x86'
      ? new Map([
          ['bind', 2n],
          ['socket', 1n],
        ])
      : new Map<string, bigint>();
  const wide = abi === 'x86_64' || abi === 'arm64';
  const cut = (value: bigint): bigint => (wide ? value : value & 0xffffffffn);
  const holds = ({ index, op, value, valueTwo }: SeccompCondition): boolean => {
    const given = cut(args[index] as bigint);
    switch (op) {
      case 'EQ':
        return given === cut(value);
      case 'NE':
        return given !== cut(value);
      case 'LT':
        return given < cut(value);
      case 'LE':
        return given <= cut(value);
      case 'GT':
        return given > cut(value);
      case 'GE':
        return given >= cut(value);
      case 'MASKED_EQ':
        return (given & cut(value)) === (cut(valueTwo) & cut(value));
    }
  };
  const matches = p.rules.some((r) => {
    if (r.action === p.defaultAction) return false;
    if (r.names.includes(name) && r.conditions.every(holds)) return true;
    if (name !== 'socketcall' || abi !== 'x86') return false;
    return r.names.some((part) => {
      const number = multiplexed.get(part);
      return number === cut(args[0] as bigint) && r.conditions.filter((c) => c.index > 0).every(holds);
    });
  });
  if (matches) return p.rules.find((r) => r.action !== p.defaultAction)?.action as number;
  const nr = syscallNumber(abi, name) as number;
  const highest = Math.max(0, ...p.rules.flatMap((r) => r.names.map((n) => syscallNumber(abi, n) ?? 0)));
  return highest > 0 && nr > highest && p.defaultAction !== SECCOMP_RET_ALLOW ? enosys : p.defaultAction;
}
