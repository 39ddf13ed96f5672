import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseNamespaceTarget } from './find.js';

describe('parseNamespaceTarget()', () => {
  it('tells processes, namespaces, files and names apart', () => {
    assert.deepEqual(parseNamespaceTarget('1234'), { by: 'pid', pid: 1234 });
    assert.deepEqual(parseNamespaceTarget('self'), { by: 'pid', pid: process.pid });
    assert.deepEqual(parseNamespaceTarget('4026531840'), { by: 'inode', inode: 4026531840, type: undefined });
    assert.deepEqual(parseNamespaceTarget('net:[4026531840]'), {
      by: 'inode',
      inode: 4026531840,
      type: 'net',
    });
    assert.deepEqual(parseNamespaceTarget('uts:4026531840'), { by: 'inode', inode: 4026531840, type: 'uts' });
    assert.deepEqual(parseNamespaceTarget('/run/netns/a b'), { by: 'path', path: '/run/netns/a b' });
    assert.deepEqual(parseNamespaceTarget('blue'), { by: 'path', path: '/run/netns/blue' });
  });

  it('refuses what is none of them', () => {
    for (const text of ['', '.', '..', 'a/b', '/a\0b', '../etc/passwd'])
      assert.throws(() => parseNamespaceTarget(text), { code: 'ERR_NAMESPACE_SPEC' }, JSON.stringify(text));
  });
});
