/** Which ids an ordinary user may map, and by whom: the own one by oneself, those of /etc/subuid by newuidmap(1). */
import { accessSync, closeSync, constants, openSync, readFileSync, statSync } from 'node:fs';
import { userInfo, type UserInfo } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { WarrenError, type ErrorKind } from '../errors.js';
import { decodeFileCapabilities, fileCapabilityAttribute } from '../kernel/file-capabilities.js';
import { subordinateIdsOf } from '../kernel/subid.js';
import { getXattr } from '../native/xattr.js';
import type { IdMapping, IdRange } from '../plan/config.js';

type Kind = 'uid' | 'gid';

/** Where the ranges stand, and who maps them. */
const kinds = {
  uid: { file: '/etc/subuid', option: 'subuids', helper: 'newuidmap', capability: 'cap_setuid', bit: 7n },
  gid: { file: '/etc/subgid', option: 'subgids', helper: 'newgidmap', capability: 'cap_setgid', bit: 6n },
} as const;

/** Of one kind: what is the user's. */
interface OwnIds {
  readonly own: number;
  /** By /etc/subuid or /etc/subgid; disjoint, and without the own one. */
  readonly ranges: readonly Range[];
}

interface Range {
  readonly start: number;
  readonly count: number;
}

interface User {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The own id as 0 and all subordinate ones from 1 on; where there are none, or nobody to map them, the own id alone, which
 * the kernel lets anybody map. See user_namespaces(7).
 */
export function defaultIdMap({ uid, gid }: User): IdMapping {
  const single: IdMapping = {
    uid: [{ inside: 0, outside: uid, length: 1 }],
    gid: [{ inside: 0, outside: gid, length: 1 }],
    denySetgroups: true,
  };
  // newuidmap(1) serves who has an account, and is of its group.
  if (accountOf()?.gid !== gid) return single;
  const [uids, gids] = [idsOf('uid', uid), idsOf('gid', gid)];
  if (uids.ranges.length === 0 || gids.ranges.length === 0) return single;
  const [uidHelper, gidHelper] = [findHelper('uid'), findHelper('gid')];
  if (typeof uidHelper !== 'string' || typeof gidHelper !== 'string') return single;
  return { uid: allOf(uids), gid: allOf(gids), denySetgroups: false, uidHelper, gidHelper };
}

/**
 * The map that was asked for, with who writes it.
 *
 * @throws {WarrenError} `ERR_IDMAP_DENIED` for ids that are not the user's; `ERR_IDMAP_HELPER`.
 */
export function askedIdMap(
  asked: { readonly uid: readonly IdRange[]; readonly gid: readonly IdRange[] },
  { uid, gid }: User,
): IdMapping {
  const uidHelper = helperFor('uid', asked.uid, uid);
  const gidHelper = helperFor('gid', asked.gid, gid);
  // Who writes the map of groups without privilege must give up setgroups(2) first.
  return { ...asked, denySetgroups: gidHelper === undefined, uidHelper, gidHelper };
}

function helperFor(kind: Kind, asked: readonly IdRange[], own: number): string | undefined {
  const [only, ...more] = asked;
  if (only?.outside === own && only.length === 1 && more.length === 0) return undefined;
  const ids = idsOf(kind, own);
  for (const range of asked) if (!isOwn(range, ids)) throw denied(kind, range, ids);
  const helper = findHelper(kind);
  if (typeof helper === 'string') return helper;
  throw helper;
}

/** newuidmap(1) takes a range that goes over from one line of the file into the next. */
function isOwn({ outside, length }: IdRange, { own, ranges }: OwnIds): boolean {
  if (outside === own && length === 1) return true;
  let at = outside;
  while (at < outside + length) {
    const next = ranges.find(({ start, count }) => at >= start && at < start + count);
    if (!next) return false;
    at = next.start + next.count;
  }
  return true;
}

/** Far below the kernel's 340, and what fits into a map's text. */
const MOST_RANGES = 100;
const LAST_ID = 4_294_967_294;

function idsOf(kind: Kind, own: number): OwnIds {
  const text = readIfThere(kinds[kind].file);
  if (text === '') return { own, ranges: [] };
  const disjoint: Range[] = [];
  for (const { start, count } of subordinateIdsOf(ownersOf(), text).ranges) {
    const isFree = [{ start: own, count: 1 }, ...disjoint].every(
      (other) => start + count <= other.start || other.start + other.count <= start,
    );
    if (isFree && count > 0 && start + count - 1 <= LAST_ID && disjoint.length < MOST_RANGES)
      disjoint.push({ start, count });
  }
  return { own, ranges: disjoint };
}

/** Login name and number. */
function ownersOf(): string[] {
  const uid = String(process.geteuid?.() ?? 0);
  const account = accountOf();
  return account ? [uid, account.username] : [uid];
}

function accountOf(): UserInfo<string> | undefined {
  try {
    return userInfo();
  } catch {
    // No account has this id.
    return undefined;
  }
}

function allOf({ own, ranges }: OwnIds): IdRange[] {
  const map: IdRange[] = [{ inside: 0, outside: own, length: 1 }];
  let inside = 1;
  for (const { start, count } of ranges) {
    const length = Math.min(count, LAST_ID + 1 - inside);
    if (length <= 0) break;
    map.push({ inside, outside: start, length });
    inside += length;
  }
  return map;
}

/** @returns Its path, or why it is of no use. */
function findHelper(kind: Kind): string | WarrenError {
  const { helper, capability, bit } = kinds[kind];
  if (/^NoNewPrivs:\s*1$/m.test(readFileSync('/proc/self/status', 'latin1'))) {
    return helperError(
      'permission-denied',
      `no_new_privs is set for this process, so ${helper}(1) would get no privilege`,
      'start from a session without no_new_privs, or leave --uidmap and --gidmap out',
    );
  }
  for (const folder of (process.env['PATH'] ?? '/usr/bin:/bin').split(delimiter)) {
    const path = join(folder, helper);
    if (!isAbsolute(folder) || !isExecutable(path)) continue;
    if (isPrivileged(path, bit)) return path;
    return helperError(
      'permission-denied',
      `${path} is neither set-user-ID root nor has it ${capability}`,
      `as root: setcap ${capability}=ep ${path}`,
    );
  }
  return helperError(
    'unsupported',
    `${helper}(1), which writes maps of several ids for an ordinary user, is not in PATH`,
    'apt-get install uidmap (shadow-utils elsewhere), or leave --uidmap and --gidmap out',
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Capabilities of its own count, and being root does not then. */
function isPrivileged(path: string, bit: bigint): boolean {
  let fd: number | undefined;
  try {
    const { mode, uid } = statSync(path);
    fd = openSync(path, 'r');
    const attribute = readAttribute(fd);
    if (!attribute) return (mode & 0o4000) !== 0 && uid === 0;
    const { permitted, effective } = decodeFileCapabilities(attribute);
    return effective && ((permitted >> bit) & 1n) === 1n;
  } catch {
    // Not for us to read: it will tell itself.
    return true;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function readAttribute(fd: number): Buffer | undefined {
  try {
    return getXattr(fd, Buffer.from(fileCapabilityAttribute));
  } catch {
    return undefined;
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function denied(kind: Kind, { outside, length }: IdRange, { own, ranges }: OwnIds): WarrenError {
  const { file, option, helper } = kinds[kind];
  const asked = length === 1 ? String(outside) : `${outside}–${outside + length - 1}`;
  const given =
    ranges.length === 0
      ? 'gives you none'
      : `gives you ${ranges.map(({ start, count }) => `${start}–${start + count - 1}`).join(', ')}`;
  return new WarrenError('ERR_IDMAP_DENIED', `Cannot map the ${kind} ${asked}`, {
    kind: 'permission-denied',
    why: `an ordinary user may map the own ${kind}, ${own}, and by ${helper}(1) those of ${file}, which ${given}`,
    fix: `leave --uidmap and --gidmap out; or run as root; or as root: usermod --add-${option} 100000-165535 ${ownersOf().at(-1) ?? ''}`,
  });
}

function helperError(kind: ErrorKind, why: string, fix: string): WarrenError {
  return new WarrenError('ERR_IDMAP_HELPER', 'Cannot map the ids asked for', { kind, why, fix });
}
