import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  createReadStream,
  fstatSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs';
import { promisify } from 'node:util';
import { invalid, quote } from '../../errors.js';
import { randomBytes } from '../../native/index.js';
import { makeNode, O_PATH } from '../../native/xattr.js';
import { encodeName } from '../tar/byte-text.js';
import type { TarHeader } from '../tar/header.js';
import { readTar, type TarEntry } from '../tar/read.js';
import { idForDisk, type IdMaps } from './attributes.js';
import { componentsOf, Directory, errnoOf, reopen, selfPath, whyOf } from './directory.js';
import { Dresser } from './dress.js';
import { asCopyError, conflict } from './errors.js';
import type { TreeProblem } from './problem.js';

export interface ExtractOptions extends IdMaps {
  /** Whom everything is to belong to, by ids of the archive's side. Default: to whom the archive says. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  /** Directories that are there already keep their owner, mode, attributes and times. Default false. */
  readonly keepDirectories?: boolean | undefined;
  /** Files may be set-user-id and set-group-id. A new owner takes the bit away in any case, as chown(2) does. Default true. */
  readonly setId?: boolean | undefined;
  /** Make device nodes; otherwise they are left out and reported. Default true. */
  readonly devices?: boolean | undefined;
  /** Which extended attributes are wanted, of those that can be carried at all. Default: all. */
  readonly wantXattr?: ((attribute: string) => boolean) | undefined;
  /** Told of each thing that is not as in the archive. Default: nobody is. */
  readonly onProblem?: ((problem: TreeProblem) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Where an archive is unpacked. */
export interface TreeTarget {
  /** Links lead no further up than this. */
  readonly root: Directory;
  /** The directory that names in the archive begin in. */
  readonly directory: Directory;
  /** Its path in `root`; for links in the tree, which count from `root`. */
  readonly path: string;
}

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_DIRECTORY } = constants;
const { S_IFCHR, S_IFBLK, S_IFIFO, S_IFLNK } = constants;

/** Larger files are written beside other work. */
const LARGE = 1024 * 1024;

const writeAsync = promisify(write);

/**
 * Unpacks an archive below a directory. Nothing is made, changed or removed elsewhere, whatever the archive says and
 * whoever moves things about in the tree meanwhile: names with `..` are refused, absolute ones count from the
 * directory, no link is followed out of the root, and every file is made aside and renamed into place, so that
 * nothing is ever written through a name.
 *
 * @throws {WarrenError} `ERR_TAR`, `ERR_TAR_UNSUPPORTED`, `ERR_TAR_ESCAPE`, `ERR_COPY_CONFLICT` (a directory where a file
 *   is, or the other way round), `ERR_COPY_ID`, `ERR_COPY_WRITE`. What was unpacked before stays; no temporary file does.
 */
export async function extractTree(
  target: TreeTarget,
  archive: AsyncIterable<Uint8Array>,
  options: ExtractOptions = {},
): Promise<void> {
  const extractor = new Extractor(target, options);
  try {
    for await (const entry of readTar(archive)) {
      options.signal?.throwIfAborted();
      await extractor.add(entry);
    }
  } finally {
    extractor.finish();
  }
}

/** A directory that gets its attributes when everything is in it. */
interface Unfinished {
  readonly parts: readonly string[];
  readonly header: TarHeader;
  readonly device: bigint;
  readonly inode: bigint;
}

class Extractor {
  readonly #dresser: Dresser;
  readonly #directories: Unfinished[] = [];
  /** Names that nobody else makes. */
  readonly #temporary = `.warren-${randomBytes(8).toString('hex')}-`;
  #count = 0;
  /** The parent of the last file: mostly that of the next one too. */
  #parent: { readonly path: string; readonly directory: Directory } | undefined;

  constructor(
    private readonly target: TreeTarget,
    private readonly options: ExtractOptions,
  ) {
    this.#dresser = new Dresser(options);
  }

  async add({ header, body }: TarEntry): Promise<void> {
    const parts = partsOf(header, header.name);
    const name = parts.at(-1);
    try {
      if (name === undefined) {
        if (header.type !== 'directory') throw conflict(header.name, 'the target directory', 'a file');
        this.#keep(parts, header, this.target.directory, '', false);
        return;
      }
      const parent = this.#parentOf(parts);
      if (header.type === 'directory') this.#addDirectory(parent, name, parts, header);
      else await this.#addFile(parent, name, header, body);
    } catch (error) {
      throw asCopyError(error, header.name);
    }
  }

  /** Gives directories their attributes, the deepest first, for writing into one changes its times. */
  finish(): void {
    for (const { parts, header, device, inode } of this.#directories.reverse()) {
      try {
        using directory = this.#open(parts);
        const fd = reopen(directory.fd, O_RDONLY | O_DIRECTORY);
        try {
          const stat = fstatSync(fd, { bigint: true });
          // Somebody in the container has put another one in its place: that is not ours to change.
          if (stat.dev !== device || stat.ino !== inode) continue;
          this.#dresser.dress(fd, header, false);
        } finally {
          closeSync(fd);
        }
      } catch (error) {
        this.#report(header, whyOf(error));
      }
    }
    this.#directories.length = 0;
    this.#parent?.directory.close();
    this.#parent = undefined;
  }

  #addDirectory(parent: Directory, name: string, parts: readonly string[], header: TarHeader): void {
    let made = true;
    try {
      // Nobody else's until it is whole.
      mkdirSync(parent.at(name), 0o700);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      made = false;
    }
    this.#keep(parts, header, parent, name, made);
  }

  #keep(parts: readonly string[], header: TarHeader, parent: Directory, name: string, made: boolean): void {
    const stat = name === '' ? fstatSync(parent.fd, { bigint: true }) : parent.look(name);
    if (!stat?.isDirectory()) throw conflict(header.name, 'a file', 'a directory');
    // Rather now than at the end.
    this.#dresser.ownerOf(header);
    if (made || this.options.keepDirectories !== true)
      this.#directories.push({ parts, header, device: stat.dev, inode: stat.ino });
  }

  async #addFile(
    parent: Directory,
    name: string,
    header: TarHeader,
    body: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    if (parent.look(name)?.isDirectory() === true) throw conflict(header.name, 'a directory', 'a file');
    if (
      (header.type === 'character-device' || header.type === 'block-device') &&
      this.options.devices === false
    ) {
      this.#report(header, 'it is a device', 'skipped');
      return;
    }
    const aside = `${this.#temporary}${this.#count++}`;
    let placed = false;
    try {
      if (header.type === 'file') await this.#writeFile(parent, aside, header, body);
      else this.#makeOther(parent, aside, header);
      renameSync(parent.at(aside), parent.at(name));
      // Where both names were one file already, rename(2) has done nothing.
      placed = header.type !== 'hard-link';
    } catch (error) {
      // A mount point, as /etc/hosts is in many containers, can be neither replaced nor removed.
      if (errnoOf(error) !== 'EBUSY' || header.type !== 'file') throw error;
      await this.#overwrite(parent, aside, name);
    } finally {
      if (!placed) removeIfThere(parent, aside);
    }
  }

  async #writeFile(
    parent: Directory,
    aside: string,
    header: TarHeader,
    body: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const fd = openSync(parent.at(aside), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      for await (const chunk of body) {
        this.options.signal?.throwIfAborted();
        await writeAll(fd, chunk, header.size);
      }
      this.#dresser.dress(fd, header, true);
    } finally {
      closeSync(fd);
    }
  }

  #makeOther(parent: Directory, aside: string, header: TarHeader): void {
    switch (header.type) {
      case 'hard-link': {
        const parts = partsOf(header, header.linkName);
        const name = parts.at(-1);
        if (name === undefined) throw conflict(header.linkName, 'a directory', 'a file with several names');
        using other = this.#open(parts.slice(0, -1));
        // link(2) makes another name for a symbolic link, too, and does not follow it.
        linkSync(other.at(name), parent.at(aside));
        return;
      }
      case 'symlink':
        symlinkSync(encodeName(header.linkName), parent.at(aside));
        this.#dresser.dressEntry(parent, aside, S_IFLNK, header);
        return;
      default: {
        const kind = header.type === 'fifo' ? S_IFIFO : header.type === 'block-device' ? S_IFBLK : S_IFCHR;
        makeNode(parent.fd, encodeName(aside), kind | 0o600, header.deviceMajor, header.deviceMinor);
        this.#dresser.dressEntry(parent, aside, kind, header);
      }
    }
  }

  /** Copies the contents, and nothing else, into a file that cannot be replaced. */
  async #overwrite(parent: Directory, aside: string, name: string): Promise<void> {
    const found = parent.openEntry(name);
    try {
      if (!fstatSync(found).isFile()) throw conflict(name, 'a mount point that is no file', 'a file');
      const from = openSync(parent.at(aside), O_RDONLY | O_NOFOLLOW);
      const to = reopen(found, O_WRONLY | O_NONBLOCK);
      try {
        const size = fstatSync(from).size;
        ftruncateSync(to, 0);
        for await (const chunk of piecesOf(from)) await writeAll(to, chunk, size);
      } finally {
        closeSync(from);
        closeSync(to);
      }
    } finally {
      closeSync(found);
    }
  }

  #parentOf(parts: readonly string[]): Directory {
    const above = parts.slice(0, -1);
    const path = above.join('/');
    if (this.#parent?.path !== path) {
      const directory = this.#open(above, true);
      this.#parent?.directory.close();
      this.#parent = { path, directory };
    }
    return this.#parent.directory;
  }

  /** A directory of the tree. Where a part of its path is a link, it is the one that the link leads to in the root. */
  #open(parts: readonly string[], make = false): Directory {
    try {
      return this.#openPath(parts.join('/'));
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || !make || parts.length === 0) throw error;
    }
    using parent = this.#open(parts.slice(0, -1), true);
    const name = parts.at(-1) ?? '';
    try {
      mkdirSync(parent.at(name), 0o755);
      const fd = parent.openEntry(name);
      try {
        const { uid = 0, gid = 0 } = this.options.owner ?? {};
        chmodSync(selfPath(fd), 0o755);
        const [outerUid, outerGid] = [
          idForDisk(this.options, 'uid', uid),
          idForDisk(this.options, 'gid', gid),
        ];
        const stat = fstatSync(fd);
        if (
          outerUid !== undefined &&
          outerGid !== undefined &&
          (stat.uid !== outerUid || stat.gid !== outerGid)
        )
          chownSync(selfPath(fd), outerUid, outerGid);
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
    return this.#openPath(parts.join('/'));
  }

  #openPath(path: string): Directory {
    try {
      return new Directory(this.target.directory.openPlain(path, O_PATH | O_DIRECTORY));
    } catch (error) {
      if (errnoOf(error) !== 'ELOOP') throw error;
      return new Directory(this.target.root.openInRoot(`${this.target.path}/${path}`, O_PATH | O_DIRECTORY));
    }
  }

  #report({ name }: TarHeader, why: string, kind: TreeProblem['kind'] = 'failed'): void {
    this.options.onProblem?.({ kind, path: name, why });
  }
}

function partsOf(header: TarHeader, path: string): string[] {
  const parts = componentsOf(path);
  if (parts) return parts;
  throw invalid(
    'ERR_TAR_ESCAPE',
    `Cannot unpack ${quote(header.name)}`,
    `${path === header.name ? 'its name' : `the other name it has, ${quote(path)},`} has ".." in it`,
    'no archive needs that: do not trust this one',
  );
}

async function writeAll(fd: number, chunk: Uint8Array, fileSize: number): Promise<void> {
  for (let at = 0; at < chunk.length;) {
    at += fileSize <= LARGE ? writeSync(fd, chunk, at) : (await writeAsync(fd, chunk, at)).bytesWritten;
  }
}

async function* piecesOf(fd: number): AsyncGenerator<Uint8Array> {
  yield* createReadStream('', { fd, autoClose: false }) as AsyncIterable<Uint8Array>;
}

function removeIfThere(directory: Directory, name: string): void {
  try {
    unlinkSync(directory.at(name));
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
