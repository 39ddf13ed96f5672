import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseNetworkSpec } from './network-spec.js';

test('parseNetworkSpec() reads the modes and networks with what belongs to them', () => {
  assert.deepEqual(parseNetworkSpec('host'), { mode: 'host' });
  assert.deepEqual(parseNetworkSpec('container:web'), { mode: 'container', container: 'web' });
  assert.deepEqual(parseNetworkSpec('ns:blue'), { mode: 'ns', path: '/run/netns/blue' });
  assert.deepEqual(parseNetworkSpec('ns:/proc/7/ns/net'), { mode: 'ns', path: '/proc/7/ns/net' });
  assert.deepEqual(parseNetworkSpec('lab'), { mode: 'network', request: { network: 'lab' } });
  const request = {
    network: 'lab',
    ip: '10.0.0.5',
    ip6: 'fd00::5',
    mac: '02:00:00:00:00:01',
    aliases: ['a', 'b'],
  };
  for (const text of [
    'lab:ip=10.0.0.5,ip6=fd00::5,mac=02:00:00:00:00:01,alias=a,alias=b',
    'name=lab,ip=10.0.0.5,ip6=fd00::5,mac-address=02:00:00:00:00:01,alias=a,alias=b',
  ])
    assert.deepEqual(parseNetworkSpec(text), { mode: 'network', request });
});

test('parseNetworkSpec() refuses what it cannot mean', () => {
  for (const text of [
    '',
    ':ip=1.2.3.4',
    'lab:',
    'lab:ip',
    'lab:ip=',
    'lab:toString=1',
    'container:',
    'ns:',
    'ns:a/b',
    'ns:..',
    'name=,ip=1.1.1.1',
    'lab:ip=10.0.0.5,ip=10.0.0.6',
    'lab:mac=02:00:00:00:00:01,mac-address=02:00:00:00:00:02',
    'lab:name=other',
    'name=lab,name=other',
  ])
    assert.throws(() => parseNetworkSpec(text), { code: 'ERR_NETWORK_REQUEST' }, text);
});
