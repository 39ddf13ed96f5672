/** A root of the caller's programs, with the process's own root below `/target`. */
import { lstatSync, readdirSync, readlinkSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { WarrenError, quote } from '../../errors.js';
import type { BindMount, FileSystemMount, SkeletonEntry } from '../../plan/config.js';
import type { NamespaceKind } from '../../plan/constants.js';
import type { ToolsConfig } from '../../plan/enter.js';

const TARGET = 'target';

/** Directories that a box of tools needs and seldom brings: the host's, where its own are empty or missing. */
const hostDirectories = ['dev', 'proc', 'sys', 'tmp'];

/**
 * Nothing is written into `directory` either: its entries are bound below a tmpfs, which has the mount points.
 *
 * @param kinds The namespaces that are joined.
 */
export function configureTools(
  directory: string,
  kinds: readonly NamespaceKind[],
  targetWritable: boolean,
): ToolsConfig {
  const entries: SkeletonEntry[] = [{ kind: 'directory', path: TARGET, mode: 0o755 }];
  const binds: BindMount[] = [];
  const isHost = isRoot(directory);
  const names = readEntries(directory);
  for (const name of new Set([...names, ...(isHost ? [] : hostDirectories)])) {
    if (name === TARGET) continue;
    const fromHost = !isHost && hostDirectories.includes(name);
    const source = join(fromHost ? '/' : directory, name);
    const stats = lstatSync(source, { throwIfNoEntry: false });
    if (!stats) continue;
    if (stats.isSymbolicLink()) {
      entries.push({ kind: 'symlink', path: name, target: readlinkSync(source) });
      continue;
    }
    entries.push(
      stats.isDirectory()
        ? { kind: 'directory', path: name, mode: modeOf(stats) }
        : { kind: 'file', path: name },
    );
    binds.push(bind(source, name, !stats.isDirectory()));
  }
  return {
    entries,
    binds,
    target: TARGET,
    targetReadOnly: !targetWritable,
    fileSystems: [
      ...(kinds.includes('pid') ? [fileSystem('proc', 'proc')] : []),
      ...(kinds.includes('net') ? [fileSystem('sysfs', 'sys')] : []),
    ],
  };
}

function isRoot(directory: string): boolean {
  const [a, b] = [statSync(directory, { throwIfNoEntry: false }), statSync('/')];
  return a?.ino === b.ino && a.dev === b.dev;
}

function readEntries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (cause) {
    const { code, syscall } = cause as NodeJS.ErrnoException;
    throw new WarrenError('ERR_TOOLBOX', `Cannot use the tools in ${quote(directory)}`, {
      kind: code === 'EACCES' ? 'permission-denied' : 'not-found',
      why: `${syscall} failed with ${code}`,
      fix: 'give a directory that holds a root file system: bin, lib, usr, …',
      syscall,
      errno: code,
      cause,
    });
  }
}

function modeOf({ mode }: Stats): number {
  return mode & 0o7777;
}

function bind(source: string, target: string, file: boolean): BindMount {
  return {
    kind: 'bind',
    source,
    target,
    file,
    recursive: true,
    recursiveReadOnly: false,
    propagation: 'rprivate',
    idMapped: false,
    readOnly: false,
    noexec: false,
    nosuid: false,
    nodev: false,
  };
}

function fileSystem(type: string, target: string): FileSystemMount {
  return {
    kind: 'filesystem',
    type,
    target,
    data: [],
    readOnly: false,
    noexec: true,
    nosuid: true,
    nodev: true,
  };
}
