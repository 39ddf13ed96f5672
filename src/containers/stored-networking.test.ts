import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePortSpec } from '../network/index.js';
import { withNetwork, withoutNetwork, withoutPorts, withPorts } from './stored-networking.js';

const isNamed = (name: string) => (word: string) => word === name;

test('withNetwork() adds a network, in place of what was asked of the same one before', () => {
  const first = withNetwork({ networks: [{ network: 'lab' }] }, { network: 'other' }, isNamed('other'));
  const second = withNetwork(first, { network: 'other', ip: '10.1.0.9' }, isNamed('other'));
  assert.deepEqual(second.networks, [{ network: 'lab' }, { network: 'other', ip: '10.1.0.9' }]);
});

test('withoutNetwork() takes with the first network what was asked for it, and keeps that with another', () => {
  const both = { networks: [{ network: 'lab' }, { network: 'other' }], ip: '10.1.0.9', aliases: ['web'] };
  assert.deepEqual(withoutNetwork(both, isNamed('lab')), {
    networks: [{ network: 'other' }],
    aliases: ['web'],
  });
  assert.deepEqual(withoutNetwork(both, isNamed('other')), { ...both, networks: [{ network: 'lab' }] });
  assert.equal(withoutNetwork(both, isNamed('third')), undefined);
});

test('withoutPorts() takes back what withPorts() added, and the narrowest of the requests that a port fits', () => {
  const before = { networks: [], publish: ['80', '8000-8002:80', '[::1]:8001:80', '8001:80'] };
  const added = withPorts(before, parsePortSpec('9000-9001:70-71/udp'));
  assert.deepEqual(added.publish?.slice(4), ['9000:70/udp', '9001:71/udp']);
  const port = { hostPort: 8001, containerPort: 80, protocol: 'tcp' } as const;
  const udp = { hostPort: 9000, containerPort: 70, protocol: 'udp' } as const;
  assert.deepEqual(withoutPorts(added, [port, udp]).publish, [
    '80/tcp',
    '8000-8002:80/tcp',
    '[::1]:8001:80/tcp',
    '9001:71/udp',
  ]);
  assert.deepEqual(withoutPorts(added, [{ ...port, hostIp: '10.0.0.1' }]).publish?.length, 6);
});

test('withoutPorts() leaves of a port on every address the family that was not taken back', () => {
  const before = { networks: [], publish: ['8001:80', '0.0.0.0:8002:80'] };
  const port = { hostPort: 8001, containerPort: 80, protocol: 'tcp' } as const;
  const one = withoutPorts(before, [{ ...port, hostIp: '0.0.0.0' }]);
  assert.deepEqual(one.publish, ['[::]:8001:80/tcp', '0.0.0.0:8002:80/tcp']);
  assert.deepEqual(withoutPorts(one, [{ ...port, hostIp: '::' }]).publish, ['0.0.0.0:8002:80/tcp']);
});
