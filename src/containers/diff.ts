import { closeSync, constants, existsSync, readFileSync, type BigIntStats } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { CAPABILITY, isNoSupport } from '../image/tree/attributes.js';
import { Directory, errnoOf, reopen } from '../image/tree/directory.js';
import { encodeName } from '../image/tar/byte-text.js';
import { getXattr, O_PATH } from '../native/xattr.js';
import type { HiddenDirectory, Layer, LayerFile } from '../plan/config.js';

/** docker's letters: added, changed, deleted. */
export type ChangeKind = 'A' | 'C' | 'D';

export interface LayerChange {
  readonly kind: ChangeKind;
  /** Absolute, as the container sees it. */
  readonly path: string;
}

export interface DiffOptions {
  /** Where the layer is in the container: `/`, or a mount point of its own, with or without the slash. Default `/`. */
  readonly at?: string | undefined;
  /** Directories that the layer showed empty from the start: what they hide was not deleted by the container. */
  readonly hidden?: Layer['hidden'] | undefined;
  /** Files that were in the layer from the start: they count once they are no longer as they were. */
  readonly files?: Layer['files'] | undefined;
}

/** Files of every container that an engine writes: no change of the container's own, whatever is in them. */
const engineFiles: ReadonlySet<string> = new Set(['/etc/hosts', '/etc/hostname', '/etc/resolv.conf']);

/** What an engine makes where an image has none, so that there is something to mount on. */
const initPaths: ReadonlySet<string> = new Set([
  '/.dockerenv',
  '/dev',
  '/dev/console',
  '/dev/pts',
  '/dev/shm',
  '/etc/mtab',
  '/proc',
  '/sys',
]);

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** How many files are looked at before others have their turn. */
const BATCH = 256;

/**
 * What a copy-on-write layer changes, by comparing its upper directory with what lies below it, as `docker diff` does: in
 * the order of a walk, a directory before what is in it. One that only had to be copied up is listed (`C`) if something
 * below it changed, and the times of directories count for nothing.
 *
 * Layers with renamed directories (overlayfs' `redirect_dir`) are not understood: Warren makes none.
 *
 * @param upper The `upperdir` of an overlay mount; it may be in use. One that is not there yet has no changes.
 * @param lower Its `lowerdir`, or several, the topmost first.
 * @see overlayfs.rst of the kernel's documentation, for white-outs and opaque directories
 */
export async function* diffLayer(
  upper: string,
  lower: string | readonly string[],
  { at = '/', hidden = [], files = [] }: DiffOptions = {},
): AsyncGenerator<LayerChange, void, undefined> {
  if (!existsSync(upper)) return;
  const paths = typeof lower === 'string' ? [lower] : lower;
  const opened: Directory[] = [];
  try {
    for (const path of [upper, ...paths]) opened.push(Directory.open(path));
    const [top, ...lowers] = opened;
    const prefix = at.replace(/^\/+|\/+$/g, '');
    const path = prefix === '' ? '' : `/${prefix}`;
    const prepared = new Map([...hidden, ...files].map((entry) => [`${path}/${entry.path}`, entry]));
    if (top) yield* new Walk(prepared).below(top, lowers, path);
  } finally {
    for (const directory of opened) directory.close();
  }
}

/** What the layers below have under a name. */
interface Below {
  readonly stat: BigIntStats;
  /** Where the file itself is. */
  readonly directory: Directory;
  /** The directories that make up this one; none for what is no directory. */
  readonly directories: readonly Directory[];
}

class Walk {
  #looked = 0;

  /** @param prepared What the engine put into the layer, by path. */
  constructor(private readonly prepared: ReadonlyMap<string, HiddenDirectory | LayerFile>) {}

  /** The changes in a directory, without its own. */
  async *below(
    upper: Directory,
    lowers: readonly Directory[],
    path: string,
  ): AsyncGenerator<LayerChange, void, undefined> {
    for (const name of namesToCompare(upper, lowers)) {
      if (++this.#looked % BATCH === 0) await setImmediate();
      const child = `${path}/${name}`;
      if (engineFiles.has(child)) continue;
      const stat = upper.look(name);
      const found = lookBelow(lowers, name);
      try {
        if (!stat || isWhiteout(upper, name, stat)) {
          if (found) yield { kind: 'D', path: child };
        } else {
          yield* this.#compare(upper, name, stat, found, child);
        }
      } finally {
        for (const directory of found?.directories ?? []) directory.close();
      }
    }
  }

  async *#compare(
    upper: Directory,
    name: string,
    stat: BigIntStats,
    found: Below | undefined,
    path: string,
  ): AsyncGenerator<LayerChange, void, undefined> {
    const prepared = this.prepared.get(path);
    const same = prepared
      ? isAsPrepared(upper, name, stat, prepared)
      : found && !differs(upper, name, stat, found);
    const kind = same === true ? undefined : found ? 'C' : 'A';
    const shown = kind !== undefined && !(initPaths.has(path) && (kind === 'A' || stat.isDirectory()));
    if (shown) yield { kind, path };
    if (!stat.isDirectory()) return;
    const directory = openEntry(upper, name);
    if (!directory) return;
    try {
      let announced = shown;
      for await (const change of this.below(directory, prepared ? [] : (found?.directories ?? []), path)) {
        if (!announced) yield { kind: 'C', path };
        announced = true;
        yield change;
      }
    } finally {
      directory.close();
    }
  }
}

/** The upper's names; where it hides what is below, also what it hides. */
function namesToCompare(upper: Directory, lowers: readonly Directory[]): string[] {
  const names = upper.names();
  if (lowers.length === 0 || !isOpaque(upper)) return names;
  const all = new Set([...names, ...lowers.flatMap((directory) => directory.names())]);
  return [...all].sort((a, b) => Buffer.compare(encodeName(a), encodeName(b)));
}

function lookBelow(lowers: readonly Directory[], name: string): Below | undefined {
  let found: { stat: BigIntStats; directory: Directory } | undefined;
  const directories: Directory[] = [];
  for (const directory of lowers) {
    const stat = directory.look(name);
    if (!stat) continue;
    // A white-out, and a file below a directory, hide all that is further down.
    if (isWhiteout(directory, name, stat) || (found && !stat.isDirectory())) break;
    found ??= { stat, directory };
    const inside = stat.isDirectory() ? openEntry(directory, name) : undefined;
    if (!inside) break;
    directories.push(inside);
    if (isOpaque(inside)) break;
  }
  return found && { ...found, directories };
}

/** By docker's rule: kind and permissions, owner, device; for what is no directory, size and time; capabilities. */
function differs(
  upper: Directory,
  name: string,
  stat: BigIntStats,
  { stat: old, directory }: Below,
): boolean {
  if (stat.mode !== old.mode || stat.uid !== old.uid || stat.gid !== old.gid || stat.rdev !== old.rdev)
    return true;
  if (!stat.isDirectory() && (stat.size !== old.size || stat.mtimeNs !== old.mtimeNs)) return true;
  if (!stat.isFile()) return false;
  const capability = (from: Directory): string | undefined =>
    attributeOf(from, name, CAPABILITY)?.toString('hex');
  return capability(upper) !== capability(directory);
}

function isAsPrepared(
  upper: Directory,
  name: string,
  stat: BigIntStats,
  prepared: HiddenDirectory | LayerFile,
): boolean {
  const { uid, gid, mode } = prepared;
  if (Number(stat.uid) !== uid || Number(stat.gid) !== gid || (Number(stat.mode) & 0o7777) !== mode)
    return false;
  if (!('content' in prepared)) return stat.isDirectory();
  const content = Buffer.from(prepared.content);
  return (
    stat.isFile() && Number(stat.size) === content.length && contentOf(upper, name)?.equals(content) === true
  );
}

function contentOf(directory: Directory, name: string): Buffer | undefined {
  return withFile(directory, name, (fd) => readFileSync(fd));
}

/** A character device 0/0; or, in newer kernels and where nobody may make one, an empty file with an attribute. */
function isWhiteout(directory: Directory, name: string, stat: BigIntStats): boolean {
  if (stat.isCharacterDevice()) return stat.rdev === 0n;
  return stat.isFile() && stat.size === 0n && overlayAttribute(directory, name, 'whiteout') !== undefined;
}

function isOpaque(directory: Directory): boolean {
  return overlayAttribute(directory, '', 'opaque')?.toString() === 'y';
}

/** `user.` where the overlay was mounted in a user namespace. */
function overlayAttribute(directory: Directory, name: string, attribute: string): Buffer | undefined {
  return (
    attributeOf(directory, name, `trusted.overlay.${attribute}`) ??
    attributeOf(directory, name, `user.overlay.${attribute}`)
  );
}

/** Of a regular file or, with an empty name, of the directory. Undefined where it has none, or is gone. */
function attributeOf(directory: Directory, name: string, attribute: string): Buffer | undefined {
  return withFile(directory, name, (fd) => getXattr(fd, encodeName(attribute)));
}

function withFile<T>(directory: Directory, name: string, use: (fd: number) => T): T | undefined {
  let entry = -1;
  let fd = -1;
  try {
    if (name !== '') entry = directory.openEntry(name);
    fd = reopen(name === '' ? directory.fd : entry, O_RDONLY | (name === '' ? O_DIRECTORY : O_NONBLOCK));
    return use(fd);
  } catch (error) {
    if (isNoSupport(error) || ['ENODATA', 'ENOENT', 'EPERM', 'EACCES', 'ELOOP'].includes(errnoOf(error)))
      return undefined;
    throw error;
  } finally {
    if (entry >= 0) closeSync(entry);
    if (fd >= 0) closeSync(fd);
  }
}

/** Undefined where it is no directory any more. */
function openEntry(directory: Directory, name: string): Directory | undefined {
  try {
    return new Directory(directory.openPlain(name, O_PATH | O_DIRECTORY | O_NOFOLLOW));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error))) return undefined;
    throw error;
  }
}
