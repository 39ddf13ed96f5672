import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseNetDev } from './net-dev.js';

test('parseNetDev() reads the bytes of each device, also where no blank follows the colon', () => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    1000      10    0    0    0     0          0         0     1000      10    0    0    0     0       0          0
  eth0:123456789012 5 0 0 0 0 0 0 42 1 0 0 0 0 0 0
a:b:    1 0 0 0 0 0 0 0 2 0 0 0 0 0 0 0
`;
  assert.deepEqual(parseNetDev(text), [
    { device: 'lo', receivedBytes: 1000, sentBytes: 1000 },
    { device: 'eth0', receivedBytes: 123_456_789_012, sentBytes: 42 },
    { device: 'a:b', receivedBytes: 1, sentBytes: 2 },
  ]);
});

test('parseNetDev() finds lo in what the kernel shows', () => {
  assert.ok(parseNetDev(readFileSync('/proc/self/net/dev', 'utf8')).some(({ device }) => device === 'lo'));
});
