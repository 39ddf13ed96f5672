import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseOptions } from '../options.js';
import { logsOptionTable, readLogsRequest } from './logs-request.js';

const now = 1_700_000_000_000_000_000n;
const read = (...args: string[]): ReturnType<typeof readLogsRequest> =>
  readLogsRequest(parseOptions(logsOptionTable, args, { command: 'warren logs' }).values, now);

test('readLogsRequest() without options asks for the whole log', () => {
  assert.deepEqual(read('web'), {
    follow: false,
    since: undefined,
    until: undefined,
    tail: undefined,
    timestamps: false,
    json: false,
  });
});

test("readLogsRequest() takes docker's options, short and long", () => {
  const expected = {
    follow: true,
    since: now - 60_000_000_000n,
    until: 0n,
    tail: 5,
    timestamps: true,
    json: false,
  };
  assert.deepEqual(read('-ft', '-n', '5', '--since', '1m', '--until=0', 'web'), expected);
  assert.deepEqual(
    read('--follow', '--timestamps', '--tail=5', '--since=1m', '--until', '0', 'web'),
    expected,
  );
});

test('readLogsRequest() takes all and negative numbers of lines for all', () => {
  for (const tail of ['all', '-1']) assert.equal(read('--tail', tail).tail, undefined);
  assert.equal(read('--tail', '0').tail, 0);
});

test('readLogsRequest() refuses what is no number of lines and no time', () => {
  for (const args of [['-n', 'x'], ['-n', ''], ['-n', '1.5'], ['--tail=1e3'], ['--since=x'], ['--until=']])
    assert.throws(() => read(...args), { code: 'ERR_OPTION_VALUE' }, args.join(' '));
});
