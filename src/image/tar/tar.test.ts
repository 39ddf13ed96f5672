import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { WarrenError } from '../../errors.js';
import { decodeName, encodeName } from './byte-text.js';
import { BLOCK, checksum, fields, type TarHeader, type TarType } from './header.js';
import { readTar } from './read.js';
import { encodeTarHeader, writeTar, type TarFile, type TarHeaderInput } from './write.js';

const scratch = mkdtempSync(join(tmpdir(), 'warren-tar-'));
after(() => {
  rmSync(scratch, { recursive: true });
});

interface Read {
  readonly header: TarHeader;
  readonly body: Buffer;
}

/** In pieces of a size of no use to anybody. */
async function* pieces(bytes: Uint8Array, size = 333): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function readAll(bytes: Uint8Array, size?: number): Promise<Read[]> {
  const files: Read[] = [];
  for await (const { header, body } of readTar(pieces(bytes, size))) {
    const parts: Uint8Array[] = [];
    for await (const part of body) parts.push(part);
    files.push({ header, body: Buffer.concat(parts) });
  }
  return files;
}

async function write(files: readonly TarFile[]): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of writeTar(files)) parts.push(part);
  return Buffer.concat(parts);
}

function file(name: string, text: string, more: Partial<TarHeader> = {}): TarFile {
  const body = Buffer.from(text);
  return { header: { name, type: 'file', mode: 0o644, size: body.length, ...more }, body: [body] };
}

function program(name: string, args: readonly string[], input?: Uint8Array): Buffer {
  const { status, stdout, stderr } = spawnSync(name, args, {
    input,
    env: { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC' },
    maxBuffer: 1 << 28,
  });
  assert.equal(status, 0, `${name} ${args.join(' ')}: ${stderr.toString()}`);
  return stdout;
}

/** A header block with a right checksum after some of its bytes were replaced. */
function patched(block: Buffer, field: keyof typeof fields, bytes: string | Uint8Array): Buffer {
  const copy = Buffer.from(block);
  copy.set(Buffer.from(bytes as string), fields[field][0]);
  copy.set(Buffer.from(`${checksum(copy).toString(8).padStart(6, '0')}\0 `), fields.checksum[0]);
  return copy;
}

async function refuses(archive: Uint8Array, code: string): Promise<void> {
  await assert.rejects(readAll(archive), (error) => error instanceof WarrenError && error.code === code);
}

const longName = `${'directory/'.repeat(30)}${'n'.repeat(200)}`;
const strange = decodeName(Buffer.from([0x6e, 0xff, 0xc3, 0x28, 0xe2, 0x82, 0xac]));

describe('the text of names', () => {
  test('decodeName() and encodeName() keep every byte', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        assert.deepEqual(encodeName(decodeName(bytes)), Buffer.from(bytes));
      }),
      { numRuns: 500 },
    );
  });

  test('decodeName() is plain UTF-8 where the bytes are, with U+FFFD in it or not', () => {
    for (const text of ['häß/日本/🙂', '\ufffd', '']) assert.equal(decodeName(Buffer.from(text)), text);
  });
});

describe('writeTar() and GNU tar, Python', () => {
  const files: TarFile[] = [
    {
      header: {
        name: 'd/',
        type: 'directory',
        mode: 0o751,
        uid: 7,
        gid: 8,
        mtimeNs: 1_000_000_000_123_456_789n,
      },
    },
    file('d/plain', 'hello\n', { mode: 0o4755, uid: 1000, gid: 2000, userName: 'me', groupName: 'us' }),
    file(longName, 'long'),
    file('past', '', { mtimeNs: -1_500_000_000n }),
    file('big-ids', 'x', { uid: 4_000_000_000, gid: 3_000_000 }),
    { header: { name: 'd/link', type: 'symlink', linkName: `/${'t'.repeat(150)}` } },
    { header: { name: 'd/again', type: 'hard-link', linkName: 'd/plain' } },
    { header: { name: 'null', type: 'character-device', deviceMajor: 1, deviceMinor: 3 } },
    { header: { name: 'disk', type: 'block-device', deviceMajor: 259, deviceMinor: 1_048_575 } },
    { header: { name: 'pipe', type: 'fifo', mode: 0o600 } },
    file('block', 'b'.repeat(BLOCK)),
    file('ünï', 'u'),
    file('user', '', { userName: 'u'.repeat(40) }),
  ];

  test('writeTar() writes what GNU tar lists', async () => {
    const listing = program('tar', ['-tv', '--full-time', '--numeric-owner'], await write(files)).toString();
    const lines = listing.trim().split('\n');
    assert.equal(lines.length, files.length);
    assert.match(lines[0] ?? '', /^drwxr-x--x 7\/8 +0 2001-09-09 01:46:40\.123456789 d\/$/);
    assert.match(lines[1] ?? '', /^-rwsr-xr-x 1000\/2000 +6 .* d\/plain$/);
    assert.ok((lines[2] ?? '').endsWith(longName));
    // GNU tar itself lists the half second before 1970 wrongly, for its own archives too; Python is asked below.
    assert.match(lines[3] ?? '', / 1969-12-31 23:59:5.* past$/);
    assert.match(lines[4] ?? '', / 4000000000\/3000000 /);
    assert.match(lines[5] ?? '', new RegExp(` d/link -> /t{150}$`));
    assert.match(lines[6] ?? '', / d\/again link to d\/plain$/);
    assert.match(lines[7] ?? '', /^c.* 1,3 .* null$/);
    assert.match(lines[8] ?? '', /^b.* 259,1048575 .* disk$/);
  });

  test('writeTar() writes what Python reads, byte for byte', async () => {
    const archive = await write([
      ...files,
      file('attributes', 'a', {
        xattrs: new Map<string, Uint8Array>([
          ['security.capability', Buffer.from([1, 0, 0, 2, 0xff, 0, 10, 61])],
          ['user.a=b%', Buffer.from('line\nline=2')],
        ]),
      }),
    ]);
    const script = `
import sys, tarfile, json
out = []
for m in tarfile.open(fileobj=sys.stdin.buffer, mode='r|', errors='surrogateescape'):
  out.append([m.name, m.type.decode(), m.mode, m.uid, m.gid, m.uname, m.gname, m.size, m.mtime, m.linkname,
    m.devmajor, m.devminor, {k: v.encode('utf8', 'surrogateescape').hex() for k, v in m.pax_headers.items() if 'xattr' in k}])
print(json.dumps(out))`;
    const rows = JSON.parse(program('python3', ['-c', script], archive).toString()) as unknown[][];
    assert.equal(rows.length, files.length + 1);
    for (const [index, { header }] of files.entries()) {
      const [name, , mode, uid, gid, userName, groupName, size, mtime, linkName, major, minor] =
        rows[index] ?? [];
      const { name: ours, mtimeNs = 0n } = header;
      assert.equal(name, ours.replace(/\/$/, ''));
      assert.deepEqual(
        [mode, uid, gid, userName, groupName, size, linkName, major, minor],
        [
          header.mode ?? 0,
          header.uid ?? 0,
          header.gid ?? 0,
          header.userName ?? '',
          header.groupName ?? '',
          header.size ?? 0,
          header.linkName ?? '',
          header.deviceMajor ?? 0,
          header.deviceMinor ?? 0,
        ],
      );
      // Python has it as a double.
      assert.ok(Math.abs((mtime as number) - Number(mtimeNs) / 1e9) < 1e-6);
    }
    assert.deepEqual(rows.at(-1)?.[12], {
      'SCHILY.xattr.security.capability': '01000002ff000a3d',
      'SCHILY.xattr.user.a%3Db%25': Buffer.from('line\nline=2').toString('hex'),
    });
  });

  test('writeTar() needs no pax header for an ordinary file', () => {
    assert.equal(
      encodeTarHeader({ name: 'a', type: 'file', mtimeNs: 1_700_000_000_000_000_000n }).length,
      BLOCK,
    );
    assert.equal(
      encodeTarHeader({ name: `${'d'.repeat(150)}/${'n'.repeat(100)}`, type: 'fifo' }).length,
      BLOCK,
    );
    assert.ok(encodeTarHeader({ name: 'a', type: 'file', mtimeNs: 1n }).length > BLOCK);
  });

  test('GNU tar unpacks names that are no UTF-8, short and long, as the bytes they are', async () => {
    const directory = mkdtempSync(join(scratch, 'bytes-'));
    const long = `${`${strange}/`.repeat(40)}${strange}`;
    program(
      'tar',
      ['-x', '-C', directory],
      await write([file(strange.repeat(3), 'short'), file(long, 'long')]),
    );
    const at = (name: string): Buffer => Buffer.concat([Buffer.from(`${directory}/`), encodeName(name)]);
    assert.equal(readFileSync(at(strange.repeat(3)), 'utf8'), 'short');
    assert.equal(readFileSync(at(long), 'utf8'), 'long');
  });
});

describe('readTar() and GNU tar', () => {
  const directory = mkdtempSync(join(scratch, 'tree-'));
  mkdirSync(join(directory, 'd'));
  writeFileSync(join(directory, 'd/plain'), 'hello\n', { mode: 0o640 });
  linkSync(join(directory, 'd/plain'), join(directory, 'd/plain2'));
  symlinkSync('../elsewhere', join(directory, 'd/link'));
  symlinkSync('t'.repeat(300), join(directory, 'd/long-link'));
  mkdirSync(join(directory, 'deep/'.repeat(60)), { recursive: true });
  writeFileSync(join(directory, 'deep/'.repeat(60), 'f'.repeat(120)), 'x'.repeat(70_000));
  writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), encodeName(strange)]), '');
  utimesSync(join(directory, 'd/plain'), 1e9, 1_234_567_890.5);

  for (const format of ['v7', 'oldgnu', 'gnu', 'ustar', 'posix'] as const) {
    test(`readTar() reads --format=${format}`, async () => {
      // The oldest two POSIX formats have no room for long names: tar leaves those files out, and says so.
      const short = format === 'v7' || format === 'ustar';
      const what = short ? ['d'] : ['.'];
      const exclude = short ? ['--exclude=long-link'] : [];
      const archive = program('tar', [
        '-c',
        `--format=${format}`,
        '--sort=name',
        '-C',
        directory,
        ...exclude,
        ...what,
      ]);
      const read = await readAll(archive);
      const names = program('tar', ['-t', '--quoting-style=literal', '--show-transformed'], archive);
      assert.deepEqual(Buffer.concat(read.map(({ header }) => encodeName(`${header.name}\n`))), names);
      const plain = read.find(({ header }) => header.name.endsWith('d/plain'));
      assert.ok(plain);
      assert.equal(plain.body.toString(), 'hello\n');
      assert.equal(plain.header.mode, 0o640);
      assert.equal(
        plain.header.mtimeNs,
        format === 'posix' ? 1_234_567_890_500_000_000n : 1_234_567_890_000_000_000n,
      );
      const stat = lstatSync(join(directory, 'd/plain'));
      assert.deepEqual([plain.header.uid, plain.header.gid], [stat.uid, stat.gid]);
      const again = read.find(({ header }) => header.name.endsWith('d/plain2'));
      assert.equal(again?.header.type, 'hard-link');
      assert.equal(again.header.linkName, plain.header.name);
      assert.equal(again.header.size, 0);
      const link = read.find(({ header }) => header.name.endsWith('d/link'));
      assert.equal(link?.header.linkName, readlinkSync(join(directory, 'd/link')));
      if (!short) {
        const long = read.find(({ header }) => header.name.endsWith('d/long-link'));
        assert.equal(long?.header.linkName, 't'.repeat(300));
        const deep = read.find(({ header }) => header.name.endsWith('f'.repeat(120)));
        assert.equal(deep?.body.length, 70_000);
      }
    });
  }

  test('readTar() reads ids and sizes in base 256, and times before 1970', async () => {
    const name = join(directory, 'numbers');
    writeFileSync(name, '');
    const archive = program('tar', [
      '-c',
      '--format=gnu',
      '--owner=x:4000000000',
      '--group=y:3999999999',
      '--mtime=@-3.5',
      '-C',
      directory,
      'numbers',
    ]);
    const [entry] = await readAll(archive);
    assert.ok(entry);
    assert.deepEqual([entry.header.uid, entry.header.gid], [4_000_000_000, 3_999_999_999]);
    assert.equal(entry.header.userName, 'x');
    assert.equal(entry.header.mtimeNs, -4_000_000_000n);
    rmSync(name);
  });

  test('readTar() reads global pax headers, keeps every record, and lets a file take one back', async () => {
    const archive = program('tar', [
      '-c',
      '--format=posix',
      '--pax-option=globexthdr.name=g,comment=for all,VENDOR.key=value',
      '-C',
      directory,
      'd/plain',
    ]);
    const [entry] = await readAll(archive);
    const record = (key: string) => Buffer.from(entry?.header.pax.get(key) ?? []).toString();
    assert.equal(record('comment'), 'for all');
    assert.equal(record('VENDOR.key'), 'value');
    assert.ok(entry?.header.pax.has('mtime'));
  });

  for (const [version, format] of [
    ['0.0', 'posix'],
    ['0.1', 'posix'],
    ['1.0', 'posix'],
    ['', 'oldgnu'],
    ['', 'gnu'],
  ] as const) {
    test(`readTar() refuses a sparse file (${format} ${version}), by its name`, async () => {
      const name = join(directory, 'sparse-file');
      writeFileSync(name, 'head');
      truncateSync(name, 4 << 20);
      const option = version === '' ? [] : [`--sparse-version=${version}`];
      const archive = program('tar', [
        '-cS',
        `--format=${format}`,
        ...option,
        '-C',
        directory,
        'sparse-file',
      ]);
      rmSync(name);
      await assert.rejects(
        readAll(archive),
        (error) =>
          error instanceof WarrenError &&
          error.code === 'ERR_TAR_UNSUPPORTED' &&
          error.message.includes('"sparse-file"'),
      );
    });
  }

  test('readTar() reads what Python writes, attributes with every byte', async () => {
    const script = `
import sys, io, tarfile
t = tarfile.open(fileobj=sys.stdout.buffer, mode='w|', format=tarfile.PAX_FORMAT)
i = tarfile.TarInfo('p' * 300); i.size = 3; i.uid = 5000000; i.mtime = 1.25
i.pax_headers = {'SCHILY.xattr.user.k': 'v=1'}
t.addfile(i, io.BytesIO(b'abc'))
n = tarfile.TarInfo('node'); n.type = tarfile.BLKTYPE; n.devmajor = 8; n.devminor = 17
t.addfile(n)
t.close()`;
    const [first, node] = await readAll(program('python3', ['-c', script]));
    assert.equal(first?.header.name, 'p'.repeat(300));
    assert.equal(first.body.toString(), 'abc');
    assert.equal(first.header.uid, 5_000_000);
    assert.equal(first.header.mtimeNs, 1_250_000_000n);
    assert.deepEqual(Buffer.from(first.header.xattrs.get('user.k') ?? []), Buffer.from('v=1'));
    assert.deepEqual(
      [node?.header.type, node?.header.deviceMajor, node?.header.deviceMinor],
      ['block-device', 8, 17],
    );
  });
});

describe('bad archives', () => {
  const plain = encodeTarHeader({ name: 'a', type: 'file', size: 3 });

  test('readTar() refuses a wrong checksum, and what is no archive', async () => {
    const wrong = Buffer.from(plain);
    wrong[0] = 'b'.charCodeAt(0);
    await refuses(wrong, 'ERR_TAR');
    await refuses(Buffer.from('this is a text, not an archive. '.repeat(64)), 'ERR_TAR');
    await refuses(Buffer.from([0x1f, 0x8b, 8, 0]), 'ERR_TAR');
  });

  test('readTar() refuses an archive that is cut within a header, a body or its padding', async () => {
    const whole = Buffer.concat([plain, Buffer.alloc(BLOCK, 'x')]);
    for (const length of [1, 511, 513, 514, 515, 600, 1023])
      await refuses(whole.subarray(0, length), 'ERR_TAR');
    assert.equal((await readAll(whole)).length, 1);
  });

  test('readTar() also notices the cut where nobody reads the body', async () => {
    await assert.rejects(
      async () => {
        for await (const { header } of readTar(pieces(plain))) assert.equal(header.size, 3);
      },
      { code: 'ERR_TAR' },
    );
  });

  test('readTar() refuses numbers that are none, negative, or larger than a number can be', async () => {
    await refuses(patched(plain, 'size', '0000000009\0'), 'ERR_TAR');
    await refuses(patched(plain, 'uid', 'abc\0'), 'ERR_TAR');
    await refuses(patched(plain, 'size', Buffer.alloc(12, 0xff)), 'ERR_TAR');
    await refuses(
      patched(plain, 'size', Buffer.concat([Buffer.of(0x80), Buffer.alloc(11, 0x7f)])),
      'ERR_TAR',
    );
  });

  test('readTar() refuses pax records with a wrong length, without a key, with a NUL in a name, or too many', async () => {
    const pax = (body: string, size = Buffer.byteLength(body)): Buffer => {
      const block = patched(patched(plain, 'type', 'x'), 'size', size.toString(8).padStart(11, '0'));
      return Buffer.concat([
        block,
        Buffer.from(body),
        Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK),
        plain,
        Buffer.alloc(BLOCK),
      ]);
    };
    for (const body of [
      '99 path=a\n',
      '5 path=a\n',
      '010 path=a\n',
      '-1 path=a\n',
      '8 =valu\n',
      'x',
      '999999999999999 path=a\n',
      '10 path=a\0',
      '11 path=a\0b\n',
      '13 size=-100\n',
      '15 mtime=today\n',
    ])
      await refuses(pax(body), 'ERR_TAR');
    await refuses(pax('', 0o77777777777), 'ERR_TAR');
    // The well-formed sister of the above.
    assert.equal((await readAll(pax('10 path=b\n')))[0]?.header.name, 'b');
  });

  test('readTar() refuses types that it does not know, and volumes', async () => {
    for (const flag of ['M', 'N', 'Z']) await refuses(patched(plain, 'type', flag), 'ERR_TAR_UNSUPPORTED');
  });

  test('readTar() never does worse than to refuse, whatever it is given', async () => {
    const seed = await write([
      file(longName, 'long', {
        uid: 4_000_000_000,
        mtimeNs: 5n,
        xattrs: new Map([['user.x', Buffer.from('y')]]),
      }),
      { header: { name: 'l', type: 'symlink', linkName: 't'.repeat(150) } },
      file('z', 'z'.repeat(700)),
    ]);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(seed.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        fc.nat(seed.length),
        fc.integer({ min: 1, max: 2000 }),
        fc.boolean(),
        async (changes, length, size, mend) => {
          const archive = Buffer.from(seed.subarray(0, length));
          for (const [at, byte] of changes) if (at < length) archive[at] = byte;
          // Right checksums let the damage through to what lies behind them.
          if (mend) {
            for (let at = 0; at + BLOCK <= length; at += BLOCK) {
              const block = archive.subarray(at, at + BLOCK);
              if (block.toString('latin1', 257, 262) === 'ustar') block.set(patched(block, 'name', ''));
            }
          }
          try {
            for (const { header, body } of await readAll(archive, size)) {
              assert.equal(body.length, header.size);
              assert.ok(header.name !== '' && !header.name.includes('\0'));
            }
          } catch (error) {
            assert.ok(error instanceof WarrenError && error.code.startsWith('ERR_TAR'), String(error));
          }
        },
      ),
      { numRuns: 1500 },
    );
  });
});

describe('writeTar() and readTar()', () => {
  const name = fc
    .uint8Array({ minLength: 1, maxLength: 400 })
    .map((bytes) => decodeName(bytes.map((byte) => byte || 1)))
    .filter((text) => !text.endsWith('/'));
  const bytes = fc.uint8Array({ maxLength: 1200 });
  const id = fc.oneof(fc.nat(70_000), fc.integer({ min: 0, max: 4_294_967_294 }));
  const arbitrary = fc.record({
    name,
    type: fc.constantFrom<TarType>('file', 'hard-link', 'symlink', 'character-device', 'directory', 'fifo'),
    mode: fc.nat(0o7777),
    uid: id,
    gid: id,
    userName: fc.string({ maxLength: 50 }).map((text) => text.replaceAll('\0', '')),
    groupName: fc.string({ maxLength: 50 }).map((text) => text.replaceAll('\0', '')),
    mtimeNs: fc.bigInt(-(2n ** 62n), 2n ** 62n),
    linkName: name,
    deviceMajor: fc.nat(4095),
    deviceMinor: fc.nat(1_048_575),
    xattrs: fc
      .array(
        fc.tuple(
          fc.string({ minLength: 1, maxLength: 30 }).filter((text) => !text.includes('\0')),
          bytes,
        ),
        { maxLength: 3 },
      )
      .map((pairs) => new Map<string, Uint8Array>(pairs)),
    body: bytes,
  });

  test('what writeTar() writes, readTar() reads: every field, every byte', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(arbitrary, { maxLength: 4 }),
        fc.integer({ min: 1, max: 3000 }),
        async (all, size) => {
          const files = all.map(({ body, linkName, deviceMajor, deviceMinor, ...rest }) => {
            const isLink = rest.type === 'hard-link' || rest.type === 'symlink';
            const isDevice = rest.type === 'character-device';
            const header = {
              ...rest,
              linkName: isLink ? linkName : '',
              size: rest.type === 'file' ? body.length : 0,
              deviceMajor: isDevice ? deviceMajor : 0,
              deviceMinor: isDevice ? deviceMinor : 0,
            } satisfies TarHeaderInput;
            return { header, body: [rest.type === 'file' ? body : new Uint8Array(0)] };
          });
          const read = await readAll(await write(files), size);
          assert.equal(read.length, files.length);
          for (const [index, { header, body }] of files.entries()) {
            const got = read[index];
            assert.ok(got);
            for (const [key, value] of Object.entries(header))
              if (key !== 'xattrs') assert.deepEqual(got.header[key as keyof TarHeader], value, key);
            const plainMap = (map: ReadonlyMap<string, Uint8Array>): unknown =>
              [...map].map(([key, value]) => [key, Buffer.from(value).toString('hex')]).sort();
            assert.deepEqual(plainMap(got.header.xattrs), plainMap(header.xattrs));
            assert.deepEqual(got.body, Buffer.concat(body));
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test('writeTar() refuses a body that is longer or shorter than its header says', async () => {
    for (const size of [1, 5])
      await assert.rejects(
        write([{ header: { name: 'a', type: 'file', size }, body: [Buffer.from('abc')] }]),
        {
          code: 'ERR_TAR_WRITE',
        },
      );
  });

  test('writeTar() refuses what no archive can hold', () => {
    const bad: TarHeaderInput[] = [
      { name: '', type: 'file' },
      { name: 'a\0b', type: 'file' },
      { name: 'a/', type: 'file' },
      { name: 'a', type: 'symlink' },
      { name: 'a', type: 'file', linkName: 'b' },
      { name: 'a', type: 'directory', size: 1 },
      { name: 'a', type: 'file', uid: -1 },
      { name: 'a', type: 'file', size: 2 ** 60 },
      { name: 'a', type: 'character-device', deviceMinor: 2 ** 40 },
      { name: 'a', type: 'file', pax: new Map([['a=b', Buffer.alloc(0)]]) },
      { name: 'a', type: 'file', xattrs: new Map([['', Buffer.alloc(0)]]) },
    ];
    for (const header of bad)
      assert.throws(
        () => encodeTarHeader(header),
        { code: 'ERR_TAR_WRITE' },
        JSON.stringify(header, (_key, value: unknown) => (value instanceof Map ? 'map' : value)),
      );
  });

  test('a file of more than 8 GiB is announced as such', async () => {
    const blocks = encodeTarHeader({ name: 'huge', type: 'file', size: 9_000_000_000_000 });
    for await (const { header } of readTar(pieces(blocks))) {
      assert.equal(header.size, 9_000_000_000_000);
      break;
    }
  });
});
