/**
 * The log's frames, little-endian, one after the other from the file's first byte:
 *
 *   u32 length of data | u8 stream | u8 0 | u16 0x574c | u64 CLOCK_REALTIME in ns | data | u32 length of data
 *
 * The length stands at both ends, so that a file can be read from its end as well. Whatever a crash or a full disk left of
 * a last frame is `incomplete` or `damaged`, and nothing is looked for behind it: the container chose the bytes there.
 */

export type LogStream = 'stdout' | 'stderr' | 'note';

/** What one read(2) of the monitor gave. Without data: the end of the stream, and of a line it left unfinished. */
export interface LogFrame {
  /** Nanoseconds since 1970, of a clock that may have been set back since the frame before. */
  readonly time: bigint;
  readonly stream: LogStream;
  readonly data: Buffer;
}

export type DecodedFrame =
  | { readonly kind: 'frame'; readonly frame: LogFrame; readonly start: number; readonly end: number }
  /** The buffer ends (backwards: begins) inside the frame. */
  | { readonly kind: 'incomplete' }
  /** These bytes are no frame, whatever may follow. */
  | { readonly kind: 'damaged' };

export interface DecodedFrames {
  readonly frames: readonly LogFrame[];
  /** Forwards the end of the last frame, backwards the start of the earliest. */
  readonly offset: number;
  readonly damaged: boolean;
}

/** The monitor writes half of it at most. A greater length is damage. */
export const MAX_FRAME_DATA = 64 * 1024;
const HEADER = 16;
const TRAILER = 4;
export const FRAME_OVERHEAD = HEADER + TRAILER;

const MAGIC = 0x574c;
const streamCodes: Readonly<Record<LogStream, number>> = { stdout: 1, stderr: 2, note: 3 };
const streamNames: readonly (LogStream | undefined)[] = [undefined, 'stdout', 'stderr', 'note'];

const incomplete = { kind: 'incomplete' } as const;
const damaged = { kind: 'damaged' } as const;

export function encodeFrame({ time, stream, data }: LogFrame): Buffer {
  const frame = Buffer.alloc(FRAME_OVERHEAD + data.length);
  frame.writeUInt32LE(data.length, 0);
  frame.writeUInt8(streamCodes[stream], 4);
  frame.writeUInt16LE(MAGIC, 6);
  frame.writeBigUInt64LE(time, 8);
  data.copy(frame, HEADER);
  frame.writeUInt32LE(data.length, HEADER + data.length);
  return frame;
}

/** The frame that begins at an offset. Its data is a view of the buffer. */
export function decodeFrame(buffer: Buffer, start: number): DecodedFrame {
  if (buffer.length - start < HEADER) return incomplete;
  const length = buffer.readUInt32LE(start);
  const stream = streamNames[buffer.readUInt8(start + 4)];
  if (
    length > MAX_FRAME_DATA ||
    stream === undefined ||
    buffer.readUInt8(start + 5) !== 0 ||
    buffer.readUInt16LE(start + 6) !== MAGIC
  )
    return damaged;
  const dataEnd = start + HEADER + length;
  if (buffer.length - dataEnd < TRAILER) return incomplete;
  if (buffer.readUInt32LE(dataEnd) !== length) return damaged;
  const frame = {
    time: buffer.readBigUInt64LE(start + 8),
    stream,
    data: buffer.subarray(start + HEADER, dataEnd),
  };
  return { kind: 'frame', frame, start, end: dataEnd + TRAILER };
}

/** The frame that ends at an offset. */
export function decodeFrameBefore(buffer: Buffer, end: number): DecodedFrame {
  if (end < TRAILER) return incomplete;
  const length = buffer.readUInt32LE(end - TRAILER);
  if (length > MAX_FRAME_DATA) return damaged;
  const start = end - FRAME_OVERHEAD - length;
  if (start < 0) return incomplete;
  const decoded = decodeFrame(buffer, start);
  // A header that says less or more than its trailer is not this frame's.
  return decoded.kind === 'frame' && decoded.end === end ? decoded : damaged;
}

/** All whole frames from the buffer's start on. What follows `offset` is to be decoded again with more behind it. */
export function decodeFrames(buffer: Buffer): DecodedFrames {
  const frames: LogFrame[] = [];
  for (let offset = 0; ;) {
    const decoded = decodeFrame(buffer, offset);
    if (decoded.kind !== 'frame') return { frames, offset, damaged: decoded.kind === 'damaged' };
    frames.push(decoded.frame);
    offset = decoded.end;
  }
}

/** All whole frames from the buffer's end back, the last one first. */
export function decodeFramesBefore(buffer: Buffer): DecodedFrames {
  const frames: LogFrame[] = [];
  for (let offset = buffer.length; ;) {
    const decoded = decodeFrameBefore(buffer, offset);
    if (decoded.kind !== 'frame') return { frames, offset, damaged: decoded.kind === 'damaged' };
    frames.push(decoded.frame);
    offset = decoded.start;
  }
}
