import { WarrenError, quote } from '../../errors.js';

/**
 * A system call ABI, by its name in libseccomp. `x86_64` machines also run `x86` (i386) and, where the kernel was
 * built for it, `x32`; `arm64` machines also run `arm` (EABI).
 */
export const syscallArchs = ['x86_64', 'x86', 'x32', 'arm64', 'arm'] as const;

export type SyscallArch = (typeof syscallArchs)[number];

/** The ABIs a 64-bit process of Warren's own can have. */
export type NativeSyscallArch = 'x86_64' | 'arm64';

/** Set in the number of every x32 call, `__X32_SYSCALL_BIT`: the kernel reports x32 as AUDIT_ARCH_X86_64. */
export const x32Bit = 0x4000_0000;

/** `AUDIT_ARCH_*` of linux/audit.h, as `seccomp_data.arch` has it: see seccomp(2). */
export const auditArch: Readonly<Record<SyscallArch, number>> = {
  x86_64: 0xc000_003e,
  x86: 0x4000_0003,
  x32: 0xc000_003e,
  arm64: 0xc000_00b7,
  arm: 0x4000_0028,
};

/** What else a kernel of this architecture runs. */
export const subArchs: Readonly<Record<NativeSyscallArch, readonly SyscallArch[]>> = {
  x86_64: ['x86', 'x32'],
  arm64: ['arm'],
};

/**
 * @param nodeArch `process.arch`.
 * @throws {WarrenError} `ERR_ARCH_UNSUPPORTED` for anything but `x64` and `arm64`.
 */
export function nativeSyscallArch(nodeArch: string): NativeSyscallArch {
  if (nodeArch === 'x64') return 'x86_64';
  if (nodeArch === 'arm64') return 'arm64';
  throw new WarrenError('ERR_ARCH_UNSUPPORTED', `Cannot number system calls for ${quote(nodeArch)}`, {
    kind: 'unsupported',
    why: 'only x64 and arm64 are known',
    fix: 'use a 64-bit Node on x86-64 or arm64',
  });
}
