import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WarrenError } from '../errors.js';
import type { MountSpec } from './options.js';
import { parseMountOption, parseMounts, parseTmpfs, parseVolume } from './parse-mounts.js';

const refused = { code: 'ERR_MOUNT_SPEC' };

test('parseVolume() reads source, target, access and propagation', () => {
  const plain = { type: 'bind', source: '/src', target: '/dst' };
  assert.deepEqual(parseVolume('/src:/dst'), plain);
  assert.deepEqual(parseVolume('/src:/dst:rw'), plain);
  assert.deepEqual(parseVolume('/src:/dst:z,nocopy,cached,ro,rslave'), {
    ...plain,
    readOnly: true,
    propagation: 'rslave',
  });
  assert.equal(parseVolume('/src://a/./b//:ro').target, '/a/b');
});

test('idmap is a word of -v and a switch of --mount, for what is bound only', () => {
  assert.equal(parseVolume('/a:/b:idmap').idmap, true);
  assert.deepEqual(parseVolume('/a:/b:ro,idmap,rslave'), {
    type: 'bind',
    source: '/a',
    target: '/b',
    readOnly: true,
    idmap: true,
    propagation: 'rslave',
  });
  assert.equal(parseVolume('/a:/b').idmap, undefined);
  assert.equal(parseMountOption('type=bind,src=/a,dst=/b,idmap').idmap, true);
  assert.equal(parseMountOption('type=bind,src=/a,dst=/b,idmap=false').idmap, undefined);
  for (const text of ['type=tmpfs,dst=/b,idmap', 'type=bind,src=/a,dst=/b,idmap=uids=0-1-2'])
    assert.throws(() => parseMountOption(text), refused, text);
  assert.throws(() => parseVolume('/a:/b:idmap=uids=0-1-2'), refused);
});

test('parseVolume() refuses a relative or "..", or missing source or target, and the root', () => {
  const wrong = [
    '',
    '/a',
    '/a:',
    ':/b',
    '/a:b',
    '/a:./b',
    '/a:/b/../c',
    '/a:/..',
    '/a:/',
    '/a:/.',
    '/a://',
    './a:/b',
    '../a:/b',
    'a/b:/c',
  ];
  for (const text of [
    ...wrong,
    'data:/b',
    '/a:/b:',
    '/a:/b:ro:rw',
    '/a\0:/b',
    '/a:/b\0',
    `/a:/${'b'.repeat(4096)}`,
  ]) {
    assert.throws(() => parseVolume(text), refused, JSON.stringify(text));
  }
});

test('parseVolume() refuses unknown words and contradictions, and names the nearest word', () => {
  for (const words of ['ro,rw', 'slave,shared', 'noexec', 'RO', 'ro,', ',']) {
    assert.throws(() => parseVolume(`/a:/b:${words}`), refused, words);
  }
  assert.throws(() => parseVolume('/a:/b:rslav'), { fix: /rslave/ });
});

test('parseVolume() says that named volumes come later, and how to write a relative path', () => {
  assert.throws(() => parseVolume('data:/b'), { message: /named volumes are not supported yet/ });
  assert.throws(() => parseVolume('./a:/b'), { message: /relative/, fix: /\$PWD\/a/ });
});

test('mounts may cover the files of /proc that runc allows, and nothing else there', () => {
  assert.equal(parseVolume('/a:/proc/uptime').target, '/proc/uptime');
  assert.equal(parseVolume('/a:/proc/sys/kernel/ns_last_pid').target, '/proc/sys/kernel/ns_last_pid');
  for (const target of [
    '/proc',
    '/proc/',
    '//proc',
    '/proc/sys',
    '/proc/self/attr',
    '/proc/uptime/x',
    '/./proc/1',
  ]) {
    assert.throws(() => parseVolume(`/a:${target}`), refused, target);
  }
  assert.throws(() => parseTmpfs('/proc/uptime'), refused);
  assert.throws(() => parseTmpfs('/proc'), refused);
  assert.equal(parseMountOption('type=proc,target=/proc').type, 'proc');
  for (const target of ['/process', '/sys', '/dev', '/dev/shm'])
    assert.equal(parseVolume(`/a:${target}`).target, target);
});

test('parseTmpfs() has docker’s flags, and takes them back', () => {
  const plain = { type: 'tmpfs', target: '/run', noexec: true, nosuid: true, nodev: true };
  assert.deepEqual(parseTmpfs('/run'), plain);
  assert.deepEqual(parseTmpfs('/run:'), plain);
  assert.deepEqual(parseTmpfs('/run:size=64m,mode=1777,ro,exec'), {
    ...plain,
    noexec: false,
    readOnly: true,
    tmpfsSize: 67_108_864,
    tmpfsMode: 0o1777,
  });
});

test('parseTmpfs() refuses unknown options, odd modes and sizes', () => {
  for (const text of [
    '',
    'run',
    '/',
    '/a/../b',
    '/a:x',
    '/a:mode=9',
    '/a:mode=',
    '/a:mode=77777',
    '/a:mode=0o7',
    '/a:toString',
    '/a:ro,',
  ]) {
    assert.throws(() => parseTmpfs(text), refused, text);
  }
  assert.throws(() => parseTmpfs('/a:size=12x'), { code: 'ERR_SIZE' });
});

test('parseMountOption() reads docker’s keys and their other names', () => {
  const plain = { type: 'bind', source: '/a', target: '/b' };
  assert.deepEqual(parseMountOption('type=bind,source=/a,target=/b'), plain);
  for (const text of [
    'type=bind,src=/a,dst=/b,ro',
    'TYPE=bind,Source=/a,destination=/b,readonly=1',
    'type=bind,src=/a,dst=/b,ro=true',
  ]) {
    assert.deepEqual(parseMountOption(text), { ...plain, readOnly: true }, text);
  }
  assert.deepEqual(parseMountOption('type=bind,src=/a,dst=/b,readonly=false,consistency=cached'), plain);
  assert.deepEqual(parseMountOption('type=bind,src=/a,dst=/b,bind-propagation=rshared'), {
    ...plain,
    propagation: 'rshared',
  });
  assert.deepEqual(parseMountOption('type=tmpfs,dst=/t,tmpfs-size=1k,tmpfs-mode=0700'), {
    type: 'tmpfs',
    target: '/t',
    noexec: true,
    nosuid: true,
    nodev: true,
    tmpfsSize: 1024,
    tmpfsMode: 0o700,
  });
});

test('parseMountOption() reads each word of bind-recursive', () => {
  const read = (words: string): Partial<MountSpec> => {
    const { nonRecursive, recursiveReadOnly } = parseMountOption(`type=bind,src=/a,dst=/b,${words}`);
    return {
      ...(nonRecursive === undefined ? {} : { nonRecursive }),
      ...(recursiveReadOnly === undefined ? {} : { recursiveReadOnly }),
    };
  };
  assert.deepEqual(read('bind-recursive=enabled'), {});
  assert.deepEqual(read('bind-recursive=disabled'), { nonRecursive: true });
  assert.deepEqual(read('bind-nonrecursive'), { nonRecursive: true });
  assert.deepEqual(read('ro,bind-recursive=writable'), { recursiveReadOnly: false });
  assert.deepEqual(read('ro,bind-propagation=rprivate,bind-recursive=readonly'), { recursiveReadOnly: true });
  const wrong = [
    'bind-recursive=writable',
    'bind-recursive=readonly',
    'ro,bind-recursive=readonly',
    'bind-recursive=x',
  ];
  for (const words of [...wrong, 'bind-recursive=toString', 'bind-nonrecursive,bind-recursive=enabled']) {
    assert.throws(() => read(words), refused, words);
  }
});

test('parseMountOption() reads CSV: quotes around a field, doubled inside', () => {
  assert.equal(parseMountOption('type=bind,"source=/a,b",target=/c').source, '/a,b');
  assert.equal(parseMountOption('type=bind,"source=/a""b",target=/c').source, '/a"b');
  for (const text of [
    'type=bind,source="/a",target=/c',
    'type=bind,"source=/a',
    'type=bind,"source=/a"x,target=/c',
    'type=tmpfs,dst=/a\n',
  ]) {
    assert.throws(() => parseMountOption(text), refused, text);
  }
});

test('parseMountOption() reads back any path it is given in quotes', () => {
  const path = fc.stringMatching(/^\/[^\0]{1,20}$/);
  fc.assert(
    fc.property(path, (source) => {
      const text = `type=bind,"source=${source.replaceAll('"', '""')}",target=/c`;
      assert.equal(parseMountOption(text).source, source);
    }),
  );
});

test('parseMountOption() answers or throws a WarrenError, whatever the text', () => {
  const piece = fc.constantFrom(
    'type=',
    'bind',
    'tmpfs',
    ',',
    '"',
    '=',
    'src=/a',
    'dst=/b',
    'ro',
    '\n',
    'volume-',
    'constructor',
  );
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      try {
        assert.ok(parseMountOption(pieces.join('')).target.startsWith('/'));
      } catch (error) {
        assert.ok(error instanceof WarrenError);
      }
    }),
  );
});

test('parseMountOption() refuses missing, doubled, empty and unknown fields, and types for later', () => {
  const wrong = [
    '',
    'type=bind',
    'type=bind,src=/a',
    'type=bind,dst=/b',
    'src=/a,dst=/b',
    'type=volume,src=v,dst=/b',
    'type=tmpfs,src=/a,dst=/b',
  ];
  const odd = [
    'type=tmpfs,dst=/b,dst=/c',
    'type=tmpfs,dst=/b,target=/b',
    'type=tmpfs,dst=',
    'type=tmpfs,dst',
    'type=tmpfs,dst=/b,x=1',
  ];
  const mixed = [
    'type=tmpfs,dst=/b,bind-propagation=slave',
    'type=bind,src=/a,dst=/b,tmpfs-size=1',
    'type=proc,dst=/p,tmpfs-mode=1',
  ];
  for (const text of [
    ...wrong,
    ...odd,
    ...mixed,
    'type=bind,src=a,dst=/b',
    'type=bind,src=/a,dst=/b,ro=maybe',
    'type=bind,src=/a,dst=/b, ro',
  ]) {
    assert.throws(() => parseMountOption(text), refused, text);
  }
  assert.throws(() => parseMountOption('type=bind,sorce=/a,dst=/b'), { fix: /source/ });
});

test('parseMounts() takes fields and texts, and gives them in one list', () => {
  const mounts = parseMounts({
    mounts: [{ type: 'bind', source: '/a', target: '/x/' }, 'type=tmpfs,dst=/y'],
    volumes: ['/b:/z'],
    tmpfs: ['/t'],
  });
  assert.deepEqual(
    mounts.map(({ target }) => target),
    ['/x', '/y', '/z', '/t'],
  );
});

test('parseMounts() refuses two mounts with one target, however written', () => {
  const duplicate = { code: 'ERR_MOUNT_DUPLICATE' };
  assert.throws(() => parseMounts({ volumes: ['/a:/x', '/b://x/.'] }), duplicate);
  assert.throws(() => parseMounts({ volumes: ['/a:/x'], tmpfs: ['/x/'] }), duplicate);
  assert.throws(() => parseMounts({ volumes: ['/a:/x'], mounts: ['type=tmpfs,dst=/x'] }), duplicate);
  assert.equal(parseMounts({ volumes: ['/a:/x', '/a:/x/y'] }).length, 2);
});

test('parseMounts() checks fields as it checks texts', () => {
  const wrong = [
    { type: 'bind', target: '/x' },
    { type: 'bind', source: 'a', target: '/x' },
    { type: 'bind', source: '/a', target: '/x', tmpfsSize: 1 },
    { type: 'tmpfs', target: '/x', source: '/a' },
    { type: 'tmpfs', target: '/x', tmpfsMode: 0o17777 },
    { type: 'sysfs', target: '/x', tmpfsSize: 1 },
    { type: 'ext4', target: '/x' },
    { type: 'tmpfs', target: '/x', propagation: 'up' },
    { type: 'tmpfs' },
  ] as MountSpec[];
  for (const spec of wrong)
    assert.throws(() => parseMounts({ mounts: [spec] }), refused, JSON.stringify(spec));
});
