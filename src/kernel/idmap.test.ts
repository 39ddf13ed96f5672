import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  formatIdMap,
  idToInside,
  idToOutside,
  parseIdMap,
  parseIdMapRange,
  parseIdMapText,
} from './idmap.js';

test('parseIdMapRange() reads three whole numbers', () => {
  assert.deepEqual(parseIdMapRange('0:100000:65536'), { inside: 0, outside: 100_000, length: 65_536 });
  assert.deepEqual(parseIdMapRange('0:0:4294967295'), { inside: 0, outside: 0, length: 4_294_967_295 });
});

test('parseIdMapRange() refuses signs, missing parts, other digits, a length of 0 and ids beyond 32 bits', () => {
  const wrong = [
    '',
    '0',
    '0:1',
    '0:1:2:3',
    '0::1',
    '+0:1:1',
    '-1:1:1',
    ' 0:1:1',
    '0:1:1 ',
    '0x0:1:1',
    '1e3:1:1',
    '0.5:1:1',
    '0:1:0',
  ];
  const tooFar = [
    '0:4294967295:1',
    '4294967295:0:1',
    '0:1:4294967295',
    '0:4294967296:1',
    '0:0:4294967296',
    '99999999999:0:1',
  ];
  for (const text of [...wrong, ...tooFar])
    assert.throws(() => parseIdMapRange(text), { code: 'ERR_IDMAP' }, text);
});

test('parseIdMap() refuses ranges that overlap inside or outside, and names both', () => {
  assert.throws(() => parseIdMap(['0:100000:10', '9:200000:1']), {
    code: 'ERR_IDMAP',
    message: /0:100000:10 and 9:200000:1/,
  });
  assert.throws(() => parseIdMap(['0:100009:1', '20:100000:10']), { code: 'ERR_IDMAP', message: /outside/ });
  assert.equal(parseIdMap(['0:1000:1', '1:100000:65535', '65536:1001:1']).length, 3);
});

test('parseIdMap() refuses an empty map, more than 340 ranges, more than a page and objects with odd numbers', () => {
  const short = Array.from({ length: 340 }, (_, id) => ({ inside: id, outside: id, length: 1 }));
  assert.equal(parseIdMap(short).length, 340);
  assert.throws(() => parseIdMap([...short, { inside: 340, outside: 340, length: 1 }]), {
    code: 'ERR_IDMAP',
    message: /340/,
  });
  const long = short.map(({ inside }) => ({ inside, outside: 4_000_000_000 + inside, length: 1 }));
  assert.throws(() => parseIdMap(long), { code: 'ERR_IDMAP', message: /bytes/ });
  assert.throws(() => parseIdMap([]), { code: 'ERR_IDMAP' });
  for (const odd of [-1, 0.5, NaN, Infinity]) {
    assert.throws(() => parseIdMap([{ inside: odd, outside: 0, length: 1 }]), { code: 'ERR_IDMAP' });
  }
});

test('parseIdMapText() reads what the kernel prints, and what formatIdMap() writes', () => {
  const whole = parseIdMapText(readFileSync('/proc/1/uid_map', 'utf8'));
  assert.ok(whole.length >= 1);
  assert.deepEqual(parseIdMapText(formatIdMap(whole)), whole);
  assert.deepEqual(parseIdMapText('         0     100000      65536\n     65536       1000          1\n'), [
    { inside: 0, outside: 100_000, length: 65_536 },
    { inside: 65_536, outside: 1000, length: 1 },
  ]);
});

test('parseIdMapText() agrees with a user namespace made by unshare', () => {
  const text = execFileSync('/usr/bin/unshare', ['--map-root-user', 'cat', '/proc/self/uid_map'], {
    encoding: 'utf8',
  });
  // Read from inside, "outside" is the parent's id.
  assert.deepEqual(parseIdMapText(text), [{ inside: 0, outside: process.geteuid?.(), length: 1 }]);
});

test('idToOutside() and idToInside() are inverse where an id is mapped', () => {
  const ranges = parseIdMap(['0:1000:1', '1:100000:65535']);
  assert.equal(idToOutside(ranges, 0), 1000);
  assert.equal(idToOutside(ranges, 65_535), 165_534);
  assert.equal(idToOutside(ranges, 65_536), undefined);
  assert.equal(idToInside(ranges, 99_999), undefined);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 65_535 }), (id) => {
      const outside = idToOutside(ranges, id);
      assert.ok(outside !== undefined && idToInside(ranges, outside) === id);
    }),
  );
});
