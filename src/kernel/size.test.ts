import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseDurationMs, parseSize } from './size.js';

test('parseSize() reads docker’s units, all of 1024, in any case', () => {
  const cases = {
    '0': 0,
    '1024': 1024,
    '1b': 1,
    '64m': 67_108_864,
    '1.5g': 1_610_612_736,
    '10MiB': 10_485_760,
    '2gb': 2_147_483_648,
    '1 k': 1024,
    '1T': 2 ** 40,
    '1Pb': 2 ** 50,
    '0.5b': 0,
  };
  for (const [text, bytes] of Object.entries(cases)) assert.equal(parseSize(text), bytes, text);
  assert.equal(parseSize(4096), 4096);
});

test('parseSize() refuses what is no size', () => {
  const wrong = [
    '',
    '12x',
    '-1',
    '+1',
    'm',
    '1.5.5g',
    '1e3',
    '0x10',
    '1  k',
    ' 1',
    '1 ',
    '1.',
    '.5',
    '1ib',
    '1kk',
    '1ki',
    '50%',
    '9999p',
  ];
  for (const size of [...wrong, '9'.repeat(400), -1, 1.5, NaN, Infinity, 2 ** 53]) {
    assert.throws(() => parseSize(size), { code: 'ERR_SIZE' }, String(size));
  }
});

test('parseSize() says what the size was for', () => {
  assert.throws(() => parseSize('12x', 'shm-size'), { message: /shm-size "12x"/ });
});

test('parseSize() reads back any number of units', () => {
  fc.assert(
    fc.property(fc.nat(1_000_000), fc.constantFrom('k', 'm', 'g'), (count, unit) => {
      assert.equal(parseSize(`${count}${unit}`), count * 1024 ** ('kmg'.indexOf(unit) + 1));
    }),
  );
});

test('parseDurationMs() reads Go’s texts, and a plain number as seconds', () => {
  const cases = {
    '10': 10_000,
    '10s': 10_000,
    '1m30s': 90_000,
    '250ms': 250,
    '1.5h': 5_400_000,
    '0': 0,
    '0.25': 250,
    '1.1s': 1100,
    '.5s': 500,
  };
  for (const [text, ms] of Object.entries(cases)) assert.equal(parseDurationMs(text), ms, text);
  assert.equal(parseDurationMs(2), 2000);
});

test('parseDurationMs() rounds up, so that a short time is not none', () => {
  assert.equal(parseDurationMs('1ns'), 1);
  assert.equal(parseDurationMs('1001us'), 2);
});

test('parseDurationMs() refuses signs, spaces, unknown units and what is too long', () => {
  for (const text of [
    '',
    's',
    '-1s',
    '+1s',
    '1 s',
    '10x',
    '1s2',
    '1d',
    '1e3',
    'Infinity',
    `${'9'.repeat(30)}h`,
  ]) {
    assert.throws(() => parseDurationMs(text), { code: 'ERR_DURATION' }, text);
  }
  assert.throws(() => parseDurationMs(NaN), { code: 'ERR_DURATION' });
  assert.throws(() => parseDurationMs(-1), { code: 'ERR_DURATION' });
});
