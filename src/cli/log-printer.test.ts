import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { LogWriter } from '../../test/support/log-writer.js';
import { readLog } from '../containers/log/read.js';
import { printLog, type LogSource, type LogsRequest } from './log-printer.js';

const plain: LogsRequest = {
  follow: false,
  since: undefined,
  until: undefined,
  tail: undefined,
  timestamps: false,
  json: false,
};

/** A container that runs until `ended` resolves. */
function container({ directory }: LogWriter, ended?: Promise<void>): LogSource {
  return { logs: (options) => readLog(directory, { ...options, ended }) };
}

interface Printed {
  readonly 1: string;
  readonly 2: string;
}

/** What `warren logs` writes to its two streams, as latin1: a character a byte. */
async function print(writer: LogWriter, request: Partial<LogsRequest> = {}): Promise<Printed> {
  const printed = { 1: '', 2: '' };
  await printLog(container(writer), { ...plain, ...request }, (fd, data) => {
    printed[fd as 1 | 2] += data.toString('latin1');
    return true;
  });
  return printed;
}

const moduleUrl = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);

test('printLog() prints each stream to its own, byte for byte, and notes to standard error', async () => {
  const writer = new LogWriter();
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  writer.stdout(bytes);
  writer.stderr('warning\n');
  writer.frame('note', 'lost 4096 bytes');
  writer.stdout('no newline');
  assert.deepEqual(await print(writer), {
    1: `${bytes.toString('latin1')}no newline`,
    2: 'warning\nwarren: note: lost 4096 bytes\n',
  });
});

test('printLog() keeps the order of the streams where both are one', async () => {
  const writer = new LogWriter();
  for (let line = 0; line < 5; line++) writer.frame(line % 2 === 0 ? 'stdout' : 'stderr', `${line}\n`);
  let all = '';
  await printLog(container(writer), plain, (_fd, data) => {
    all += data.toString();
    return true;
  });
  assert.equal(all, '0\n1\n2\n3\n4\n');
});

test('printLog() puts the time before each line, not within one that is split', async () => {
  const writer = new LogWriter();
  const time = 1_700_000_000_000_000_001n;
  writer.stdout('a\nb\n', time);
  for (let part = 0; part < 33; part++) writer.stdout('x'.repeat(32768), time);
  writer.stdout('\n', time);
  const stamp = '2023-11-14T22:13:20.000000001Z ';
  assert.deepEqual(await print(writer, { timestamps: true }), {
    1: `${stamp}a\n${stamp}b\n${stamp}${'x'.repeat(33 * 32768)}\n`,
    2: '',
  });
});

test('printLog() as JSON tells time, stream and text, and loses no byte', async () => {
  const writer = new LogWriter();
  writer.stdout('ü "quoted"\n', 1n);
  writer.stderr(Buffer.from([0xff, 0x0a]), 2n);
  writer.frame('note', 'lost 1 bytes', 3n);
  writer.stdout('end', 4n);
  const { 1: out, 2: err } = await print(writer, { json: true });
  assert.equal(err, '');
  const lines = Buffer.from(out, 'latin1').toString().trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line) as unknown),
    [
      { time: '1970-01-01T00:00:00.000000001Z', stream: 'stdout', text: 'ü "quoted"' },
      { time: '1970-01-01T00:00:00.000000002Z', stream: 'stderr', base64: '/w==' },
      { time: '1970-01-01T00:00:00.000000003Z', stream: 'note', text: 'lost 1 bytes' },
      { time: '1970-01-01T00:00:00.000000004Z', stream: 'stdout', text: 'end', partial: true },
    ],
  );
});

test('printLog() applies since, until and tail', async () => {
  const writer = new LogWriter();
  for (const time of [1n, 2n, 3n, 4n]) writer.stdout(`${time}\n`, time);
  assert.equal((await print(writer, { since: 2n, until: 3n }))[1], '2\n3\n');
  assert.equal((await print(writer, { tail: 1, until: 3n }))[1], '3\n');
});

test('printLog() ends when nobody reads standard output any more, though the container lives', async () => {
  const writer = new LogWriter();
  writer.stdout('a\n');
  const ended = new Promise<void>(() => undefined);
  const fds: number[] = [];
  await printLog(container(writer, ended), { ...plain, follow: true }, (fd) => {
    fds.push(fd);
    return false;
  });
  assert.deepEqual(fds, [1]);
});

test('printLog() prints what comes while it follows without waiting for more', async () => {
  const writer = new LogWriter();
  let printed = '';
  let tell: () => void = () => undefined;
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const first = new Promise<void>((resolve) => (tell = resolve));
  const done = printLog(container(writer, ended), { ...plain, follow: true }, (_fd, data) => {
    printed += data.toString();
    tell();
    return true;
  });
  writer.stdout('now\n');
  await first;
  assert.equal(printed, 'now\n');
  end();
  await done;
});

test('printLog() passes on what a write meets', async () => {
  const writer = new LogWriter();
  writer.stdout('a\n');
  const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
  const ended = new Promise<void>(() => undefined);
  const printing = printLog(container(writer, ended), { ...plain, follow: true }, () => {
    throw full;
  });
  await assert.rejects(printing, full);
});

test('printLog() ends quietly when its pipe breaks', async () => {
  const writer = new LogWriter();
  for (let part = 0; part < 64; part++) writer.stdout(`${'x'.repeat(32767)}\n`);
  const script = `
    const { printLog } = await import(${moduleUrl('./log-printer.js')});
    const { readLog } = await import(${moduleUrl('../containers/log/read.js')});
    const container = { logs: (options) => readLog(${JSON.stringify(writer.directory)}, options) };
    await printLog(container, ${JSON.stringify({ ...plain, follow: true })});`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let complaint = '';
  child.stderr.on('data', (data: Buffer) => (complaint += data.toString()));
  await once(child.stdout, 'readable');
  child.stdout.destroy();
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  assert.deepEqual({ code, signal, complaint }, { code: 0, signal: null, complaint: '' });
});
