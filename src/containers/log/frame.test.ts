import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeFrame,
  decodeFrameBefore,
  decodeFrames,
  decodeFramesBefore,
  encodeFrame,
  MAX_FRAME_DATA,
  type LogFrame,
} from './frame.js';

const anyFrame: fc.Arbitrary<LogFrame> = fc.record(
  {
    time: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    stream: fc.constantFrom('stdout', 'stderr', 'note'),
    data: fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
  },
  { noNullPrototype: true },
);
const anyFrames = fc.array(anyFrame, { maxLength: 8 });

function encodeAll(frames: readonly LogFrame[]): Buffer {
  return Buffer.concat(frames.map(encodeFrame));
}

test('encodeFrame() lays a frame out as the monitor does', () => {
  const frame: LogFrame = { time: 0x0102030405060708n, stream: 'stderr', data: Buffer.from('ab\n') };
  assert.equal(
    encodeFrame(frame).toString('hex'),
    '03000000' + '02' + '00' + '4c57' + '0807060504030201' + '61620a' + '03000000',
  );
});

test('decodeFrames() and decodeFramesBefore() give back what was encoded, forwards and backwards', () => {
  fc.assert(
    fc.property(anyFrames, (frames) => {
      const bytes = encodeAll(frames);
      assert.deepEqual(decodeFrames(bytes), { frames, offset: bytes.length, damaged: false });
      assert.deepEqual(decodeFramesBefore(bytes), {
        frames: [...frames].reverse(),
        offset: 0,
        damaged: false,
      });
    }),
  );
});

test('decodeFrames() stops before a frame that is cut anywhere, and calls it no damage', () => {
  fc.assert(
    fc.property(anyFrames, anyFrame, fc.nat(), (frames, last, cut) => {
      const whole = encodeAll(frames);
      const torn = encodeFrame(last);
      const bytes = Buffer.concat([whole, torn.subarray(0, cut % torn.length)]);
      assert.deepEqual(decodeFrames(bytes), { frames, offset: whole.length, damaged: false });
    }),
  );
});

test('decodeFramesBefore() gives the whole frames of a buffer that begins inside one', () => {
  fc.assert(
    fc.property(anyFrame, anyFrames, fc.nat(), (first, frames, cut) => {
      const torn = encodeFrame(first);
      const rest = torn.subarray(1 + (cut % (torn.length - 1)));
      const decoded = decodeFramesBefore(Buffer.concat([rest, encodeAll(frames)]));
      assert.deepEqual(decoded, { frames: [...frames].reverse(), offset: rest.length, damaged: false });
    }),
  );
});

test('decodeFrames() accepts no byte that is not part of a frame, whatever was overwritten', () => {
  const overwrite = fc.record({ at: fc.nat(), value: fc.integer({ min: 0, max: 255 }) });
  fc.assert(
    fc.property(
      anyFrames,
      fc.array(overwrite, { maxLength: 4 }),
      fc.uint8Array(),
      (frames, changes, tail) => {
        const bytes = Buffer.concat([encodeAll(frames), tail]);
        for (const { at, value } of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
        const forwards = decodeFrames(bytes);
        assert.deepEqual(encodeAll(forwards.frames), bytes.subarray(0, forwards.offset));
        const backwards = decodeFramesBefore(bytes);
        assert.deepEqual(encodeAll([...backwards.frames].reverse()), bytes.subarray(backwards.offset));
      },
    ),
  );
});

test('decodeFrame() calls every wrong field damage, as soon as the header is there', () => {
  const good = encodeFrame({ time: 1n, stream: 'stdout', data: Buffer.from('hello') });
  const wrong: Record<string, [offset: number, value: number]> = {
    'length beyond the greatest': [2, 2],
    'stream 0': [4, 0],
    'stream 4': [4, 4],
    'reserved byte': [5, 1],
    'magic number': [6, 0],
  };
  for (const [what, [offset, value]] of Object.entries(wrong)) {
    const bad = Buffer.from(good);
    bad[offset] = value;
    assert.equal(decodeFrame(bad, 0).kind, 'damaged', what);
    assert.equal(decodeFrame(bad.subarray(0, 16), 0).kind, 'damaged', what);
    assert.equal(decodeFrame(bad.subarray(0, 15), 0).kind, 'incomplete', what);
  }
  const trailer = Buffer.from(good);
  trailer[trailer.length - 4] = 4;
  assert.equal(decodeFrame(trailer, 0).kind, 'damaged');
  assert.equal(decodeFrameBefore(trailer, trailer.length).kind, 'damaged');
});

test('decodeFrame() takes zeros, which a crash may leave at the end of a file, for damage', () => {
  assert.equal(decodeFrame(Buffer.alloc(100), 0).kind, 'damaged');
  assert.equal(decodeFrameBefore(Buffer.alloc(100), 100).kind, 'damaged');
});

test('decodeFrame() takes the greatest frame and no greater one', () => {
  const greatest = encodeFrame({ time: 0n, stream: 'stdout', data: Buffer.alloc(MAX_FRAME_DATA) });
  assert.equal(decodeFrame(greatest, 0).kind, 'frame');
  assert.equal(decodeFrameBefore(greatest, greatest.length).kind, 'frame');
  const greater = encodeFrame({ time: 0n, stream: 'stdout', data: Buffer.alloc(MAX_FRAME_DATA + 1) });
  assert.equal(decodeFrame(greater, 0).kind, 'damaged');
  assert.equal(decodeFrameBefore(greater, greater.length).kind, 'damaged');
});
