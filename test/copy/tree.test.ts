/** Archives packed from trees and unpacked into them, next to GNU tar; hostile archives, hostile neighbours. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { Directory } from '../../src/image/tree/directory.js';
import { packTree } from '../../src/image/tree/pack.js';
import type { TreeProblem } from '../../src/image/tree/problem.js';
import { writeTar, type TarFile } from '../../src/image/tar/write.js';
import { assertFakeHost } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';
import { chunks, collect, describeTree, extract, pack, scratch, sh } from './support.js';

assertFakeHost();

const base = scratch();
after(() => {
  base[Symbol.dispose]();
});
let count = 0;
/** A new directory. */
function place(): string {
  const path = join(base.path, String(count++));
  mkdirSync(path);
  return path;
}

/** Something of every kind. */
const original = place();
sh(
  `mkdir -p d/empty d/deep/er 'd/with space'
   echo hello > d/plain; chmod 640 d/plain; chown 12:34 d/plain
   head -c 3000000 /dev/urandom > d/large
   : > d/none
   cp /bin/true d/setuid; chown 7:8 d/setuid; chmod 6755 d/setuid
   cp /bin/true d/capable; setcap cap_net_raw,cap_chown=ep d/capable
   ln d/plain d/deep/again; ln -s ../nowhere d/link; ln d/link d/link2; ln -s /etc/passwd d/absolute; chown -h 3:4 d/absolute
   mknod d/null c 1 3; mknod d/disk b 259 70000; mkfifo -m 600 d/pipe; chown 5:6 d/null
   printf 'x' > "$(printf 'd/n\\377me')"
   mkdir "$(printf 'd/dir\\377')"; printf 'y' > "$(printf 'd/dir\\377/f\\376')"
   chmod 2775 d/deep; chmod 1777 d/empty; chown 99:98 d/deep
   touch -h -d '2001-02-03 04:05:06.789012345' d/plain d/deep/er d/link d/null d/pipe; touch -d '1960-01-01' d/none
   python3 -c "import os; os.setxattr('d/plain', 'user.a', bytes(range(256))); os.setxattr('d/deep', 'user.dir', b'')"
   touch -d '2002-02-02 02:02:02.222222222' d/deep d/empty d .`,
  original,
);

describe('packTree() and extractTree()', () => {
  test('what is packed and unpacked again has every attribute that it had', async () => {
    const copy = place();
    const problems = await extract(copy, await pack(original));
    assert.deepEqual(problems, []);
    assert.equal(describeTree(copy), describeTree(original));
  });

  test('GNU tar unpacks what packTree() packs, with attributes, devices and links', async () => {
    const copy = place();
    execFileSync('tar', ['-xp', '--xattrs', '--xattrs-include=*', '--numeric-owner', '-C', copy], {
      input: await pack(original),
    });
    assert.equal(describeTree(copy), describeTree(original));
  });

  for (const format of ['posix', 'gnu'] as const) {
    test(`extractTree() unpacks what GNU tar packs as ${format}, as GNU tar does`, async () => {
      const xattrs = format === 'posix' ? ['--xattrs', '--xattrs-include=*'] : [];
      const archive = execFileSync('tar', ['-c', `--format=${format}`, ...xattrs, '-C', original, '.'], {
        maxBuffer: 1 << 28,
      });
      const [ours, theirs] = [place(), place()];
      assert.deepEqual(await extract(ours, archive), []);
      execFileSync('tar', ['-xp', ...xattrs, '--numeric-owner', '-C', theirs], { input: archive });
      assert.equal(describeTree(ours), describeTree(theirs));
    });
  }

  test('file capabilities and ids are those of the user namespace', async () => {
    const maps = {
      uidMap: [{ inside: 0, outside: 100_000, length: 65_536 }],
      gidMap: [{ inside: 0, outside: 200_000, length: 65_536 }],
    };
    const inside = place();
    assert.deepEqual(await extract(inside, await pack(original), { ...maps, devices: false }), [
      { kind: 'skipped', path: './d/disk', why: 'it is a device' },
      { kind: 'skipped', path: './d/null', why: 'it is a device' },
    ]);
    const plain = statSync(join(inside, 'd/plain'));
    assert.deepEqual([plain.uid, plain.gid], [100_012, 200_034]);
    const capabilities = oracle('getcap', ['-n', join(inside, 'd/capable')]).stdout;
    assert.match(capabilities, /cap_chown,cap_net_raw=ep \[rootid=100000\]/);
    const back = place();
    await extract(back, await pack(inside, maps));
    const without = (path: string): string => describeTree(path).replace(/^\(b'd\/(?:null|disk)'.*\n/gm, '');
    assert.equal(without(back), without(original));
  });

  test('extractTree() refuses an owner that the user namespace does not have', async () => {
    const uidMap = [{ inside: 0, outside: 100_000, length: 5 }];
    await assert.rejects(extract(place(), await pack(original), { uidMap, gidMap: uidMap }), {
      code: 'ERR_COPY_ID',
    });
  });

  test('with an owner, a file loses set-id bits with its own', async () => {
    const copy = place();
    await extract(copy, await pack(original), { owner: { uid: 7, gid: 0 } });
    assert.equal(statSync(join(copy, 'd/setuid')).mode & 0o7777, 0o4755);
    assert.deepEqual([statSync(join(copy, 'd/deep')).uid, lstatSync(join(copy, 'd/link')).gid], [7, 0]);
  });

  test('packTree() fills up a file that shrinks, cuts one that grows, and reports both', async () => {
    const tree = place();
    for (const name of ['grows', 'shrinks']) writeFileSync(join(tree, name), Buffer.alloc(1_000_000, 'a'));
    const problems: TreeProblem[] = [];
    const parts: Uint8Array[] = [];
    {
      using directory = Directory.open(tree);
      for await (const part of packTree({ fd: directory.fd }, '.', {
        onProblem: (each) => problems.push(each),
      })) {
        parts.push(part);
        if (part.length === 262_144 && parts.filter(({ length }) => length === 262_144).length % 3 === 1) {
          const text = Buffer.concat(parts).toString('latin1');
          if (text.includes('./shrinks')) truncateSync(join(tree, 'shrinks'), 300_000);
          else appendFileSync(join(tree, 'grows'), 'more');
        }
      }
    }
    assert.deepEqual(
      problems.map(({ kind, path, why }) => `${kind} ${path} ${/longer|shorter/.exec(why)?.[0] ?? why}`),
      ['changed ./grows longer', 'changed ./shrinks shorter'],
    );
    const copy = place();
    await extract(copy, Buffer.concat(parts));
    assert.equal(readFileSync(join(copy, 'grows'), 'latin1'), 'a'.repeat(1_000_000));
    assert.equal(
      readFileSync(join(copy, 'shrinks'), 'latin1'),
      `${'a'.repeat(300_000)}${'\0'.repeat(700_000)}`,
    );
  });

  test('packTree() leaves out sockets and what the kernel makes up, and says so', async () => {
    const tree = place();
    mkdirSync(join(tree, 'proc'));
    sh(
      `python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('socket')"; mount -t proc proc proc`,
      tree,
    );
    try {
      const problems: TreeProblem[] = [];
      const archive = await pack(tree, { onProblem: (each) => problems.push(each) });
      const names = execFileSync('tar', ['-t'], { input: archive, encoding: 'utf8' });
      assert.equal(names, './\n./proc/\n');
      assert.deepEqual(
        problems.map(({ kind, path }) => [kind, path]),
        [
          ['skipped', './proc'],
          ['skipped', './socket'],
        ],
      );
      await assert.rejects(pack(join(tree, 'proc')), { code: 'ERR_COPY_KERNEL_FILE' });
    } finally {
      sh('umount proc', tree);
    }
  });
});

describe('extractTree() in a tree that is there', () => {
  const one = (text: string): TarFile => ({
    header: { name: 'f', type: 'file', mode: 0o600, size: text.length },
    body: [Buffer.from(text)],
  });
  const archiveOf = async (...files: TarFile[]): Promise<Buffer> => collect(writeTar(files));

  test('a file is replaced, not written to: other names of it keep the old contents', async () => {
    const tree = place();
    writeFileSync(join(tree, 'f'), 'old');
    linkSync(join(tree, 'f'), join(tree, 'other'));
    await extract(tree, await archiveOf(one('new')));
    assert.equal(readFileSync(join(tree, 'f'), 'utf8'), 'new');
    assert.equal(readFileSync(join(tree, 'other'), 'utf8'), 'old');
  });

  test('a file that is a mount point is written in place', async () => {
    const tree = place();
    sh(`echo 'old and longer' > f; echo source > ../mounted; mount --bind ../mounted f`, tree);
    try {
      await extract(tree, await archiveOf(one('new')));
      assert.equal(readFileSync(join(base.path, 'mounted'), 'utf8'), 'new');
      assert.deepEqual(readdirSync(tree), ['f']);
    } finally {
      sh('umount f', tree);
    }
  });

  test('neither a directory becomes a file nor a file a directory', async () => {
    const tree = place();
    mkdirSync(join(tree, 'f/kept'), { recursive: true });
    await assert.rejects(extract(tree, await archiveOf(one('new'))), { code: 'ERR_COPY_CONFLICT' });
    const other = place();
    writeFileSync(join(other, 'd'), 'kept');
    const directory: TarFile = { header: { name: 'd/', type: 'directory' } };
    await assert.rejects(extract(other, await archiveOf(directory)), { code: 'ERR_COPY_CONFLICT' });
    assert.deepEqual(
      [readdirSync(tree), readdirSync(join(tree, 'f')), readdirSync(other)],
      [['f'], ['kept'], ['d']],
    );
  });

  test('existing directories keep their mode where that is asked for', async () => {
    for (const keepDirectories of [true, false]) {
      const tree = place();
      mkdirSync(join(tree, 'd'), { mode: 0o711 });
      await extract(tree, await archiveOf({ header: { name: 'd/', type: 'directory', mode: 0o750 } }), {
        keepDirectories,
      });
      assert.equal(statSync(join(tree, 'd')).mode & 0o7777, keepDirectories ? 0o711 : 0o750);
    }
  });

  test('a damaged archive, a cancelled one and a full disk leave no temporary file', async () => {
    const tree = place();
    const archive = await archiveOf({
      header: { name: 'big', type: 'file', size: 4_000_000 },
      body: [Buffer.alloc(4_000_000)],
    });
    await assert.rejects(extract(tree, archive.subarray(0, 2_000_000)), { code: 'ERR_TAR' });
    assert.deepEqual(readdirSync(tree), []);
    const stop = new AbortController();
    const stopping = (async function* () {
      for await (const chunk of chunks(archive, 100_000)) {
        if (readdirSync(tree).length > 0) stop.abort();
        yield chunk;
      }
    })();
    await assert.rejects(extract(tree, stopping, { signal: stop.signal }), { name: 'AbortError' });
    assert.deepEqual(readdirSync(tree), []);
    sh('mount -t tmpfs -o size=1m tmpfs .', tree);
    try {
      await assert.rejects(extract(tree, archive), {
        code: 'ERR_COPY_WRITE',
        errno: 'ENOSPC',
        kind: 'resource-exhausted',
      });
      assert.deepEqual(readdirSync(tree), []);
    } finally {
      sh(`umount ${tree}`, '/');
    }
  });
});

describe('hostile archives', () => {
  const file = (name: string): TarFile => ({
    header: { name, type: 'file', size: 4 },
    body: [Buffer.from('evil')],
  });
  const link = (name: string, linkName: string): TarFile => ({ header: { name, type: 'symlink', linkName } });
  const hard = (name: string, linkName: string): TarFile => ({
    header: { name, type: 'hard-link', linkName },
  });

  /** A root beside a directory that must stay as it is, and which `outside` in names stands for. */
  async function attack(files: readonly TarFile[]): Promise<{ root: string; error: unknown }> {
    const top = place();
    const [root, outside] = [join(top, 'root'), join(top, 'outside')];
    mkdirSync(root);
    mkdirSync(join(root, 'etc'));
    mkdirSync(outside);
    writeFileSync(join(outside, 'secret'), 'secret');
    const before = describeTree(outside);
    const named = files.map(({ header, ...rest }) => ({
      ...rest,
      header: {
        ...header,
        linkName: (header.linkName ?? '').replace('OUTSIDE', outside),
        name: header.name.replace('OUTSIDE', outside),
      },
    }));
    const error: unknown = await extract(root, writeTar(named)).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.equal(describeTree(outside), before);
    assert.deepEqual(readdirSync(top).sort(), ['outside', 'root']);
    return { root, error };
  }

  for (const [what, files] of [
    ['a name with ".."', [file('../outside/new')]],
    ['".." in the middle of a name', [file('etc/../../outside/new')]],
    ['a hard link to ".."', [hard('leak', '../outside/secret')]],
  ] as const) {
    test(`extractTree() refuses ${what}`, async () => {
      const { root, error } = await attack(files);
      assert.equal((error as { code?: string }).code, 'ERR_TAR_ESCAPE');
      assert.deepEqual(readdirSync(root), ['etc']);
    });
  }

  test('an absolute name is one below the root', async () => {
    const { root, error } = await attack([file('/etc/new'), file('OUTSIDE/new')]);
    assert.equal(error, undefined);
    assert.equal(readFileSync(join(root, 'etc/new'), 'utf8'), 'evil');
  });

  test('a link that the archive made leads to a place in the root, or nowhere', async () => {
    for (const target of ['../../outside', 'OUTSIDE']) {
      const { root, error } = await attack([link('far', target), file('far/new')]);
      assert.equal((error as { errno?: string }).errno, 'ENOENT');
      assert.deepEqual(readdirSync(root), ['etc', 'far']);
    }
    const { root, error } = await attack([link('there', '../../../etc'), file('there/new')]);
    assert.equal(error, undefined);
    assert.equal(readFileSync(join(root, 'etc/new'), 'utf8'), 'evil');
  });

  test('a file takes the place of a link, and is not written where it leads', async () => {
    const { root, error } = await attack([link('f', 'OUTSIDE/secret'), file('f')]);
    assert.equal(error, undefined);
    assert.ok(lstatSync(join(root, 'f')).isFile());
  });

  test('a hard link to a link is another name of the link itself', async () => {
    const { root, error } = await attack([link('f', 'OUTSIDE/secret'), hard('g', 'f'), file('g')]);
    assert.equal(error, undefined);
    assert.ok(readlinkSync(join(root, 'f')).endsWith('outside/secret'));
    assert.ok(lstatSync(join(root, 'g')).isFile());
  });

  test('a hard link through a link does not reach a file outside', async () => {
    const { root, error } = await attack([link('d', 'OUTSIDE'), hard('leak', 'd/secret')]);
    assert.notEqual(error, undefined);
    assert.ok(!existsSync(join(root, 'leak')));
  });

  test('a name that nothing can have is refused, and the kernel says why', async () => {
    const { error } = await attack([file('n'.repeat(300))]);
    assert.equal((error as { errno?: string }).errno, 'ENAMETOOLONG');
  });

  test('overlayfs attributes in an archive do not reach the disk', async () => {
    const xattrs = new Map([
      ['trusted.overlay.opaque', Buffer.from('y')],
      ['user.overlay.opaque', Buffer.from('y')],
      ['user.kept', Buffer.from('1')],
    ]);
    const { root } = await attack([{ header: { name: 'd/', type: 'directory', xattrs } }]);
    assert.equal(sh('python3 -c "import os; print(os.listxattr(\'d\'))"', root).trim(), "['user.kept']");
  });
});

describe('a neighbour that swaps a directory for a link out of the tree, all the time', () => {
  // Until the race was met, and once without; on a busy machine that can take a while.
  const MOST_ROUNDS = 20_000;
  const swap = `
import os, sys
root, outside = sys.argv[1:3]
d, l, t = root + '/d', root + '/l', root + '/t'
os.makedirs(d, exist_ok=True)
os.symlink(outside, l)
sys.stdout.write('ready\\n'); sys.stdout.flush()
sys.stdin.close()
while os.path.exists(root + '/go'):
  try:
    os.rename(d, t); os.rename(l, d); os.rename(d, l); os.rename(t, d)
  except OSError: pass
`;

  async function withRacer(body: (root: string, outside: string) => Promise<void>): Promise<void> {
    const top = place();
    const [root, outside] = [join(top, 'root'), join(top, 'outside')];
    mkdirSync(root);
    mkdirSync(join(outside, 'sub'), { recursive: true });
    writeFileSync(join(outside, 'secret'), 'the secret');
    writeFileSync(join(root, 'go'), '');
    const before = describeTree(outside);
    const racer = spawn('python3', ['-c', swap, root, outside], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(racer, 'exit');
    try {
      await once(racer.stdout, 'data');
      await body(root, outside);
    } finally {
      truncateSync(join(root, 'go'), 0);
      sh('rm go', root);
      await ended;
    }
    assert.equal(describeTree(outside), before);
  }

  test('extractTree() writes nothing outside', async () => {
    const files: TarFile[] = [
      { header: { name: 'd/', type: 'directory', mode: 0o777, uid: 5 } },
      { header: { name: 'd/sub/', type: 'directory', mode: 0o777, uid: 5 } },
      { header: { name: 'd/secret', type: 'file', mode: 0o666, size: 4 }, body: [Buffer.from('evil')] },
      { header: { name: 'd/sub/new', type: 'file', size: 4 }, body: [Buffer.from('evil')] },
      { header: { name: 'd/fifo', type: 'fifo', mode: 0o666, uid: 7 } },
      { header: { name: 'd/link', type: 'symlink', linkName: 'x' } },
      { header: { name: 'd/hard', type: 'hard-link', linkName: 'd/secret' } },
    ];
    const archive = await collect(writeTar(files));
    let whole = 0;
    await withRacer(async (root) => {
      for (let round = 0; round < 300 || (whole === 0 && round < MOST_ROUNDS); round++) {
        await extract(root, archive).then(
          () => whole++,
          (error: unknown) => {
            assert.match((error as { code: string }).code, /^(?:ERR_COPY_|E[A-Z]+$)/);
          },
        );
      }
    });
    assert.ok(whole > 0, 'no round was ever unhindered: the test shows nothing');
  });

  test('packTree() reads nothing outside', async () => {
    let met = 0;
    await withRacer(async (root) => {
      for (let round = 0; round < 300 || (met === 0 && round < MOST_ROUNDS); round++) {
        const archive = await pack(root).catch((error: unknown) => {
          assert.match(String((error as { code?: string }).code), /^E/);
          return Buffer.alloc(0);
        });
        const text = archive.toString('latin1');
        assert.ok(!text.includes('the secret'));
        if (text.includes('outside')) met++;
      }
    });
    assert.ok(met > 0, 'the link was never met: the test shows nothing');
  });
});

test('symbolic links below the target count from the root, not from the target', async () => {
  // A name that the machine does not have: a defect must not reach its files.
  const root = place();
  mkdirSync(join(root, 'no-such-place/lib'), { recursive: true });
  mkdirSync(join(root, 'opt'));
  symlinkSync('/no-such-place/lib', join(root, 'opt/lib'));
  await extract(root, writeTar([{ header: { name: 'lib/new', type: 'fifo' } }]), {}, 'opt');
  assert.ok(existsSync(join(root, 'no-such-place/lib/new')));
});
