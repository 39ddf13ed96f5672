import { WarrenError } from '../../errors.js';
import {
  BPF_AND_K,
  BPF_JA,
  BPF_JEQ_K,
  BPF_JGE_K,
  BPF_JGT_K,
  BPF_JSET_K,
  BPF_LD_W_ABS,
  BPF_RET_K,
  instructionBytes,
} from './bpf.js';

/** A call as the filter sees it: `struct seccomp_data`. */
export interface SeccompCall {
  /** An `AUDIT_ARCH_*` value. */
  readonly arch: number;
  readonly nr: number;
  /** Up to six, as unsigned 64-bit numbers; missing ones are 0. */
  readonly args?: readonly bigint[];
  readonly instructionPointer?: bigint;
}

export interface SeccompRun {
  /** A `SECCOMP_RET_*` value with its data. */
  readonly action: number;
  /** How many instructions ran, the return included. */
  readonly steps: number;
}

/**
 * Runs a filter on one call, in the subset of classic BPF that our compiler and libseccomp's write.
 *
 * @throws {WarrenError} `ERR_SECCOMP_PROGRAM` for another instruction, a load outside the data or the end of the
 *   program: what the kernel would not have loaded.
 */
export function runSeccompProgram(program: Uint8Array, call: SeccompCall): SeccompRun {
  const code = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const data = encodeCall(call);
  let accumulator = 0;
  let steps = 0;
  for (let at = 0; at + instructionBytes <= program.length; at += instructionBytes) {
    steps += 1;
    const k = code.getUint32(at + 4, true);
    let taken: boolean;
    switch (code.getUint16(at, true)) {
      case BPF_LD_W_ABS:
        if (k % 4 !== 0 || k >= data.byteLength) throw bad(at, `loads from offset ${String(k)}`);
        accumulator = data.getUint32(k, true);
        continue;
      case BPF_AND_K:
        accumulator = (accumulator & k) >>> 0;
        continue;
      case BPF_RET_K:
        return { action: k, steps };
      case BPF_JA:
        at += k * instructionBytes;
        continue;
      case BPF_JEQ_K:
        taken = accumulator === k;
        break;
      case BPF_JGT_K:
        taken = accumulator > k;
        break;
      case BPF_JGE_K:
        taken = accumulator >= k;
        break;
      case BPF_JSET_K:
        taken = (accumulator & k) !== 0;
        break;
      default:
        throw bad(at, 'has an operation that is not known here');
    }
    at += code.getUint8(at + (taken ? 2 : 3)) * instructionBytes;
  }
  throw bad(program.length, 'is missing: the program does not return');
}

function encodeCall({ arch, nr, args = [], instructionPointer = 0n }: SeccompCall): DataView {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, nr, true);
  data.setUint32(4, arch, true);
  data.setBigUint64(8, instructionPointer, true);
  for (let i = 0; i < 6; i++) data.setBigUint64(16 + 8 * i, args[i] ?? 0n, true);
  return data;
}

function bad(at: number, why: string): WarrenError {
  return new WarrenError('ERR_SECCOMP_PROGRAM', 'Cannot run the seccomp program', {
    kind: 'invalid-argument',
    why: `instruction ${String(Math.floor(at / instructionBytes))} ${why}`,
  });
}
