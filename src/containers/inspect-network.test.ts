import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { snapshotOf } from '../../test/support/snapshot.js';
import { inspectContainer } from './inspect.js';
import { formatPorts, networkNamesOf, portBindingsOf, type NetworkPlace } from './inspect-network.js';

const place: NetworkPlace = {
  version: 1,
  container: 'abc'.padEnd(64, '0'),
  network: 'lab',
  networkId: 'f00',
  interface: 'eth0',
  mac: '02:42:0a:5a:00:05',
  addresses: ['10.90.0.5/24'],
  gateways: ['10.90.0.1'],
  mtu: 1500,
  namespace: 1,
  aliases: ['web'],
  ports: [],
  pid: 1,
  startTime: '1',
};
const tcp = (hostPort: number, containerPort: number) => ({
  hostPort,
  containerPort,
  protocol: 'tcp' as const,
});

describe('formatPorts()', () => {
  test('writes ports in a row as a range, and one on every address once for each family', () => {
    const ports = [tcp(8001, 81), tcp(8000, 80), tcp(8002, 82), tcp(9000, 90)];
    assert.equal(formatPorts([{ ...place, ports }]), '0.0.0.0:8000-8002->80-82/tcp, 0.0.0.0:9000->90/tcp');
    assert.equal(
      formatPorts([{ ...place, addresses: ['10.90.0.5/24', 'fd90::5/64'], ports: [tcp(80, 80)] }]),
      '0.0.0.0:80->80/tcp, [::]:80->80/tcp',
    );
  });

  test('joins neither protocols nor addresses', () => {
    const ports = [
      tcp(53, 53),
      { ...tcp(54, 54), protocol: 'udp' as const },
      { ...tcp(54, 54), hostIp: '127.0.0.1' },
    ];
    assert.equal(
      formatPorts([{ ...place, ports }]),
      '0.0.0.0:53->53/tcp, 127.0.0.1:54->54/tcp, 0.0.0.0:54->54/udp',
    );
    assert.equal(formatPorts([]), '');
  });
});

describe('inspectContainer()', () => {
  const networking = {
    networks: [{ network: 'lab' }, { network: 'other' }],
    publish: ['127.0.0.1:8080:80', '53/udp'],
  };

  test('has docker’s addresses of each network, and empty ones where it is in none at the moment', () => {
    const snapshot = snapshotOf({ record: { networking } });
    const { NetworkSettings, HostConfig } = inspectContainer(snapshot, [], {}, [
      { ...place, ports: [tcp(8080, 80)] },
    ]);
    assert.deepEqual(
      [NetworkSettings.IPAddress, NetworkSettings.IPPrefixLen, NetworkSettings.Gateway],
      ['10.90.0.5', 24, '10.90.0.1'],
    );
    assert.deepEqual(NetworkSettings.Ports, { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8080' }] });
    assert.deepEqual(Object.keys(NetworkSettings.Networks), ['lab', 'other']);
    assert.equal(NetworkSettings.Networks['lab']?.NetworkID, 'f00');
    assert.equal(NetworkSettings.Networks['other']?.IPAddress, '');
    assert.equal(HostConfig.NetworkMode, 'lab');
  });

  test('has what was asked for in PortBindings', () => {
    assert.deepEqual(portBindingsOf(networking), {
      '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }],
      '53/udp': [{ HostIp: '', HostPort: '' }],
    });
  });
});

test('networkNamesOf() names networks, or whose namespace it has', () => {
  const names = (record: object): string[] => networkNamesOf(snapshotOf({ record }).record);
  assert.deepEqual(names({ networking: { networks: [{ network: 'a' }, { network: 'b' }] } }), ['a', 'b']);
  assert.deepEqual([names({}), names({ options: { network: 'host' } })], [['none'], ['host']]);
});
