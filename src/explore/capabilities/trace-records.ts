/** What the tracer writes (struct trace_record of native/launcher/plan.h), read. */
import { auditArch, syscallName, type NativeSyscallArch } from '../../kernel/syscalls/index.js';
import { describeTracedCall } from './traced-arguments.js';

/** One system call of the command, and how it ended. */
export interface TracedCall {
  /** What the process calls itself: at most 15 bytes. */
  readonly program: string;
  readonly syscall: string;
  /** Its arguments for a reader. */
  readonly arguments: string;
  /** The same without what differs from one run to the next (process ids, descriptors): is it that call again? */
  readonly identity: string;
  /** Undefined: it was not refused, though it may have failed otherwise. */
  readonly errno: 'EPERM' | 'EACCES' | undefined;
}

const size = 872;
const nameLength = 16;
const pointers = 3;
const memoryLength = 256;

const errnos = new Map([
  [-1n, 'EPERM'],
  [-13n, 'EACCES'],
] as const);

/** Takes the stream in pieces. */
export class TraceRecords {
  #rest: Buffer = Buffer.alloc(0);

  constructor(private readonly arch: NativeSyscallArch) {}

  add(bytes: Buffer): TracedCall[] {
    let all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const calls: TracedCall[] = [];
    for (; all.length >= size; all = all.subarray(size)) calls.push(this.#read(all.subarray(0, size)));
    // A copy: the rest of a piece would keep the whole of it.
    this.#rest = Buffer.from(all);
    return calls;
  }

  #read(record: Buffer): TracedCall {
    const nr = Number(record.readBigUInt64LE(8));
    const args = Array.from({ length: 6 }, (_, index) => record.readBigUInt64LE(24 + index * 8));
    const lengthsAt = 72 + nameLength;
    const memory = Array.from({ length: pointers }, (_, index) => {
      const at = lengthsAt + pointers * 4 + 4 + index * memoryLength;
      return record.subarray(at, at + record.readUInt32LE(lengthsAt + index * 4));
    });
    // A 32-bit program's calls have other numbers.
    const isNative = record.readUInt32LE(4) === auditArch[this.arch];
    const syscall = (isNative ? syscallName(this.arch, nr) : undefined) ?? `system call ${nr}`;
    const name = record.subarray(72, 72 + nameLength);
    const end = name.indexOf(0);
    return {
      program: name.toString('utf8', 0, end < 0 ? nameLength : end),
      syscall,
      ...describeTracedCall(syscall, args, memory),
      errno: errnos.get(record.readBigInt64LE(16) as -1n | -13n),
    };
  }
}
