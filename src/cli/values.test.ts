import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseAssignment, parseDuration, parseInteger, parseOctal } from './values.js';

const refused = { code: 'ERR_OPTION_VALUE' };

test('parseDuration() reads Go and docker lengths of time as milliseconds', () => {
  const cases: Record<string, number> = {
    '500ms': 500,
    '1.5s': 1500,
    '1m30s': 90_000,
    '2h': 7_200_000,
    '10': 10_000,
    '0.25': 250,
    '1ns': 1,
    '0s': 0,
  };
  for (const [text, ms] of Object.entries(cases)) assert.equal(parseDuration('timeout', text), ms, text);
});

test('parseDuration() refuses what is not wholly a length of time', () => {
  for (const text of ['', 's', '1x', '1s2', '-1s', ' 1s', '1e3', '1d', 'Infinity']) {
    assert.throws(() => parseDuration('timeout', text), refused, text);
  }
});

test('parseInteger() reads decimal integers, and nothing else', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) =>
      assert.equal(parseInteger('n', String(value)), value === 0 ? 0 : value),
    ),
  );
  for (const text of ['', ' 1', '1.5', '0x10', '1e3', '+1', '9007199254740993', '١']) {
    assert.throws(() => parseInteger('n', text), refused, text);
  }
});

test('parseOctal() reads modes, and refuses 8 and more than four digits', () => {
  assert.equal(parseOctal('umask', '022'), 0o22);
  assert.equal(parseOctal('umask', '0o77'), 0o77);
  assert.equal(parseOctal('umask', '0'), 0);
  for (const text of ['', '8', '022 ', '00222', '-1'])
    assert.throws(() => parseOctal('umask', text), refused, text);
});

test('parseAssignment() splits at the first = and refuses an empty key', () => {
  assert.deepEqual(parseAssignment('sysctl', 'a=b=c'), ['a', 'b=c']);
  assert.deepEqual(parseAssignment('sysctl', 'a='), ['a', '']);
  for (const text of ['a', '=b', '']) assert.throws(() => parseAssignment('sysctl', text), refused, text);
});
