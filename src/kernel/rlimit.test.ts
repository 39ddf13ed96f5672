import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseUlimit, rlimitInfinity, rlimitNumbers } from './rlimit.js';

test('parseUlimit() reads docker’s texts', () => {
  assert.deepEqual(parseUlimit('nofile=1024:2048'), {
    name: 'nofile',
    resource: 7,
    soft: 1024n,
    hard: 2048n,
  });
  assert.deepEqual(parseUlimit('core=0'), { name: 'core', resource: 4, soft: 0n, hard: 0n });
  for (const text of ['core=-1', 'core=unlimited', 'RLIMIT_CORE=unlimited:-1']) {
    assert.deepEqual(parseUlimit(text), {
      name: 'core',
      resource: 4,
      soft: rlimitInfinity,
      hard: rlimitInfinity,
    });
  }
  assert.equal(parseUlimit('stack=8388608:unlimited').hard, rlimitInfinity);
});

test('parseUlimit() takes fields, with Infinity for unlimited', () => {
  assert.deepEqual(parseUlimit({ name: 'nproc', soft: 5, hard: Infinity }), parseUlimit('nproc=5:-1'));
});

test('parseUlimit() refuses unknown names, odd numbers and a soft limit above the hard one', () => {
  const wrong = [
    '',
    'nofile',
    'nofile=',
    'nofile=1:',
    'nofile=:1',
    '=1',
    'nofile=1:2:3',
    'nofile=+1',
    'nofile=-2',
    'nofile=1k',
    'nofile=1.5',
  ];
  for (const text of [
    ...wrong,
    'nofile=2:1',
    'nofile=-1:5',
    'nofiles=1',
    'toString=1',
    'nofile=18446744073709551616',
    'nofile=1\n',
  ]) {
    assert.throws(() => parseUlimit(text), { code: 'ERR_ULIMIT' }, text);
  }
  for (const soft of [NaN, 1.5, -2]) {
    assert.throws(() => parseUlimit({ name: 'nofile', soft, hard: Infinity }), { code: 'ERR_ULIMIT' });
  }
  assert.throws(() => parseUlimit('nofiles=1'), { fix: /nofile/ });
});

test('parseUlimit() keeps numbers beyond 2^53 exact', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: rlimitInfinity }),
      (value) => parseUlimit(`as=${value}`).soft === value,
    ),
  );
});

test('rlimitNumbers has the order of prlimit(1) and /proc/self/limits', () => {
  const names = execFileSync('/usr/bin/prlimit', ['--noheadings', '--output', 'RESOURCE'], {
    encoding: 'utf8',
  });
  const known = names
    .trim()
    .split('\n')
    .map((name) => name.trim().toLowerCase());
  assert.deepEqual(Object.keys(rlimitNumbers).toSorted(), known.toSorted());
});
