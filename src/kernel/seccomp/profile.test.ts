import assert from 'node:assert/strict';
import { test } from 'node:test';
import { auditArch, syscallNumber } from '../syscalls/index.js';
import {
  compileSeccompProfile,
  parseSeccompProfile,
  parseSeccompText,
  resolveProfile,
  runSeccompProgram,
} from './index.js';

const allow = 0x7fff0000;
const target = { capabilities: [], arch: 'x86_64', kernel: [6, 18] } as const;

function withRule(rule: object): object {
  return { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [rule] };
}

function withArg(arg: object): object {
  return withRule({ names: ['close'], action: 'SCMP_ACT_ALLOW', args: [arg] });
}

const wrong: readonly (readonly [what: string, profile: unknown, message: RegExp])[] = [
  ['no object', [], /expected an object, found a list/],
  ['a missing default action', {}, /nothing at defaultAction/],
  ['an unknown default action', { defaultAction: 'ALLOW' }, /"ALLOW" at defaultAction/],
  [
    'an unknown action',
    withRule({ names: ['read'], action: 'SCMP_ACT_ALOW' }),
    /"SCMP_ACT_ALOW" at syscalls\[0\]\.action/,
  ],
  [
    'an unknown comparison',
    withArg({ index: 0, value: 1, op: 'SCMP_CMP_EQUAL' }),
    /"SCMP_CMP_EQUAL" at syscalls\[0\]\.args\[0\]\.op/,
  ],
  [
    'an argument that no call has',
    withArg({ index: 6, value: 1, op: 'SCMP_CMP_EQ' }),
    /6 at syscalls\[0\]\.args\[0\]\.index/,
  ],
  [
    'a negative value',
    withArg({ index: 0, value: -1, op: 'SCMP_CMP_EQ' }),
    /-1 at syscalls\[0\]\.args\[0\]\.value/,
  ],
  ['a value that was rounded', withArg({ index: 0, value: 2 ** 64, op: 'SCMP_CMP_EQ' }), /lose digits/],
  [
    'a value of text',
    withArg({ index: 0, value: '1', op: 'SCMP_CMP_EQ' }),
    /"1" at syscalls\[0\]\.args\[0\]\.value/,
  ],
  [
    'an unknown architecture',
    { defaultAction: 'SCMP_ACT_LOG', architectures: ['SCMP_ARCH_X64'] },
    /"SCMP_ARCH_X64" at architectures\[0\]/,
  ],
  [
    'an unknown included architecture',
    withRule({ names: ['read'], action: 'SCMP_ACT_LOG', includes: { arches: ['x64'] } }),
    /"x64" at syscalls\[0\]\.includes\.arches\[0\]/,
  ],
  ['an unknown flag', { defaultAction: 'SCMP_ACT_LOG', flags: ['LOG'] }, /"LOG" at flags\[0\]/],
  [
    'a malformed version',
    withRule({ names: ['read'], action: 'SCMP_ACT_LOG', includes: { minKernel: '4.8.1' } }),
    /"4.8.1" at syscalls\[0\]\.includes\.minKernel/,
  ],
  [
    'a malformed capability',
    withRule({ names: ['read'], action: 'SCMP_ACT_LOG', excludes: { caps: ['SYS_ADMIN'] } }),
    /"SYS_ADMIN" at syscalls\[0\]\.excludes\.caps\[0\]/,
  ],
  ['a list that is none', { defaultAction: 'SCMP_ACT_LOG', syscalls: {} }, /an object at syscalls/],
  ['a rule without names', withRule({ action: 'SCMP_ACT_LOG' }), /syscalls\[0\]\.names/],
  [
    'a name of another type',
    withRule({ names: [0], action: 'SCMP_ACT_LOG' }),
    /0 at syscalls\[0\]\.names\[0\]/,
  ],
  [
    'both name and names',
    withRule({ name: 'read', names: ['write'], action: 'SCMP_ACT_LOG' }),
    /syscalls\[0\]\.name /,
  ],
  [
    'both architectures and archMap',
    {
      defaultAction: 'SCMP_ACT_LOG',
      architectures: ['SCMP_ARCH_X86'],
      archMap: [{ architecture: 'SCMP_ARCH_X86_64' }],
    },
    /both/,
  ],
  [
    'an errno that is too large',
    { defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 4096 },
    /4096 at defaultErrnoRet/,
  ],
  [
    'an errno beside an action without one',
    withRule({ names: ['read'], action: 'SCMP_ACT_KILL', errnoRet: 1 }),
    /1 at syscalls\[0\]\.errnoRet/,
  ],
];

for (const [what, profile, message] of wrong) {
  test(`parseSeccompProfile() refuses ${what} and names the place`, () => {
    assert.throws(() => parseSeccompProfile(profile), { code: 'ERR_SECCOMP_PROFILE', message });
  });
}

test('parseSeccompProfile() ignores a system call nobody knows, but reports it', () => {
  const profile = withRule({ names: ['read', 'opnat', 'riscv_hwprobe'], action: 'SCMP_ACT_ALLOW' });
  const { program, warnings } = compileSeccompProfile(profile, target);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] as string, /"opnat" \(syscalls\[0\]\.names\[1\]\)/);
  assert.equal(runSeccompProgram(program, { arch: auditArch.x86_64, nr: 0 }).action, allow);
});

test('parseSeccompProfile() reports fields it does not know', () => {
  const { warnings } = parseSeccompProfile({ defaultAction: 'SCMP_ACT_ALLOW', sycalls: [], version: 2 });
  assert.deepEqual(
    warnings.map((warning) => /"(\w+)"/.exec(warning)?.[1]),
    ['sycalls', 'version'],
  );
});

test('parseSeccompProfile() refuses SCMP_ACT_NOTIFY unless somebody listens, and asks for a listener then', () => {
  const profile = withRule({ names: ['mknod'], action: 'SCMP_ACT_NOTIFY' });
  assert.throws(() => parseSeccompProfile(profile), { code: 'ERR_SECCOMP_UNSUPPORTED' });
  const { flags, rules } = parseSeccompProfile({ ...profile, flags: [] }, { hasListener: true });
  assert.equal(flags, 1 << 3);
  assert.equal(rules[0]?.action, 0x7fc00000);
  const onWrite = withRule({ names: ['write'], action: 'SCMP_ACT_NOTIFY' });
  assert.throws(() => parseSeccompProfile(onWrite, { hasListener: true }), { code: 'ERR_SECCOMP_PROFILE' });
});

test('parseSeccompProfile() gives every action its value and its number', () => {
  const actions: readonly (readonly [string, number | undefined, number])[] = [
    ['KILL', undefined, 0],
    ['KILL_THREAD', undefined, 0],
    ['KILL_PROCESS', undefined, 0x80000000],
    ['TRAP', undefined, 0x30000],
    ['ERRNO', undefined, 0x50001],
    ['ERRNO', 38, 0x50026],
    ['ERRNO', 0, 0x50000],
    ['TRACE', undefined, 0x7ff00001],
    ['TRACE', 7, 0x7ff00007],
    ['LOG', undefined, 0x7ffc0000],
    ['ALLOW', undefined, 0x7fff0000],
  ];
  for (const [name, errnoRet, value] of actions) {
    const rule = { names: ['read'], action: `SCMP_ACT_${name}`, errnoRet };
    assert.equal(parseSeccompProfile(withRule(rule)).rules[0]?.action, value, name);
  }
});

test('parseSeccompProfile() takes the default flags only where the profile has none', () => {
  assert.equal(parseSeccompProfile({ defaultAction: 'SCMP_ACT_ALLOW' }).flags, 4);
  assert.equal(parseSeccompProfile({ defaultAction: 'SCMP_ACT_ALLOW', flags: [] }).flags, 0);
  const flags = [
    'SECCOMP_FILTER_FLAG_TSYNC',
    'SECCOMP_FILTER_FLAG_LOG',
    'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV',
  ];
  assert.equal(parseSeccompProfile({ defaultAction: 'SCMP_ACT_ALLOW', flags }).flags, 2 | 32);
});

test('parseSeccompText() keeps 64-bit numbers exact and leaves strings alone', () => {
  const text =
    '{"a": 18446744073709551615, "b": "18446744073709551615", "c": [12, -1.5e3], "d\\"": "x, 99999999999999999"}';
  assert.deepEqual(parseSeccompText(text), {
    a: 18446744073709551615n,
    b: '18446744073709551615',
    c: [12, -1500],
    'd"': 'x, 99999999999999999',
  });
  assert.throws(() => parseSeccompText('{"defaultAction": '), { code: 'ERR_SECCOMP_PROFILE' });
  const { rules } = parseSeccompProfile(
    parseSeccompText(
      JSON.stringify(withArg({ index: 1, value: 1, op: 'SCMP_CMP_GE' })).replace(
        '"value":1',
        '"value":18446744073709551614',
      ),
    ),
  );
  assert.equal(rules[0]?.conditions[0]?.value, 18446744073709551614n);
});

test('resolveProfile() keeps a rule only if all it includes is there and nothing it excludes', () => {
  const kept = (rule: object, over: Partial<Parameters<typeof resolveProfile>[1]> = {}): boolean => {
    const profile = parseSeccompProfile(withRule({ names: ['read'], action: 'SCMP_ACT_ALLOW', ...rule }));
    return resolveProfile(profile, { ...target, ...over }).rules.length === 1;
  };
  const both = { includes: { caps: ['CAP_BPF', 'CAP_SYSLOG'] } };
  assert.ok(kept({}));
  assert.ok(!kept(both, { capabilities: ['CAP_BPF'] }));
  assert.ok(kept(both, { capabilities: new Set(['CAP_BPF', 'CAP_SYSLOG']) }));
  assert.ok(!kept({ excludes: { caps: ['CAP_BPF', 'CAP_SYSLOG'] } }, { capabilities: ['CAP_BPF'] }));
  assert.ok(kept({ includes: { arches: ['amd64'] } }));
  assert.ok(!kept({ includes: { arches: ['x86'] } }), 'only the native architecture counts');
  assert.ok(kept({ includes: { arches: ['arm64'] } }, { arch: 'arm64' }));
  assert.ok(!kept({ excludes: { arches: ['amd64', 's390x'] } }));
  assert.ok(kept({ includes: { minKernel: '4.8' } }, { kernel: [4, 8] }));
  assert.ok(!kept({ includes: { minKernel: '4.10' } }, { kernel: [4, 8] }));
  assert.ok(!kept({ excludes: { minKernel: '4.8' } }, { kernel: [5, 0] }));
});

test('resolveProfile() filters the native ABI always and its sub-architectures when they are named', () => {
  const archs = (profile: object): readonly string[] =>
    resolveProfile(parseSeccompProfile({ defaultAction: 'SCMP_ACT_ALLOW', ...profile }), target).archs;
  assert.deepEqual(archs({}), ['x86_64']);
  assert.deepEqual(archs({ architectures: ['SCMP_ARCH_X86', 'SCMP_ARCH_S390X'] }), ['x86_64', 'x86']);
  const archMap = [
    { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: ['SCMP_ARCH_ARM'] },
    { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86', 'SCMP_ARCH_X32'] },
    { architecture: 'SCMP_ARCH_RISCV64', subArchitectures: null },
  ];
  assert.deepEqual(archs({ archMap }), ['x86_64', 'x86', 'x32']);
});

test('compileSeccompProfile() reads the old single "name" of a rule', () => {
  const { program } = compileSeccompProfile(withRule({ name: 'getpid', action: 'SCMP_ACT_ALLOW' }), target);
  const nr = syscallNumber('x86_64', 'getpid') as number;
  assert.equal(runSeccompProgram(program, { arch: auditArch.x86_64, nr }).action, allow);
});
