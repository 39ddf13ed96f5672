import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatPort, formatPublishRequest, parseExposed, parsePortSpec, shareAddress } from './port-spec.js';

const one = (
  hostIp: string | undefined,
  host: number | [number, number] | undefined,
  containerPort: number,
  protocol = 'tcp',
) => ({
  ...(hostIp === undefined ? {} : { hostIp }),
  ...(host === undefined
    ? {}
    : {
        hostPorts: typeof host === 'number' ? { first: host, last: host } : { first: host[0], last: host[1] },
      }),
  containerPort,
  protocol,
});

test('parsePortSpec() reads every form of docker’s -p', () => {
  assert.deepEqual(parsePortSpec('80'), [one(undefined, undefined, 80)]);
  assert.deepEqual(parsePortSpec('8080:80'), [one(undefined, 8080, 80)]);
  assert.deepEqual(parsePortSpec('0.0.0.0:8080:80/UDP'), [one('0.0.0.0', 8080, 80, 'udp')]);
  assert.deepEqual(parsePortSpec('127.0.0.1:8080:80/sctp'), [one('127.0.0.1', 8080, 80, 'sctp')]);
  assert.deepEqual(parsePortSpec('127.0.0.1::80'), [one('127.0.0.1', undefined, 80)]);
  assert.deepEqual(parsePortSpec('[::1]:8080:80'), [one('::1', 8080, 80)]);
  assert.deepEqual(parsePortSpec('[0::0]:8080:80'), [one('::', 8080, 80)]);
  assert.deepEqual(parsePortSpec('8000-8001:80-81'), [one(undefined, 8000, 80), one(undefined, 8001, 81)]);
  assert.deepEqual(parsePortSpec('8000-8009:80'), [one(undefined, [8000, 8009], 80)]);
});

test('parsePortSpec() refuses what is none', () => {
  for (const text of [
    '',
    ':',
    '0:80',
    '80:0',
    '65536:1',
    '8:80/icmp',
    '8000-8002:80-81',
    '9-8:1',
    'a:80',
    '1:2:3:4',
    '::1:80:80',
    '300.1.1.1:1:1',
    '-1:80',
    '80:',
    '[::1]:80',
  ])
    assert.throws(() => parsePortSpec(text), { code: 'ERR_PORT_SPEC' }, text);
});

test('parseExposed() reads ports and ranges, and refuses what is about the host', () => {
  assert.deepEqual(parseExposed('80'), ['80/tcp']);
  assert.deepEqual(parseExposed('53/UDP'), ['53/udp']);
  assert.deepEqual(parseExposed('80-81'), ['80/tcp', '81/tcp']);
  for (const text of ['', 'http', '0', '70000', '80/icmp', '81-80', '8080:80', '127.0.0.1::80'])
    assert.throws(() => parseExposed(text), { code: 'ERR_PORT_SPEC', message: /Cannot expose/ }, text);
});

test('shareAddress() knows every address of a family from one of it', () => {
  for (const [a, b] of [
    [undefined, '::1'],
    ['0.0.0.0', '127.0.0.1'],
    ['::', '::1'],
    ['::', '::'],
  ] as const)
    assert.ok(shareAddress(a, b) && shareAddress(b, a), `${a} ${b}`);
  for (const [a, b] of [
    ['0.0.0.0', '::'],
    ['0.0.0.0', '::1'],
    ['127.0.0.1', '127.0.0.2'],
  ] as const)
    assert.ok(!shareAddress(a, b) && !shareAddress(b, a), `${a} ${b}`);
});

test('formatPort() writes what parsePortSpec() reads', () => {
  for (const text of ['8080:80/tcp', '127.0.0.1:8080:80/udp', '[::1]:8080:80/tcp']) {
    const [request] = parsePortSpec(text);
    assert.equal(formatPort({ ...request!, hostPort: request!.hostPorts!.first }), text);
  }
});

test('formatPublishRequest() writes what parsePortSpec() reads', () => {
  for (const text of ['80/tcp', '8080:80/tcp', '127.0.0.1::80/udp', '[::1]:8000-8009:80/sctp'])
    assert.deepEqual(parsePortSpec(text).map(formatPublishRequest), [text]);
});
