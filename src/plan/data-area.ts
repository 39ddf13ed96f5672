import type { BufferRef, Data, Field, SlotRef } from './call.js';

/** A value that is known only while the plan runs, and where in the data it must be put before the call. */
export interface Poke {
  readonly width: 'u32' | 'u64' | 'text';
  readonly offset: number;
  readonly from: SlotRef;
}

/**
 * The data of an encoded plan: strings, structs and room for results, each at an offset. Pointers inside it are offsets
 * too, and listed in `relocations` for the launcher to turn into addresses.
 */
export class DataArea {
  /** One Buffer for all writes: making one for each string costs more than the string. */
  #bytes = Buffer.alloc(256);
  #view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset);
  #length = 0;
  readonly #buffers = new Map<string, number>();
  readonly relocations: number[] = [];

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** @param pokes Takes what must be filled in at run time. */
  place(data: Data, pokes: Poke[]): number {
    if (typeof data === 'string') return this.#text(data);
    if (data instanceof Uint8Array) return this.#raw(data);
    if ('buffer' in data) return this.#buffer(data);
    if ('text' in data) {
      const offset = this.#text(data.text, 20);
      pokes.push({ width: 'text', offset: offset + Buffer.byteLength(data.text), from: { slot: data.slot } });
      return offset;
    }
    return this.#struct(data.struct, pokes);
  }

  /** A NULL-terminated array of pointers to strings, as execve(2) takes it. */
  placeVector(texts: readonly string[]): number {
    const pointers = texts.map((text) => this.#text(text));
    const offset = this.#reserve((pointers.length + 1) * 8, 8);
    for (const [index, pointer] of pointers.entries()) this.#pointer(offset + index * 8, pointer);
    return offset;
  }

  #buffer({ buffer, length }: BufferRef): number {
    const known = this.#buffers.get(buffer);
    if (known !== undefined) return known;
    const offset = this.#reserve(length, 8);
    this.#buffers.set(buffer, offset);
    return offset;
  }

  #struct(fields: readonly Field[], pokes: Poke[]): number {
    // Strings and nested structs first: what points to them must know where they are.
    const pointers = fields.map((field) =>
      'pointer' in field && field.pointer !== null ? this.place(field.pointer, pokes) : 0,
    );
    const start = this.#reserve(
      fields.reduce((sum, field) => sum + fieldSize(field), 0),
      8,
    );
    let offset = start;
    for (const [index, field] of fields.entries()) {
      if ('u16' in field) this.#view.setUint16(offset, field.u16, true);
      else if ('u32' in field) this.#number('u32', offset, field.u32, pokes);
      else if ('u64' in field) this.#number('u64', offset, field.u64, pokes);
      else if (field.pointer !== null) this.#pointer(offset, pointers[index] ?? 0);
      offset += fieldSize(field);
    }
    return start;
  }

  #number(width: 'u32' | 'u64', offset: number, value: number | bigint | SlotRef, pokes: Poke[]): void {
    if (typeof value === 'object') pokes.push({ width, offset, from: value });
    else if (width === 'u32') this.#view.setUint32(offset, Number(value) >>> 0, true);
    else this.#view.setBigUint64(offset, BigInt.asUintN(64, BigInt(value)), true);
  }

  #pointer(offset: number, target: number): void {
    this.#view.setUint32(offset, target, true);
    this.relocations.push(offset);
  }

  #raw(bytes: Uint8Array): number {
    const offset = this.#reserve(bytes.length, 8);
    this.#bytes.set(bytes, offset);
    return offset;
  }

  #text(text: string, room = 0): number {
    const offset = this.#reserve(Buffer.byteLength(text) + 1 + room, 1);
    this.#bytes.write(text, offset);
    return offset;
  }

  #reserve(length: number, alignment: number): number {
    const offset = (this.#length + alignment - 1) & -alignment;
    this.#length = offset + length;
    if (this.#length > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(this.#bytes.length * 2, this.#length));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer, larger.byteOffset);
    }
    return offset;
  }
}

function fieldSize(field: Field): number {
  if ('u16' in field) return 2;
  return 'u32' in field ? 4 : 8;
}
