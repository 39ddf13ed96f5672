import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseMountinfo } from './mountinfo.js';

test('parseMountinfo() reads every field', () => {
  const [mount] = parseMountinfo(
    '36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 propagate_from:7 - ext3 /dev/root rw,errors=continue\n',
  );
  assert.deepEqual(mount, {
    id: 36,
    parentId: 35,
    device: { major: 98, minor: 0 },
    root: '/mnt1',
    mountPoint: '/mnt2',
    options: ['rw', 'noatime'],
    propagation: { master: 1, propagateFrom: 7, unbindable: false },
    fsType: 'ext3',
    source: '/dev/root',
    superOptions: ['rw', 'errors=continue'],
  });
});

test('parseMountinfo() takes no, several and unknown optional fields', () => {
  const propagation = (tags: string): unknown =>
    parseMountinfo(`1 2 0:3 / / rw ${tags}- tmpfs t rw`)[0]?.propagation;
  assert.deepEqual(propagation(''), { unbindable: false });
  assert.deepEqual(propagation('shared:12 master:3 '), { shared: 12, master: 3, unbindable: false });
  assert.deepEqual(propagation('unbindable '), { unbindable: true });
  assert.deepEqual(propagation('novelty:1 shared:x '), { unbindable: false });
});

test('parseMountinfo() undoes the octal escapes, and a name cannot forge a field', () => {
  const [mount] = parseMountinfo(
    String.raw`1 2 0:3 /a\040b /c\011\012\134040\043 rw - fuse.x\040y so\040- rw,lower=\054a`,
  );
  assert.equal(mount?.root, '/a b');
  assert.equal(mount.mountPoint, '/c\t\n\\040#');
  assert.equal(mount.fsType, 'fuse.x y');
  assert.equal(mount.source, 'so -');
  assert.deepEqual(mount.superOptions, ['rw', 'lower=,a']);
});

test('parseMountinfo() looks for the separator only where optional fields are', () => {
  assert.equal(parseMountinfo('1 2 0:3 - / rw - tmpfs t rw')[0]?.fsType, 'tmpfs');
});

test('parseMountinfo() takes an empty source and the root of nsfs', () => {
  const [mount] = parseMountinfo('1 2 0:4 net:[4026531840] /run/netns/blue rw shared:1 - nsfs  rw');
  assert.equal(mount?.source, '');
  assert.equal(mount.root, 'net:[4026531840]');
});

test('parseMountinfo() leaves out what is no line of the kernel’s', () => {
  for (const line of [
    '',
    'x',
    '1 2 3',
    '1 2 0:3 / / rw',
    '1 2 0:3 / / rw - tmpfs',
    'a 2 0:3 / / rw - t t rw',
    '1 2 03 / / rw - t t rw',
  ]) {
    assert.deepEqual(parseMountinfo(line), [], line);
  }
});

test('parseMountinfo() survives any text, and keeps the whole lines of a damaged one', () => {
  const good = '36 35 98:0 / /mnt rw shared:1 - ext4 /dev/root rw';
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(' ', '-', '\\', '0', '4', ':', '/', 'é') }), (junk) => {
      assert.equal(parseMountinfo(`${good}\n${junk}\n${good}`).filter(({ id }) => id === 36).length, 2);
    }),
  );
});

test('parseMountinfo() reads back any names, escaped as the kernel escapes them', () => {
  const escape = (text: string): string =>
    text.replace(/[ \t\n\\#]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`);
  const name = fc.string({
    minLength: 1,
    unit: fc.constantFrom(' ', '\t', '\n', '\\', '#', '0', '4', '-', 'ü'),
  });
  fc.assert(
    fc.property(name, name, (root, source) => {
      const [mount] = parseMountinfo(`1 2 0:3 ${escape(`/${root}`)} / rw - tmpfs ${escape(source)} rw`);
      assert.equal(mount?.root, `/${root}`);
      assert.equal(mount.source, source);
    }),
  );
});

test('parseMountinfo() agrees with findmnt on this machine', () => {
  const columns = 'ID,PARENT,TARGET,FSTYPE,FSROOT,MAJ:MIN';
  const found = JSON.parse(
    execFileSync('/usr/bin/findmnt', ['--kernel', '--json', '--list', '-o', columns], { encoding: 'utf8' }),
  ) as { filesystems: Record<string, unknown>[] };
  const ours = new Map(
    parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8')).map((mount) => [mount.id, mount]),
  );
  let compared = 0;
  for (const row of found.filesystems) {
    const mount = ours.get(Number(row['id']));
    // A mount may come or go between the two readings; the kernel's own do not.
    if (mount === undefined) continue;
    compared++;
    assert.equal(mount.mountPoint, row['target']);
    assert.equal(mount.fsType, row['fstype']);
    assert.equal(mount.root, row['fsroot']);
    assert.equal(`${mount.device.major}:${mount.device.minor}`, row['maj:min']);
  }
  assert.ok(compared >= 3);
});
