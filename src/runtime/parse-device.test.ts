import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDevice } from './parse-device.js';

test('parseDevice() reads one, two and three parts', () => {
  assert.deepEqual(parseDevice('/dev/fuse'), { source: '/dev/fuse', target: '/dev/fuse', access: 'rwm' });
  assert.deepEqual(parseDevice('/dev/sdb:/dev/xvdb'), {
    source: '/dev/sdb',
    target: '/dev/xvdb',
    access: 'rwm',
  });
  assert.deepEqual(parseDevice('/dev/sdb:/dev/xvdb:r'), {
    source: '/dev/sdb',
    target: '/dev/xvdb',
    access: 'r',
  });
});

test('parseDevice() takes a second part of access letters as the access, as docker does', () => {
  assert.deepEqual(parseDevice('/dev/sdb:wr'), { source: '/dev/sdb', target: '/dev/sdb', access: 'wr' });
});

test('parseDevice() fills in the fields of a spec', () => {
  assert.deepEqual(parseDevice({ source: '/dev/kvm', access: 'rw' }), {
    source: '/dev/kvm',
    target: '/dev/kvm',
    access: 'rw',
  });
});

test('parseDevice() refuses relative paths, "..", NUL, other letters and more parts', () => {
  const wrong = [
    '',
    'fuse',
    ':/dev/a',
    '/dev/a:',
    '/dev/a:b',
    '/dev/a:/dev/../b',
    '/dev/../a',
    '/dev/a:/dev/b:',
    '/dev/a:/dev/b:x',
  ];
  for (const device of [
    ...wrong,
    '/dev/a:/dev/b:rr',
    '/dev/a:/dev/b:rwmr',
    '/dev/a:/dev/b:r:w',
    '/dev/a\0',
    '/dev/a:/dev/',
  ]) {
    assert.throws(() => parseDevice(device), { code: 'ERR_DEVICE_SPEC' }, JSON.stringify(device));
  }
});
