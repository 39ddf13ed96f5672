import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { formatTime, parseTime } from './time.js';

const zone = process.env['TZ'];
after(() => {
  if (zone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zone;
});

const now = 1_700_000_000_123_456_789n;
const SECOND = 1_000_000_000n;

function parses(cases: Readonly<Record<string, bigint>>): void {
  for (const [text, ns] of Object.entries(cases)) assert.equal(parseTime('since', text, now), ns, text);
}

test('parseTime() reads RFC 3339 with a zone and a fraction', () => {
  parses({
    '2026-01-31T08:30:00Z': 1_769_848_200n * SECOND,
    '2026-01-31T08:30:00.5Z': 1_769_848_200n * SECOND + 500_000_000n,
    '2026-01-31T08:30:00.123456789Z': 1_769_848_200n * SECOND + 123_456_789n,
    '2026-01-31T08:30:00.1234567899Z': 1_769_848_200n * SECOND + 123_456_789n,
    '2026-01-31T10:00:00+01:30': 1_769_848_200n * SECOND,
    '2026-01-31T00:30:00-08:00': 1_769_848_200n * SECOND,
    '2026-01-31T08:30Z': 1_769_848_200n * SECOND,
    '2026-01-31T08Z': 1_769_846_400n * SECOND,
    '2026-01-31Z': 1_769_817_600n * SECOND,
    '1969-12-31T23:59:59.25Z': -750_000_000n,
  });
});

test('parseTime() takes a time without a zone for one of this process', () => {
  process.env['TZ'] = 'Asia/Kolkata';
  parses({
    '2026-01-31T14:00:00': 1_769_848_200n * SECOND,
    '2026-01-31T14:00:00.000000001': 1_769_848_200n * SECOND + 1n,
    '2026-01-31T14:00': 1_769_848_200n * SECOND,
    '2026-01-31': 1_769_797_800n * SECOND,
  });
});

test('parseTime() reads seconds since 1970 to the nanosecond', () => {
  parses({
    '0': 0n,
    '1700000000': 1_700_000_000n * SECOND,
    '1700000000.000000001': 1_700_000_000n * SECOND + 1n,
    '1700000000.5': 1_700_000_000n * SECOND + 500_000_000n,
  });
});

test('parseTime() counts a length of time, as Go writes it, back from now', () => {
  parses({
    '10s': now - 10n * SECOND,
    '1h30m': now - 5400n * SECOND,
    '1.5h': now - 5400n * SECOND,
    '1h0m0.5s': now - 3_600_500_000_000n,
    '300ms': now - 300_000_000n,
    '2us3ns': now - 2003n,
    '2µs': now - 2000n,
    '2μs': now - 2000n,
    '.5s': now - 500_000_000n,
    '+1m': now - 60n * SECOND,
    '-1m': now + 60n * SECOND,
  });
});

test('parseTime() refuses what is none of these, and days that no calendar has', () => {
  const texts = [
    '',
    ' ',
    'yesterday',
    '10x',
    '1h30',
    '1..5s',
    '-5',
    '1e9',
    '0x10',
    's',
    '2026-1-1',
    '2026-13-01',
    '2026-02-30',
    '2025-02-29T00:00:00Z',
    '2026-01-31 08:30:00',
    '2026-01-31T24:00:00Z',
    '2026-01-31T08:60:00Z',
    '2026-01-31T08:30:60Z',
    '2026-01-31T08:30:00z',
    '2026-01-31T08:30:00+24:00',
    '2026-01-31T08:30:00+0100',
    '2026-01-31T08:30:00.Z',
    '2026-01-31T08:30:00Z\n',
  ];
  for (const text of texts)
    assert.throws(() => parseTime('since', text, now), { code: 'ERR_OPTION_VALUE' }, JSON.stringify(text));
});

test('parseTime() takes any text without failing otherwise', () => {
  const unit = fc.constantFrom('0', '1', '9', '-', ':', '.', '+', 'T', 'Z', 'h', 'm', 's', 'n', 'u', 'µ');
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 25 }), (text) => {
      try {
        assert.equal(typeof parseTime('since', text, now), 'bigint');
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'ERR_OPTION_VALUE');
      }
    }),
  );
});

test('formatTime() prints RFC 3339 in UTC with nine digits', () => {
  assert.equal(formatTime(0n), '1970-01-01T00:00:00.000000000Z');
  assert.equal(formatTime(now), '2023-11-14T22:13:20.123456789Z');
  assert.equal(formatTime(-1n), '1969-12-31T23:59:59.999999999Z');
  assert.equal(formatTime(2n ** 64n - 1n), '2554-07-21T23:34:33.709551615Z');
});

test('parseTime() gives back what formatTime() prints', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (ns) => {
      assert.equal(parseTime('since', formatTime(ns), now), ns);
    }),
  );
});
