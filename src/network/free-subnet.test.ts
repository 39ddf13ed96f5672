import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBlock, parseBlock } from './address.js';
import { chooseSubnet, chooseSubnet6, checkUsable } from './free-subnet.js';

const occupy = (...texts: string[]) => texts.map((text) => ({ block: parseBlock(text), what: text }));
const chosen = (...texts: string[]) => {
  const block = chooseSubnet(occupy(...texts));
  return block && formatBlock(block);
};

test('chooseSubnet() takes docker’s pools in their order, and nothing that anything overlaps', () => {
  assert.equal(chosen(), '172.17.0.0/16');
  assert.equal(chosen('172.17.9.1/32', '172.18.0.0/15'), '172.20.0.0/16');
  assert.equal(chosen('172.16.0.0/12'), '192.168.0.0/20');
  assert.equal(chosen('172.16.0.0/12', '192.168.0.0/24', '192.168.31.0/24'), '192.168.32.0/20');
  assert.equal(chosen('172.16.0.0/12', '192.168.0.0/16'), undefined);
});

test('chooseSubnet6() takes a unique local subnet of the network’s own, or another where it is taken', () => {
  const id = '0123456789abcdef'.repeat(4);
  const first = formatBlock(chooseSubnet6(id, [])!);
  assert.equal(first, 'fd01:2345:6789::/64');
  assert.notEqual(formatBlock(chooseSubnet6(id, occupy(first))!), first);
});

test('checkUsable() refuses what containers cannot be in', () => {
  for (const text of ['127.0.0.0/8', '0.0.0.0/0', '10.0.0.0/32', 'fe80::/64', 'ff00::/8', '169.254.0.0/24'])
    assert.throws(() => checkUsable(parseBlock(text)), { code: 'ERR_NETWORK_SUBNET' }, text);
  checkUsable(parseBlock('10.0.0.0/31'));
});
