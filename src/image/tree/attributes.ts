/** Owners and extended attributes, between a file on this machine and an entry of an archive. */
import { idToInside, idToOutside, type IdMapRange } from '../../kernel/idmap.js';
import { getXattr, listXattrs } from '../../native/xattr.js';
import { decodeName, encodeName } from '../tar/byte-text.js';
import { errnoOf } from './directory.js';

/** The ids of a user namespace. Neither: ids in the archive are those of this machine. */
export interface IdMaps {
  readonly uidMap?: readonly IdMapRange[] | undefined;
  readonly gidMap?: readonly IdMapRange[] | undefined;
}

export type IdKind = 'uid' | 'gid';

/** What an id that is not mapped shows as; see user_namespaces(7). */
const NOBODY = 65_534;

/** Last id that chown(2) takes: 2³²−1 means "leave it". */
const ID_LIMIT = 4_294_967_294;

export const CAPABILITY = 'security.capability';

/** struct vfs_ns_cap_data of linux/capability.h: version 3 has a user namespace's root at its end. */
const VERSION_MASK = 0xff00_0000;
const FLAGS_MASK = 0x00ff_ffff;
const VERSION_2 = 0x0200_0000;
const VERSION_3 = 0x0300_0000;
const SIZE_2 = 20;
const SIZE_3 = 24;

function mapOf(maps: IdMaps, kind: IdKind): readonly IdMapRange[] | undefined {
  return kind === 'uid' ? maps.uidMap : maps.gidMap;
}

/** From this machine to the archive. */
export function idForArchive(maps: IdMaps, kind: IdKind, id: number): number {
  const map = mapOf(maps, kind);
  return map ? (idToInside(map, id) ?? NOBODY) : id;
}

/** From the archive to this machine; undefined for one that the namespace does not have. */
export function idForDisk(maps: IdMaps, kind: IdKind, id: number): number | undefined {
  const map = mapOf(maps, kind);
  const outside = map ? idToOutside(map, id) : id;
  return outside !== undefined && outside <= ID_LIMIT ? outside : undefined;
}

/**
 * Whether an attribute belongs into an archive, or out of one. Never those that the kernel or its file systems keep for
 * themselves: `trusted.overlay.*` would turn a file into a hole of a layer, labels of another machine mean nothing.
 */
export function isPortable(attribute: string, maps: IdMaps): boolean {
  if (attribute.startsWith('user.')) return !attribute.startsWith('user.overlay.');
  if (attribute === CAPABILITY) return true;
  // They hold ids, which are not mapped here.
  return attribute.startsWith('system.posix_acl_') && maps.uidMap === undefined;
}

/** The portable attributes of an open file. */
export function readXattrs(fd: number, maps: IdMaps): Map<string, Uint8Array> {
  const xattrs = new Map<string, Uint8Array>();
  let names: string[];
  try {
    names = listXattrs(fd).map((each) => decodeName(each));
  } catch (error) {
    if (isNoSupport(error)) return xattrs;
    throw error;
  }
  for (const attribute of names) {
    if (!isPortable(attribute, maps)) continue;
    try {
      const value = getXattr(fd, encodeName(attribute));
      const shown = attribute === CAPABILITY ? capabilityForArchive(value, maps) : value;
      if (shown) xattrs.set(attribute, shown);
    } catch (error) {
      // ENODATA: taken away meanwhile. EPERM, EACCES: not for this caller.
      if (!isNoSupport(error) && !['ENODATA', 'EPERM', 'EACCES'].includes(errnoOf(error))) throw error;
    }
  }
  return xattrs;
}

export function isNoSupport(error: unknown): boolean {
  return ['ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(errnoOf(error));
}

/** File capabilities as the namespace sees them; undefined for another namespace's. See user_namespaces(7). */
export function capabilityForArchive(value: Buffer, maps: IdMaps): Buffer | undefined {
  if (!maps.uidMap || versionOf(value) !== VERSION_3 || value.length !== SIZE_3) return value;
  const root = idToInside(maps.uidMap, value.readUInt32LE(SIZE_2));
  if (root === undefined) return undefined;
  if (root === 0) return withVersion(value.subarray(0, SIZE_2), VERSION_2);
  const mapped = Buffer.from(value);
  mapped.writeUInt32LE(root, SIZE_2);
  return mapped;
}

/**
 * File capabilities that hold in the namespace only. Version 2 would be capabilities of the whole machine.
 *
 * @returns Undefined for what is no such value, or is of a root that the namespace does not have.
 */
export function capabilityForDisk(value: Uint8Array, maps: IdMaps): Buffer | undefined {
  const bytes = Buffer.from(value);
  if (!maps.uidMap) return bytes;
  const version = versionOf(bytes);
  const inside =
    version === VERSION_2 && bytes.length === SIZE_2
      ? 0
      : version === VERSION_3 && bytes.length === SIZE_3
        ? bytes.readUInt32LE(SIZE_2)
        : undefined;
  const root = inside === undefined ? undefined : idToOutside(maps.uidMap, inside);
  if (root === undefined) return undefined;
  const mapped = Buffer.alloc(SIZE_3);
  bytes.copy(mapped, 0, 0, SIZE_2);
  mapped.writeUInt32LE(root, SIZE_2);
  return withVersion(mapped, VERSION_3);
}

function versionOf(value: Buffer): number {
  return value.length < 4 ? 0 : (value.readUInt32LE(0) & VERSION_MASK) >>> 0;
}

function withVersion(value: Buffer, version: number): Buffer {
  const copy = Buffer.from(value);
  copy.writeUInt32LE(((copy.readUInt32LE(0) & FLAGS_MASK) | version) >>> 0, 0);
  return copy;
}
