import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  capabilityForArchive,
  capabilityForDisk,
  idForArchive,
  idForDisk,
  isPortable,
} from './attributes.js';

const map = [
  { inside: 0, outside: 100_000, length: 1000 },
  { inside: 5000, outside: 7000, length: 1 },
];
const maps = { uidMap: map, gidMap: map };
/** cap_chown=ep as setcap(8) writes it, and for the root of a user namespace. */
const version2 = Buffer.from('0100000201000000000000000000000000000000', 'hex');
const version3 = (root: number): Buffer => {
  const value = Buffer.concat([version2, Buffer.alloc(4)]);
  value[3] = 3;
  value.writeUInt32LE(root, 20);
  return value;
};

describe('ids', () => {
  test('idForArchive() shows an id that is not mapped as the kernel does', () => {
    assert.equal(idForArchive(maps, 'uid', 100_007), 7);
    assert.equal(idForArchive(maps, 'gid', 3), 65_534);
    assert.equal(idForArchive({}, 'uid', 3), 3);
  });

  test('idForDisk() has no id for one that is not mapped, nor for the one that means "leave it"', () => {
    assert.equal(idForDisk(maps, 'uid', 5000), 7000);
    assert.equal(idForDisk(maps, 'uid', 1000), undefined);
    assert.equal(idForDisk({}, 'uid', 4_294_967_295), undefined);
    assert.equal(idForDisk({}, 'gid', 4_294_967_294), 4_294_967_294);
  });
});

describe('file capabilities', () => {
  test('capabilityForDisk() never gives a namespace capabilities of the whole machine', () => {
    assert.deepEqual(capabilityForDisk(version2, maps), version3(100_000));
    assert.deepEqual(capabilityForDisk(version3(5000), maps), version3(7000));
    assert.equal(capabilityForDisk(version3(2000), maps), undefined);
    for (const damaged of [Buffer.alloc(0), version2.subarray(0, 12), Buffer.concat([version2, version2])])
      assert.equal(capabilityForDisk(damaged, maps), undefined);
    assert.deepEqual(capabilityForDisk(version2, {}), version2);
  });

  test('capabilityForArchive() is its reverse', () => {
    assert.deepEqual(capabilityForArchive(version3(100_000), maps), version2);
    assert.deepEqual(capabilityForArchive(version3(7000), maps), version3(5000));
    assert.equal(capabilityForArchive(version3(3), maps), undefined);
    assert.deepEqual(capabilityForArchive(version2, maps), version2);
  });
});

test('isPortable() lets neither overlayfs marks nor labels through, nor unmapped ids in access lists', () => {
  for (const name of ['user.x', 'security.capability', 'system.posix_acl_access'])
    assert.ok(isPortable(name, {}), name);
  for (const name of [
    'trusted.overlay.opaque',
    'user.overlay.whiteout',
    'security.selinux',
    'trusted.x',
    'system.nfs4_acl',
  ])
    assert.ok(!isPortable(name, {}), name);
  assert.ok(!isPortable('system.posix_acl_default', maps));
});
