import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSettings } from './settings.js';

test('readSettings() takes short names and docker’s', () => {
  assert.deepEqual(
    readSettings('bridge', { mtu: '1400', 'com.docker.network.bridge.enable_icc': 'false', bridge: 'br9' }),
    {
      mtu: 1400,
      icc: false,
      device: 'br9',
    },
  );
  assert.deepEqual(readSettings('macvlan', { parent: 'eth0', mode: 'private' }), {
    device: 'eth0',
    macvlanMode: 'private',
  });
});

test('readSettings() refuses what a driver has not, or cannot use', () => {
  for (const [driver, options] of [
    ['bridge', { parent: 'eth0' }],
    ['routed', { bridge: 'br0' }],
    ['bridge', { toString: '1' }],
    ['bridge', { mtu: '67' }],
    ['bridge', { mtu: '1e3' }],
    ['bridge', { icc: 'yes' }],
    ['macvlan', {}],
    ['macvlan', { parent: 'eth0', mode: 'l2' }],
  ] as const)
    assert.throws(
      () => readSettings(driver, options),
      { code: 'ERR_NETWORK_OPTION' },
      JSON.stringify(options),
    );
  assert.throws(() => readSettings('bridge', { bridge: '../x' }), { code: 'ERR_INTERFACE_NAME' });
});
