/** `warren cp` and `warren diff` with containers that are kept: running, stopped, never started. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { cpCommand } from '../../src/cli/commands/cp.js';
import { openContainers, type DetachedContainer } from '../../src/containers/index.js';
import { diffLayer } from '../../src/containers/diff.js';
import { assertFakeHost } from '../support/fake-host.js';
import { scratch } from './support.js';

assertFakeHost();

const base = scratch();
// Where cpCommand looks, too. Not below /tmp, which the containers hide.
process.env['WARREN_STATE'] = '/run/copy-test-state';
const store = openContainers();
after(async () => {
  for (const { record } of store.listAll().containers)
    await (await store.find(record.id)).remove({ force: true });
  base[Symbol.dispose]();
});

const cp = async (source: string, target: string): Promise<number> =>
  cpCommand.run(
    { values: { quiet: true }, operands: [source, target], afterDashes: undefined },
    { env: process.env },
  );

async function diff(container: DetachedContainer): Promise<string[]> {
  const rows: string[] = [];
  for (const { upper, lower, ...layer } of await container.layers())
    for await (const { kind, path } of diffLayer(upper, lower, layer)) rows.push(`${kind} ${path}`);
  return rows;
}

const local = (name: string): string => join(base.path, name);

test('cp and diff work on a container that runs, on the same one stopped, and on one that never ran', async () => {
  const volume = local('volume');
  mkdirSync(volume);
  writeFileSync(local('file'), 'from here\n');
  const command = [
    'sh',
    '-c',
    'rm /etc/group; echo inside > /srv/made; echo > /volume/ready; exec sleep 1000',
  ];
  const container = await store.run(command, { name: 'copied', volumes: [`${volume}:/volume`] });
  while (!existsSync(join(volume, 'ready'))) await new Promise((resolve) => setImmediate(resolve));

  assert.equal(await cp('copied:/srv/made', local('made')), 0);
  assert.equal(readFileSync(local('made'), 'utf8'), 'inside\n');
  assert.equal(await cp(local('file'), 'copied:/etc/'), 0);
  assert.equal(await cp(local('file'), 'copied:/volume/in-volume'), 0);
  assert.equal(readFileSync(join(volume, 'in-volume'), 'utf8'), 'from here\n');

  await container.stop({ timeoutMs: 0 });
  assert.equal(await cp('copied:/etc/file', local('back')), 0);
  assert.equal(readFileSync(local('back'), 'utf8'), 'from here\n');
  assert.equal(await cp(local('file'), 'copied:/srv/late'), 0);
  const rows = await diff(container);
  for (const row of ['C /etc', 'A /etc/file', 'D /etc/group', 'C /srv', 'A /srv/late', 'A /srv/made'])
    assert.ok(rows.includes(row), `${row} is missing in ${rows.join(', ')}`);
  assert.deepEqual(
    rows.filter((row) => row.startsWith('D')),
    ['D /etc/group'],
  );

  const fresh = await store.create(['true'], { name: 'fresh' });
  assert.equal(await cp(local('file'), 'fresh:/srv/before'), 0);
  assert.ok((await diff(fresh)).includes('A /srv/before'));
  await assert.rejects(cp('missing:/etc/passwd', '.'), { code: 'ERR_CONTAINER_NOT_FOUND' });
  await assert.rejects(cp('fresh:/nope', '.'), { code: 'ERR_COPY_NOT_FOUND' });
});
