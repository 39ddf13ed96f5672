/** One step, encoded: its ops and data at offset 0, with a list of what the linker (encode.ts) must adjust. */
import { constants } from 'node:os';
import { nativeSyscallArch, syscallNumber } from '../kernel/syscalls/index.js';
import type { Argument, Call } from './call.js';
import { AT_FDCWD } from './constants.js';
import { DataArea, type Poke } from './data-area.js';
import * as l from './layout.js';
import type { SyscallName } from './syscall.js';

export interface Fragment {
  readonly words: Int32Array;
  /** The call behind each op. */
  readonly calls: readonly Call[];
  readonly data: Uint8Array;
  readonly relocations: readonly number[];
  /** Words that hold an offset in `data`. */
  readonly dataWords: readonly number[];
  /** Words to which a slot's number must be added, for names that are not common ones. */
  readonly slots: readonly { readonly word: number; readonly shift: number; readonly name: string }[];
  readonly labels: readonly (readonly [label: string, op: number])[];
  readonly jumps: readonly { readonly op: number; readonly field: l.SkipField; readonly label: string }[];
}

/** Slots that have the same number in every plan, so that the linker need not look at them. Slot 0 is where the launcher reports. */
export const commonSlots: ReadonlyMap<string, number> = new Map(
  [
    'report',
    'at',
    'caller-terminal',
    'cgroups',
    'channel',
    'child',
    'children',
    'dev',
    'directory',
    'empty',
    'file',
    'fs',
    'hidden',
    'host-proc',
    'inside-channel',
    'layer',
    'lower',
    'master',
    'mount',
    'null',
    'pidfd',
    'proc',
    'process',
    'pts',
    'root',
    'scratch',
    'slave',
    'socket',
    'tree',
    'upper',
    'user-namespace',
    'work',
  ].map((name, number) => [name, number]),
);

/** This stands on the path of every start, with some five hundred ops each: hence words, and no objects for operands. */
export class FragmentEncoder {
  #words = new Int32Array(l.OP_WORDS * 8);
  readonly #calls: Call[] = [];
  readonly #data = new DataArea();
  readonly #dataWords: number[] = [];
  readonly #slots: { word: number; shift: number; name: string }[] = [];
  readonly #labels: [string, number][] = [];
  readonly #jumps: { op: number; field: l.SkipField; label: string }[] = [];

  add(call: Call): void {
    if (call.op === 'label') {
      this.#labels.push([call.label, this.#calls.length]);
      return;
    }
    const pokes: Poke[] = [];
    const operands = this.#operands(call, pokes);
    for (const { width, offset, from } of pokes) this.#op(call, l.opCodes[width], [{ data: offset }, from]);
    const at = this.#op(call, l.opCodes[call.op], operands);
    if ('store' in call) this.#store(at + l.W_STORE_COUNT, call.store);
    if (call.op === 'call') this.#outcome(at, call);
  }

  finish(): Fragment {
    return {
      words: this.#words.slice(0, this.#calls.length * l.OP_WORDS),
      calls: this.#calls,
      data: this.#data.bytes,
      relocations: this.#data.relocations,
      dataWords: this.#dataWords,
      slots: this.#slots,
      labels: this.#labels,
      jumps: this.#jumps,
    };
  }

  #operands(call: Exclude<Call, { op: 'label' }>, pokes: Poke[]): Operand[] {
    const operand = (argument: Argument): Operand => {
      if (argument === null) return 0;
      if (typeof argument === 'number' || typeof argument === 'bigint') return argument;
      if (typeof argument === 'object' && 'slot' in argument && !('text' in argument)) return argument;
      return { data: this.#data.place(argument, pokes) };
    };
    switch (call.op) {
      case 'call':
        return call.args.map(operand);
      case 'set':
        return [operand(call.value)];
      case 'peek32':
        return [{ data: this.#data.place(call.at, pokes) + call.offset }];
      case 'check': {
        const data = this.#data.place(call.at, pokes) + call.offset;
        return [{ data }, call.mask, call.equals, errnoNumber(call.errno)];
      }
      case 'mkpath':
        return [call.root, operand(call.path), call.file ? 1 : 0, call.mode];
      case 'exec':
        return [
          operand(call.paths.map((path) => `${path}\0`).join('')),
          { data: this.#data.placeVector(call.argv) },
          { data: this.#data.placeVector(call.envp) },
        ];
      case 'supervise':
        return [call.pid, call.pidfd, call.channel, call.children, call.terminal, call.termios].map(operand);
      case 'init':
        return [call.terminal ? 1 : 0, operand(call.header), operand(call.data)];
      case 'exit':
        return [call.code];
      case 'cgroup':
        return [call.parent, operand(call.name), operand(call.events)];
      case 'collect':
        return [call.parent, operand(call.name)];
      case 'monitor':
        return [operand(call.options), operand(call.id)];
      case 'handOver':
        return [call.pidfd, call.channel];
      case 'helper': {
        const argv = { struct: [...call.argv, null].map((pointer) => ({ pointer })) };
        return [operand(call.path), operand(argv)];
      }
      case 'companion': {
        const argv = { struct: [...call.argv, null].map((pointer) => ({ pointer })) };
        return [operand(call.path), operand(argv), call.ready, call.mend ? 1 : 0];
      }
      case 'trace':
        return [call.records, call.pid, operand(call.watched)];
      case 'remove':
        return [AT_FDCWD, operand(call.path)];
    }
  }

  /** @returns The index of its first word. */
  #op(call: Call, code: number, operands: readonly Operand[]): number {
    const at = this.#calls.length * l.OP_WORDS;
    if (at + l.OP_WORDS > this.#words.length) {
      const larger = new Int32Array(this.#words.length * 2);
      larger.set(this.#words);
      this.#words = larger;
    }
    this.#calls.push(call);
    this.#words[at + l.W_CODE] = code;
    this.#words[at + l.W_STORE_COUNT] = l.NO_SLOT << 16;
    for (let index = 0; index < operands.length; index++) this.#operandAt(at, index, operands[index] ?? 0);
    return at;
  }

  #operandAt(at: number, index: number, operand: Operand): void {
    const word = at + l.W_ARGS + index * 2;
    if (typeof operand === 'number' && (operand | 0) === operand) {
      this.#words[word] = operand;
      this.#words[word + 1] = operand < 0 ? -1 : 0;
      return;
    }
    if (typeof operand !== 'object') {
      const wide = BigInt.asUintN(64, BigInt(operand));
      this.#words[word] = Number(wide & 0xffff_ffffn) | 0;
      this.#words[word + 1] = Number(wide >> 32n) | 0;
      return;
    }
    const kind = 'slot' in operand ? l.SLOT : l.DATA;
    const kindWord = at + (index < 4 ? l.W_KIND : l.W_STORE_COUNT);
    this.#words[kindWord] = (this.#words[kindWord] ?? 0) | (kind << ((index % 4) * 8));
    if ('slot' in operand) {
      this.#slotAt(word, 0, operand.slot);
    } else {
      this.#words[word] = operand.data;
      this.#dataWords.push(word);
    }
  }

  #store(word: number, name: string): void {
    this.#words[word] = (this.#words[word] ?? 0) & ~(0xff << 16);
    this.#slotAt(word, 16, name);
  }

  #slotAt(word: number, shift: number, name: string): void {
    const common = commonSlots.get(name);
    if (common === undefined) this.#slots.push({ word, shift, name });
    else this.#words[word] = (this.#words[word] ?? 0) + (common << shift);
  }

  #outcome(at: number, call: Extract<Call, { op: 'call' }>): void {
    const words = this.#words;
    words[at + l.W_NR] = numberOf(call.name);
    if (call.may !== undefined) {
      words[at + l.W_STORE_COUNT] = (words[at + l.W_STORE_COUNT] ?? 0) | (call.may.length << 24);
      const halves = new Uint16Array(words.buffer, (at + l.W_MAY) * 4, 4);
      for (const [index, errno] of call.may.entries()) halves[index] = errnoNumber(errno);
    }
    const op = at / l.OP_WORDS;
    if (call.mayGoto !== undefined) this.#jumps.push({ op, field: l.MAY_SKIP, label: call.mayGoto });
    if (call.zeroGoto !== undefined) this.#jumps.push({ op, field: l.ZERO_SKIP, label: call.zeroGoto });
    if (call.thenGoto !== undefined) this.#jumps.push({ op, field: l.FINE_SKIP, label: call.thenGoto });
  }
}

type Operand = number | bigint | { readonly data: number } | { readonly slot: string };

const numbers = new Map<SyscallName, number>();

function numberOf(name: SyscallName): number {
  const known = numbers.get(name);
  if (known !== undefined) return known;
  const number = syscallNumber(nativeSyscallArch(process.arch), name);
  if (number === undefined) throw new RangeError(`${name} is not a system call of ${process.arch}`);
  numbers.set(name, number);
  return number;
}

function errnoNumber(name: string): number {
  const number = constants.errno[name as keyof typeof constants.errno] as number | undefined;
  if (number === undefined) throw new RangeError(`${name} is not an errno`);
  return number;
}
