import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capabilityNames, encodeCapabilities } from '../../kernel/capabilities.js';
import { defaultSets } from './default-sets.js';
import { explainCapability } from './explain.js';

test('explainCapability() has an answer for every capability', () => {
  for (const [bit, name] of capabilityNames.entries()) {
    const found = explainCapability(name);
    assert.equal(found.bit, bit);
    for (const text of [found.allows, found.risks]) assert.match(text, /^[A-Za-z/].*[.)]$/, name);
    assert.match(found.since, /^\d+\.\d+(\.\d+)?$/);
  }
});

test('defaultSets are the masks that containers of those engines show in /proc/PID/status', () => {
  const masks = Object.fromEntries(
    defaultSets.map(({ name, capabilities }) => [name, encodeCapabilities(capabilities).toString(16)]),
  );
  assert.deepEqual(masks, {
    docker: 'a80425fb',
    'containerd (Kubernetes)': 'a80425fb',
    'CRI-O (Kubernetes)': '5fb',
    podman: '800405fb',
    warren: 'a80425fb',
  });
});

test('explainCapability() says whose default set has it', () => {
  assert.deepEqual(explainCapability('net_admin').inDefaultsOf, []);
  assert.deepEqual(explainCapability('CAP_NET_RAW').inDefaultsOf, [
    'docker',
    'containerd (Kubernetes)',
    'warren',
  ]);
  assert.throws(() => explainCapability('NET_ADMN'), { code: 'ERR_CAPABILITY_UNKNOWN', fix: /NET_ADMIN/ });
});
