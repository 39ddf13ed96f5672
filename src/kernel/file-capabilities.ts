import { WarrenError, invalid, quote } from '../errors.js';
import { formatCapabilityText, parseCapabilityText } from './capability-text.js';

/** The name of the extended attribute that holds them. */
export const fileCapabilityAttribute = 'security.capability';

/** What `security.capability` of a file says; see capabilities(7), "File capabilities". */
export interface FileCapabilities {
  readonly permitted: bigint;
  readonly inheritable: bigint;
  /** One bit for the whole file: what the process gets permitted is effective at once. */
  readonly effective: boolean;
  /**
   * Version 3: they count only where this id, outside, is user 0 of the process's user namespace or of one above it.
   * Absent in versions 1 and 2, which count everywhere.
   */
  readonly rootId?: number | undefined;
}

const REVISION_1 = 0x01000000;
const REVISION_2 = 0x02000000;
const REVISION_3 = 0x03000000;
const EFFECTIVE = 1;
const word = 0xffff_ffffn;

/**
 * Reads the bytes of the attribute, as getxattr(2) gives them.
 *
 * @throws {WarrenError} `ERR_FILE_CAPABILITIES` for what is none of the kernel's three versions.
 */
export function decodeFileCapabilities(bytes: Buffer): FileCapabilities {
  const magic = bytes.length >= 4 ? bytes.readUInt32LE(0) : 0;
  const revision = magic & 0xff000000;
  const length = { [REVISION_1]: 12, [REVISION_2]: 20, [REVISION_3]: 24 }[revision];
  if (length !== bytes.length) {
    throw new WarrenError('ERR_FILE_CAPABILITIES', `Cannot read the attribute ${fileCapabilityAttribute}`, {
      kind: 'kernel',
      why: `its ${bytes.length} bytes (${quote(bytes.subarray(0, 24).toString('hex'))}) are of no version that is known`,
      fix: 'remove it and set it anew',
    });
  }
  const at = (offset: number): bigint =>
    offset < 20 && offset < bytes.length ? BigInt(bytes.readUInt32LE(offset)) : 0n;
  return {
    permitted: at(4) | (at(12) << 32n),
    inheritable: at(8) | (at(16) << 32n),
    effective: (magic & EFFECTIVE) !== 0,
    ...(revision === REVISION_3 ? { rootId: bytes.readUInt32LE(20) } : {}),
  };
}

/** Version 3 with a root id, else version 2. The inverse of `decodeFileCapabilities()`, but for version 1. */
export function encodeFileCapabilities(capabilities: FileCapabilities): Buffer {
  const { permitted, inheritable, effective, rootId } = capabilities;
  const bytes = Buffer.alloc(rootId === undefined ? 20 : 24);
  bytes.writeUInt32LE((rootId === undefined ? REVISION_2 : REVISION_3) | (effective ? EFFECTIVE : 0), 0);
  bytes.writeUInt32LE(Number(permitted & word), 4);
  bytes.writeUInt32LE(Number(inheritable & word), 8);
  bytes.writeUInt32LE(Number(permitted >> 32n), 12);
  bytes.writeUInt32LE(Number(inheritable >> 32n), 16);
  if (rootId !== undefined) bytes.writeUInt32LE(rootId, 20);
  return bytes;
}

/**
 * Reads what setcap(8) takes.
 *
 * @throws {WarrenError} `ERR_CAPABILITY_TEXT`, `ERR_CAPABILITY_UNKNOWN`; also where `e` is given to some capabilities and
 *   not to others, which a file, having one bit for all, cannot hold.
 */
export function parseFileCapabilities(text: string, rootId?: number): FileCapabilities {
  const { effective, permitted, inheritable } = parseCapabilityText(text);
  if (effective !== 0n && (permitted | inheritable) & ~effective) {
    throw invalid(
      'ERR_CAPABILITY_TEXT',
      `Cannot give a file the capabilities ${quote(text)}`,
      'a file has one effective bit for all of them, and here some have e and others not',
      'give e to all of them, or to none',
    );
  }
  return { permitted, inheritable, effective: effective !== 0n, ...(rootId === undefined ? {} : { rootId }) };
}

/** As getcap(8) prints them, without the root id. */
export function formatFileCapabilities({ permitted, inheritable, effective }: FileCapabilities): string {
  return formatCapabilityText({
    permitted,
    inheritable,
    effective: effective ? permitted | inheritable : 0n,
  });
}
