import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordTypes } from './message.js';
import { answerFrom, type DnsZone } from './zone.js';

const zone: DnsZone = {
  hosts: [
    { names: ['web', 'www'], addresses: ['10.0.0.2', 'fd00::2'], network: 'lab' },
    { names: ['web2', 'www'], addresses: ['10.0.0.3'], network: 'lab' },
  ],
  subnets: ['10.0.0.0/24', 'fd00::/64'],
};
const { A, AAAA, PTR } = recordTypes;
const addresses = (name: string, type: number, turn = 0) =>
  answerFrom(zone, name, type, turn)?.answers.map((answer) =>
    'address' in answer ? answer.address : answer.target,
  );

test('answerFrom() knows names, aliases and names below the network’s', () => {
  assert.deepEqual(addresses('web', A), ['10.0.0.2']);
  assert.deepEqual(addresses('web.lab', AAAA), ['fd00::2']);
  assert.deepEqual(addresses('web2', AAAA), [], 'it is there, and has no such address');
});

test('answerFrom() lets those of one alias take turns', () => {
  assert.deepEqual(addresses('www', A, 0), ['10.0.0.2', '10.0.0.3']);
  assert.deepEqual(addresses('www', A, 1), ['10.0.0.3', '10.0.0.2']);
});

test('answerFrom() says of names below the network’s and of its addresses that nobody has them, and leaves others to others', () => {
  assert.equal(answerFrom(zone, 'nobody.lab', A)?.code, 'NXDOMAIN');
  assert.equal(answerFrom(zone, '9.0.0.10.in-addr.arpa', PTR)?.code, 'NXDOMAIN');
  for (const name of [
    'debian.org',
    'nobody',
    '1.1.1.1.in-addr.arpa',
    'x.in-addr.arpa',
    '999.1.1.1.in-addr.arpa',
  ])
    assert.equal(answerFrom(zone, name, name.endsWith('arpa') ? PTR : A), undefined, name);
});

test('answerFrom() leads addresses back to the first name', () => {
  assert.deepEqual(addresses('2.0.0.10.in-addr.arpa', PTR), ['web.lab']);
  const nibbles = '2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa';
  assert.deepEqual(addresses(nibbles, PTR), ['web.lab']);
});
