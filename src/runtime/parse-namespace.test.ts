import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namespaceKinds, parseNamespace } from './parse-namespace.js';

test('parseNamespace() takes private, host, a path and a process for every kind', () => {
  for (const kind of namespaceKinds) {
    assert.deepEqual(parseNamespace(kind, 'private'), { from: 'private' });
    assert.deepEqual(parseNamespace(kind, 'host'), { from: 'host' });
    assert.deepEqual(parseNamespace(kind, 'ns:/proc/1/ns/net'), { from: 'path', path: '/proc/1/ns/net' });
    assert.deepEqual(parseNamespace(kind, 'pid:4194304'), { from: 'pid', pid: 4_194_304 });
  }
});

test('parseNamespace() takes a name of ip netns for the network alone', () => {
  for (const kind of namespaceKinds) {
    if (kind === 'network')
      assert.deepEqual(parseNamespace(kind, 'ns:blue'), { from: 'path', path: '/run/netns/blue' });
    else assert.throws(() => parseNamespace(kind, 'ns:blue'), { code: 'ERR_NAMESPACE_SPEC' });
    assert.throws(() => parseNamespace(kind, 'ns:..'), { code: 'ERR_NAMESPACE_SPEC' });
  }
});

test('parseNamespace() takes none for the network alone', () => {
  for (const kind of namespaceKinds) {
    if (kind === 'network') assert.deepEqual(parseNamespace(kind, 'none'), { from: 'none' });
    else
      assert.throws(() => parseNamespace(kind, 'none'), { code: 'ERR_NAMESPACE_SPEC', message: /network/ });
  }
});

test('parseNamespace() refuses other words, relative paths and what is no process id', () => {
  const wrong = [
    '',
    'Host',
    'hosts',
    ' host',
    'ns:',
    'ns:/a\0b',
    'pid:',
    'pid:0',
    'pid:-1',
    'pid:+1',
    'pid:1.5',
    'pid:0x1',
  ];
  for (const text of [...wrong, 'pid:01', 'pid:4194305', 'pid:self', 'host:', 'bridge', 'container:web']) {
    assert.throws(() => parseNamespace('network', text), { code: 'ERR_NAMESPACE_SPEC' }, text);
  }
});

test('parseNamespace() says what is not supported yet, and the nearest word', () => {
  assert.throws(() => parseNamespace('network', 'container:web'), { message: /not supported yet/ });
  assert.throws(() => parseNamespace('pid', 'hots'), { fix: /host/ });
});
