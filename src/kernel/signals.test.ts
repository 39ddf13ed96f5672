import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { parseSignal, signalName } from './signals.js';

test('signalName() agrees with kill -l of bash on every signal it lists', () => {
  const listed = execFileSync('/bin/bash', ['-c', 'kill -l'], { encoding: 'utf8' });
  const pairs = [...listed.matchAll(/(\d+)\) (\S+)/g)];
  assert.equal(pairs.length, 62);
  for (const [, number, name] of pairs) {
    assert.equal(signalName(Number(number)), name);
    assert.equal(parseSignal(name ?? ''), Number(number));
  }
});

test('parseSignal() is the inverse of signalName() on all 64', () => {
  for (let number = 1; number <= 64; number++) assert.equal(parseSignal(signalName(number)), number);
});

test('parseSignal() takes names in any case with and without SIG, numbers and aliases', () => {
  for (const signal of ['SIGTERM', 'sigterm', 'TERM', 'term', '15', 15])
    assert.equal(parseSignal(signal), 15);
  assert.equal(parseSignal('RTMIN+3'), 37);
  assert.equal(parseSignal('rtmax-2'), 62);
  assert.equal(parseSignal('POLL'), 29);
  assert.equal(parseSignal('IOT'), 6);
});

test('parseSignal() refuses what is no signal', () => {
  const wrong = [
    '',
    '0',
    '65',
    '-9',
    '+9',
    '9 ',
    '1.5',
    '0x9',
    '1e1',
    'SIG',
    'SIGSIGTERM',
    'RTMIN+31',
    'RTMAX-31',
    'RTMIN-1',
  ];
  for (const signal of [...wrong, 'toString', 0, -1, 65, 1.5, NaN, Infinity]) {
    assert.throws(() => parseSignal(signal), { code: 'ERR_SIGNAL_UNKNOWN' }, String(signal));
  }
});

test('parseSignal() names the nearest signal in its remedy', () => {
  assert.throws(() => parseSignal('SIGTREM'), { fix: /TERM/ });
});
