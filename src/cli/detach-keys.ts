/** The keys that leave a container running: docker's notation, `ctrl-p,ctrl-q`. */
import { Transform, type TransformCallback } from 'node:stream';
import { badValue } from './values.js';

/** @throws {WarrenError} `ERR_OPTION_VALUE`. @returns One byte a key; none for the empty text, which turns them off. */
export function parseDetachKeys(text = 'ctrl-p,ctrl-q'): readonly number[] {
  if (text === '') return [];
  return text.split(',').map((key) => {
    const control = /^ctrl-([a-z@[\]\\^_])$/i.exec(key)?.[1];
    if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f;
    if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);
    throw badValue(
      'detach-keys',
      text,
      `${JSON.stringify(key)} is no key`,
      'write letters, or ctrl- and one of a-z @ [ ] \\ ^ _, separated by commas: ctrl-p,ctrl-q',
    );
  });
}

/** Passes input on, but for the sequence of keys, at which it calls `leave`. Keys that only begin it are passed on late. */
export class DetachKeys extends Transform {
  #matched = 0;

  constructor(
    private readonly keys: readonly number[],
    private readonly leave: () => void,
  ) {
    super();
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    const out: number[] = [];
    for (const byte of chunk) {
      const held = [...this.keys.slice(0, this.#matched), byte];
      // What no longer begins the sequence goes on; its end may begin it anew.
      let length = Math.min(held.length, this.keys.length);
      while (!held.slice(held.length - length).every((each, index) => each === this.keys[index])) length--;
      out.push(...held.slice(0, held.length - length));
      this.#matched = length;
      if (length > 0 && length === this.keys.length) {
        this.#matched = 0;
        if (out.length > 0) this.push(Buffer.from(out));
        this.leave();
        done();
        return;
      }
    }
    done(null, Buffer.from(out));
  }

  /** Input that ends within the sequence was no sequence. */
  override _flush(done: TransformCallback): void {
    done(null, Buffer.from(this.keys.slice(0, this.#matched)));
  }
}
