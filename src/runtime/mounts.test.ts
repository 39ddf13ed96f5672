import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { configureMounts } from './mounts.js';

const folder = mkdtempSync(join(tmpdir(), 'warren-mounts-'));
after(() => {
  rmSync(folder, { recursive: true });
});
mkdirSync(join(folder, 'data'));
writeFileSync(join(folder, 'file'), '');
symlinkSync('nowhere', join(folder, 'dangling'));
symlinkSync('file', join(folder, 'link'));

describe('configureMounts()', () => {
  test('gives nothing where nothing is asked for', () => {
    assert.deepEqual(configureMounts({}), []);
    assert.deepEqual(configureMounts({ mounts: [], volumes: [], tmpfs: [] }), []);
  });

  test('looks whether a source is a file or a directory, through links', () => {
    const [directory, file] = configureMounts({ volumes: [`${folder}/data:/a`, `${folder}/link:/b`] });
    assert.ok(directory?.kind === 'bind' && !directory.file && directory.recursive);
    assert.ok(file?.kind === 'bind' && file.file && !file.recursive);
  });

  test('is rprivate, writable and recursively read-only where read-only, unless told otherwise', () => {
    const [mount] = configureMounts({ volumes: [`${folder}/data:/a`] });
    assert.ok(mount?.kind === 'bind');
    assert.deepEqual([mount.propagation, mount.readOnly, mount.recursiveReadOnly], ['rprivate', false, true]);
  });

  test('refuses a source that is not there, and never makes one', () => {
    const missing = join(folder, 'missing');
    for (let round = 0; round < 2; round++) {
      assert.throws(() => configureMounts({ volumes: [`${missing}:/a`] }), {
        code: 'ERR_MOUNT_SOURCE',
        kind: 'not-found',
        errno: 'ENOENT',
      });
    }
    assert.throws(() => configureMounts({ volumes: [`${folder}/dangling:/a`] }), /symbolic link to nothing/);
    assert.throws(() => configureMounts({ volumes: [`${folder}/file/x:/a`] }), { errno: 'ENOTDIR' });
  });

  test('sorts outer targets before those inside them, and keeps the order otherwise', () => {
    const targets = configureMounts({
      volumes: [`${folder}/data:/a/b/c`, `${folder}/data:/a`],
      tmpfs: ['/a/b', '/z'],
    }).map(({ target }) => target);
    assert.deepEqual(targets.indexOf('a') < targets.indexOf('a/b'), true);
    assert.deepEqual(targets.indexOf('a/b') < targets.indexOf('a/b/c'), true);
    assert.equal(targets.length, 4);
  });

  test('gives a tmpfs its mode in octal and its size in bytes', () => {
    const [mount] = configureMounts({ tmpfs: ['/scratch:size=1m,mode=0700'] });
    assert.ok(mount?.kind === 'filesystem');
    assert.deepEqual(mount.data, [
      ['mode', '700'],
      ['size', '1048576'],
    ]);
    assert.deepEqual([mount.noexec, mount.nosuid, mount.nodev], [true, true, true]);
  });
});
