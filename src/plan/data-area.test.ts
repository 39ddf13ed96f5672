import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { slot } from './call.js';
import { DataArea, type Poke } from './data-area.js';

test('DataArea.place() ends text with a NUL, and counts bytes, not characters', () => {
  const area = new DataArea();
  const first = area.place('ü', []);
  const second = area.place('x', []);
  assert.deepEqual([...area.bytes], [0xc3, 0xbc, 0, 0x78, 0]);
  assert.deepEqual([first, second], [0, 3]);
});

test('DataArea.place() aligns bytes and structs to 8, as the kernel’s structs want it', () => {
  const area = new DataArea();
  area.place('x', []);
  assert.equal(area.place(new Uint8Array(3), []) % 8, 0);
  assert.equal(area.place({ struct: [{ u32: 1 }] }, []) % 8, 0);
});

test('DataArea.place() shares a buffer by its name, zeroed', () => {
  const area = new DataArea();
  const first = area.place({ buffer: 'room', length: 8 }, []);
  area.place('between', []);
  assert.equal(area.place({ buffer: 'room', length: 8 }, []), first);
  assert.deepEqual([...area.bytes.subarray(first, first + 8)], Array<number>(8).fill(0));
});

test('DataArea.place() reports what is known later, and where it goes', () => {
  const area = new DataArea();
  const pokes: Poke[] = [];
  const at = area.place({ struct: [{ u32: 7 }, { u32: slot('a') }, { u64: slot('b') }] }, pokes);
  assert.deepEqual(pokes, [
    { width: 'u32', offset: at + 4, from: { slot: 'a' } },
    { width: 'u64', offset: at + 8, from: { slot: 'b' } },
  ]);
});

test('DataArea grows, and what was placed before stays', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40_000 }), { maxLength: 8 }), (pieces) => {
      const area = new DataArea();
      const places = pieces.map((piece) => area.place(piece, []));
      for (const [index, piece] of pieces.entries()) {
        const at = places[index]!;
        assert.ok(Buffer.from(area.bytes.subarray(at, at + piece.length)).equals(piece));
      }
    }),
    { numRuns: 50 },
  );
});

test('DataArea.placeVector() lists pointers to its texts, and NULL', () => {
  const area = new DataArea();
  area.place('x', []);
  const at = area.placeVector(['one', 'two']);
  const view = new DataView(area.bytes.buffer);
  assert.deepEqual(area.relocations, [at, at + 8]);
  const first = Number(view.getBigUint64(at, true));
  assert.equal(Buffer.from(area.bytes).toString('latin1', first, first + 4), 'one\0');
  assert.equal(view.getBigUint64(at + 16, true), 0n);
});
