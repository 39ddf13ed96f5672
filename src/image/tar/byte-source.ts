/** Reads a stream by counts of bytes, whatever pieces it comes in. Nothing is copied that comes in one piece. */
export class ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);
  #ended = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** Exactly `count` bytes, or fewer where the stream ends before. */
  async read(count: number): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    let missing = count;
    while (missing > 0) {
      const part = await this.some(missing);
      if (part.length === 0) break;
      parts.push(part);
      missing -= part.length;
    }
    const [only] = parts;
    if (only !== undefined && parts.length === 1)
      return Buffer.from(only.buffer, only.byteOffset, only.length);
    return Buffer.concat(parts);
  }

  /** What is at hand, 1 to `limit` bytes; none at the end. */
  async some(limit: number): Promise<Uint8Array> {
    while (this.#rest.length === 0 && !this.#ended) {
      const next = await this.#chunks.next();
      if (next.done === true) this.#ended = true;
      else this.#rest = next.value;
    }
    const part = this.#rest.subarray(0, limit);
    this.#rest = this.#rest.subarray(part.length);
    return part;
  }

  /** @returns How many bytes there were to pass over: fewer where the stream ends before. */
  async skip(count: number): Promise<number> {
    let passed = 0;
    while (passed < count) {
      const part = await this.some(count - passed);
      if (part.length === 0) break;
      passed += part.length;
    }
    return passed;
  }

  /** Tells the stream that nothing more is wanted of it. */
  async close(): Promise<void> {
    this.#ended = true;
    this.#rest = new Uint8Array(0);
    await this.#chunks.return?.();
  }
}
