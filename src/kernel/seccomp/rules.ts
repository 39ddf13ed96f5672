import { invalid, quote } from '../../errors.js';
import { syscallNumbers, x32Bit, type SyscallArch } from '../syscalls/index.js';
import type { SeccompCondition, SeccompPolicy, SeccompRule } from './policy.js';

export interface GuardedAction {
  /** By ascending argument, at most one for each. */
  readonly conditions: readonly SeccompCondition[];
  readonly action: number;
}

/** What happens on one call: always the same, or the action of the first entry whose conditions hold, else the default. */
export type Verdict = number | readonly GuardedAction[];

export interface ArchRules {
  readonly verdicts: VerdictTable;
  /** The highest call that any rule mentions, 0 for none: what runc draws its ENOSYS line at. */
  readonly highest: number;
}

/**
 * Verdicts by number: an array for the ABI's numbers proper, a map for the few far away (`__ARM_NR_*`). With one map
 * for all, bringing its keys into order was the slowest step of a compile in a fresh process.
 */
export class VerdictTable {
  readonly #base: number;
  readonly #near: (number | GuardedAction[] | undefined)[] = new Array<undefined>(512);
  readonly #far = new Map<number, number | GuardedAction[]>();

  constructor(arch: SyscallArch) {
    this.#base = arch === 'x32' ? x32Bit : 0;
  }

  get(number: number): number | GuardedAction[] | undefined {
    const at = number - this.#base;
    return at < 1024 ? this.#near[at] : this.#far.get(number);
  }

  set(number: number, verdict: number | GuardedAction[]): void {
    const at = number - this.#base;
    if (at < 1024) this.#near[at] = verdict;
    else this.#far.set(number, verdict);
  }

  /** By ascending number. */
  forEach(use: (number: number, verdict: number | GuardedAction[]) => void): void {
    for (let at = 0; at < this.#near.length; at++) {
      const verdict = this.#near[at];
      if (verdict !== undefined) use(this.#base + at, verdict);
    }
    for (const number of [...this.#far.keys()].sort((a, b) => a - b)) {
      use(number, this.#far.get(number) as number | GuardedAction[]);
    }
  }
}

/**
 * Merges the rules for each call of one ABI as libseccomp does when runc adds them one after the other:
 *
 * - a rule whose action is the default one is left out;
 * - an unconditional rule replaces the conditional ones, and the first unconditional one stays;
 * - conditional rules are alternatives; where their actions differ, libseccomp's own order decides, not the profile's;
 * - two conditions on the same argument of one rule make it two rules (runc's way);
 * - on i386 a socket or System V IPC call stands for the part of `socketcall`/`ipc` too, so that no rule is evaded.
 *
 * @throws {WarrenError} `ERR_SECCOMP_PROFILE` for two rules alike but for their action.
 * @see seccomp_rule_add(3)
 */
export function rulesForArch(policy: SeccompPolicy, arch: SyscallArch): ArchRules {
  const numbers = syscallNumbers(arch);
  const verdicts = new VerdictTable(arch);
  let highest = 0;
  for (const rule of policy.rules) {
    const alternatives = alternativesOf(rule, arch);
    const skip = rule.action === policy.defaultAction;
    for (const name of rule.names) {
      const part = arch === 'x86' ? multiplexedPart(name) : undefined;
      const number = numbers.get(name);
      if (number !== undefined && number > highest) highest = number;
      if (skip) continue;
      if (number !== undefined) {
        if (alternatives !== unconditional) add(verdicts, number, alternatives, rule.action, name);
        else if (typeof verdicts.get(number) !== 'number') verdicts.set(number, rule.action);
      }
      if (part !== undefined) {
        const call = numbers.get(part.call) as number;
        if (typeof verdicts.get(call) === 'number') continue;
        add(verdicts, call, partOf(alternatives, part.number), rule.action, part.call);
      }
    }
  }
  verdicts.forEach((_number, verdict) => {
    if (typeof verdict !== 'number') order(verdict, is64Bit(arch));
  });
  return { verdicts, highest };
}

/** Whether arguments are compared in full; libseccomp looks at the low halves only on 32-bit ABIs, x32 included. */
export function is64Bit(arch: SyscallArch): boolean {
  return arch === 'x86_64' || arch === 'arm64';
}

export const low = (value: bigint): number => Number(value & 0xffff_ffffn);
export const high = (value: bigint): number => Number(value >> 32n);

type Alternatives = readonly (readonly SeccompCondition[])[];

const unconditional: Alternatives = [[]];

function alternativesOf(rule: SeccompRule, arch: SyscallArch): Alternatives {
  if (rule.conditions.length === 0) return unconditional;
  const indexes = new Set(rule.conditions.map((condition) => condition.index));
  const sets =
    indexes.size < rule.conditions.length ? rule.conditions.map((one) => [one]) : [rule.conditions];
  return sets.map((set) => set.filter((one) => !alwaysHolds(one, arch)).sort((a, b) => a.index - b.index));
}

function alwaysHolds(condition: SeccompCondition, arch: SyscallArch): boolean {
  if (condition.op !== 'MASKED_EQ') return false;
  return is64Bit(arch) ? condition.value === 0n : low(condition.value) === 0;
}

function partOf(alternatives: Alternatives, number: number): Alternatives {
  const first: SeccompCondition = { index: 0, op: 'EQ', value: BigInt(number), valueTwo: 0n };
  return alternatives.map((set) => [first, ...set.filter((condition) => condition.index !== 0)]);
}

function add(
  verdicts: VerdictTable,
  number: number,
  alternatives: Alternatives,
  action: number,
  name: string,
): void {
  for (const conditions of alternatives) {
    const before = verdicts.get(number);
    if (typeof before === 'number') return;
    if (conditions.length === 0) verdicts.set(number, action);
    else if (before === undefined) verdicts.set(number, [{ conditions, action }]);
    else if (!before.some((other) => isRepeated(other, conditions, action, name)))
      before.push({ conditions, action });
  }
}

function isRepeated(
  other: GuardedAction,
  conditions: readonly SeccompCondition[],
  action: number,
  name: string,
): boolean {
  if (compareConditions(other.conditions, conditions, true) !== 0) return false;
  if (!conditions.every((condition, i) => condition.op === other.conditions[i]?.op)) return false;
  if (other.action === action) return true;
  throw invalid(
    'ERR_SECCOMP_PROFILE',
    `Cannot compile the seccomp profile's rules for ${quote(name)}`,
    'two of them have the same conditions and different actions',
    'remove one of the two',
  );
}

function order(alternatives: GuardedAction[], wide: boolean): void {
  const [first] = alternatives;
  if (alternatives.every((one) => one.action === first?.action)) return;
  alternatives.sort((a, b) => compareConditions(a.conditions, b.conditions, wide));
}

/**
 * The order in which libseccomp tests alternatives: higher arguments first, then equality before less before greater,
 * then larger values (smaller ones for less), and of two where one only adds conditions the shorter.
 */
function compareConditions(
  a: readonly SeccompCondition[],
  b: readonly SeccompCondition[],
  wide: boolean,
): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const x = a[i] as SeccompCondition;
    const y = b[i] as SeccompCondition;
    if (x.index !== y.index) return y.index - x.index;
    if (opRank[x.op] !== opRank[y.op]) return opRank[y.op] - opRank[x.op];
    const valueX = comparedValue(x, wide);
    const valueY = comparedValue(y, wide);
    if (valueX !== valueY) return valueX > valueY === (opRank[x.op] === opRank.LT) ? 1 : -1;
    if (x.op === 'MASKED_EQ' && y.op === 'MASKED_EQ' && x.value !== y.value)
      return x.value > y.value ? -1 : 1;
  }
  return a.length - b.length;
}

const opRank: Readonly<Record<SeccompCondition['op'], number>> = {
  EQ: 3,
  NE: 3,
  MASKED_EQ: 3,
  LE: 2,
  LT: 2,
  GE: 1,
  GT: 1,
};

function comparedValue(condition: SeccompCondition, wide: boolean): bigint {
  const value = condition.op === 'MASKED_EQ' ? condition.value & condition.valueTwo : condition.value;
  return wide ? value : value & 0xffff_ffffn;
}

/** The parts of i386's `socketcall` and `ipc`, by their number in linux/net.h and linux/ipc.h. */
const socketcallParts = {
  socket: 1,
  bind: 2,
  connect: 3,
  listen: 4,
  accept: 5,
  getsockname: 6,
  getpeername: 7,
  socketpair: 8,
  send: 9,
  recv: 10,
  sendto: 11,
  recvfrom: 12,
  shutdown: 13,
  setsockopt: 14,
  getsockopt: 15,
  sendmsg: 16,
  recvmsg: 17,
  accept4: 18,
  recvmmsg: 19,
  sendmmsg: 20,
};

const ipcParts = {
  semop: 1,
  semget: 2,
  semctl: 3,
  semtimedop: 4,
  msgsnd: 11,
  msgrcv: 12,
  msgget: 13,
  msgctl: 14,
  shmat: 21,
  shmdt: 22,
  shmget: 23,
  shmctl: 24,
};

function multiplexedPart(name: string): { readonly call: string; readonly number: number } | undefined {
  if (Object.hasOwn(socketcallParts, name)) {
    return { call: 'socketcall', number: socketcallParts[name as keyof typeof socketcallParts] };
  }
  if (Object.hasOwn(ipcParts, name)) return { call: 'ipc', number: ipcParts[name as keyof typeof ipcParts] };
  return undefined;
}
