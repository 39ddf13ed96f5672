import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import { splitLines } from './lines.js';

async function all(lines: AsyncIterable<string>): Promise<string[]> {
  const list: string[] = [];
  for await (const line of lines) list.push(line);
  return list;
}

async function linesOf(...chunks: readonly Uint8Array[]): Promise<string[]> {
  return all(splitLines(Readable.from(chunks.map((chunk) => Buffer.from(chunk)))));
}

test('splitLines() takes the ends away, those of a terminal too, and counts a last line without one', async () => {
  assert.deepEqual(await linesOf(Buffer.from('a\nb\r\n\nc')), ['a', 'b', '', 'c']);
});

test('splitLines() gives nothing for an empty stream, or for none', async () => {
  assert.deepEqual(await linesOf(), []);
  assert.deepEqual(await all(splitLines(null)), []);
});

test('splitLines() does not care where the chunks end, in the middle of a character either', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('a', 'ü', '€', '😀', '\n', '\r\n')),
      fc.integer({ min: 1, max: 5 }),
      async (parts, size) => {
        const bytes = Buffer.from(parts.join(''));
        const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
          bytes.subarray(index * size, (index + 1) * size),
        );
        assert.deepEqual(await linesOf(...chunks), await linesOf(bytes));
      },
    ),
    { numRuns: 100 },
  );
});

test('splitLines() leaves the stream open when its reader leaves the loop', async () => {
  const stream = new Readable({ read: () => undefined });
  stream.push('one\ntwo\n');
  for await (const line of splitLines(stream)) {
    assert.equal(line, 'one');
    break;
  }
  assert.equal(stream.destroyed, false);
  stream.destroy();
});
