/**
 * Lines of members in a hosts file that others are reading. A line is written as a comment, and its first byte last; one that is
 * to go becomes a comment by that byte, and its room is used again. So a reader never finds half of a line, and the file does
 * not grow with what has come and gone.
 */
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs';

export interface Line {
  /** In the file, in bytes. */
  readonly at: number;
  readonly line: string;
}

/** A member's line and whose it is. */
export interface MemberLine {
  /** Address, tab, names. */
  readonly text: string;
  /** Of the container, or its first 12 digits. */
  readonly id: string;
}

/** What the line of a member ends with, for a resolver a comment. */
export function mark(id: string): string {
  return ` # ${id.slice(0, 12)}`;
}

const MARK_LENGTH = mark('').length + 12;

export function markOf(line: string): string {
  return line.slice(-MARK_LENGTH);
}

export function memberOf(line: string): MemberLine {
  return { text: line.slice(0, -MARK_LENGTH).trimEnd(), id: line.slice(-12) };
}

/** A line that stands for somebody. */
export function isMember(line: string): boolean {
  return !line.startsWith('#') && / # [0-9a-f]{12}$/.test(line);
}

function isFree(line: string): boolean {
  return /^#.* # [0-9a-f]{12}$/.test(line);
}

/** Found without taking the text apart: of a thousand members, one or two are looked for. */
export function linesWith(text: string, part: string): Line[] {
  const found: Line[] = [];
  for (let hit = text.indexOf(part); hit >= 0; hit = text.indexOf(part, hit + 1)) {
    const at = part.startsWith('\n') ? hit + 1 : text.lastIndexOf('\n', hit) + 1;
    const end = text.indexOf('\n', at);
    found.push({ at, line: text.slice(at, end < 0 ? text.length : end) });
  }
  return found;
}

export function hasMembers(text: string): boolean {
  return /^[^#\n].* # [0-9a-f]{12}$/m.test(text);
}

export function membersIn(text: string): Line[] {
  let at = 0;
  return text.split('\n').flatMap((line) => {
    const here = at;
    at += line.length + 1;
    return isMember(line) ? [{ at: here, line }] : [];
  });
}

export function strike(fd: number, lines: readonly Line[]): void {
  for (const { at } of lines) writeSync(fd, '#', at);
}

/** Where somebody was who is gone, or at the end. */
export function addLine(fd: number, { text: wanted, id }: MemberLine): void {
  let text = readAll(fd);
  if (text !== '' && !text.endsWith('\n')) {
    // A disk was full in the middle of a line.
    writeSync(fd, '\n', text.length);
    text += '\n';
  }
  const least = Buffer.byteLength(wanted) + MARK_LENGTH;
  const free = linesWith(text, '\n#').find((old) => isFree(old.line) && old.line.length >= least);
  const at = free?.at ?? text.length;
  const length = free?.line.length ?? least;
  const whole = `${wanted}${' '.repeat(length - least)}${mark(id)}\n`;
  writeSync(fd, `#${whole.slice(1)}`, at);
  writeSync(fd, whole.slice(0, 1), at);
}

/** One byte a character, so that a place in it is a place in the file. */
export function readAll(fd: number): string {
  const bytes = Buffer.alloc(fstatSync(fd).size);
  return bytes.toString('latin1', 0, readSync(fd, bytes, 0, bytes.length, 0));
}

/** @param flags Besides O_RDWR. */
export function withFile<T>(path: string, flags: number, act: (fd: number) => T): T {
  const fd = openSync(path, constants.O_RDWR | flags, 0o644);
  try {
    return act(fd);
  } finally {
    closeSync(fd);
  }
}
