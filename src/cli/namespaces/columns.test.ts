import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Namespace } from '../../explore/namespaces/namespace.js';
import { age, defaultColumns, namespaceTable, parseColumns, printable } from './columns.js';
import { namespaceTree } from './tree.js';

function namespace(inode: number, more: Partial<Namespace> = {}): Namespace {
  return {
    type: 'net',
    inode,
    processes: [7],
    holders: [],
    parent: undefined,
    owner: undefined,
    creatorUid: 0,
    first: { pid: 7, ppid: 1, uid: 0, command: 'sleep 1' },
    container: undefined,
    ageSec: 61,
    ...more,
  };
}

describe('namespaceTable()', () => {
  it('aligns columns, numbers to the right', () => {
    const rows = [
      namespace(4026531840),
      namespace(5, { first: undefined, processes: [], ageSec: undefined }),
    ];
    assert.equal(
      namespaceTable(
        rows.map((each) => ({ namespace: each })),
        ['ns', 'nprocs', 'age', 'command'],
      ),
      '        NS NPROCS AGE COMMAND\n4026531840      1  1m sleep 1\n         5      0\n',
    );
  });

  it('shows a command line that would move the cursor as escapes', () => {
    const evil = namespace(1, { first: { pid: 7, ppid: 1, uid: 0, command: 'a\n\u001b[2Jb\u202e' } });
    const text = namespaceTable([{ namespace: evil }], ['command']);
    assert.equal(text, 'COMMAND\na\\u000a\\u001b[2Jb\\u202e\n');
    assert.equal(printable('žluťoučký'), 'žluťoučký');
  });

  it('names the only holder, and counts more', () => {
    const mount = { kind: 'mount', path: '/run/a', mountNamespace: 9, here: true } as const;
    const text = (holders: Namespace['holders'], processes: number[] = []): string =>
      namespaceTable([{ namespace: namespace(1, { holders, processes }) }], ['held-by']).split('\n')[1] ?? '';
    assert.equal(text([mount]), 'mount /run/a');
    assert.equal(text([{ ...mount, here: false }]), 'mount /run/a in mnt:[9]');
    const fd = { kind: 'descriptor', pid: 3, fd: 4, command: 'x' } as const;
    assert.equal(text([mount, mount, fd]), '2 mounts, 1 descriptor');
    assert.equal(text([{ kind: 'owned', type: 'net', inode: 2 }], [1]), '');
  });
});

describe('parseColumns()', () => {
  it('takes names in any case, and names a near one for one that is not there', () => {
    assert.deepEqual(parseColumns('NS,type,Held-By'), ['ns', 'type', 'held-by']);
    assert.deepEqual(parseColumns(defaultColumns.join(',')), defaultColumns);
    assert.throws(() => parseColumns('ns,comand'), { code: 'ERR_OPTION_VALUE', fix: /command/ });
  });
});

describe('age()', () => {
  it('rounds down to the largest unit', () => {
    assert.deepEqual([0, 59, 60, 3599, 3600, 86_399, 86_400, 900_000].map(age), [
      '0s',
      '59s',
      '1m',
      '59m',
      '1h',
      '23h',
      '1d',
      '10d',
    ]);
  });
});

describe('namespaceTree()', () => {
  it('draws each namespace once, below its owner or its parent', () => {
    const all = [
      namespace(1, { type: 'user' }),
      namespace(2, { type: 'user', parent: 1, owner: 1 }),
      namespace(3, { owner: 2 }),
      namespace(4, { owner: 1 }),
      namespace(5, { owner: 99 }),
    ];
    const drawn = (kind: 'owner' | 'parent'): string[] =>
      namespaceTree(all, kind).map(({ prefix, namespace: { inode } }) => `${prefix}${inode}`);
    assert.deepEqual(drawn('owner'), ['1', '├─2', '│ └─3', '└─4', '5']);
    assert.deepEqual(drawn('parent'), ['1', '└─2', '3', '4', '5']);
  });
});
