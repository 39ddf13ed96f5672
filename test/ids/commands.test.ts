import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { command } from '../caps/cli.js';
import { assertFakeHost } from '../support/fake-host.js';
import { holdUserNamespace } from './holder.js';

assertFakeHost();

const ids = (...args: string[]): ReturnType<typeof command> => command('ids', ...args);

test('MISSION 3.5: warren ids show and map tell what ids are inside and here', async () => {
  await using held = await holdUserNamespace({ uid: 100000 });
  for (const kind of ['uid_map', 'gid_map']) writeFileSync(`/proc/${held.pid}/${kind}`, '0 100000 65536\n');
  const pid = String(held.pid);
  assert.match(ids('show', pid).stdout, /^uid inside → here\n {2}0–65535 → 100000–165535$/m);
  assert.equal(
    ids('map', '--in', pid, '0', '5', '65536').stdout,
    ['uid 0 → 100000\n', 'uid 5 → 100005\n', 'uid 65536 → no name (65534)\n'].join(''),
  );
  assert.equal(
    ids('map', '--gid', '--from-host', '--in', pid, '100005', '0').stdout,
    ['gid 100005 → 5\n', 'gid 0 → no name (65534)\n'].join(''),
  );
  const shown = JSON.parse(ids('show', '--json', pid).stdout) as { levels: { uid: { ranges: unknown } }[] };
  assert.deepEqual(shown.levels[0]?.uid.ranges, [{ inside: 0, outside: 100000, length: 65536 }]);
  assert.match(
    ids('volume', '--in', pid, '/bin').stdout,
    /uid 0 here is not mapped: 65534 \(nobody\) inside/,
  );
});

test('warren ids check ends with 0 where nothing is in the way', () => {
  const { code, stdout } = ids('check');
  assert.equal(code, 0);
  assert.match(stdout, /^yes +user\.max_user_namespaces/m);
});

test('warren ids: bad input gets one clear message', () => {
  for (const [args, code] of [
    [[], 'ERR_USAGE'],
    [['shw'], 'ERR_USAGE'],
    [['show', 'x'], 'ERR_TARGET'],
    [['show', '4194304'], 'ERR_PROCESS_NOT_FOUND'],
    [['map', '0'], 'ERR_USAGE'],
    [['map', '--in', 'self'], 'ERR_USAGE'],
    [['map', '--in', 'self', 'root'], 'ERR_ID'],
    [['map', '--in', 'self', '4294967295'], 'ERR_ID'],
    [['map', '--in', 'self', '--to-host', '--from-host', '0'], 'ERR_USAGE'],
    [['volume', '--in', 'self'], 'ERR_USAGE'],
    [['volume', '--in', 'self', '/none'], 'ERR_FILE_NOT_FOUND'],
    [['check', 'x'], 'ERR_USAGE'],
  ] as const) {
    const { stderr } = ids(...args);
    assert.equal((JSON.parse(stderr) as { code?: unknown }).code, code, args.join(' '));
  }
});
