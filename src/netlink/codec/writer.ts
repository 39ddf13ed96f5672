import { unencodable } from './errors.js';

/** Attributes and messages begin at multiples of 4 bytes (NLA_ALIGNTO, NLMSG_ALIGNTO). */
export function align(length: number): number {
  return (length + 3) & ~3;
}

/** A growing buffer. Numbers are in host byte order, which is little-endian on every platform that Warren supports. */
export class Writer {
  #bytes: Buffer;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = Buffer.alloc(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** What was written; the writer goes on using the same memory. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Makes `size` zero bytes, and returns where they begin. */
  reserve(size: number): number {
    const start = this.#length;
    const end = start + size;
    if (end > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(end, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, start);
      this.#bytes = larger;
    }
    this.#length = end;
    return start;
  }

  /** The memory, for numbers to be put at places that reserve() gave. Do not keep it across a reserve(). */
  get memory(): Buffer {
    return this.#bytes;
  }

  /** Begins anew in the same memory: what `bytes` gave before is no longer valid. */
  clear(): void {
    this.#bytes.fill(0, 0, this.#length);
    this.#length = 0;
  }

  append(bytes: Uint8Array): void {
    const start = this.reserve(bytes.length);
    this.#bytes.set(bytes, start);
  }

  pad(): void {
    this.reserve(align(this.#length) - this.#length);
  }

  /** An attribute (struct nlattr): its head, what `body` writes, padding. */
  attribute(type: number, body: () => void): void {
    const start = this.reserve(4);
    body();
    const length = this.#length - start;
    if (length > 0xffff)
      throw unencodable(`attribute ${type & 0x3fff}`, `${length} bytes are more than 65535`);
    this.#bytes.writeUInt16LE(length, start);
    this.#bytes.writeUInt16LE(type, start + 2);
    this.pad();
  }
}
