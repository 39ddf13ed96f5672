import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { WarrenError } from '../errors.js';
import { resolveUser } from './passwd.js';

const files = {
  passwd: [
    'root:x:0:0:root:/root:/bin/bash',
    'web:x:33:34:web:/var/www:/bin/sh',
    'web:x:99:99:second:/x:/bin/sh',
    'homeless:x:50:50',
    '1337:x:7:7::/seven:/bin/sh',
    'broken',
    'nouid:x::5::/:',
    'huge:x:2147483648:5::/:',
    'minus:x:-1:5::/:',
    '',
  ].join('\n'),
  group: [
    'root:x:0:',
    'web:x:34:',
    'logs:x:40:web,other',
    'disk:x:6:web',
    'staff:x:50:homeless',
    'cut',
    'bad:x:x:web',
  ].join('\n'),
};

test('resolveUser() takes ids, home and groups of a name from the files', () => {
  assert.deepEqual(resolveUser('web', files), {
    uid: 33,
    gid: 34,
    additionalGids: [34, 40, 6],
    home: '/var/www',
    name: 'web',
  });
  assert.deepEqual(resolveUser('33', files), resolveUser('web', files));
  assert.deepEqual(resolveUser(undefined, files), {
    uid: 0,
    gid: 0,
    additionalGids: [0],
    home: '/root',
    name: 'root',
  });
});

test('resolveUser() needs no entry for a number', () => {
  assert.deepEqual(resolveUser('1000', files), { uid: 1000, gid: 0, additionalGids: [0], home: '/' });
  assert.deepEqual(resolveUser('1000:2000', { passwd: '', group: '' }), {
    uid: 1000,
    gid: 2000,
    additionalGids: [2000],
    home: '/',
  });
  assert.equal(resolveUser('2147483647:2147483647', files).gid, 2_147_483_647);
});

test('resolveUser() with a group leaves out the groups of the user', () => {
  assert.deepEqual(resolveUser('web:logs', files).additionalGids, [40]);
  assert.equal(resolveUser('web:logs', files).gid, 40);
});

test('resolveUser() reads a number as an id, never as a name', () => {
  assert.equal(resolveUser('1337', files).uid, 1337);
});

test('resolveUser() adds groups by name and number, each once', () => {
  assert.deepEqual(resolveUser('web', files, ['disk', '6', '777']).additionalGids, [34, 40, 6, 777]);
  assert.throws(() => resolveUser('web', files, ['nogroup']), { code: 'ERR_GROUP_UNKNOWN' });
  assert.throws(() => resolveUser('web', files, ['']), { code: 'ERR_GROUP_UNKNOWN' });
  assert.throws(() => resolveUser('web', files, ['-5']), { code: 'ERR_USER_SPEC' });
});

test('resolveUser() has "/" as the home of an entry without an absolute one', () => {
  assert.equal(resolveUser('homeless', files).home, '/');
  assert.equal(resolveUser('a', { passwd: 'a:x:1:1::relative:', group: '' }).home, '/');
});

test('resolveUser() refuses ids out of range, signs and empty parts (CVE-2024-40635)', () => {
  const wrong = [
    '',
    ':',
    '0:',
    ':0',
    '0:0:0',
    '2147483648',
    '4294967296',
    '4294967296:0',
    '0:4294967296',
    '-1',
    '+1',
    '0:+1',
    '0:-1',
  ];
  for (const spec of [...wrong, '99999999999999999999', '0x0', '1.0', '1.5']) {
    assert.throws(() => resolveUser(spec, files), { code: 'ERR_USER_SPEC' }, spec);
  }
});

test('resolveUser() skips damaged lines instead of reading them as root', () => {
  for (const name of ['broken', 'nouid', 'huge', 'minus', 'cut', 'ghost', ' 0', '0 ']) {
    assert.throws(() => resolveUser(name, files), { code: 'ERR_USER_UNKNOWN' }, name);
  }
  assert.throws(() => resolveUser('0:bad', files), { code: 'ERR_GROUP_UNKNOWN' });
  assert.throws(() => resolveUser('0:cut', files), { code: 'ERR_GROUP_UNKNOWN' });
});

test('resolveUser() names the nearest user in its remedy', () => {
  assert.throws(() => resolveUser('homeles', files), { fix: /homeless/ });
});

test('resolveUser() never makes root of what is not asked for as root', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string({ minLength: 1 }), (passwd, group, spec) => {
      fc.pre(!/^0+(:|$)/.test(spec));
      try {
        const { uid, name } = resolveUser(spec, { passwd, group });
        assert.ok(uid !== 0 || name !== undefined);
      } catch (error) {
        assert.ok(error instanceof WarrenError);
      }
    }),
  );
});

test('resolveUser() agrees with id(1) on every user of this machine', () => {
  const here = { passwd: readFileSync('/etc/passwd', 'utf8'), group: readFileSync('/etc/group', 'utf8') };
  const names = here.passwd
    .split('\n')
    .map((line) => line.split(':')[0] ?? '')
    .filter((name) => name !== '');
  const id = (flag: string, name: string): string =>
    execFileSync('/usr/bin/id', [flag, name], { encoding: 'utf8' }).trim();
  for (const name of names.slice(0, 20)) {
    const user = resolveUser(name, here);
    assert.equal(String(user.uid), id('-u', name));
    assert.equal(String(user.gid), id('-g', name));
    const byNumber = (a: number, b: number): number => a - b;
    assert.deepEqual(
      user.additionalGids.toSorted(byNumber),
      id('-G', name).split(' ').map(Number).toSorted(byNumber),
    );
  }
});
