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
      if (this.#matched > 0 && byte !== this.keys[this.#matched]) {
        out.push(...this.keys.slice(0, this.#matched));
        this.#matched = 0;
      }
      if (this.keys.length > 0 && byte === this.keys[this.#matched]) {
        this.#matched++;
        if (this.#matched < this.keys.length) continue;
        this.#matched = 0;
        if (out.length > 0) this.push(Buffer.from(out));
        this.leave();
        done();
        return;
      }
      out.push(byte);
    }
    done(null, Buffer.from(out));
  }
}
