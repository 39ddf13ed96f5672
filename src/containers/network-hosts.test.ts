import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { collectHosts, joinHosts, leaveHosts, sharedHosts } from './network-hosts.js';

const root = mkdtempSync(join(tmpdir(), 'warren-hosts-'));
beforeEach(() => {
  rmSync(join(root, 'hosts'), { recursive: true, force: true });
});
after(() => {
  rmSync(root, { recursive: true });
});

const id = (digit: string): string => digit.repeat(64);
const text = (): string => readFileSync(sharedHosts(root, 'lab'), 'utf8');
const members = (): string[] =>
  text()
    .split('\n')
    .filter((line) => / # [0-9a-f]{12}$/.test(line) && !line.startsWith('#'))
    .map((line) => line.split(' ')[0] ?? '');

test('joinHosts() adds lines, and leaveHosts() takes out those of one container', () => {
  joinHosts(root, 'lab', id('a'), [{ address: '10.0.0.2', names: ['web', 'web', 'www'] }]);
  joinHosts(root, 'lab', id('b'), [
    { address: '10.0.0.3', names: ['db'] },
    { address: 'fd00::3', names: ['db'] },
  ]);
  assert.match(text(), /^127\.0\.0\.1\tlocalhost\n/);
  assert.match(text(), /^10\.0\.0\.2\tweb www # aaaaaaaaaaaa$/m);
  assert.deepEqual(members(), ['10.0.0.2\tweb', '10.0.0.3\tdb', 'fd00::3\tdb']);
  leaveHosts(root, 'lab', id('b'));
  assert.deepEqual(members(), ['10.0.0.2\tweb']);
  leaveHosts(root, 'lab', id('a'));
  assert.equal(text(), '');
});

test('joinHosts() strikes whoever had the address before', () => {
  joinHosts(root, 'lab', id('a'), [{ address: '10.0.0.2', names: ['old'] }]);
  joinHosts(root, 'lab', id('b'), [{ address: '10.0.0.2', names: ['new'] }]);
  assert.deepEqual(members(), ['10.0.0.2\tnew']);
});

test('the room of those who have gone is used again, also by shorter names', () => {
  joinHosts(root, 'lab', id('a'), [{ address: '10.0.0.2', names: ['stays'] }]);
  joinHosts(root, 'lab', id('b'), [{ address: '10.0.0.3', names: ['a-rather-long-name'] }]);
  const { length } = text();
  for (let round = 0; round < 5; round++) {
    leaveHosts(root, 'lab', id('b'));
    joinHosts(root, 'lab', id('b'), [{ address: '10.0.0.3', names: ['x'.repeat(round + 1)] }]);
  }
  assert.equal(text().length, length);
  assert.match(text(), /^10\.0\.0\.3\txxxxx +# b{12}$/m);
});

test('collectHosts() takes out who is no member, and removes the file of a network that is gone', () => {
  joinHosts(root, 'lab', id('a'), [{ address: '10.0.0.2', names: ['stays'] }]);
  joinHosts(root, 'lab', id('b'), [{ address: '10.0.0.3', names: ['goes'] }]);
  assert.deepEqual(
    collectHosts(root, () => [id('a')]),
    ['name goes in lab'],
  );
  assert.deepEqual(members(), ['10.0.0.2\tstays']);
  collectHosts(root, () => undefined);
  assert.ok(!existsSync(sharedHosts(root, 'lab')));
});
