/** `docker cp`'s rules, both ways, in the root of a directory and of running containers. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { after, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import {
  copyFromContainer,
  copyInto,
  copyOutOf,
  copyToContainer,
  statIn,
  type CopyOptions,
  type RootAccess,
} from '../../src/containers/copy.js';
import type { TreeProblem } from '../../src/image/tree/problem.js';
import { repositoryRoot } from '../support/cli.js';
import { hold } from '../support/container.js';
import { assertFakeHost } from '../support/fake-host.js';
import { plainUser } from '../support/plain-user.js';
import { busyboxRootfs } from '../support/rootfs.js';
import { chunks, collect, describeTree, scratch, sh } from './support.js';

assertFakeHost();

const base = scratch();
const template = busyboxRootfs();
after(() => {
  base[Symbol.dispose]();
  template[Symbol.dispose]();
});
let count = 0;

/** A container's root and a place outside, each with the same few files. */
function world(): { root: RootAccess; inside: string; outside: string } {
  const top = join(base.path, String(count++));
  const [inside, outside] = [join(top, 'inside'), join(top, 'outside')];
  for (const side of [inside, outside]) {
    mkdirSync(side, { recursive: true });
    sh(
      `mkdir -p file.d dir/sub existing/dir; echo text > file; echo other > target; echo deep > dir/sub/deep
       ln -s file link; ln -s dir dirlink; ln -s nowhere dangling; ln -s / top; ln -s ../../../target climbing
       chmod 711 existing; chown 5:6 file; chmod 4755 dir/sub/deep`,
      side,
    );
  }
  writeFileSync(join(inside, 'file'), 'inside');
  writeFileSync(join(outside, 'file'), 'outside');
  return { root: { path: inside }, inside, outside };
}

const ways = {
  in: async ({ root, outside }: ReturnType<typeof world>, from: string, to: string, options?: CopyOptions) =>
    copyToContainer(root, `${outside}/${from}`, to, options),
  out: async ({ root, outside }: ReturnType<typeof world>, from: string, to: string, options?: CopyOptions) =>
    copyFromContainer(root, from, `${outside}/${to}`, options),
};

for (const way of ['in', 'out'] as const) {
  const copy = ways[way];
  const setup = (): { w: ReturnType<typeof world>; to: string; text: string } => {
    const w = world();
    return { w, to: way === 'in' ? w.inside : w.outside, text: way === 'in' ? 'outside' : 'inside' };
  };

  describe(`docker's table, ${way}`, () => {
    test('a file to a name that is not there: it has this name', async () => {
      const { w, to, text } = setup();
      await copy(w, 'file', 'new');
      assert.equal(readFileSync(join(to, 'new'), 'utf8'), text);
    });

    test('a file to a name that is not there and ends with a slash: no such directory', async () => {
      const { w, to } = setup();
      await assert.rejects(copy(w, 'file', 'new/'), { code: 'ERR_COPY_NOT_FOUND' });
      assert.ok(!readdirSync(to).includes('new'));
    });

    test('a file to a file: it takes its place, and through a link that of what the link leads to', async () => {
      const { w, to, text } = setup();
      await copy(w, 'file', 'target');
      assert.equal(readFileSync(join(to, 'target'), 'utf8'), text);
      const { w: other, to: there } = setup();
      symlinkSync('existing/pointed', join(there, 'pointer'));
      await copy(other, 'file', 'pointer');
      assert.equal(readFileSync(join(there, 'existing/pointed'), 'utf8'), text);
      assert.ok(lstatSync(join(there, 'pointer')).isSymbolicLink());
    });

    test('a file to a directory: into it, by its own name', async () => {
      const { w, to, text } = setup();
      for (const name of ['existing', 'existing/', 'existing/.']) await copy(w, 'file', name);
      assert.equal(readFileSync(join(to, 'existing/file'), 'utf8'), text);
      assert.equal(statSync(join(to, 'existing')).mode & 0o777, 0o711);
    });

    test('a file to a file that ends with a slash, or below a file: not a directory', async () => {
      const { w } = setup();
      await assert.rejects(copy(w, 'file', 'target/'), { code: 'ERR_COPY_NOT_DIRECTORY' });
      await assert.rejects(copy(w, 'file', 'target/x'), { code: 'ERR_COPY_NOT_DIRECTORY' });
    });

    test('a directory to a name that is not there: it has this name, with or without a slash', async () => {
      const { w, to } = setup();
      await copy(w, 'dir', 'one');
      await copy(w, 'dir/.', 'two/');
      for (const name of ['one', 'two'])
        assert.equal(readFileSync(join(to, name, 'sub/deep'), 'utf8'), 'deep\n');
    });

    test('a directory to a directory: into it; of "dir/." the contents', async () => {
      const { w, to } = setup();
      await copy(w, 'dir', 'existing');
      assert.deepEqual(readdirSync(join(to, 'existing')), ['dir']);
      await copy(w, 'dir/.', 'existing');
      assert.deepEqual(readdirSync(join(to, 'existing')), ['dir', 'sub']);
      assert.equal(statSync(join(to, 'existing')).mode & 0o777, 0o711);
    });

    test('a directory to a file: refused', async () => {
      const { w, to } = setup();
      await assert.rejects(copy(w, 'dir', 'target'), { code: 'ERR_COPY_CONFLICT' });
      assert.equal(readFileSync(join(to, 'target'), 'utf8'), 'other\n');
    });

    test('a link is copied as a link; with followLink what it leads to, and with a slash too', async () => {
      const { w, to, text } = setup();
      await copy(w, 'link', 'copied');
      assert.equal(readlinkSync(join(to, 'copied')), 'file');
      await copy(w, 'link', 'followed', { followLink: true });
      assert.equal(readFileSync(join(to, 'followed'), 'utf8'), text);
      await copy(w, 'dirlink/', 'slash');
      assert.deepEqual(readdirSync(join(to, 'slash')), ['sub']);
      await copy(w, 'dangling', 'existing');
      assert.equal(readlinkSync(join(to, 'existing/dangling')), 'nowhere');
      await assert.rejects(copy(w, 'dangling', 'x', { followLink: true }), { code: 'ERR_COPY_NOT_FOUND' });
    });

    test('what is not there: refused, and so is a file with a slash, and a directory that is not there', async () => {
      const { w } = setup();
      await assert.rejects(copy(w, 'nope', 'x'), { code: 'ERR_COPY_NOT_FOUND' });
      await assert.rejects(copy(w, 'file/', 'x'), { code: 'ERR_COPY_NOT_DIRECTORY' });
      await assert.rejects(copy(w, 'file', 'nope/x'), { code: 'ERR_COPY_NOT_FOUND' });
    });

    test('a file to something that is neither file nor directory: refused', async () => {
      const { w, to } = setup();
      sh('mkfifo pipe', to);
      await assert.rejects(copy(w, 'file', 'pipe'), { code: 'ERR_COPY_CONFLICT' });
    });
  });
}

describe('owners', () => {
  test('copied in, files belong to root; with archive to whom they did', async () => {
    const w = world();
    await ways.in(w, 'file', 'plain');
    await ways.in(w, 'file', 'archived', { archive: true });
    const [plain, archived] = [statSync(join(w.inside, 'plain')), statSync(join(w.inside, 'archived'))];
    assert.deepEqual([plain.uid, plain.gid, archived.uid, archived.gid], [0, 0, 5, 6]);
  });

  test('copied out, files belong to the caller, and set-id bits, devices and capabilities stay behind', async () => {
    const w = world();
    sh('mknod dir/null c 1 3; cp /bin/true dir/cap; setcap cap_chown=ep dir/cap', w.inside);
    const problems: TreeProblem[] = [];
    await ways.out(w, 'dir', 'plain', { onProblem: (problem) => problems.push(problem) });
    await ways.out(w, 'dir', 'archived', { archive: true });
    await ways.out(w, 'file', 'mine');
    assert.equal(statSync(join(w.outside, 'mine')).uid, process.geteuid?.());
    assert.equal(statSync(join(w.outside, 'plain/sub/deep')).mode & 0o7777, 0o755);
    assert.deepEqual(problems, [{ kind: 'skipped', path: 'plain/null', why: 'it is a device' }]);
    assert.equal(execFileSync('getcap', [join(w.outside, 'plain/cap')], { encoding: 'utf8' }), '');
    assert.equal(describeTree(join(w.outside, 'archived')), describeTree(join(w.inside, 'dir')));
  });

  test('with a user namespace, ids are the container’s', async () => {
    const w = world();
    const map = [{ inside: 0, outside: 100_000, length: 1000 }];
    const root = { ...w.root, uidMap: map, gidMap: map };
    await copyToContainer(root, join(w.outside, 'file'), 'plain');
    await copyToContainer(root, join(w.outside, 'file'), 'archived', { archive: true });
    assert.equal(statSync(join(w.inside, 'plain')).uid, 100_000);
    assert.equal(statSync(join(w.inside, 'archived')).gid, 100_006);
    const listing = execFileSync('tar', ['-tv', '--numeric-owner'], {
      input: await collect(copyOutOf(root, 'archived')),
      encoding: 'utf8',
    });
    assert.match(listing, / 5\/6 .* archived$/m);
  });
});

test('an ordinary user copies out as well; what only root may keep is told', async () => {
  using user = plainUser();
  const w = world();
  const copyModule = pathToFileURL(
    join(
      user.home,
      '../checkout',
      relative(repositoryRoot, join(import.meta.dirname, '../../src/containers/copy.js')),
    ),
  ).href;
  sh('chmod 755 . inside; echo > inside/private; chmod 600 inside/private', join(w.inside, '..'));
  sh('chmod 755 .', base.path);
  const script = `
    const { copyFromContainer } = await import(${JSON.stringify(copyModule)});
    const problems = [];
    await copyFromContainer({ path: ${JSON.stringify(w.inside)} }, 'dir', 'plain');
    await copyFromContainer({ path: ${JSON.stringify(w.inside)} }, 'file', 'archived', {
      archive: true, onProblem: ({ kind }) => problems.push(kind) });
    await copyFromContainer({ path: ${JSON.stringify(w.inside)} }, 'dir', 'archived-dir', { archive: true });
    await copyFromContainer({ path: ${JSON.stringify(w.inside)} }, 'private', 'x').catch(({ code, kind, message }) =>
      problems.push(code, kind, message.includes('/proc/')));
    console.log(problems.join());`;
  const { code, stdout, stderr } = await user.run(['node', '--input-type=module', '-e', script]);
  assert.deepEqual([code, stdout, stderr], [0, 'failed,ERR_COPY_READ,permission-denied,false\n', '']);
  const { uid, gid } = statSync(join(user.home, 'plain/sub/deep'));
  assert.deepEqual([uid, gid], [user.uid, user.gid]);
  assert.equal(readFileSync(join(user.home, 'archived'), 'utf8'), 'inside');
  assert.equal(statSync(join(user.home, 'archived-dir/sub/deep')).mode & 0o7777, 0o755);
});

describe('links in the container', () => {
  test('lead no further up than its root, in sources and targets', async () => {
    const w = world();
    writeFileSync(join(w.inside, '..', 'target'), 'outside the root');
    symlinkSync(w.outside, join(w.inside, 'escape'));
    await ways.out(w, 'climbing', 'got', { followLink: true });
    assert.equal(readFileSync(join(w.outside, 'got'), 'utf8'), 'other\n');
    await ways.in(w, 'file', 'climbing');
    assert.equal(readFileSync(join(w.inside, 'target'), 'utf8'), 'outside');
    await ways.in(w, 'file', 'top/existing/');
    assert.equal(readFileSync(join(w.inside, 'existing/file'), 'utf8'), 'outside');
    await assert.rejects(ways.in(w, 'file', 'escape/x'), { code: 'ERR_COPY_NOT_FOUND' });
    await assert.rejects(ways.in(w, 'file', 'escape'), { code: 'ERR_COPY_NOT_FOUND' });
    await ways.out(w, '../../../../target', 'dots');
    assert.equal(readFileSync(join(w.outside, 'dots'), 'utf8'), 'outside');
    assert.equal(readFileSync(join(w.inside, '..', 'target'), 'utf8'), 'outside the root');
  });

  test('that go in circles are refused', async () => {
    const w = world();
    sh('ln -s b a; ln -s a b', w.inside);
    await assert.rejects(ways.in(w, 'file', 'a'), { code: 'ERR_COPY_NOT_FOUND' });
    await assert.rejects(ways.out(w, 'a/x', 'y'), { code: 'ERR_COPY_NOT_FOUND' });
  });
});

describe('streams and stat', () => {
  test('copyInto() unpacks what GNU tar packs, in a directory that has to be there', async () => {
    const w = world();
    const archive = execFileSync('tar', ['-c', '-C', w.outside, 'dir', 'file']);
    await copyInto(w.root, '/existing', chunks(archive));
    assert.equal(statSync(join(w.inside, 'existing/file')).uid, 5);
    assert.equal(readFileSync(join(w.inside, 'existing/dir/sub/deep'), 'utf8'), 'deep\n');
    await assert.rejects(copyInto(w.root, '/nope', chunks(archive)), { code: 'ERR_COPY_NOT_FOUND' });
    await assert.rejects(copyInto(w.root, '/file', chunks(archive)), { code: 'ERR_COPY_NOT_DIRECTORY' });
  });

  test('copyOutOf() names files by the last part of the path, and "." for contents', async () => {
    const w = world();
    const names = async (path: string): Promise<string> =>
      execFileSync('tar', ['-t'], { input: await collect(copyOutOf(w.root, path)), encoding: 'utf8' });
    assert.equal(await names('/dir'), 'dir/\ndir/sub/\ndir/sub/deep\n');
    assert.equal(await names('dir/'), 'dir/\ndir/sub/\ndir/sub/deep\n');
    assert.equal(await names('/dir/.'), './\n./sub/\n./sub/deep\n');
    assert.equal(await names('/link'), 'link\n');
  });

  test('statIn() says what a path is, and where a link leads as the container sees it', () => {
    const w = world();
    assert.equal(statIn(w.root, '/climbing').linkTarget, '/target');
    assert.equal(statIn(w.root, '/dangling').linkTarget, '/nowhere');
    const { name, sizeBytes, mode, linkTarget } = statIn(w.root, 'file');
    assert.deepEqual([name, sizeBytes, mode, linkTarget], ['file', 6n, 0o100644, '']);
    assert.equal(statIn(w.root, '/').name, '/');
    assert.throws(() => statIn(w.root, '/nope'), { code: 'ERR_COPY_NOT_FOUND' });
  });
});

describe('a container that runs', () => {
  test('its volumes are seen, nothing of it is executed, and ids are mapped', async () => {
    const w = world();
    await using container = await hold(
      {
        rootfs: template.path,
        uidMap: ['0:100000:65536'],
        gidMap: ['0:200000:65536'],
        volumes: [`${join(w.outside, 'existing')}:/volume`],
      },
      'echo mine > /tmp/mine; ln -s /tmp/mine /tmp/pointer; ln -s /proc/self/root/etc /tmp/magic',
    );
    const map = (outside: number) => [{ inside: 0, outside, length: 65_536 }];
    const root = { path: `/proc/${container.pid}/root`, uidMap: map(100_000), gidMap: map(200_000) };
    await copyToContainer(root, join(w.outside, 'file'), '/tmp/new');
    const seen = statSync(`/proc/${container.pid}/root/tmp/new`);
    assert.deepEqual([seen.uid, seen.gid], [100_000, 200_000]);
    await copyFromContainer(root, '/tmp/mine', join(w.outside, 'fetched'));
    assert.equal(readFileSync(join(w.outside, 'fetched'), 'utf8'), 'mine\n');
    assert.equal(statIn(root, '/tmp/pointer').linkTarget, '/tmp/mine');
    await assert.rejects(copyFromContainer(root, '/tmp/magic/passwd', join(w.outside, 'x')), {
      code: 'ERR_COPY_NOT_FOUND',
    });
    await copyFromContainer(root, '/volume', join(w.outside, 'of-volume'));
    await assert.rejects(copyFromContainer(root, '/proc/version', join(w.outside, 'x')), {
      code: 'ERR_COPY_KERNEL_FILE',
    });
    await container.stop();
  });
});
