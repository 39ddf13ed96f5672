import assert from 'node:assert/strict';
import { appendFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { bytesRead, logDirectory, LogWriter, openFilesBelow } from '../../../test/support/log-writer.js';
import { encodeFrame } from './frame.js';
import { MAX_LINE } from './lines.js';
import { readLog, type ReadLogOptions } from './read.js';

async function read(directory: string, options?: ReadLogOptions): Promise<string[]> {
  const lines: string[] = [];
  for await (const { stream, data } of readLog(directory, options))
    lines.push(`${stream} ${data.toString()}`);
  return lines;
}

const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => `stdout line ${from + index}\n`);

/** Frames of 4 to 6 bytes of data each, over five files. */
function rotatedLog(lines: number): LogWriter {
  const writer = new LogWriter(logDirectory(), { maxSizeBytes: 300, maxFiles: 100 });
  const text = numbered(0, lines)
    .map((line) => line.replace('stdout ', ''))
    .join('');
  for (let offset = 0; offset < text.length; offset += 5) writer.stdout(text.slice(offset, offset + 5));
  return writer;
}

test('readLog() gives every line once, oldest first, over rotated files and lines that cross them', async () => {
  const { directory } = rotatedLog(40);
  assert.deepEqual(await read(directory), numbered(0, 40));
});

test('readLog() gives no entries without a log, and names a directory that is not there', async () => {
  const directory = logDirectory();
  assert.deepEqual(await read(directory), []);
  assert.deepEqual(await read(directory, { tail: 3 }), []);
  for (const follow of [false, true])
    await assert.rejects(read(join(directory, 'none'), { follow }), {
      code: 'ERR_LOG_READ',
      kind: 'not-found',
    });
});

test('readLog() reads no log through a symbolic link', async () => {
  const { directory } = rotatedLog(1);
  const other = logDirectory();
  symlinkSync(join(directory, 'log'), join(other, 'log'));
  assert.deepEqual(await read(other), []);
});

test('readLog() gives a last line without newline at the end, before it what was completed later', async () => {
  const writer = new LogWriter();
  writer.stderr('prompt> ');
  writer.stdout('a\nb');
  writer.stdout('c\nd');
  const lines = ['stdout a\n', 'stdout bc\n', 'stderr prompt> ', 'stdout d'];
  assert.deepEqual(await read(writer.directory), lines);
  assert.deepEqual(await read(writer.directory, { tail: 3 }), lines.slice(1));
});

test('readLog() ends where the log ended when it began, though it is written to', async () => {
  const writer = rotatedLog(3);
  const lines: string[] = [];
  for await (const { data } of readLog(writer.directory)) {
    lines.push(data.toString());
    for (let more = 0; more < 100; more++) writer.stdout('more\n');
  }
  assert.deepEqual(lines, ['line 0\n', 'line 1\n', 'line 2\n']);
});

test('readLog() reads files to their end that were rotated away after it began', async () => {
  const writer = rotatedLog(40);
  const entries = readLog(writer.directory);
  await entries.next();
  rmSync(writer.directory, { recursive: true });
  const rest: string[] = [];
  for await (const { stream, data } of entries) rest.push(`${stream} ${data.toString()}`);
  assert.deepEqual(rest, numbered(1, 40));
});

test('readLog() closes its files when it is left early', async () => {
  for (const options of [{}, { tail: 10 }, { follow: true }]) {
    const { directory } = rotatedLog(40);
    for await (const entry of readLog(directory, options)) {
      assert.ok(openFilesBelow(directory).length > 0, String(entry.data));
      break;
    }
    assert.deepEqual(openFilesBelow(directory), []);
  }
});

test('readLog() leaves out a torn last frame', async () => {
  const last = encodeFrame({ time: 1n, stream: 'stdout', data: Buffer.from('never finished\n') });
  for (let cut = 1; cut < last.length; cut++) {
    const writer = rotatedLog(3);
    writer.raw(last.subarray(0, cut));
    assert.deepEqual(await read(writer.directory), numbered(0, 3));
    assert.deepEqual(await read(writer.directory, { tail: 2 }), numbered(1, 3));
  }
});

test('readLog() notes damage, reads nothing behind it in that file, and goes on with the next', async () => {
  const writer = new LogWriter();
  writer.stdout('a\n');
  writer.raw(Buffer.from('this is certainly not a frame'));
  writer.stdout('unreachable\n');
  writer.rotate();
  writer.stdout('b\n');
  const [first, note, ...rest] = await read(writer.directory);
  assert.equal(first, 'stdout a\n');
  assert.match(note ?? '', /^note the log is damaged: 61 bytes cannot be read$/);
  assert.deepEqual(rest, ['stdout b\n']);
  assert.deepEqual(await read(writer.directory, { tail: 2 }), [note, ...rest]);
});

test('readLog() cannot be deceived about its tail by output that looks like frames', async () => {
  const forged = encodeFrame({ time: 5n, stream: 'stderr', data: Buffer.from('forged\n') });
  const writer = rotatedLog(3);
  const torn = encodeFrame({ time: 1n, stream: 'stdout', data: Buffer.concat([forged, forged, forged]) });
  writer.raw(torn.subarray(0, 16 + 2 * forged.length));
  assert.deepEqual(await read(writer.directory, { tail: 5 }), numbered(0, 3));
});

test('readLog() judges each entry by its own time, though the clock was set back', async () => {
  const writer = new LogWriter();
  for (const time of [10n, 20n, 30n, 5n, 15n, 25n]) writer.stdout(`${time}\n`, time);
  assert.deepEqual(
    await read(writer.directory, { since: 20n }),
    ['20', '30', '25'].map((n) => `stdout ${n}\n`),
  );
  assert.deepEqual(
    await read(writer.directory, { until: 15n }),
    ['10', '5', '15'].map((n) => `stdout ${n}\n`),
  );
  assert.deepEqual(await read(writer.directory, { since: 16n, until: 24n }), ['stdout 20\n']);
  assert.deepEqual(
    await read(writer.directory, { until: 15n, tail: 2 }),
    ['5', '15'].map((n) => `stdout ${n}\n`),
  );
  assert.deepEqual(await read(writer.directory, { since: 26n, tail: 2 }), ['stdout 30\n']);
});

test('readLog() with a tail gives the last entries of all, whatever the frames, files and times', async () => {
  const part = fc.record({
    stream: fc.constantFrom('stdout', 'stderr', 'note'),
    data: fc.string({ unit: fc.constantFrom('\n', 'a', 'b'), maxLength: 8 }),
    time: fc.bigInt({ min: 0n, max: 9n }),
  });
  const bound = fc.option(fc.bigInt({ min: 0n, max: 9n }), { nil: undefined });
  await fc.assert(
    fc.asyncProperty(
      fc.array(part, { maxLength: 30 }),
      fc.nat(25),
      bound,
      bound,
      async (parts, tail, since, until) => {
        const writer = new LogWriter(logDirectory(), { maxSizeBytes: 100, maxFiles: 100 });
        try {
          for (const { stream, data, time } of parts) writer.frame(stream, data, time);
          // Where lines are unfinished, the order at the end depends on how far back one looks.
          writer.stderr('\n', 4n);
          writer.stdout('\n', 4n);
          const all = await read(writer.directory, { since, until });
          assert.deepEqual(
            await read(writer.directory, { tail, since, until }),
            tail === 0 ? [] : all.slice(-tail),
          );
        } finally {
          rmSync(writer.directory, { recursive: true });
        }
      },
    ),
  );
});

test('readLog() with a tail counts a line where its stream ended, not where it was left', async () => {
  const writer = new LogWriter();
  writer.stderr('left');
  writer.stdout('a\n');
  writer.stderr('');
  writer.stdout('b\n');
  assert.deepEqual(await read(writer.directory, { tail: 2 }), ['stderr left', 'stdout b\n']);
});

test('readLog() refuses a tail that is no count', async () => {
  for (const tail of [-1, 1.5, NaN, Infinity])
    await assert.rejects(read(logDirectory(), { tail }), { code: 'ERR_LOG_OPTION' });
});

test('readLog() with a tail counts the parts of a line that is split', async () => {
  const writer = new LogWriter();
  writer.stdout('a\n');
  for (let part = 0; part < 5 * 32; part++) writer.stdout(Buffer.alloc(MAX_LINE / 64, 'x'));
  writer.stdout('y\nb\n');
  const lengths = async (tail: number): Promise<number[]> => {
    const found: number[] = [];
    for await (const { data } of readLog(writer.directory, { tail })) found.push(data.length);
    return found;
  };
  assert.deepEqual(await lengths(1), [2]);
  assert.deepEqual(await lengths(9), [2, MAX_LINE, MAX_LINE, MAX_LINE / 2 + 2, 2]);
  assert.equal((await lengths(2)).length, 2);
});

test('readLog() with a tail reads the end of a great log, and no more', async () => {
  const directory = logDirectory();
  const line = `${'x'.repeat(99)}\n`;
  const frame = encodeFrame({ time: 1n, stream: 'stdout', data: Buffer.from(line) });
  const warning = encodeFrame({ time: 1n, stream: 'stderr', data: Buffer.from('rare\n') });
  const file = Buffer.concat([...Array.from({ length: 10_000_000 / frame.length }, () => frame)]);
  writeFileSync(join(directory, 'log.1'), file);
  writeFileSync(join(directory, 'log'), file);
  const cost = async (tail: number): Promise<number> => {
    const before = bytesRead();
    assert.equal((await read(directory, { tail })).length, tail);
    return bytesRead() - before;
  };
  await cost(1);
  assert.ok((await cost(10)) < 1_000_000);
  assert.ok((await cost(10_000)) < 5_000_000);
  // Where the only line of a stream begins is looked for, but not in all of the log.
  appendFileSync(join(directory, 'log'), warning);
  assert.ok((await cost(10)) < 5_000_000);
});

test('readLog() finds its tail in a file that a restarted monitor has repaired', async () => {
  const writer = rotatedLog(2);
  writer.raw(Buffer.from([3, 0, 0]));
  assert.deepEqual(await read(writer.directory, { tail: 1 }), numbered(1, 2));
  truncateSync(writer.path, statSync(writer.path).size - 3);
  writer.stdout('line 2\n');
  assert.deepEqual(await read(writer.directory, { tail: 2 }), numbered(1, 3));
});
