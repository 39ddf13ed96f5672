/**
 * The names of a network's members: one file a network, which they all see as their /etc/hosts. A line is written as a comment,
 * and its first byte last; one that is to go becomes a comment by that byte, and its room is used again. So a reader never
 * finds half of a line, and the file does not grow with what has come and gone. All under a lock, of the directory: the
 * file itself is in sight of the members, who could lock it for ever.
 */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { LOCK_EX, flock } from '../native/index.js';
import { hostsFile, type HostsEntry } from '../network/index.js';
import { directoryEntries, stateError } from './files.js';

/** On the host. */
export function sharedHosts(root: string, network: string): string {
  return join(root, 'hosts', network);
}

/** What the line of a member ends with, for a resolver a comment. */
function mark(id: string): string {
  return ` # ${id.slice(0, 12)}`;
}

export function joinHosts(root: string, network: string, id: string, entries: readonly HostsEntry[]): void {
  const path = sharedHosts(root, network);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    locked(path, (fd, text) => {
      if (text === '') writeSync(fd, hostsFile([]), 0);
      // Somebody who had one of these addresses is gone without a word.
      const gone = [
        ...linesWith(text, `${mark(id)}\n`),
        ...entries.flatMap(({ address }) => linesWith(text, `\n${address}\t`)),
      ];
      for (const { at, line } of gone) if (isMember(line)) writeSync(fd, '#', at);
      for (const { address, names } of entries)
        addLine(fd, `${address}\t${[...new Set(names)].join(' ')}`, id);
    });
  } catch (cause) {
    throw stateError(path, cause);
  }
}

export function leaveHosts(root: string, network: string, id: string): void {
  const path = sharedHosts(root, network);
  if (!existsSync(path)) return;
  locked(path, (fd, text) => {
    for (const { at, line } of linesWith(text, `${mark(id)}\n`)) if (isMember(line)) writeSync(fd, '#', at);
    // Nobody is left who might be reading it.
    if (!/^[^#\n].* # [0-9a-f]{12}$/m.test(readAll(fd))) ftruncateSync(fd);
  });
}

/**
 * Takes out whoever is in none of the networks any more.
 *
 * @param membersOf The ids of a network's members; undefined where there is no such network.
 * @returns Who was taken out, in words.
 */
export function collectHosts(
  root: string,
  membersOf: (network: string) => readonly string[] | undefined,
): string[] {
  const removed: string[] = [];
  for (const network of directoryEntries(join(root, 'hosts'))) {
    const path = sharedHosts(root, network);
    // Asked under the lock: who has a line has been a member before.
    let members: Set<string> | undefined;
    leaveWhere(path, (line) => {
      members ??= new Set((membersOf(network) ?? []).map(mark));
      const isGone = !members.has(line.slice(-MARK_LENGTH));
      if (isGone) removed.push(`name ${line.split(/[\t ]/)[1] ?? ''} in ${network}`);
      return isGone;
    });
    if (membersOf(network) === undefined) removeEmpty(path);
  }
  return removed;
}

const MARK_LENGTH = mark('').length + 12;

function leaveWhere(path: string, isGone: (line: string) => boolean): void {
  if (!existsSync(path)) return;
  locked(path, (fd, text) => {
    // Nobody is left who might be reading it.
    if (strike(fd, text, isGone) === 0) ftruncateSync(fd);
  });
}

function removeEmpty(path: string): void {
  if (!existsSync(path)) return;
  locked(path, (_fd, text) => {
    if (text === '') rmSync(path, { force: true });
  });
}

/** A line that stands for somebody. */
function isMember(line: string): boolean {
  return !line.startsWith('#') && / # [0-9a-f]{12}$/.test(line);
}

function isFree(line: string): boolean {
  return /^#.* # [0-9a-f]{12}$/.test(line);
}

/** Found without taking the text apart: of a thousand members, one or two are looked for. */
function linesWith(text: string, part: string): { readonly at: number; readonly line: string }[] {
  const found = [];
  for (let hit = text.indexOf(part); hit >= 0; hit = text.indexOf(part, hit + 1)) {
    const at = part.startsWith('\n') ? hit + 1 : text.lastIndexOf('\n', hit) + 1;
    found.push({ at, line: text.slice(at, text.indexOf('\n', at)) });
  }
  return found;
}

/** @returns How many are left. */
function strike(fd: number, text: string, isGone: (line: string) => boolean): number {
  let at = 0;
  let left = 0;
  for (const line of text.split('\n')) {
    if (isMember(line)) {
      if (isGone(line)) writeSync(fd, '#', at);
      else left++;
    }
    at += line.length + 1;
  }
  return left;
}

/** Where somebody was who is gone, or at the end. */
function addLine(fd: number, line: string, id: string): void {
  let text = readAll(fd);
  if (!text.endsWith('\n')) {
    // A disk was full in the middle of a line.
    writeSync(fd, '\n', text.length);
    text += '\n';
  }
  const least = Buffer.byteLength(line) + MARK_LENGTH;
  const free = linesWith(text, '\n#').find((old) => isFree(old.line) && old.line.length >= least);
  const at = free?.at ?? text.length;
  const length = free?.line.length ?? least;
  const whole = `${line}${' '.repeat(length - least)}${mark(id)}\n`;
  writeSync(fd, `#${whole.slice(1)}`, at);
  writeSync(fd, whole.slice(0, 1), at);
}

/** One byte a character, so that a place in it is a place in the file. */
function readAll(fd: number): string {
  const bytes = Buffer.alloc(fstatSync(fd).size);
  return bytes.toString('latin1', 0, readSync(fd, bytes, 0, bytes.length, 0));
}

function locked(path: string, act: (fd: number, text: string) => void): void {
  const directory = openSync(dirname(path), 'r');
  try {
    // Held for microseconds, by nobody who waits for anything.
    flock(directory, LOCK_EX);
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o644);
    try {
      act(fd, readAll(fd));
    } finally {
      closeSync(fd);
    }
  } finally {
    closeSync(directory);
  }
}
