import type { NativeSyscallArch, SyscallArch } from '../syscalls/index.js';

/** A filter's answers, `SECCOMP_RET_*` of linux/seccomp.h; the low 16 bits carry data. See seccomp(2). */
export const SECCOMP_RET_KILL_PROCESS = 0x8000_0000;
export const SECCOMP_RET_KILL_THREAD = 0x0000_0000;
export const SECCOMP_RET_TRAP = 0x0003_0000;
export const SECCOMP_RET_ERRNO = 0x0005_0000;
export const SECCOMP_RET_USER_NOTIF = 0x7fc0_0000;
export const SECCOMP_RET_TRACE = 0x7ff0_0000;
export const SECCOMP_RET_LOG = 0x7ffc_0000;
export const SECCOMP_RET_ALLOW = 0x7fff_0000;

export const EPERM = 1;
export const ENOSYS = 38;

/** Flags of `seccomp(SECCOMP_SET_MODE_FILTER)`, in the bits the kernel gives them. */
export const seccompFilterFlags = {
  SECCOMP_FILTER_FLAG_TSYNC: 1 << 0,
  SECCOMP_FILTER_FLAG_LOG: 1 << 1,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 1 << 2,
  SECCOMP_FILTER_FLAG_NEW_LISTENER: 1 << 3,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: 1 << 5,
} as const;

/**
 * What a filter is loaded with when nobody chose (as in runc): without SPEC_ALLOW, kernels before 5.16 switch on a
 * costly mitigation of speculative store bypass for every filtered process. Needs Linux 4.17.
 */
export const defaultSeccompFlags = seccompFilterFlags.SECCOMP_FILTER_FLAG_SPEC_ALLOW;

export const seccompOps = ['NE', 'LT', 'LE', 'EQ', 'GE', 'GT', 'MASKED_EQ'] as const;

export type SeccompOp = (typeof seccompOps)[number];

/** One comparison of one argument, as unsigned 64-bit numbers (on 32-bit ABIs: their low halves). */
export interface SeccompCondition {
  /** 0 … 5. */
  readonly index: number;
  readonly op: SeccompOp;
  /** Compared with the argument; for MASKED_EQ the mask. */
  readonly value: bigint;
  /** For MASKED_EQ what the masked argument must be. */
  readonly valueTwo: bigint;
}

export interface SeccompRule {
  readonly names: readonly string[];
  /** A `SECCOMP_RET_*` value with its data. */
  readonly action: number;
  /** All must hold. None: the rule holds always. */
  readonly conditions: readonly SeccompCondition[];
}

/** A profile after everything that depends on the container and the machine was decided: what the compiler takes. */
export interface SeccompPolicy {
  readonly native: NativeSyscallArch;
  /** The native ABI first. Calls through any other ABI kill the calling thread, as under libseccomp. */
  readonly archs: readonly SyscallArch[];
  readonly defaultAction: number;
  readonly rules: readonly SeccompRule[];
}

/** What a profile's conditions are decided by. */
export interface SeccompTarget {
  /** The bounding set, as `CAP_SYS_ADMIN`, …: what dockerd looks at. */
  readonly capabilities: ReadonlySet<string> | readonly string[];
  readonly arch: NativeSyscallArch;
  /** Major and minor of the running kernel. */
  readonly kernel: readonly [major: number, minor: number];
}
