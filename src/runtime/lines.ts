import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** Splits a stream at `\n` (and `\r\n`, as terminals write it); a last line without an end counts. */
export async function* splitLines(stream: Readable | null): AsyncGenerator<string, void, undefined> {
  if (!stream) return;
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    const text = rest + decoder.write(chunk as Buffer);
    const lines = text.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line;
  }
  rest += decoder.end();
  if (rest !== '') yield rest;
}
