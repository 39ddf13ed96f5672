import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { oracle } from '../../test/support/oracle.js';
import { configureDevices } from './devices.js';

describe('configureDevices()', () => {
  test('gives the six that every container has, and no others', () => {
    const nodes = configureDevices({});
    assert.deepEqual(
      nodes.map(({ path, major, minor, mode }) => [path, major, minor, mode]),
      [
        ['null', 1, 3, 0o666],
        ['zero', 1, 5, 0o666],
        ['full', 1, 7, 0o666],
        ['random', 1, 8, 0o666],
        ['urandom', 1, 9, 0o666],
        ['tty', 5, 0, 0o666],
      ],
    );
  });

  test('reads a device’s numbers, owner and mode as stat(1) does', () => {
    const [type, ...numbers] = oracle('stat', ['--format=%t %T %u %g %a', '/dev/null'])
      .stdout.trim()
      .split(' ');
    const node = configureDevices({ devices: ['/dev/null:/dev/my/null'] }).find(
      ({ path }) => path === 'my/null',
    );
    assert.ok(node);
    assert.deepEqual(
      [
        node.major.toString(16),
        node.minor.toString(16),
        String(node.uid),
        String(node.gid),
        node.mode.toString(8),
      ],
      [type, ...numbers],
    );
    assert.equal(node.source, '/dev/null');
    assert.equal(node.type, 'char');
  });

  test('lets a given device replace a standard one', () => {
    const zeros = configureDevices({ devices: ['/dev/zero:/dev/null'] }).filter(
      ({ path }) => path === 'null',
    );
    assert.deepEqual(
      zeros.map(({ minor }) => minor),
      [5],
    );
  });

  test('refuses what is no device, what is not there, and a place outside /dev', () => {
    assert.throws(() => configureDevices({ devices: ['/etc/passwd'] }), { code: 'ERR_DEVICE_SPEC' });
    assert.throws(() => configureDevices({ devices: ['/dev/no-such-device'] }), {
      code: 'ERR_DEVICE_NOT_FOUND',
      errno: 'ENOENT',
    });
    for (const target of ['/tmp/null', '/dev/../null', '/devil'])
      assert.throws(() => configureDevices({ devices: [`/dev/null:${target}`] }), {
        code: 'ERR_DEVICE_SPEC',
      });
  });

  test('shows a privileged container the host’s devices, but not what is the container’s own', () => {
    const paths = configureDevices({ privileged: true }).map(({ path }) => path);
    assert.equal(new Set(paths).size, paths.length);
    assert.ok(paths.includes('null'));
    for (const own of ['console', 'ptmx', 'stdin']) assert.ok(!paths.includes(own), own);
    assert.ok(!paths.some((path) => /^(pts|shm|mqueue|fd)(\/|$)/.test(path)));
  });
});
