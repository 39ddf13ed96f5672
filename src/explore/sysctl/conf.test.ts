import assert from 'node:assert/strict';
import { test } from 'node:test';
import { combinationOf, effectiveValue, inheritedOrigin, siblingKey } from './conf.js';

test('effectiveValue() of rp_filter is the larger one, so that 0 on the interface does not switch it off', () => {
  const rule = combinationOf('net/ipv4/conf/eth0/rp_filter') ?? assert.fail('no rule');
  assert.deepEqual(
    ['0 0', '1 0', '0 2', '1 2', '2 1'].map((pair) =>
      effectiveValue(rule, ...(pair.split(' ') as [string, string])),
    ),
    [0, 1, 2, 2, 2],
  );
});

test('effectiveValue() of accept_redirects asks for both on a router, for either on a host', () => {
  const rule = combinationOf('net/ipv4/conf/eth0/accept_redirects') ?? assert.fail('no rule');
  assert.equal(effectiveValue(rule, '1', '0', false), 1);
  assert.equal(effectiveValue(rule, '1', '0', true), 0);
  assert.equal(effectiveValue(rule, '1', '1', true), 1);
});

test('effectiveValue() of forwarding is the interface’s own', () => {
  const rule = combinationOf('net/ipv4/conf/eth0/forwarding') ?? assert.fail('no rule');
  assert.equal(effectiveValue(rule, '1', '0'), 0);
});

test('effectiveValue() of what is no number is unknown', () => {
  assert.equal(effectiveValue('or', '', '1'), undefined);
  assert.equal(effectiveValue('max', '1', '::1'), undefined);
});

test('siblingKey() changes the interface, also where its name has a dot or is that of a folder', () => {
  assert.equal(siblingKey('net/ipv4/conf/eth0.100/rp_filter', 'all'), 'net/ipv4/conf/all/rp_filter');
  assert.equal(siblingKey('net/ipv4/conf/conf/rp_filter', 'all'), 'net/ipv4/conf/all/rp_filter');
  assert.equal(siblingKey('net/ipv4/ip_forward', 'all'), 'net/ipv4/ip_forward');
});

test('inheritedOrigin() has the four settings of devconf_inherit_init_net', () => {
  const origins = (family: string): unknown[] =>
    ['0', '1', '2', '3', 'x'].map((setting) =>
      inheritedOrigin(`net/${family}/conf/default/forwarding`, setting),
    );
  assert.deepEqual(origins('ipv4'), ['initial', 'initial', 'default', 'creator', undefined]);
  assert.deepEqual(origins('ipv6'), ['default', 'initial', 'default', 'creator', undefined]);
  assert.equal(inheritedOrigin('net/ipv4/conf/lo/forwarding', '0'), undefined);
});
