import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { otherValues } from './other-value.js';

test('otherValues() of a number are its neighbours first, never itself', () => {
  const values = otherValues('net/ipv4/tcp_keepalive_time', '7200');
  assert.deepEqual(values.slice(0, 2), ['7201', '7199']);
  assert.ok(!values.includes('7200'));
});

test('otherValues() of several numbers change one field at a time, the last first', () => {
  const [first] = otherValues('net/ipv4/ip_local_port_range', '32768\t60999');
  assert.equal(first, '32768 61000');
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0 }), { minLength: 1, maxLength: 4 }), (numbers) => {
      for (const other of otherValues('net/x', numbers.join('\t'))) {
        const fields = other.split(' ').map(Number);
        assert.equal(fields.filter((field, index) => field !== numbers[index]).length, 1);
      }
    }),
  );
});

test('otherValues() of a congestion control are the other ones on offer', () => {
  assert.deepEqual(otherValues('net/ipv4/tcp_congestion_control', 'cubic', ['reno', 'cubic', 'bbr']), [
    'reno',
    'bbr',
  ]);
});

test('otherValues() of text that it does not know are none', () => {
  assert.deepEqual(otherValues('net/netfilter/nf_log/2', 'NONE'), []);
  assert.deepEqual(otherValues('net/x', ''), []);
});
