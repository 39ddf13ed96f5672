import { WarrenError } from '../../errors.js';
import { auditArch, syscallNumbers, type SyscallArch } from '../syscalls/index.js';
import {
  archOffset,
  argOffset,
  BackwardAssembler,
  BPF_JEQ_K,
  BPF_JGE_K,
  BPF_JGT_K,
  BPF_JSET_K,
  maxInstructions,
  nrOffset,
  type Label,
} from './bpf.js';
import { SECCOMP_RET_KILL_THREAD, type SeccompCondition, type SeccompPolicy } from './policy.js';
import { rangesOf, type Range } from './ranges.js';
import { high, is64Bit, low, type GuardedAction } from './rules.js';

/**
 * Compiles a policy to a program for `seccomp(SECCOMP_SET_MODE_FILTER)`: an array of `struct sock_filter`.
 *
 * The decisions are those of libseccomp's filter behind runc's ENOSYS stub: unless the default action lets calls
 * through (ALLOW, LOG, TRACE), a call numbered above the highest that the profile mentions for its ABI fails with
 * ENOSYS, not with the default action. A C library that tries a new call and falls back on ENOSYS then works under a
 * profile older than the call; EPERM would break it. Unnumbered gaps below that line get the default action.
 *
 * One binary search over ranges of numbers decides a call; how often a call is made weighs in where it is cut.
 *
 * @throws {WarrenError} `ERR_SECCOMP_PROFILE` for contradicting rules, `ERR_SECCOMP_TOO_LARGE` beyond 4096
 *   instructions.
 */
export function compileSeccompPolicy(policy: SeccompPolicy): Uint8Array {
  const out = new BackwardAssembler();
  const native = auditArch[policy.native];
  const audits = new Set([native, ...policy.archs.map((arch) => auditArch[arch])]);
  // Written first what is tested last: a call through an ABI that is not listed.
  let otherwise = out.ret(SECCOMP_RET_KILL_THREAD);
  for (const audit of [...audits].reverse()) {
    const abis = policy.archs.filter((arch) => auditArch[arch] === audit);
    const ranges = rangesOf(policy, abis);
    const weights = weightsUpTo(ranges, audit === native ? policy.native : undefined);
    out.fallTo(writeSearch(out, policy, ranges, weights, 0, ranges.length - 1));
    const search = out.load(nrOffset);
    otherwise = out.jump(BPF_JEQ_K, audit, search, otherwise);
  }
  out.load(archOffset);
  if (out.length > maxInstructions) {
    throw new WarrenError('ERR_SECCOMP_TOO_LARGE', 'Cannot compile the seccomp profile', {
      kind: 'invalid-argument',
      why: `it takes ${String(out.length)} instructions and the kernel accepts ${String(maxInstructions)}`,
      fix: 'use fewer rules with arguments',
    });
  }
  return out.bytes();
}

const coldWeight = 1;

/** How often calls are made, roughly, as multiples of a rare call: an estimate, which decides only the shape of the search tree. */
const hotCalls: readonly (readonly [string, number])[] = [
  ['read', 200],
  ['write', 200],
  ['futex', 200],
  ['epoll_wait', 80],
  ['epoll_pwait', 80],
  ['close', 60],
  ['openat', 60],
  ['fstat', 40],
  ['newfstatat', 60],
  ['mmap', 60],
  ['munmap', 40],
  ['mprotect', 40],
  ['recvfrom', 60],
  ['sendto', 60],
  ['recvmsg', 60],
  ['sendmsg', 60],
  ['readv', 20],
  ['writev', 60],
  ['poll', 40],
  ['ppoll', 20],
  ['lseek', 40],
  ['pread64', 40],
  ['pwrite64', 40],
  ['ioctl', 40],
  ['fcntl', 20],
  ['rt_sigprocmask', 40],
  ['rt_sigaction', 20],
  ['madvise', 20],
  ['getpid', 20],
  ['gettid', 20],
  ['nanosleep', 20],
  ['clock_nanosleep', 20],
  ['sched_yield', 40],
  ['clock_gettime', 20],
  ['statx', 20],
  ['epoll_ctl', 20],
];

/** The weight of all ranges before each one, and of all at the end. */
function weightsUpTo(ranges: readonly Range[], hotArch: SyscallArch | undefined): Float64Array {
  const sums = new Float64Array(ranges.length + 1);
  if (hotArch !== undefined) {
    const numbers = syscallNumbers(hotArch);
    for (const [name, weight] of hotCalls) {
      const number = numbers.get(name);
      if (number === undefined) continue;
      const i = lastWhere(0, ranges.length - 1, (at) => (ranges[at] as Range).start <= number);
      sums[i + 1] = (sums[i + 1] as number) + weight;
    }
  }
  for (let i = 1; i < sums.length; i++) sums[i] = (sums[i] as number) + (sums[i - 1] as number) + coldWeight;
  return sums;
}

/** The last index for which `holds`, which is so for the first and stops being so once. */
function lastWhere(first: number, last: number, holds: (index: number) => boolean): number {
  let [lo, hi] = [first, last];
  while (lo < hi) {
    const middle = (lo + hi + 1) >> 1;
    if (holds(middle)) lo = middle;
    else hi = middle - 1;
  }
  return lo;
}

/** Writes the decision among `ranges[first … last]`, the accumulator holding the number. */
function writeSearch(
  out: BackwardAssembler,
  policy: SeccompPolicy,
  ranges: readonly Range[],
  weights: Float64Array,
  first: number,
  last: number,
): Label {
  const range = ranges[first] as Range;
  if (first === last) return writeVerdict(out, policy, range);
  const second = ranges[first + 1] as Range;
  const third = ranges[first + 2];
  if (last - first === 2 && third?.verdict === range.verdict && third.start === second.start + 1) {
    // One call that differs from those around it takes one comparison.
    const around = writeVerdict(out, policy, range);
    return out.jump(BPF_JEQ_K, second.start, writeVerdict(out, policy, second), around);
  }
  const cut = cutByWeight(weights, first, last);
  const upper = writeSearch(out, policy, ranges, weights, cut, last);
  const lower = writeSearch(out, policy, ranges, weights, first, cut - 1);
  return out.jump(BPF_JGE_K, (ranges[cut] as Range).start, upper, lower);
}

/** Where to cut so that both sides weigh as equally as they can: the upper side begins there. */
function cutByWeight(weights: Float64Array, first: number, last: number): number {
  const half = ((weights[first] as number) + (weights[last + 1] as number)) / 2;
  const below = lastWhere(first, last, (at) => (weights[at] as number) <= half);
  const above = below + 1;
  const isBelowNearer = half - (weights[below] as number) <= (weights[above] as number) - half;
  return Math.min(last, Math.max(first + 1, isBelowNearer ? below : above));
}

function writeVerdict(out: BackwardAssembler, policy: SeccompPolicy, range: Range): Label {
  if (typeof range.verdict === 'number') return out.ret(range.verdict);
  let fail = out.ret(policy.defaultAction);
  for (const { conditions, action } of [...range.verdict].reverse()) {
    fail = writeConditions(out, conditions, is64Bit(range.abi), out.ret(action), fail);
  }
  return fail;
}

function writeConditions(
  out: BackwardAssembler,
  conditions: GuardedAction['conditions'],
  wide: boolean,
  pass: Label,
  fail: Label,
): Label {
  return conditions.reduceRight((next, condition) => writeCondition(out, condition, wide, next, fail), pass);
}

function writeCondition(
  out: BackwardAssembler,
  condition: SeccompCondition,
  wide: boolean,
  pass: Label,
  fail: Label,
): Label {
  switch (condition.op) {
    case 'EQ':
      return writeEqual(out, condition.index, condition.value, allBits, wide, pass, fail);
    case 'NE':
      return writeEqual(out, condition.index, condition.value, allBits, wide, fail, pass);
    case 'MASKED_EQ': {
      const masked = condition.valueTwo & condition.value;
      return writeEqual(out, condition.index, masked, condition.value, wide, pass, fail);
    }
    case 'GT':
      return writeGreater(out, BPF_JGT_K, condition, wide, pass, fail);
    case 'GE':
      return writeGreater(out, BPF_JGE_K, condition, wide, pass, fail);
    case 'LT':
      return writeGreater(out, BPF_JGE_K, condition, wide, fail, pass);
    case 'LE':
      return writeGreater(out, BPF_JGT_K, condition, wide, fail, pass);
  }
}

const allBits = 0xffff_ffff_ffff_ffffn;

function writeEqual(
  out: BackwardAssembler,
  index: number,
  value: bigint,
  mask: bigint,
  wide: boolean,
  pass: Label,
  fail: Label,
): Label {
  const lower = writeWordEqual(out, argOffset(index), low(value), low(mask), pass, fail);
  return wide ? writeWordEqual(out, argOffset(index) + 4, high(value), high(mask), lower, fail) : lower;
}

function writeWordEqual(
  out: BackwardAssembler,
  offset: number,
  value: number,
  mask: number,
  pass: Label,
  fail: Label,
): Label {
  if (mask === 0) return pass;
  if (value === 0 && mask !== 0xffff_ffff) {
    out.jump(BPF_JSET_K, mask, fail, pass);
  } else {
    out.jump(BPF_JEQ_K, value, pass, fail);
    if (mask !== 0xffff_ffff) out.and(mask);
  }
  return out.load(offset);
}

/** `code` compares the lower words when the upper ones are equal. */
function writeGreater(
  out: BackwardAssembler,
  code: number,
  { index, value }: SeccompCondition,
  wide: boolean,
  pass: Label,
  fail: Label,
): Label {
  out.jump(code, low(value), pass, fail);
  const lower = out.load(argOffset(index));
  if (!wide) return lower;
  const equal = out.jump(BPF_JEQ_K, high(value), lower, fail);
  out.jump(BPF_JGT_K, high(value), pass, equal);
  return out.load(argOffset(index) + 4);
}
