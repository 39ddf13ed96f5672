import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compareNamespaces } from './compare.js';
import { findLeaks } from './leaks.js';
import type { Namespace, NamespaceInventory } from './namespace.js';

function namespace(more: Pick<Namespace, 'type' | 'inode'> & Partial<Namespace>): Namespace {
  return {
    processes: [],
    holders: [],
    parent: undefined,
    owner: undefined,
    creatorUid: undefined,
    first: undefined,
    container: undefined,
    ageSec: undefined,
    ...more,
  };
}

const inventory: NamespaceInventory = {
  listedByKernel: false,
  unseen: [],
  namespaces: [
    namespace({ type: 'user', inode: 10, processes: [1] }),
    namespace({ type: 'user', inode: 11, parent: 10, owner: 10 }),
    namespace({ type: 'user', inode: 12, parent: 11, owner: 11, processes: [5, 7] }),
    namespace({ type: 'net', inode: 20, owner: 10, processes: [1] }),
    namespace({ type: 'net', inode: 21, owner: 12, processes: [5, 7] }),
    namespace({ type: 'uts', inode: 30, owner: 10, processes: [1, 5, 7] }),
    namespace({ type: 'ipc', inode: 40, processes: [5] }),
  ],
};

describe('compareNamespaces()', () => {
  it('tells what is shared, what lies below what, and what could not be seen of one of them', () => {
    const compared = compareNamespaces(inventory, { by: 'pid', pid: 5 }, { by: 'pid', pid: 1 });
    assert.deepEqual(
      compared.map(({ type, kinship, levels }) => [type, kinship, levels]),
      [
        ['user', 'descendant', 2],
        ['net', 'other', undefined],
        ['ipc', 'unknown', undefined],
        ['uts', 'same', undefined],
      ],
    );
    assert.deepEqual(compared.map(({ ownerA, ownerB }) => [ownerA, ownerB])[1], [12, 10]);
    const back = compareNamespaces(inventory, { by: 'pid', pid: 1 }, { by: 'pid', pid: 5 });
    assert.deepEqual([back[0]?.kinship, back[0]?.levels], ['ancestor', 2]);
  });

  it('compares a namespace with that of a process, and none of different types', () => {
    const one = { by: 'inode', inode: 21, type: undefined } as const;
    const compared = compareNamespaces(inventory, one, { by: 'pid', pid: 7 });
    assert.deepEqual(
      compared.map(({ type, kinship }) => [type, kinship]),
      [['net', 'same']],
    );
    assert.deepEqual(compareNamespaces(inventory, one, { by: 'inode', inode: 30, type: undefined }), []);
  });
});

describe('findLeaks()', () => {
  const mount = { kind: 'mount', path: '/run/x', mountNamespace: 50, here: true } as const;
  const reasonsOf = (holders: Namespace['holders']): (string | boolean)[] => {
    const [leak] = findLeaks({ ...inventory, namespaces: [namespace({ type: 'net', inode: 1, holders })] });
    return leak ? [leak.reason, leak.obstacle === undefined] : [];
  };

  it('leaves out what has a process', () => {
    assert.deepEqual(
      findLeaks(inventory).map((leak) => leak.namespace.inode),
      [11],
    );
  });

  it('says what keeps a namespace, and whether it can be let go from here', () => {
    assert.deepEqual(reasonsOf([mount]), ['mounted', true]);
    assert.deepEqual(reasonsOf([{ ...mount, path: '/run/netns/blue' }]), ['named', true]);
    assert.deepEqual(reasonsOf([mount, { ...mount, here: false }]), ['mounted', false]);
    assert.deepEqual(reasonsOf([mount, { kind: 'descriptor', pid: 1, fd: 3, command: 'a' }]), [
      'open',
      false,
    ]);
    assert.deepEqual(reasonsOf([{ kind: 'owned', type: 'net', inode: 2 }]), ['related', false]);
    assert.deepEqual(reasonsOf([]), ['unseen', false]);
  });
});
