import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostsFile, parseAddHost } from './hosts-file.js';

test('hostsFile() has loopback first, then what was added, the container, and its neighbours', () => {
  const lines = hostsFile(
    [{ address: '10.0.0.2', names: ['web', 'web'] }],
    [{ address: '10.9.9.9', names: ['db'] }],
    [{ address: '10.0.0.3', names: ['cache'] }],
  ).split('\n');
  assert.equal(lines[0], '127.0.0.1\tlocalhost');
  assert.deepEqual(lines.slice(-4), ['10.9.9.9\tdb', '10.0.0.2\tweb', '10.0.0.3\tcache', '']);
});

test('parseAddHost() reads names with addresses of both families, and the host itself', () => {
  assert.deepEqual(parseAddHost('db:10.0.0.1'), { address: '10.0.0.1', names: ['db'] });
  assert.deepEqual(parseAddHost('db:FD00::1'), { address: 'fd00::1', names: ['db'] });
  assert.deepEqual(parseAddHost('db=[fd00::1]'), { address: 'fd00::1', names: ['db'] });
  assert.deepEqual(parseAddHost('me:host-gateway', '10.0.0.1'), { address: '10.0.0.1', names: ['me'] });
  for (const text of [
    'db',
    'db:',
    ':10.0.0.1',
    'a b:10.0.0.1',
    'db:x',
    'a\nb:10.0.0.1',
    'db:10.0.0.1\n1.1.1.1 x',
    'me:host-gateway',
  ])
    assert.throws(() => parseAddHost(text), { code: 'ERR_ADD_HOST' }, text);
});
