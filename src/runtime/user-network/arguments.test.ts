import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pastaNetwork, slirpNetwork } from './arguments.js';
import { decidedPorts } from './choose-ports.js';

const valuesOf = (list: readonly string[], option: string): string[] =>
  list.flatMap((word, index) => (list[index - 1] === option ? [word] : []));

test('pastaNetwork() forwards nothing that was not asked for, in either direction', () => {
  const { arguments: list } = pastaNetwork('/usr/bin/pasta', []);
  for (const option of ['--tcp-ports', '--udp-ports', '--tcp-ns', '--udp-ns'])
    assert.deepEqual(valuesOf(list, option), ['none'], option);
  assert.ok(list.includes('--no-map-gw'));
});

test('pastaNetwork() writes ports in a row as a range, of one protocol and one address', () => {
  const ports = decidedPorts(['8000-8009:80-89', '8010:90', '127.0.0.1:8011:91', '53:53/udp', '9000:80']);
  const { arguments: list } = pastaNetwork('/usr/bin/pasta', ports);
  assert.deepEqual(valuesOf(list, '--tcp-ports'), ['8000-8010:80-90', '127.0.0.1/8011:91', '9000:80']);
  assert.deepEqual(valuesOf(list, '--udp-ports'), ['53:53']);
});

test('pastaNetwork() writes one port of both families as one without an address', () => {
  const ports = decidedPorts([
    ...['0.0.0.0:8080-8081:80-81', '[::]:8080-8081:80-81', '[::]:8082:82', '0.0.0.0:8083:83', '[::]:8083:84'],
    '0.0.0.0:53:53/udp',
    '[::]:53:53',
  ]);
  const { arguments: list } = pastaNetwork('/usr/bin/pasta', ports);
  assert.deepEqual(valuesOf(list, '--tcp-ports'), [
    ...['8080-8081:80-81', '::/8082:82', '0.0.0.0/8083:83', '::/8083:84', '::/53:53'],
  ]);
  assert.deepEqual(valuesOf(list, '--udp-ports'), ['0.0.0.0/53:53']);
});

test('slirpNetwork() has a control socket only where there are ports to be told', () => {
  const none = slirpNetwork('/usr/bin/slirp4netns', [], '/run/x.sock');
  assert.deepEqual([none.control, none.forwards], [undefined, []]);
  const { control, forwards } = slirpNetwork(
    '/usr/bin/slirp4netns',
    decidedPorts(['8080:80']),
    '/run/x.sock',
  );
  assert.equal(control, '/run/x.sock');
  assert.deepEqual(JSON.parse(forwards[0] ?? ''), {
    execute: 'add_hostfwd',
    arguments: { proto: 'tcp', host_addr: '0.0.0.0', host_port: 8080, guest_port: 80 },
  });
});

test('decidedPorts() refuses SCTP, which neither program passes on', () => {
  assert.throws(() => decidedPorts(['8080:80/sctp']), { code: 'ERR_PORT_SPEC' });
});
