import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { snapshotOf } from '../../test/support/snapshot.js';
import { findCgroupHierarchies } from '../kernel/cgroup/hierarchies.js';
import { cgroupFiles, cgroupVersion, containerCgroups, findContainerCgroups } from './cgroups.js';

const mounts = `33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
36 31 0:33 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
`;
const id = '0123456789abcdef'.padEnd(64, '0');
const find = (cgroup: string) => containerCgroups(findCgroupHierarchies(mounts, cgroup), id);

describe('containerCgroups()', () => {
  test('gives the groups named after the container, whatever is above and below them', () => {
    const found = find('2:cpu,cpuacct:/a/warren-0123456789ab\n4:memory:/warren-0123456789ab/deeper\n0::/x\n');
    assert.deepEqual(
      found.map(({ directory }) => directory),
      ['/sys/fs/cgroup/cpu,cpuacct/a/warren-0123456789ab', '/sys/fs/cgroup/memory/warren-0123456789ab'],
    );
  });

  test('leaves out those of others, which the container shares', () => {
    assert.deepEqual(find('4:memory:/warren-0123456789ac\n2:cpu,cpuacct:/warren-0123456789abc\n0::/\n'), []);
  });
});

test('cgroupVersion() is the one that has controllers: 1 on a hybrid host', () => {
  const group = '/warren-0123456789ab';
  assert.equal(cgroupVersion(find(`4:memory:${group}\n0::${group}\n`)), 1);
  assert.equal(cgroupVersion(find(`0::${group}\n`)), 2);
});

test('cgroupFiles() gives nothing for a controller that the container has no group of', () => {
  assert.equal(cgroupFiles([])('memory.stat'), undefined);
});

test('findContainerCgroups() finds none for what does not run, or has gone', () => {
  assert.deepEqual(findContainerCgroups(snapshotOf({ status: { pid: 0 } })), []);
  // Beyond the largest pid there can be.
  assert.deepEqual(findContainerCgroups(snapshotOf({ status: { pid: 2 ** 30 } })), []);
});
