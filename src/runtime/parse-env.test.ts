import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseEnv, parseEnvFile } from './parse-env.js';

test('parseEnv() takes a value, an empty value, and one with "="', () => {
  assert.deepEqual(parseEnv(['A=1', 'B=', 'C=x=y', 'A=2'], {}), { A: '2', B: '', C: 'x=y' });
});

test('parseEnv() takes a bare name from the caller, and leaves it out where the caller has none', () => {
  assert.deepEqual(parseEnv(['HOME', 'NOPE', 'toString'], { HOME: '/root' }), { HOME: '/root' });
});

test('parseEnv() refuses a missing name and NUL', () => {
  for (const setting of ['', '=x', '=', 'A=\0', 'A\0B=1', 'A\0']) {
    assert.throws(() => parseEnv([setting], {}), { code: 'ERR_ENV' }, JSON.stringify(setting));
  }
});

test('parseEnv() keeps every name and value, __proto__ too', () => {
  const name = fc.oneof(fc.constant('__proto__'), fc.stringMatching(/^[^=\0]+$/));
  fc.assert(
    fc.property(name, fc.stringMatching(/^[^\0]*$/), (key, value) => {
      assert.deepEqual(Object.entries(parseEnv([`${key}=${value}`], {})), [[key, value]]);
    }),
  );
});

test('parseEnvFile() skips comments and empty lines, and takes values as they stand', () => {
  const text = '\uFEFF# comment\n\n  A=1\nB="quoted" # not a comment \nC=\nOWN\nGONE\r\nD=x\r\n\t#E=1\n';
  assert.deepEqual(parseEnvFile(text, { OWN: 'mine' }, 'f'), {
    A: '1',
    B: '"quoted" # not a comment ',
    C: '',
    OWN: 'mine',
    D: 'x',
  });
});

test('parseEnvFile() names the line that it refuses', () => {
  for (const line of ['A B=1', 'A =1', 'export A=1', '=1', 'A=\0', 'A B']) {
    assert.throws(
      () => parseEnvFile(`# first\n${line}\n`, {}, 'f'),
      { code: 'ERR_ENV_FILE', message: /line 2 / },
      JSON.stringify(line),
    );
  }
});
