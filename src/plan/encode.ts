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

/** Offsets in an op. */
const AT_STEP = 2;
const AT_NR = 4;
const AT_KIND = 8;
const AT_STORE = 14;
const AT_MAY_COUNT = 15;
const AT_MAY = 16;
const AT_MAY_SKIP = 24;
const AT_ZERO_SKIP = 26;
const AT_FINE_SKIP = 28;
const AT_ARGS = 32;

const NUMBER = 0;
const DATA = 1;
const SLOT = 2;
type Operand = readonly [kind: typeof NUMBER | typeof DATA | typeof SLOT, value: number | bigint];

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

class Encoder {
  #view = new DataView(new ArrayBuffer(OP_SIZE * 256));
  readonly #calls: Call[] = [];
  readonly #data = new DataArea();
  /** Slot 0 is where the launcher reports to; it starts as the control socket. */
  readonly #slots = new Map<string, number>([['report', 0]]);
  readonly #labels = new Map<string, number>();
  readonly #jumps: { readonly op: number; readonly field: number; readonly label: string }[] = [];

  add(call: Call, step: number): void {
    if (call.op === 'label') {
      this.#labels.set(call.label, this.#calls.length);
      return;
    }
    const pokes: Poke[] = [];
    const operands = this.#operands(call, pokes);
    for (const { width, offset, from } of pokes) {
      this.#op(call, step, opCodes[width], [
        [DATA, offset],
        [SLOT, this.#slot(from.slot)],
      ]);
    }
    const op = this.#op(call, step, opCodes[call.op], operands);
    if ('store' in call) this.#view.setUint8(op * OP_SIZE + AT_STORE, this.#slot(call.store));
    if (call.op === 'call') this.#outcome(op, call);
  }

  finish(): Encoded {
    for (const { op, field, label } of this.#jumps) {
      const target = this.#labels.get(label);
      if (target === undefined || target <= op)
        throw new RangeError(`label ${label} does not follow its jump`);
      this.#view.setInt16(op * OP_SIZE + field, target - op - 1, true);
    }
    const { relocations, bytes: data } = this.#data;
    const opsLength = this.#calls.length * OP_SIZE;
    const relocationsAt = HEADER_SIZE + opsLength;
    const dataAt = (relocationsAt + relocations.length * 4 + 7) & ~7;
    const bytes = new Uint8Array(dataAt + data.length);
    const view = new DataView(bytes.buffer);
    const header = [
      MAGIC,
      this.#calls.length,
      HEADER_SIZE,
      relocations.length,
      relocationsAt,
      dataAt,
      data.length,
    ];
    for (const [index, value] of header.entries()) view.setUint32(index * 4, value, true);
    bytes.set(new Uint8Array(this.#view.buffer, 0, opsLength), HEADER_SIZE);
    for (const [index, offset] of relocations.entries())
      view.setUint32(relocationsAt + index * 4, offset, true);
    bytes.set(data, dataAt);
    return { bytes, calls: this.#calls };
  }

  #operands(call: Exclude<Call, { op: 'label' }>, pokes: Poke[]): Operand[] {
    const operand = (argument: Argument): Operand => {
      if (argument === null) return [NUMBER, 0];
      if (typeof argument === 'number' || typeof argument === 'bigint') return [NUMBER, argument];
      if (typeof argument === 'object' && 'slot' in argument && !('text' in argument))
        return [SLOT, this.#slot(argument.slot)];
      return [DATA, this.#data.place(argument, pokes)];
    };
    switch (call.op) {
      case 'call':
        return call.args.map(operand);
      case 'set':
        return [operand(call.value)];
      case 'peek32':
        return [[DATA, this.#data.place(call.at, pokes) + call.offset]];
      case 'check':
        return [
          [DATA, this.#data.place(call.at, pokes) + call.offset],
          [NUMBER, call.mask],
          [NUMBER, call.equals],
          [NUMBER, errnoNumber(call.errno)],
        ];
      case 'mkpath':
        return [call.root, call.path, call.file ? 1 : 0, call.mode].map(operand);
      case 'exec':
        return [
          operand(call.paths.map((path) => `${path}\0`).join('')),
          [DATA, this.#data.placeVector(call.argv)],
          [DATA, this.#data.placeVector(call.envp)],
        ];
      case 'supervise':
        return [call.pid, call.pidfd, call.channel, call.children, call.terminal, call.termios].map(operand);
      case 'init':
        return [call.terminal ? 1 : 0, call.header, call.data].map(operand);
      case 'exit':
        return [[NUMBER, call.code]];
    }
  }

  #op(call: Call, step: number, code: number, operands: readonly Operand[]): number {
    const index = this.#calls.length;
    const at = index * OP_SIZE;
    if (at + OP_SIZE > this.#view.byteLength) this.#grow();
    const view = this.#view;
    view.setUint16(at, code, true);
    view.setUint16(at + AT_STEP, step, true);
    view.setUint8(at + AT_STORE, NO_SLOT);
    for (const [position, [kind, value]] of operands.entries()) {
      view.setUint8(at + AT_KIND + position, kind);
      setUint64(view, at + AT_ARGS + position * 8, value);
    }
    this.#calls.push(call);
    return index;
  }

  #outcome(op: number, call: Extract<Call, { op: 'call' }>): void {
    const at = op * OP_SIZE;
    this.#view.setUint32(at + AT_NR, numberOf(call.name), true);
    const may = call.may ?? [];
    this.#view.setUint8(at + AT_MAY_COUNT, may.length);
    for (const [index, errno] of may.entries())
      this.#view.setUint16(at + AT_MAY + index * 2, errnoNumber(errno), true);
    const jump = (field: number, label: string | undefined): void => {
      if (label !== undefined) this.#jumps.push({ op, field: field, label });
    };
    jump(AT_MAY_SKIP, call.mayGoto);
    jump(AT_ZERO_SKIP, call.zeroGoto);
    jump(AT_FINE_SKIP, call.thenGoto);
  }

  #slot(name: string): number {
    const known = this.#slots.get(name);
    if (known !== undefined) return known;
    const slot = this.#slots.size;
    if (slot >= MAX_SLOTS) throw new RangeError(`a plan keeps at most ${MAX_SLOTS} results`);
    this.#slots.set(name, slot);
    return slot;
  }

  #grow(): void {
    const larger = new Uint8Array(this.#view.byteLength * 2);
    larger.set(new Uint8Array(this.#view.buffer));
    this.#view = new DataView(larger.buffer);
  }
}

function setUint64(view: DataView, at: number, value: number | bigint): void {
  if (typeof value === 'number' && value >= 0 && value <= 0xffff_ffff) view.setUint32(at, value, true);
  else view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true);
}

function numberOf(name: SyscallName): number {
  const number = syscallNumber(nativeSyscallArch(process.arch), name);
  if (number === undefined) throw new RangeError(`${name} is not a system call of ${process.arch}`);
  return number;
}

function errnoNumber(name: string): number {
  const number = constants.errno[name as keyof typeof constants.errno] as number | undefined;
  if (number === undefined) throw new RangeError(`${name} is not an errno`);
  return number;
}
