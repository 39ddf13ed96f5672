import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cgroupDirectory, cgroupLayout, findCgroupHierarchies, parseCgroupFile } from './hierarchies.js';

const v1 = `24 1 0:9 / / rw - ext4 /dev/vda rw
33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
`;
const unified = '41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n';
const own = '9:name=systemd:/\n4:memory:/docker/abc\n2:cpu,cpuacct:/a:b\n3:freezer:/\n0::/x\n';

describe('findCgroupHierarchies()', () => {
  test('finds what is mounted, whatever its directory is called, with the controllers mounted together', () => {
    const found = findCgroupHierarchies(v1 + unified, own);
    assert.deepEqual(
      found.map(({ version, controllers, name, own: path }) => [version, controllers, name, path]),
      [
        [1, ['cpu', 'cpuacct'], undefined, '/a:b'],
        [1, ['memory'], undefined, '/docker/abc'],
        [1, [], 'systemd', '/'],
        [2, [], undefined, '/x'],
      ],
    );
  });

  test('leaves out a controller that is known and mounted nowhere', () => {
    const found = findCgroupHierarchies(v1, own);
    assert.ok(!found.some(({ controllers }) => controllers.includes('freezer')));
  });
});

describe('cgroupLayout()', () => {
  test('tells v1, hybrid and v2 apart; a named hierarchy alone is none', () => {
    const layout = (mounts: string): string => cgroupLayout(findCgroupHierarchies(mounts, own));
    assert.equal(layout(v1), 'v1');
    assert.equal(layout(v1 + unified), 'hybrid');
    assert.equal(layout(unified), 'v2');
    assert.equal(layout(''), 'none');
  });
});

describe('cgroupDirectory()', () => {
  const memory = findCgroupHierarchies(v1, own).find(({ controllers }) => controllers.includes('memory'))!;

  test('takes away what the mount does not show', () => {
    assert.equal(cgroupDirectory(memory, '/docker/abc'), '/sys/fs/cgroup/memory');
    assert.equal(cgroupDirectory(memory, '/docker/abc/x'), '/sys/fs/cgroup/memory/x');
  });

  test('has none for a group that lies outside of it', () => {
    assert.equal(cgroupDirectory(memory, '/docker/abcd'), undefined);
    assert.equal(cgroupDirectory({ ...memory, mountRoot: '/' }, '/../x'), undefined);
  });
});

test('parseCgroupFile() keeps colons in a path', () => {
  assert.equal(parseCgroupFile(own).get('cpu,cpuacct'), '/a:b');
  assert.equal(parseCgroupFile(own).get(''), '/x');
});
