import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readUserNamespaces } from '../../src/explore/ids/levels.js';
import { examineVolume } from '../../src/explore/ids/volume.js';
import { assertFakeHost } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';
import { holdUserNamespace } from './holder.js';

assertFakeHost();

test('examineVolume() tells who owns the files inside, and the advice cures what is not mapped', async () => {
  await using held = await holdUserNamespace({ uid: 100000 });
  for (const kind of ['uid_map', 'gid_map']) writeFileSync(`/proc/${held.pid}/${kind}`, '0 100000 1000\n');
  const volume = mkdtempSync(join(tmpdir(), "warren volume's "));
  try {
    mkdirSync(join(volume, 'dir'));
    for (const [name, uid, gid] of [
      ['own', 100000, 100000],
      ['hundred', 100100, 100100],
      ['dir/foreign', 500, 100000],
      ['dir/both', 0, 0],
    ] as const) {
      writeFileSync(join(volume, name), '');
      chownSync(join(volume, name), uid, gid);
    }
    const chain = await readUserNamespaces(held.pid);
    const report = await examineVolume(volume, chain);
    const seen = report.owners.map(({ kind, outside, inside, files }) => [kind, outside, inside, files]);
    assert.deepEqual(seen, [
      ['uid', 0, undefined, 3],
      ['uid', 500, undefined, 1],
      ['uid', 100000, 0, 1],
      ['uid', 100100, 100, 1],
      ['gid', 0, undefined, 3],
      ['gid', 100000, 0, 2],
      ['gid', 100100, 100, 1],
    ]);
    assert.equal(report.files, 6);
    // What stat(1) sees inside.
    const listed = oracle('nsenter', [
      ...['--user', `--target=${held.pid}`, '--setuid=0', '--setgid=0'],
      ...['stat', '--format=%u', volume],
    ]);
    assert.equal(listed.stdout, '65534\n');

    const commands = report.advice.flatMap((line) => /chown .*$/.exec(line)?.[0] ?? []);
    assert.equal(commands.length, 3);
    for (const command of commands) execFileSync('sh', ['-ec', command]);
    const cured = await examineVolume(volume, chain);
    assert.deepEqual(
      cured.owners.filter(({ inside }) => inside === undefined),
      [],
    );
    assert.match(cured.advice.join(), /nothing needs to be done/);
  } finally {
    rmSync(volume, { recursive: true });
  }
});

test('examineVolume() stops at its limit, and says so; a path that is missing is an error', async () => {
  const chain = await readUserNamespaces('self');
  const volume = mkdtempSync(join(tmpdir(), 'warren-volume-'));
  try {
    for (const name of ['a', 'b', 'c']) writeFileSync(join(volume, name), '');
    const report = await examineVolume(volume, chain, { maxFiles: 2 });
    assert.deepEqual([report.files, report.truncated], [2, true]);
    await assert.rejects(examineVolume(join(volume, 'none'), chain), { code: 'ERR_FILE_NOT_FOUND' });
  } finally {
    rmSync(volume, { recursive: true });
  }
});
