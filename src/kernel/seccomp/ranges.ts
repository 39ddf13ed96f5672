import { x32Bit, type SyscallArch } from '../syscalls/index.js';
import {
  ENOSYS,
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_KILL_THREAD,
  SECCOMP_RET_LOG,
  SECCOMP_RET_TRACE,
  type SeccompPolicy,
} from './policy.js';
import { rulesForArch, type ArchRules, type Verdict } from './rules.js';

/** The calls from this number up to the next range's. */
export interface Range {
  readonly start: number;
  readonly verdict: Verdict;
  readonly abi: SyscallArch;
}

const allNumbers = 0x1_0000_0000;

/** Cuts the 32-bit numbers of one AUDIT_ARCH into ranges of like verdict. */
export function rangesOf(policy: SeccompPolicy, abis: readonly SyscallArch[]): Range[] {
  const [abi] = abis;
  if (abi === undefined) return [];
  const rules = rulesForArch(policy, abi);
  if (abi !== 'x86_64') return overlay(abi, background(policy, rules, 0, allNumbers), rules);
  return x86_64Ranges(policy, rules, abis.includes('x32') ? rulesForArch(policy, 'x32') : undefined);
}

/**
 * x86_64 and x32 share an AUDIT_ARCH, so bit 30 tells them apart; bit 31 belongs to no ABI, yet the filter sees it.
 *
 * Without x32, libseccomp has its calls killed, but for −1: that is how a tracer skips a call, after which the filter
 * runs again.
 */
function x86_64Ranges(policy: SeccompPolicy, rules: ArchRules, x32: ArchRules | undefined): Range[] {
  const own = overlay('x86_64', background(policy, rules, 0, x32Bit), rules);
  const outside = x32 === undefined ? SECCOMP_RET_KILL_THREAD : policy.defaultAction;
  const beyond: Range[] =
    x32 === undefined
      ? [{ start: x32Bit, verdict: outside, abi: 'x86_64' }]
      : overlay('x32', background(policy, x32, x32Bit, 2 * x32Bit), x32);
  beyond.push(
    { start: 2 * x32Bit, verdict: noSuchCall(policy, rules) ?? outside, abi: 'x86_64' },
    { start: 3 * x32Bit, verdict: (x32 && noSuchCall(policy, x32)) ?? outside, abi: 'x32' },
  );
  if (x32 === undefined) beyond.push({ start: allNumbers - 1, verdict: policy.defaultAction, abi: 'x86_64' });
  return merge([...own, ...beyond]);
}

/** What applies between the calls that have rules. */
function background(policy: SeccompPolicy, rules: ArchRules, start: number, end: number): [number, number][] {
  const enosys = noSuchCall(policy, rules);
  const line = rules.highest + 1;
  const from: [number, number] = [start, policy.defaultAction];
  return enosys === undefined || line >= end ? [from] : [from, [line, enosys]];
}

/** runc's ENOSYS line; `undefined` where it draws none. */
function noSuchCall(policy: SeccompPolicy, rules: ArchRules): number | undefined {
  const kind = (policy.defaultAction & 0xffff_0000) >>> 0;
  const permissive = kind === SECCOMP_RET_ALLOW || kind === SECCOMP_RET_LOG || kind === SECCOMP_RET_TRACE;
  return permissive || rules.highest === 0 ? undefined : SECCOMP_RET_ERRNO | ENOSYS;
}

/** Every call with a rule is at or below the line, so it lies in the first stretch of its ABI's background. */
function overlay(abi: SyscallArch, stretches: readonly [number, number][], rules: ArchRules): Range[] {
  const [start, between] = stretches[0] as [number, number];
  const ranges: Range[] = [];
  let verdict: Verdict | undefined;
  let next = start;
  const enter = (number: number, entered: Verdict): void => {
    if (entered !== verdict) ranges.push({ start: number, verdict: entered, abi });
    verdict = entered;
  };
  rules.verdicts.forEach((number, entered) => {
    if (number > next) enter(next, between);
    enter(number, entered);
    next = number + 1;
  });
  enter(next, between);
  for (const [from, action] of stretches.slice(1)) enter(from, action);
  return merge(ranges);
}

/** Joins neighbours of like verdict; of several ranges with one start the last stands. */
function merge(ranges: readonly Range[]): Range[] {
  const merged: Range[] = [];
  for (const range of ranges) {
    if (merged.at(-1)?.start === range.start) merged.pop();
    if (merged.at(-1)?.verdict !== range.verdict) merged.push(range);
  }
  return merged;
}
