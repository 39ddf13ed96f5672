/** Trees to copy, and what is to be said of them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Directory } from '../../src/image/tree/directory.js';
import { extractTree, type ExtractOptions } from '../../src/image/tree/extract.js';
import { packTree, type PackOptions } from '../../src/image/tree/pack.js';
import type { TreeProblem } from '../../src/image/tree/problem.js';

export interface Scratch {
  readonly path: string;
  [Symbol.dispose](): void;
}

export function scratch(): Scratch {
  const path = mkdtempSync(join(tmpdir(), 'warren-copy-'));
  return {
    path,
    [Symbol.dispose]() {
      rmSync(path, { recursive: true, force: true });
    },
  };
}

export function sh(script: string, cwd: string): string {
  return execFileSync('sh', ['-euc', script], {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
}

/** Everything that is to be kept of a tree: kinds, modes, owners, sizes, times, links, contents, attributes, devices. */
export function describeTree(path: string): string {
  const script = `
import os, stat, sys, hashlib
top = os.fsencode(sys.argv[1]); inodes = {}
rows = []
for base, dirs, files in os.walk(top):
  for name in [b''] + dirs + files if base == top else dirs + files:
    p = os.path.join(base, name) if name else top
    s = os.lstat(p); k = stat.S_IFMT(s.st_mode); rel = os.path.relpath(p, top)
    extra = ''
    if k == stat.S_IFLNK: extra = os.readlink(p)
    elif k == stat.S_IFREG: extra = hashlib.sha1(open(p, 'rb').read()).hexdigest()
    elif k in (stat.S_IFCHR, stat.S_IFBLK): extra = '%d,%d' % (os.major(s.st_rdev), os.minor(s.st_rdev))
    xattrs = {} if k == stat.S_IFLNK else {a: os.getxattr(p, a).hex() for a in sorted(os.listxattr(p))}
    first = inodes.setdefault((s.st_dev, s.st_ino), rel) if k != stat.S_IFDIR else rel
    rows.append((rel, oct(s.st_mode), s.st_uid, s.st_gid, s.st_mtime_ns, extra, xattrs))
    if k != stat.S_IFDIR and s.st_nlink > 1: rows.append((rel, 'links', s.st_nlink))
for row in sorted(rows, key=lambda r: (r[0], len(r))): print(row)`;
  return execFileSync('python3', ['-c', script, path], { encoding: 'utf8' });
}

export async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

export async function* chunks(bytes: Uint8Array, size = 10_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export async function pack(path: string, options: PackOptions = {}): Promise<Buffer> {
  using directory = Directory.open(path);
  return await collect(packTree({ fd: directory.fd }, '.', options));
}

/** Unpacks in `root`/`below`. */
export async function extract(
  root: string,
  archive: Uint8Array | AsyncIterable<Uint8Array>,
  options: ExtractOptions = {},
  below = '',
): Promise<TreeProblem[]> {
  const problems: TreeProblem[] = [];
  using top = Directory.open(root);
  using directory = Directory.open(join(root, below));
  const stream = archive instanceof Uint8Array ? chunks(archive) : archive;
  await extractTree({ root: top, directory, path: `/${below}` }, stream, {
    onProblem: (problem) => problems.push(problem),
    ...options,
  });
  return problems;
}
