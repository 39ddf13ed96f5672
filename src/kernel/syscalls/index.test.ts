import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import {
  auditArch,
  isSyscallName,
  nativeSyscallArch,
  syscallArchs,
  syscallName,
  syscallNumber,
  syscallNumbers,
  x32Bit,
  type SyscallArch,
} from './index.js';

const resolverName: Readonly<Record<SyscallArch, string>> = {
  x86_64: 'x86_64',
  x86: 'x86',
  x32: 'x32',
  arm64: 'aarch64',
  arm: 'arm',
};

for (const arch of syscallArchs) {
  test(`syscallNumber() agrees with libseccomp on every name it knows for ${arch}`, () => {
    const names = [...new Set(syscallArchs.flatMap((other) => [...syscallNumbers(other).keys()]))];
    const theirs = resolveAll(resolverName[arch], names);
    let compared = 0;
    for (const [i, name] of names.entries()) {
      const number = theirs[i] as number;
      // Libseccomp numbers what an architecture lacks, and the parts of i386's socketcall and ipc, below zero; and it
      // may be older than the call.
      if (number < 0) continue;
      compared += 1;
      assert.equal(syscallNumber(arch, name), number, name);
    }
    assert.ok(compared > 280, `libseccomp knows ${String(compared)} of our names`);
  });
}

test('syscallNumber() gives calls since Linux 5.1 one number everywhere, with bit 30 on x32', () => {
  for (const [name, number] of [
    ['mount_setattr', 442],
    ['fchmodat2', 452],
    ['statmount', 457],
    ['mseal', 462],
    ['open_tree_attr', 467],
    ['listns', 470],
  ] as const) {
    for (const arch of syscallArchs) {
      assert.equal(
        syscallNumber(arch, name),
        arch === 'x32' ? number + x32Bit : number,
        `${name} on ${arch}`,
      );
    }
  }
});

test('syscallNumber() knows the private calls of the ARM EABI and the calls that x32 numbers apart', () => {
  assert.equal(syscallNumber('arm', 'set_tls'), 0xf0005);
  assert.equal(syscallNumber('arm', 'sync_file_range2'), syscallNumber('arm', 'arm_sync_file_range'));
  assert.equal(syscallNumber('x32', 'execve'), x32Bit + 520);
  assert.equal(syscallNumber('x32', 'uselib'), undefined);
  assert.equal(syscallNumber('arm64', 'open'), undefined);
  assert.equal(syscallNumber('x86_64', 'constructor'), undefined);
});

test('syscallName() is the inverse of syscallNumber()', () => {
  for (const arch of syscallArchs) {
    for (const [name, number] of syscallNumbers(arch)) {
      const back = syscallName(arch, number);
      assert.ok(back !== undefined && syscallNumber(arch, back) === number, `${name} on ${arch}`);
    }
  }
  assert.equal(syscallName('x86_64', 0), 'read');
  assert.equal(syscallName('arm64', 63), 'read');
  assert.equal(syscallName('x86_64', 400), undefined);
});

test('isSyscallName() accepts calls of architectures that Warren does not run on, and no misspelling', () => {
  assert.ok(isSyscallName('riscv_hwprobe'));
  assert.ok(isSyscallName('socketcall'));
  assert.ok(!isSyscallName('opnat'));
  assert.ok(!isSyscallName('424'));
});

test('nativeSyscallArch() refuses a machine it has no table for', () => {
  assert.equal(nativeSyscallArch('x64'), 'x86_64');
  assert.equal(auditArch[nativeSyscallArch('arm64')], 0xc00000b7);
  assert.throws(() => nativeSyscallArch('riscv64'), { code: 'ERR_ARCH_UNSUPPORTED' });
});

/** One shell for all names: libseccomp's tool takes one at a time. */
function resolveAll(arch: string, names: readonly string[]): number[] {
  const script =
    'command -v scmp_sys_resolver >/dev/null || exit 99; for n; do scmp_sys_resolver -a "$0" "$n"; done';
  const { status, stdout } = spawnSync('sh', ['-c', script, arch, ...names], { encoding: 'utf8' });
  assert.notEqual(status, 99, 'scmp_sys_resolver is missing: apt-get install seccomp');
  const numbers = stdout.trim().split('\n').map(Number);
  assert.equal(numbers.length, names.length);
  return numbers;
}
