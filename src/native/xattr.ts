/**
 * Files by descriptor, with what Node's own fs lacks: openat2(2), extended attributes, times to the nanosecond, nodes.
 *
 * Names are bytes. Each throws the system error it met.
 */
import { fileAddon } from './index.js';

/** The part of the addon that native/addon/xattr.c is. */
export interface FileAddon {
  openat2(fd: number, path: Uint8Array, flags: number, mode: number, resolve: number): number;
  listXattrs(fd: number): Buffer;
  getXattr(fd: number, attribute: Uint8Array): Buffer;
  setXattr(fd: number, attribute: Uint8Array, value: Uint8Array): void;
  setTimes(
    fd: number,
    name: Uint8Array | null,
    atimeSeconds: number,
    atimeNanoseconds: number,
    mtimeSeconds: number,
    mtimeNanoseconds: number,
  ): void;
  makeNode(fd: number, name: Uint8Array, mode: number, major: number, minor: number): void;
}

/** `resolve` of {@link openat2}; see openat2(2). */
export const RESOLVE_NO_MAGICLINKS = 0x02;
export const RESOLVE_NO_SYMLINKS = 0x04;
export const RESOLVE_BENEATH = 0x08;
export const RESOLVE_IN_ROOT = 0x10;

/** open(2)'s, which node:fs does not list. */
export const O_PATH = 0o10000000;

const NANOSECONDS = 1_000_000_000n;

/** @param flags Of open(2); O_CLOEXEC is added. @param mode For O_CREAT. */
export function openat2(fd: number, path: Uint8Array, flags: number, mode: number, resolve: number): number {
  return fileAddon().openat2(fd, path, flags, mode, resolve);
}

/** Names as bytes, which need not be UTF-8. @see listxattr(2) */
export function listXattrs(fd: number): Buffer[] {
  const list = fileAddon().listXattrs(fd);
  const names: Buffer[] = [];
  for (let start = 0; start < list.length;) {
    const end = list.indexOf(0, start);
    names.push(list.subarray(start, end));
    start = end + 1;
  }
  return names;
}

/** @see getxattr(2) */
export function getXattr(fd: number, attribute: Uint8Array): Buffer {
  return fileAddon().getXattr(fd, attribute);
}

/** @see setxattr(2) */
export function setXattr(fd: number, attribute: Uint8Array, value: Uint8Array): void {
  fileAddon().setXattr(fd, attribute, value);
}

/**
 * Nanoseconds since 1970.
 *
 * @param name An entry of the directory `fd`, where a link is not followed; null for the open file `fd` itself.
 * @see utimensat(2)
 */
export function setTimes(fd: number, name: Uint8Array | null, atimeNs: bigint, mtimeNs: bigint): void {
  fileAddon().setTimes(fd, name, ...secondsOf(atimeNs), ...secondsOf(mtimeNs));
}

/** @param mode With the kind: S_IFIFO, S_IFCHR, S_IFBLK. @see mknod(2) */
export function makeNode(fd: number, name: Uint8Array, mode: number, major: number, minor: number): void {
  fileAddon().makeNode(fd, name, mode, major, minor);
}

/** Before 1970 too, the nanoseconds count upwards. */
function secondsOf(nanoseconds: bigint): [seconds: number, nanoseconds: number] {
  const rest = ((nanoseconds % NANOSECONDS) + NANOSECONDS) % NANOSECONDS;
  return [Number((nanoseconds - rest) / NANOSECONDS), Number(rest)];
}
