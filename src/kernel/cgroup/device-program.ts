/** Device rules as an eBPF program: cgroup v2 has no devices controller, it asks a program attached to the group. */
import type { DeviceRule } from './device-rules.js';

/** What a process wants of a device. */
export interface DeviceRequest {
  readonly type: 'char' | 'block';
  readonly major: number;
  readonly minor: number;
  /** Some of `r`, `w` and `m` (mknod). */
  readonly access: string;
}

/** linux/bpf.h: `BPF_DEVCG_DEV_*`, `BPF_DEVCG_ACC_*`. */
export const deviceTypes = { block: 1, char: 2 } as const;
const accessBits = { m: 1, r: 2, w: 4 } as const;
const accessLetters = ['m', 'r', 'w'] as const;
const ALL_ACCESS = 7;

/** Of `struct bpf_insn`. */
export const deviceInstructionBytes = 8;

/** `code` of `struct bpf_insn`, as in linux/bpf.h: class | size or source | operation. */
export const bpf = {
  /** dst = *(u32 *)(src + off) */
  LDX_W: 0x61,
  /** 32-bit: dst &= imm */
  AND32_K: 0x54,
  /** 32-bit: dst >>= imm */
  RSH32_K: 0x74,
  /** dst = imm */
  MOV64_K: 0xb7,
  JA: 0x05,
  JEQ_K: 0x15,
  JSET_K: 0x45,
  JNE_K: 0x55,
  EXIT: 0x95,
} as const;

// r0 is the answer, r1 the context (struct bpf_cgroup_dev_ctx); we keep in the others:
const [ANSWER, CONTEXT, TYPE, PENDING, MAJOR, MINOR] = [0, 1, 2, 3, 4, 5];

/**
 * What the rules say, which is what the program does: they are taken from the last to the first, and each kind of access
 * asked for is decided by the first that names it. All must be allowed. What no rule names is denied.
 */
export function isDeviceAllowed(rules: readonly DeviceRule[], request: DeviceRequest): boolean {
  return accessLetters.every((letter) => {
    if (!request.access.includes(letter)) return true;
    const rule = rules.findLast(
      ({ type, major, minor, access }) =>
        type === 'all' ||
        (type === request.type &&
          (major ?? request.major) === request.major &&
          (minor ?? request.minor) === request.minor &&
          access.includes(letter)),
    );
    return rule?.allow ?? false;
  });
}

/**
 * A program of type BPF_PROG_TYPE_CGROUP_DEVICE: 1 allows, 0 denies (EPERM).
 *
 * @see bpf(2), the kernel's admin-guide/cgroup-v2, "Device controller"
 */
export function compileDeviceRules(rules: readonly DeviceRule[]): Uint8Array {
  // The context's first word: type in the low half, access in the high one.
  const code: Instruction[] = [
    { code: bpf.LDX_W, dst: TYPE, src: CONTEXT },
    { code: bpf.LDX_W, dst: PENDING, src: CONTEXT },
    { code: bpf.AND32_K, dst: TYPE, imm: 0xffff },
    { code: bpf.RSH32_K, dst: PENDING, imm: 16 },
    { code: bpf.LDX_W, dst: MAJOR, src: CONTEXT, off: 4 },
    { code: bpf.LDX_W, dst: MINOR, src: CONTEXT, off: 8 },
  ];
  for (const rule of [...rules].reverse()) {
    if (rule.type === 'all') {
      // Nothing before it matters; the kernel refuses what can never be reached.
      return encode([...code, ...(rule.allow ? answer(1) : pendingAnswer())]);
    }
    code.push(...compileRule(rule));
  }
  return encode([...code, ...pendingAnswer()]);
}

/** `BPF_DEVCG_ACC_*` for some of `r`, `w` and `m`. */
export function deviceAccessBits(access: string): number {
  return accessLetters.reduce((sum, letter) => sum | (access.includes(letter) ? accessBits[letter] : 0), 0);
}

interface Instruction {
  readonly code: number;
  readonly dst?: number | undefined;
  readonly src?: number | undefined;
  readonly off?: number;
  readonly imm?: number;
}

function compileRule({ allow, type, major, minor, access }: DeviceRule): Instruction[] {
  const mask = deviceAccessBits(access);
  const effect: Instruction[] = allow
    ? [
        { code: bpf.AND32_K, dst: PENDING, imm: ALL_ACCESS & ~mask },
        { code: bpf.JNE_K, dst: PENDING, imm: 0, off: 2 },
        ...answer(1),
      ]
    : [{ code: bpf.JSET_K, dst: PENDING, imm: mask, off: 1 }, { code: bpf.JA, off: 2 }, ...answer(0)];
  const tests: (readonly [register: number | undefined, value: number | undefined])[] = [
    [TYPE, type === 'all' ? undefined : deviceTypes[type]],
    [MAJOR, major],
    [MINOR, minor],
  ];
  const needed = tests.filter(([, value]) => value !== undefined);
  return [
    ...needed.map(([dst, imm = 0], index): Instruction => ({
      code: bpf.JNE_K,
      dst,
      imm,
      // To what stands behind this rule.
      off: needed.length - index - 1 + effect.length,
    })),
    ...effect,
  ];
}

function answer(imm: 0 | 1): Instruction[] {
  return [{ code: bpf.MOV64_K, dst: ANSWER, imm }, { code: bpf.EXIT }];
}

/** Allowed if every access has been. */
function pendingAnswer(): Instruction[] {
  return [{ code: bpf.JEQ_K, dst: PENDING, imm: 0, off: 2 }, ...answer(0), ...answer(1)];
}

function encode(code: readonly Instruction[]): Uint8Array {
  const bytes = Buffer.alloc(code.length * deviceInstructionBytes);
  for (const [index, { code: operation, dst = 0, src = 0, off = 0, imm = 0 }] of code.entries()) {
    const at = index * deviceInstructionBytes;
    bytes.writeUInt8(operation, at);
    bytes.writeUInt8(dst | (src << 4), at + 1);
    bytes.writeInt16LE(off, at + 2);
    bytes.writeInt32LE(imm, at + 4);
  }
  return bytes;
}
