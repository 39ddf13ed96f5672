import { x32Bit, type SyscallArch } from './arch.js';
import { foreignSyscallNames, syscallTables } from './tables.js';

export {
  auditArch,
  nativeSyscallArch,
  subArchs,
  syscallArchs,
  x32Bit,
  type NativeSyscallArch,
  type SyscallArch,
} from './arch.js';

/**
 * The number of a system call, as `syscall(2)` takes it and `seccomp_data.nr` shows it (x32 calls have bit 30 set).
 *
 * The first call for an architecture reads its table (some 50 µs); later ones are one map look-up.
 *
 * @returns `undefined` where the architecture has no such call.
 * @see syscalls(2)
 */
export function syscallNumber(arch: SyscallArch, name: string): number | undefined {
  return syscallNumbers(arch).get(name);
}

/** The call that has this number; where two names share one, the first in alphabetical order. */
export function syscallName(arch: SyscallArch, nr: number): string | undefined {
  let names = namesByArch.get(arch);
  if (names === undefined) {
    names = new Map();
    for (const [name, number] of syscallNumbers(arch)) if (!names.has(number)) names.set(number, name);
    namesByArch.set(arch, names);
  }
  return names.get(nr);
}

/** All calls of one architecture. */
export function syscallNumbers(arch: SyscallArch): ReadonlyMap<string, number> {
  let numbers = numbersByArch.get(arch);
  if (numbers === undefined) {
    numbers = readTable(arch);
    numbersByArch.set(arch, numbers);
  }
  return numbers;
}

/** Whether the name is a call of some architecture, be it one that Warren does not run on (`s390_sthyi`). */
export function isSyscallName(name: string): boolean {
  return (
    (Object.keys(syscallTables) as SyscallArch[]).some((arch) => syscallNumbers(arch).has(name)) ||
    words(foreignSyscallNames).includes(name)
  );
}

const numbersByArch = new Map<SyscallArch, ReadonlyMap<string, number>>();
const namesByArch = new Map<SyscallArch, Map<number, string>>();

function readTable(arch: SyscallArch): Map<string, number> {
  const { texts, without } = syscallTables[arch];
  const excluded = without === undefined ? undefined : new Set(words(without));
  const bit = arch === 'x32' ? x32Bit : 0;
  const numbers = new Map<string, number>();
  for (const [index, text] of texts.entries()) {
    // What x32 numbers differently stands in a text of its own, the last one, under the very names left out before.
    const skip = index < texts.length - 1 ? excluded : undefined;
    let next = 0;
    for (const word of words(text)) {
      const first = word.charCodeAt(0);
      if (first >= 0x30 && first <= 0x39) {
        next = Number(word);
      } else {
        if (skip?.has(word) !== true) numbers.set(word, next | bit);
        next += 1;
      }
    }
  }
  return numbers;
}

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}
