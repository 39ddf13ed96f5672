/**
 * File names as text, without loss: Linux names are bytes, mostly UTF-8 and sometimes not.
 *
 * A byte that is no UTF-8 becomes U+DC00 plus the byte, a lone surrogate, which valid UTF-8 never decodes to (Python's
 * `surrogateescape`). So names can be compared, split at `/` and printed as strings, and turn back into the same bytes.
 */

const REPLACEMENT = '\ufffd';
const ESCAPE = 0xdc00;
const loneSurrogate = /\p{Surrogate}/u;

export function decodeName(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString('utf8');
  if (!text.includes(REPLACEMENT) || Buffer.from(text).equals(buffer)) return text;
  let escaped = '';
  for (let at = 0; at < buffer.length;) {
    const length = sequenceLength(buffer, at);
    if (length === 0) escaped += String.fromCharCode(ESCAPE + (buffer[at] ?? 0));
    else escaped += buffer.toString('utf8', at, at + length);
    at += Math.max(length, 1);
  }
  return escaped;
}

/** A lone surrogate that stands for no byte, which only a caller's own text can hold, becomes U+FFFD. */
export function encodeName(text: string): Buffer {
  if (!loneSurrogate.test(text)) return Buffer.from(text);
  const parts = Array.from(text, (char) => {
    const code = char.length === 1 ? char.charCodeAt(0) - ESCAPE : 0;
    return code >= 0x80 && code <= 0xff ? Buffer.of(code) : Buffer.from(char);
  });
  return Buffer.concat(parts);
}

/** How many bytes a valid UTF-8 sequence at `at` has; 0 where there is none. */
function sequenceLength(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  const length =
    first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length < 2) return length;
  // Overlong forms and surrogates are left to the decoder, which has one right answer.
  const sequence = bytes.subarray(at, at + length);
  return sequence.length === length && Buffer.from(sequence.toString('utf8')).equals(sequence) ? length : 0;
}
