/**
 * Encodes a plan for the launcher. The layout is defined in native/launcher/plan.h; keep the two together.
 *
 *   header (32 bytes) | ops (80 bytes each) | relocations (4 each) | data
 */
import { constants } from 'node:os';
import { nativeSyscallArch, syscallNumber } from '../kernel/syscalls/index.js';
import type { Argument, Call } from './call.js';
import { DataArea, type Poke } from './data-area.js';
import type { SyscallName } from './syscall.js';

/** A step's calls, as the encoder wants them: the report of a failure names the step's index. */
export interface EncodableStep {
  readonly calls: readonly Call[];
}

export interface Encoded {
  readonly bytes: Uint8Array;
  /** The call behind each op, for the report of a failure; several ops may stand for one call. */
  readonly calls: readonly Call[];
}

const MAGIC = 0x314c5057;
const HEADER_SIZE = 32;
const OP_SIZE = 80;
const NO_SLOT = 255;
const MAX_SLOTS = 96;
/** A signed 16-bit number of ops. */
const MAX_JUMP = 0x7fff;

const opCodes = {
  call: 0,
  set: 1,
  u32: 2,
  u64: 3,
  text: 4,
  peek32: 5,
  check: 6,
  mkpath: 7,
  exec: 8,
  supervise: 9,
  init: 10,
  exit: 11,
} as const;

/** An op in 32-bit words; both architectures we know are little-endian. */
const OP_WORDS = OP_SIZE / 4;
const W_CODE_STEP = 0;
const W_NR = 1;
const W_KIND = 2;
const W_STORE_COUNT = 3;
const W_MAY = 4;
const W_SKIPS = 6;
const W_ARGS = 8;
type SkipField = 0 | 1 | 2;
const MAY_SKIP = 0;
const ZERO_SKIP = 1;
const FINE_SKIP = 2;

const NUMBER = 0;
const DATA = 1;
const SLOT = 2;
type Kind = typeof NUMBER | typeof DATA | typeof SLOT;

/**
 * @param preset Slots that hold a value from the beginning, such as the descriptors given to the launcher.
 * @throws {RangeError} for a label that does not follow its jump, or too many slots: mistakes of a planner.
 */
export function encodePlan(
  steps: readonly EncodableStep[],
  preset: Readonly<Record<string, number>> = {},
): Encoded {
  const encoder = new Encoder();
  for (const [store, value] of Object.entries(preset)) encoder.add({ op: 'set', store, value }, 0);
  for (const [index, { calls }] of steps.entries()) for (const call of calls) encoder.add(call, index);
  return encoder.finish();
}

/** This stands on the path of every start, with some five hundred ops each: hence words and no objects for operands. */
class Encoder {
  #words = new Int32Array(OP_WORDS * 512);
  readonly #calls: Call[] = [];
  readonly #data = new DataArea();
  /** Slot 0 is where the launcher reports to; it starts as the control socket. */
  readonly #slots = new Map<string, number>([['report', 0]]);
  readonly #labels = new Map<string, number>();
  readonly #jumps: { readonly op: number; readonly field: SkipField; readonly label: string }[] = [];
  /** The operands of the op in the making: low and high words, and two bits of kind each. */
  readonly #operands = new Int32Array(12);
  readonly #kinds = new Uint8Array(6);
  #operandCount = 0;
  #pokes: Poke[] = [];

  add(call: Call, step: number): void {
    if (call.op === 'label') {
      this.#labels.set(call.label, this.#calls.length);
      return;
    }
    this.#operandCount = 0;
    this.#collect(call);
    if (this.#pokes.length > 0) this.#addPokes(call, step);
    const at = this.#op(call, step, opCodes[call.op]);
    if ('store' in call) this.#words[at + W_STORE_COUNT] = this.#store(at, this.#slot(call.store));
    if (call.op === 'call') this.#outcome(at, call);
  }

  finish(): Encoded {
    for (const { op, field, label } of this.#jumps) {
      const target = this.#labels.get(label);
      if (target === undefined || target <= op)
        throw new RangeError(`label ${label} does not follow its jump`);
      if (target - op > MAX_JUMP) throw new RangeError(`label ${label} is too far from its jump`);
      const halves = new Int16Array(this.#words.buffer);
      halves[(op * OP_WORDS + W_SKIPS) * 2 + field] = target - op - 1;
    }
    const { relocations, bytes: data } = this.#data;
    const opsLength = this.#calls.length * OP_SIZE;
    const relocationsAt = HEADER_SIZE + opsLength;
    const dataAt = (relocationsAt + relocations.length * 4 + 7) & ~7;
    const bytes = new Uint8Array(dataAt + data.length);
    const header = [
      MAGIC,
      this.#calls.length,
      HEADER_SIZE,
      relocations.length,
      relocationsAt,
      dataAt,
      data.length,
    ];
    new Int32Array(bytes.buffer, 0, header.length).set(header);
    bytes.set(new Uint8Array(this.#words.buffer, 0, opsLength), HEADER_SIZE);
    new Int32Array(bytes.buffer, relocationsAt, relocations.length).set(relocations);
    bytes.set(data, dataAt);
    return { bytes, calls: this.#calls };
  }

  #collect(call: Exclude<Call, { op: 'label' }>): void {
    switch (call.op) {
      case 'call':
        for (const argument of call.args) this.#operand(argument);
        return;
      case 'set':
        this.#operand(call.value);
        return;
      case 'peek32':
        this.#push(DATA, this.#data.place(call.at, this.#pokes) + call.offset);
        return;
      case 'check':
        this.#push(DATA, this.#data.place(call.at, this.#pokes) + call.offset);
        this.#push(NUMBER, call.mask);
        this.#push(NUMBER, call.equals);
        this.#push(NUMBER, errnoNumber(call.errno));
        return;
      case 'mkpath':
        this.#operand(call.root);
        this.#operand(call.path);
        this.#push(NUMBER, call.file ? 1 : 0);
        this.#push(NUMBER, call.mode);
        return;
      case 'exec':
        this.#operand(call.paths.map((path) => `${path}\0`).join(''));
        this.#push(DATA, this.#data.placeVector(call.argv));
        this.#push(DATA, this.#data.placeVector(call.envp));
        return;
      case 'supervise':
        for (const argument of [
          call.pid,
          call.pidfd,
          call.channel,
          call.children,
          call.terminal,
          call.termios,
        ]) {
          this.#operand(argument);
        }
        return;
      case 'init':
        this.#push(NUMBER, call.terminal ? 1 : 0);
        this.#operand(call.header);
        this.#operand(call.data);
        return;
      case 'exit':
        this.#push(NUMBER, call.code);
    }
  }

  #operand(argument: Argument): void {
    if (typeof argument === 'number' || typeof argument === 'bigint') this.#push(NUMBER, argument);
    else if (argument === null) this.#push(NUMBER, 0);
    else if (typeof argument === 'object' && 'slot' in argument && !('text' in argument)) {
      this.#push(SLOT, this.#slot(argument.slot));
    } else this.#push(DATA, this.#data.place(argument, this.#pokes));
  }

  #push(kind: Kind, value: number | bigint): void {
    const index = this.#operandCount++;
    this.#kinds[index] = kind;
    if (typeof value === 'number' && (value | 0) === value) {
      this.#operands[index * 2] = value;
      this.#operands[index * 2 + 1] = value < 0 ? -1 : 0;
    } else {
      const wide = BigInt.asUintN(64, BigInt(value));
      this.#operands[index * 2] = Number(wide & 0xffff_ffffn) | 0;
      this.#operands[index * 2 + 1] = Number(wide >> 32n) | 0;
    }
  }

  /** What is known only then is put into the data by ops of its own, before the op that uses it. */
  #addPokes(call: Call, step: number): void {
    const operands = this.#operands.slice();
    const kinds = this.#kinds.slice();
    const count = this.#operandCount;
    for (const { width, offset, from } of this.#pokes) {
      this.#operandCount = 0;
      this.#push(DATA, offset);
      this.#push(SLOT, this.#slot(from.slot));
      this.#op(call, step, opCodes[width]);
    }
    this.#pokes = [];
    this.#operands.set(operands);
    this.#kinds.set(kinds);
    this.#operandCount = count;
  }

  /** @returns The index of its first word. */
  #op(call: Call, step: number, code: number): number {
    const at = this.#calls.length * OP_WORDS;
    if (at + OP_WORDS > this.#words.length) {
      const larger = new Int32Array(this.#words.length * 2);
      larger.set(this.#words);
      this.#words = larger;
    }
    const words = this.#words;
    words[at + W_CODE_STEP] = code | (step << 16);
    let kinds = 0;
    let moreKinds = 0;
    for (let index = 0; index < this.#operandCount; index++) {
      const kind = this.#kinds[index] ?? 0;
      if (index < 4) kinds |= kind << (index * 8);
      else moreKinds |= kind << ((index - 4) * 8);
      words[at + W_ARGS + index * 2] = this.#operands[index * 2] ?? 0;
      words[at + W_ARGS + index * 2 + 1] = this.#operands[index * 2 + 1] ?? 0;
    }
    words[at + W_KIND] = kinds;
    words[at + W_STORE_COUNT] = moreKinds | (NO_SLOT << 16);
    this.#calls.push(call);
    return at;
  }

  #store(at: number, slot: number): number {
    return ((this.#words[at + W_STORE_COUNT] ?? 0) & ~(0xff << 16)) | (slot << 16);
  }

  #outcome(at: number, call: Extract<Call, { op: 'call' }>): void {
    const words = this.#words;
    words[at + W_NR] = numberOf(call.name);
    if (call.may !== undefined) {
      words[at + W_STORE_COUNT] = (words[at + W_STORE_COUNT] ?? 0) | (call.may.length << 24);
      const halves = new Uint16Array(words.buffer, (at + W_MAY) * 4, 4);
      for (const [index, errno] of call.may.entries()) halves[index] = errnoNumber(errno);
    }
    const op = at / OP_WORDS;
    if (call.mayGoto !== undefined) this.#jumps.push({ op, field: MAY_SKIP, label: call.mayGoto });
    if (call.zeroGoto !== undefined) this.#jumps.push({ op, field: ZERO_SKIP, label: call.zeroGoto });
    if (call.thenGoto !== undefined) this.#jumps.push({ op, field: FINE_SKIP, label: call.thenGoto });
  }

  #slot(name: string): number {
    const known = this.#slots.get(name);
    if (known !== undefined) return known;
    const slot = this.#slots.size;
    if (slot >= MAX_SLOTS) throw new RangeError(`a plan keeps at most ${MAX_SLOTS} results`);
    this.#slots.set(name, slot);
    return slot;
  }
}

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
