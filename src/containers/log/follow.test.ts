import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync, statSync, truncateSync } from 'node:fs';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { bytesRead, logDirectory, LogWriter, openFilesBelow } from '../../../test/support/log-writer.js';
import { encodeFrame } from './frame.js';
import { logEnd, readLog, readLogFrames, type LogEntry, type LogFrame, type ReadLogOptions } from './read.js';

/** A container's end, told by the test. */
function container(): { ended: Promise<void>; end: () => void } {
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  return { ended, end };
}

const text = ({ stream, data }: LogFrame): string => `${stream} ${data.toString()}`;

async function take(entries: AsyncIterator<LogEntry>, count: number): Promise<string[]> {
  const taken: string[] = [];
  while (taken.length < count) {
    const next = await entries.next();
    if (next.done === true) break;
    taken.push(text(next.value));
  }
  return taken;
}

const rest = async (entries: AsyncIterator<LogEntry>): Promise<string[]> => take(entries, Infinity);

test('readLog() follows: what is there, what is written while it waits, what came with the end', async () => {
  const writer = new LogWriter();
  const { ended, end } = container();
  writer.stdout('a\n');
  const entries = readLog(writer.directory, { follow: true, ended });
  assert.deepEqual(await take(entries, 1), ['stdout a\n']);
  const waiting = take(entries, 1);
  writer.stderr('b\n');
  assert.deepEqual(await waiting, ['stderr b\n']);
  const last = rest(entries);
  writer.stdout('c\nunfinished');
  end();
  assert.deepEqual(await last, ['stdout c\n', 'stdout unfinished']);
});

test('readLog() follows a log that is begun only later', async () => {
  const writer = new LogWriter();
  const { ended, end } = container();
  const waiting = rest(readLog(writer.directory, { follow: true, ended, tail: 5 }));
  writer.stdout('a\n');
  end();
  assert.deepEqual(await waiting, ['stdout a\n']);
});

test('readLog() ends at once when the container has ended before', async () => {
  const writer = new LogWriter();
  writer.stdout('a\n');
  const options: ReadLogOptions = { follow: true, ended: Promise.resolve() };
  assert.deepEqual(await rest(readLog(writer.directory, options)), ['stdout a\n']);
});

test('readLog() follows over rotation, also several at once, without losing or doubling a line', async () => {
  const writer = new LogWriter(logDirectory(), { maxSizeBytes: 1, maxFiles: 5 });
  const { ended, end } = container();
  writer.stdout('0\n');
  const entries = readLog(writer.directory, { follow: true, ended });
  await take(entries, 1);
  for (const line of ['1\n', '2\n', '3\n', '4\n']) writer.stdout(line);
  assert.deepEqual(await take(entries, 4), ['stdout 1\n', 'stdout 2\n', 'stdout 3\n', 'stdout 4\n']);
  const waiting = rest(entries);
  writer.stdout('5\n');
  end();
  assert.deepEqual(await waiting, ['stdout 5\n']);
});

test('readLog() reads what was appended to a file before it was rotated, also from far behind', async () => {
  const writer = new LogWriter();
  const { ended, end } = container();
  writer.stdout('0\n');
  const entries = readLog(writer.directory, { follow: true, ended });
  await take(entries, 1);
  writer.stdout('1\n');
  writer.rotate();
  writer.stdout('2\n');
  end();
  assert.deepEqual(await rest(entries), ['stdout 1\n', 'stdout 2\n']);
});

test('readLog() says so when files were rotated away before it could read them', async () => {
  const writer = new LogWriter(logDirectory(), { maxSizeBytes: 1, maxFiles: 3 });
  const { ended, end } = container();
  writer.stdout('0\n');
  const entries = readLog(writer.directory, { follow: true, ended });
  await take(entries, 1);
  for (let line = 1; line < 10; line++) writer.stdout(`${line}\n`);
  end();
  const [note, ...lines] = await rest(entries);
  assert.match(note ?? '', /^note .*lines may be missing/);
  assert.deepEqual(lines, ['stdout 7\n', 'stdout 8\n', 'stdout 9\n']);
});

test('readLog() follows a log of one file, of which it cannot know whether it has missed one', async () => {
  const writer = new LogWriter(logDirectory(), { maxSizeBytes: 1, maxFiles: 1 });
  const { ended, end } = container();
  writer.stdout('0\n');
  const entries = readLog(writer.directory, { follow: true, ended });
  await take(entries, 1);
  const waiting = rest(entries);
  writer.stdout('1\n');
  end();
  const [note, ...lines] = await waiting;
  assert.match(note ?? '', /^note .*lines may be missing/);
  assert.deepEqual(lines, ['stdout 1\n']);
});

test('readLog() gives a follower every line in order, however writing, rotating and reading alternate', async () => {
  const act = fc.oneof(
    fc.record({ write: fc.string({ unit: fc.constantFrom('\n', 'a', 'b'), minLength: 1, maxLength: 40 }) }),
    fc.record({ read: fc.integer({ min: 1, max: 4 }) }),
    fc.constant({ rotate: true }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 40 }), async (acts) => {
      const writer = new LogWriter(logDirectory(), { maxSizeBytes: 150, maxFiles: 100 });
      const { ended, end } = container();
      const entries = readLog(writer.directory, { follow: true, ended });
      const lines: string[] = [];
      let written = '';
      for (const each of acts) {
        if ('write' in each) {
          writer.stdout(each.write);
          written += each.write;
        } else if ('rotate' in each) writer.rotate();
        else {
          const ready = written.split('\n').length - 1 - lines.length;
          lines.push(...(await take(entries, Math.min(each.read, ready))));
        }
      }
      end();
      lines.push(...(await rest(entries)));
      assert.deepEqual(
        lines,
        (written.match(/[^\n]*\n|[^\n]+$/g) ?? []).map((line) => `stdout ${line}`),
      );
      assert.deepEqual(openFilesBelow(writer.directory), []);
      rmSync(writer.directory, { recursive: true });
    }),
    { numRuns: 60 },
  );
});

test('readLog() waits for the rest of a frame that is half written', async () => {
  const writer = new LogWriter();
  const { ended, end } = container();
  const frame = encodeFrame({ time: 1n, stream: 'stdout', data: Buffer.from('whole\n') });
  writer.stdout('a\n');
  writer.raw(frame.subarray(0, 20));
  const entries = readLog(writer.directory, { follow: true, ended });
  await take(entries, 1);
  const waiting = rest(entries);
  writer.raw(frame.subarray(20));
  end();
  assert.deepEqual(await waiting, ['stdout whole\n']);
});

test('readLog() goes on where a restarted monitor has cut off a torn frame', async () => {
  const writer = new LogWriter();
  const { ended, end } = container();
  writer.stdout('a\n');
  const { size } = statSync(writer.path);
  writer.raw(encodeFrame({ time: 1n, stream: 'stdout', data: Buffer.from('torn\n') }).subarray(0, 20));
  const entries = readLog(writer.directory, { follow: true, ended });
  await take(entries, 1);
  const waiting = rest(entries);
  truncateSync(writer.path, size);
  writer.stdout('b\n');
  end();
  assert.deepEqual(await waiting, ['stdout b\n']);
});

test('readLog() notes damage once while it follows, and goes on with the next file', async () => {
  const writer = new LogWriter();
  const { ended, end } = container();
  writer.stdout('a\n');
  writer.raw(Buffer.alloc(40));
  const entries = readLog(writer.directory, { follow: true, ended });
  const [, note] = await take(entries, 2);
  assert.match(note ?? '', /^note the log is damaged: 40 bytes/);
  const waiting = rest(entries);
  writer.rotate();
  writer.stdout('b\n');
  end();
  assert.deepEqual(await waiting, ['stdout b\n']);
});

test('readLog() follows from the last lines on, an unfinished one wholly', async () => {
  const writer = new LogWriter();
  const { ended, end } = container();
  writer.stdout('a\nb\n');
  writer.stdout('c');
  const entries = readLog(writer.directory, { follow: true, ended, tail: 1 });
  assert.deepEqual(await take(entries, 1), ['stdout b\n']);
  const waiting = rest(entries);
  writer.stdout('d\n');
  end();
  assert.deepEqual(await waiting, ['stdout cd\n']);
});

test('readLog() does not end at "until" while it follows, since the clock may be set back', async () => {
  const writer = new LogWriter();
  const { ended, end } = container();
  const waiting = rest(readLog(writer.directory, { follow: true, ended, until: 10n }));
  writer.stdout('late\n', 11n);
  writer.stdout('back\n', 9n);
  end();
  assert.deepEqual(await waiting, ['stdout back\n']);
});

test('readLog() ends without an error when it is called off, while it waits and before', async () => {
  const writer = new LogWriter();
  writer.stdout('a\nb\n');
  const waiting = new AbortController();
  const entries = readLog(writer.directory, { follow: true, signal: waiting.signal });
  await take(entries, 2);
  const last = rest(entries);
  waiting.abort();
  assert.deepEqual(await last, []);
  for (const follow of [true, false])
    assert.deepEqual(await rest(readLog(writer.directory, { follow, signal: AbortSignal.abort() })), []);
  assert.deepEqual(openFilesBelow(writer.directory), []);
});

test('readLog() ends when the directory is removed, with what was written before', async () => {
  const writer = new LogWriter();
  writer.stdout('a\n');
  const entries = readLog(writer.directory, { follow: true });
  await take(entries, 1);
  const waiting = rest(entries);
  writer.stdout('b\n');
  rmSync(writer.directory, { recursive: true });
  assert.deepEqual(await waiting, ['stdout b\n']);
});

test('readLog() reads nothing ahead for a follower that stops reading', async () => {
  const writer = new LogWriter(logDirectory(), { maxSizeBytes: 1 << 20, maxFiles: 100 });
  const { ended, end } = container();
  writer.stdout('0\n');
  const entries = readLog(writer.directory, { follow: true, ended });
  await take(entries, 1);
  const before = bytesRead();
  for (let part = 0; part < 512; part++) writer.stdout(Buffer.alloc(32768, `${'x'.repeat(1023)}\n`));
  // Not a wait for a state: the events of all that writing are delivered in these turns.
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  assert.ok(bytesRead() - before < 1_000_000);
  end();
  let bytes = 0;
  for await (const { data } of entries) bytes += data.length;
  assert.equal(bytes, 512 * 32768);
});

/** Writes numbered lines in another thread, each file holding about ten. */
function writeAside(directory: string, lines: number): { ended: Promise<void> } {
  const { href } = new URL('../../../test/support/log-writer.js', import.meta.url);
  const script = `import(${JSON.stringify(href)}).then(({ LogWriter }) => {
    const writer = new LogWriter(${JSON.stringify(directory)}, { maxSizeBytes: 300, maxFiles: 1000 });
    for (let line = 0; line < ${lines}; line++) writer.stdout(line + '\\n');
  })`;
  return { ended: once(new Worker(script, { eval: true }), 'exit').then(() => undefined) };
}

test('readLog() loses and doubles nothing while another thread writes and rotates', async () => {
  const lines = Array.from({ length: 1500 }, (_, line) => `stdout ${line}\n`);
  const directory = logDirectory();
  const { ended } = writeAside(directory, lines.length);
  const followed = rest(readLog(directory, { follow: true, ended }));
  const writer = { done: false };
  void ended.then(() => (writer.done = true));
  while (!writer.done) {
    const all = await rest(readLog(directory));
    assert.deepEqual(all, lines.slice(0, all.length));
    const tail = await rest(readLog(directory, { tail: 50 }));
    const first = lines.indexOf(tail[0] ?? '');
    assert.deepEqual(tail, tail.length === 0 ? [] : lines.slice(first, first + tail.length));
  }
  assert.deepEqual(await followed, lines);
});

test('readLogFrames() gives frames as they are, from the present end on', async () => {
  const writer = new LogWriter();
  const { ended, end } = container();
  writer.stdout('before\n');
  const from = await logEnd(writer.directory);
  writer.stdout('no newline');
  writer.rotate();
  writer.stderr(Buffer.from([0xff, 0x0a, 0x00]));
  const frames = readLogFrames(writer.directory, { from, follow: true, ended });
  const first = await frames.next();
  assert.equal(text(first.value as LogFrame), 'stdout no newline');
  end();
  const others: LogFrame[] = [];
  for await (const frame of frames) others.push(frame);
  assert.deepEqual(
    others.map(({ stream, data }) => [stream, data.toString('hex')]),
    [['stderr', 'ff0a00']],
  );
});

test('readLogFrames() begins at the end that a log without files has: its start', async () => {
  const writer = new LogWriter();
  const from = await logEnd(writer.directory);
  writer.stdout('a\n');
  const frames = readLogFrames(writer.directory, { from, follow: true, ended: Promise.resolve() });
  assert.deepEqual(await rest(frames), ['stdout a\n']);
});

test('readLogFrames() says so when the place to begin at was rotated away', async () => {
  const writer = new LogWriter(logDirectory(), { maxSizeBytes: 1, maxFiles: 2 });
  writer.stdout('a');
  const from = await logEnd(writer.directory);
  for (const data of ['b', 'c', 'd']) writer.stdout(data);
  const [note, ...frames] = await rest(readLogFrames(writer.directory, { from }));
  assert.match(note ?? '', /^note .*lines may be missing/);
  assert.deepEqual(frames, ['stdout c', 'stdout d']);
});

test('readLogFrames() from the end gives only what comes after', async () => {
  const writer = new LogWriter();
  writer.stdout('a');
  assert.deepEqual(await rest(readLogFrames(writer.directory)), []);
  assert.deepEqual(await rest(readLogFrames(writer.directory, { from: 'start' })), ['stdout a']);
});
