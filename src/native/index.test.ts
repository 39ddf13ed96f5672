import assert from 'node:assert/strict';
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { getTermios, isTerminal, makePipe, openBelow, spawnLauncher } from './index.js';

const outside = realpathSync(mkdtempSync(join(tmpdir(), 'warren-native-')));
after(() => {
  rmSync(outside, { recursive: true });
});
const root = join(outside, 'root');
mkdirSync(join(root, 'etc/deep'), { recursive: true });
writeFileSync(join(outside, 'secret'), 'outside');
writeFileSync(join(root, 'secret'), 'inside');
writeFileSync(join(root, 'etc/passwd'), 'inside passwd');
symlinkSync('/secret', join(root, 'absolute'));
symlinkSync('../../../../secret', join(root, 'etc/climbing'));
symlinkSync(join(outside, 'secret'), join(root, 'real'));
symlinkSync('loop', join(root, 'loop'));
symlinkSync('../..', join(root, 'etc/deep/up'));

function read(path: string): string {
  const fd = openBelow(root, path, constants.O_RDONLY);
  try {
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

function flagsOf(fd: number): number {
  const text = readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1');
  return Number.parseInt(/^flags:\s+([0-7]+)$/m.exec(text)?.[1] ?? '', 8);
}

const O_CLOEXEC = 0o2000000;

describe('openBelow()', () => {
  test('opens what is there, absolute or relative', () => {
    assert.equal(read('etc/passwd'), 'inside passwd');
    assert.equal(read('/etc/passwd'), 'inside passwd');
  });

  test('stays inside: "..", links that climb, absolute links', () => {
    for (const path of ['../secret', '../../../../secret', 'absolute', 'etc/climbing', 'etc/deep/up/secret'])
      assert.equal(read(path), 'inside', path);
  });

  test('does not find by an absolute link what is only outside', () => {
    assert.throws(() => read('real'), { code: 'ENOENT' });
    assert.throws(() => read(join(outside, 'secret')), { code: 'ENOENT' });
  });

  test('tells a loop, a missing file and a file that is no directory', () => {
    assert.throws(() => read('loop'), { code: 'ELOOP' });
    assert.throws(() => read('missing'), { code: 'ENOENT' });
    assert.throws(() => read('secret/x'), { code: 'ENOTDIR' });
    assert.throws(() => openBelow(join(root, 'missing'), 'x', constants.O_RDONLY), { code: 'ENOENT' });
  });

  test('follows no link of /proc that leads out of it', () => {
    assert.throws(() => openBelow('/proc', 'self/root/etc/passwd', constants.O_RDONLY), { code: 'ELOOP' });
  });

  test('opens close-on-exec', () => {
    const fd = openBelow(root, 'secret', constants.O_RDONLY);
    assert.notEqual(flagsOf(fd) & O_CLOEXEC, 0);
    closeSync(fd);
  });
});

describe('makePipe()', () => {
  test('does not block at our end, and blocks at the command’s', () => {
    for (const ours of [0, 1] as const) {
      const ends = makePipe(ours);
      assert.notEqual(flagsOf(ends[ours]) & constants.O_NONBLOCK, 0);
      assert.equal(flagsOf(ends[1 - ours]!) & constants.O_NONBLOCK, 0);
      for (const fd of ends) {
        assert.notEqual(flagsOf(fd) & O_CLOEXEC, 0);
        assert.ok(fstatSync(fd).isFIFO());
        closeSync(fd);
      }
    }
  });

  test('reads at the first what is written at the second', () => {
    const [from, to] = makePipe(0);
    writeSync(to, 'word');
    const bytes = Buffer.alloc(8);
    assert.equal(readSync(from, bytes), 4);
    assert.equal(bytes.toString('utf8', 0, 4), 'word');
    closeSync(from);
    closeSync(to);
  });
});

describe('the launcher', () => {
  /** Loading it is what seals it; a plan that is none makes it end at once. */
  async function sealedLauncher(): Promise<number> {
    const nowhere = openSync('/dev/null', 'r+');
    await new Promise<void>((resolve) => {
      // A handle that nobody holds is collected, and its launcher with it.
      const held = new Set<unknown>();
      held.add(
        spawnLauncher(new Uint8Array(32), [nowhere, nowhere, nowhere], (packet) => {
          if (packet) return;
          held.clear();
          resolve();
        }),
      );
    });
    closeSync(nowhere);
    const fd = readdirSync('/proc/self/fd').find((name) => {
      try {
        return readlinkSync(`/proc/self/fd/${name}`).startsWith('/memfd:');
      } catch {
        return false;
      }
    });
    return Number(fd ?? assert.fail('no memfd is open'));
  }

  test('is a copy in memory that nobody can write to, grow or shrink (CVE-2019-5736)', async () => {
    const fd = await sealedLauncher();
    assert.throws(() => writeSync(fd, 'x', 0), { code: /EPERM|EBADF/ });
    // By way of /proc, as a container would try, with a descriptor that allows writing.
    assert.throws(() => {
      const again = openSync(`/proc/self/fd/${fd}`, 'r+');
      try {
        writeSync(again, 'x', 0);
      } finally {
        closeSync(again);
      }
    }, /EPERM|ETXTBSY|EACCES/);
    assert.throws(() => writeFileSync(`/proc/self/fd/${fd}`, ''), /EPERM|ETXTBSY|EACCES/);
    assert.notEqual(flagsOf(fd) & O_CLOEXEC, 0);
  });
});

test('isTerminal() is false for what is none, and getTermios() says why', () => {
  const fd = openSync('/dev/null', 'r');
  assert.equal(isTerminal(fd), false);
  assert.throws(() => getTermios(fd), { code: 'ENOTTY' });
  closeSync(fd);
});
