import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { hostsFile } from '../network/index.js';
import { collectHosts, joinHosts, leaveHosts, makeOwnHosts, ownHosts, sharedHosts } from './network-hosts.js';

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

test('makeOwnHosts() keeps a file current that its container may have spoilt in every way', () => {
  const own = (): string => readFileSync(ownHosts(root, id('c')), 'latin1');
  const join10 = (digit: string, name: string): void => {
    joinHosts(root, 'lab', id(digit), [{ address: `10.0.0.${digit}`, names: [name] }]);
  };
  const path = ownHosts(root, id('c'));
  mkdirSync(dirname(path), { recursive: true });
  join10('1', 'one');
  makeOwnHosts(root, id('c'), hostsFile([], [{ address: '192.0.2.1', names: ['db'] }]), ['lab']);
  join10('2', 'two');
  assert.match(own(), /\n192\.0\.2\.1\tdb\n10\.0\.0\.1\tone # 1{12}\n10\.0\.0\.2\ttwo # 2{12}\n$/);
  for (const spoilt of ['', 'no end of line', '\n\n\n', '10.0.0.2\ttwo # 222222222222', '\0'.repeat(3000)]) {
    writeFileSync(path, spoilt);
    join10('3', 'three');
    assert.match(own(), /^10\.0\.0\.3\tthree # 3{12}$/m);
    leaveHosts(root, 'lab', id('3'));
    assert.doesNotMatch(own(), /^10\.0\.0\.3/m);
  }
  // Of this size nobody reads it, and what is no file of ours is not written to.
  truncateSync(path, 2 << 20);
  join10('3', 'three');
  assert.equal(statSync(path).size, 2 << 20);
  rmSync(path);
  writeFileSync(join(root, 'elsewhere'), '');
  symlinkSync(join(root, 'elsewhere'), path);
  join10('4', 'four');
  assert.equal(readFileSync(join(root, 'elsewhere'), 'latin1'), '');
  rmSync(path);
  join10('5', 'five');
  assert.ok(!existsSync(path));
  collectHosts(root, () => []);
  assert.ok(!existsSync(join(root, 'own-hosts/lab')));
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
