/*
 * Classic BPF as seccomp takes it: see bpf(4) of the BSDs, linux/filter.h and Documentation/networking/filter.rst.
 * Only the instructions below are used; they are among those that the kernel (since 5.11) emulates when it finds out
 * which calls a filter always allows, and then skips it for them.
 */
export const BPF_LD_W_ABS = 0x20;
export const BPF_JA = 0x05;
export const BPF_JEQ_K = 0x15;
export const BPF_JGT_K = 0x25;
export const BPF_JGE_K = 0x35;
export const BPF_JSET_K = 0x45;
export const BPF_AND_K = 0x54;
export const BPF_RET_K = 0x06;

/** The kernel's limit, BPF_MAXINSNS. */
export const maxInstructions = 4096;

/** Bytes of a `struct sock_filter`: u16 code, u8 jt, u8 jf, u32 k. */
export const instructionBytes = 8;

/** Offsets in `struct seccomp_data`; arguments are little-endian words of 64 bits. */
export const nrOffset = 0;
export const archOffset = 4;
export const argOffset = (index: number): number => 16 + 8 * index;

/** An instruction that was written already; only later ones, which run earlier, can name it. */
export type Label = number;

/**
 * Writes a program from its end to its beginning.
 *
 * BPF jumps only forward, so written backwards every target is known when its jump is written and there is nothing
 * to patch. A load falls through to the instruction written just before it.
 */
export class BackwardAssembler {
  readonly #codes: number[] = [];
  readonly #jts: number[] = [];
  readonly #jfs: number[] = [];
  readonly #ks: number[] = [];
  readonly #returns = new Map<number, Label>();

  get length(): number {
    return this.#codes.length;
  }

  /** The nearest instruction that returns this value; written if there is none yet. */
  ret(value: number): Label {
    return this.#returns.get(value) ?? this.#writeReturn(value);
  }

  jump(code: number, k: number, whenTrue: Label, whenFalse: Label): Label {
    // Offsets are 8 bits wide. A relay moves the jump itself one further away, hence the 254 for the first.
    let t = whenTrue;
    let f = whenFalse;
    if (this.#distance(t) > 254) t = this.#relay(t);
    if (this.#distance(f) > 255) f = this.#relay(f);
    return this.#write(code, this.#distance(t), this.#distance(f), k);
  }

  load(offset: number): Label {
    return this.#write(BPF_LD_W_ABS, 0, 0, offset);
  }

  /** Makes `target` what the next load falls through to. */
  fallTo(target: Label): void {
    if (target !== this.length - 1) this.#relay(target);
  }

  and(mask: number): Label {
    return this.#write(BPF_AND_K, 0, 0, mask);
  }

  bytes(): Uint8Array {
    const count = this.length;
    const out = new Uint8Array(count * instructionBytes);
    const view = new DataView(out.buffer);
    for (let i = 0, at = 0; i < count; i++, at += instructionBytes) {
      const from = count - 1 - i;
      view.setUint16(at, this.#codes[from] as number, true);
      view.setUint8(at + 2, this.#jts[from] as number);
      view.setUint8(at + 3, this.#jfs[from] as number);
      view.setUint32(at + 4, this.#ks[from] as number, true);
    }
    return out;
  }

  #distance(target: Label): number {
    return this.length - target - 1;
  }

  /** A copy near by, or else a long jump (its offset is 32 bits wide). */
  #relay(target: Label): Label {
    return this.#codes[target] === BPF_RET_K
      ? this.#writeReturn(this.#ks[target] as number)
      : this.#write(BPF_JA, 0, 0, this.#distance(target));
  }

  #writeReturn(value: number): Label {
    const label = this.#write(BPF_RET_K, 0, 0, value);
    this.#returns.set(value, label);
    return label;
  }

  #write(code: number, jt: number, jf: number, k: number): Label {
    this.#codes.push(code);
    this.#jts.push(jt);
    this.#jfs.push(jf);
    this.#ks.push(k);
    return this.length - 1;
  }
}
