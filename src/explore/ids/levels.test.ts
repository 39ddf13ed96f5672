import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type UserNamespaceChain, parseLevelMap } from './levels.js';
import { resolveId, resolveRanges } from './resolve.js';

test('parseLevelMap() keeps apart what has no name for the reader', () => {
  assert.deepEqual(parseLevelMap('         0     100000      65536\n     65536 4294967295         10\n'), {
    ranges: [{ inside: 0, outside: 100000, length: 65536 }],
    nameless: [{ inside: 65536, length: 10 }],
  });
  assert.deepEqual(parseLevelMap(''), { ranges: [], nameless: [] });
});

const level = (inode: number, text: string): UserNamespaceChain['levels'][number] => ({
  inode,
  creatorUid: 0,
  pid: inode,
  uid: parseLevelMap(text),
  gid: parseLevelMap(text),
  setgroups: 'allow',
});
const chain: UserNamespaceChain = {
  levels: [level(3, '0 101000 100\n'), level(2, '0 100000 65536\n'), level(1, '0 0 4294967295\n')],
  reaches: true,
  readerIsInitial: true,
};

test('resolveId() goes through every level, both ways', () => {
  const ids = (id: number, way: 'to-host' | 'from-host'): (number | undefined)[] =>
    resolveId(chain, 'uid', id, way).levels.map((each) => each.id);
  assert.deepEqual(ids(7, 'to-host'), [7, 1007, 101007]);
  assert.deepEqual(ids(101007, 'from-host'), [7, 1007, 101007]);
  assert.deepEqual(ids(100, 'to-host'), [100, undefined, undefined]);
  assert.deepEqual(ids(5, 'from-host'), [undefined, undefined, 5]);
});

test('resolveId() refuses a namespace that is not below the reader’s', () => {
  assert.throws(() => resolveId({ ...chain, reaches: false }, 'uid', 0, 'to-host'), {
    code: 'ERR_USERNS_UNRELATED',
  });
});

test('resolveRanges() shows a range whose outer ids have no name', () => {
  const nameless = {
    ...chain,
    levels: [level(3, '0 4294967295 10\n10 5 1\n'), level(1, '0 0 4294967295\n')],
  };
  assert.deepEqual(
    resolveRanges(nameless, 'gid').map(({ firstIds, length }) => [...firstIds.map(({ id }) => id), length]),
    [
      [0, undefined, 10],
      [10, 5, 1],
    ],
  );
});
