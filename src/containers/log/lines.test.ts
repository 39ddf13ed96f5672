import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LogFrame, LogStream } from './frame.js';
import { LineJoiner, MAX_LINE, type LogEntry } from './lines.js';

const frame = (stream: LogStream, text: string | Buffer, time = 0n): LogFrame => ({
  time,
  stream,
  data: Buffer.from(text),
});

function join(frames: readonly LogFrame[]): LogEntry[] {
  const joiner = new LineJoiner();
  return [...frames.flatMap((each) => joiner.push(each)), ...joiner.flush()];
}

const shown = (entries: readonly LogEntry[]): string[] =>
  entries.map(({ time, stream, data }) => `${time} ${stream} ${data.toString()}`);

test('LineJoiner joins a line over frames, each stream apart, with the time of its last part', () => {
  const entries = join([
    frame('stdout', 'one\ntw', 1n),
    frame('stderr', 'err', 2n),
    frame('stdout', 'o\n\nthr', 3n),
    frame('note', 'lost 9 bytes', 4n),
    frame('stderr', 'or\n', 5n),
    frame('stdout', 'ee', 6n),
  ]);
  assert.deepEqual(shown(entries), [
    '1 stdout one\n',
    '3 stdout two\n',
    '3 stdout \n',
    '4 note lost 9 bytes',
    '5 stderr error\n',
    '6 stdout three',
  ]);
});

test('LineJoiner ends an unfinished line where its stream ends', () => {
  const entries = join([frame('stdout', 'abc', 1n), frame('stdout', '', 2n), frame('stdout', 'def\n', 3n)]);
  assert.deepEqual(shown(entries), ['1 stdout abc', '3 stdout def\n']);
});

test('LineJoiner splits a line after MAX_LINE bytes, and not one of just as many', () => {
  const lengths = (text: string, size = 32768): number[] => {
    const frames: LogFrame[] = [];
    for (let offset = 0; offset < text.length; offset += size)
      frames.push(frame('stdout', text.slice(offset, offset + size)));
    return join(frames).map(({ data }) => data.length);
  };
  assert.deepEqual(lengths(`${'x'.repeat(MAX_LINE)}\ny`), [MAX_LINE + 1, 1]);
  assert.deepEqual(lengths('x'.repeat(MAX_LINE)), [MAX_LINE]);
  assert.deepEqual(lengths(`${'x'.repeat(MAX_LINE + 1)}\n`), [MAX_LINE, 2]);
  assert.deepEqual(lengths(`a\n${'x'.repeat(2 * MAX_LINE + 5)}\nz\n`, 60000), [2, MAX_LINE, MAX_LINE, 6, 2]);
});

test('LineJoiner loses, doubles and reorders no byte of a stream, however it comes', () => {
  const text = fc.string({ unit: fc.constantFrom('\n', 'a', 'b'), minLength: 1, maxLength: 12 });
  const stream = fc.constantFrom<LogStream>('stdout', 'stderr');
  fc.assert(
    fc.property(fc.array(fc.tuple(stream, text)), (parts) => {
      const entries = join(parts.map(([name, data]) => frame(name, data)));
      for (const name of ['stdout', 'stderr'] as const) {
        const lines = entries.filter((entry) => entry.stream === name).map(({ data }) => data.toString());
        const all = parts.filter(([each]) => each === name).map(([, data]) => data);
        assert.deepEqual(lines, all.join('').match(/[^\n]*\n|[^\n]+$/g) ?? []);
      }
    }),
  );
});
