import { type WarrenError, invalid, quote } from '../errors.js';
import { didYouMean } from './nearest.js';

/** The texts of a container's files; empty where it has none. */
export interface UserFiles {
  readonly passwd: string;
  readonly group: string;
}

export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** For setgroups(2): the primary group first (without it a process could escape a "deny group" file mode, CVE-2022-36109). */
  readonly additionalGids: readonly number[];
  /** `/` where the file tells none. */
  readonly home: string;
  /** Login name; undefined for a number that has no entry. */
  readonly name?: string;
}

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** Greater ids wrapped to 0 in other runtimes (CVE-2024-40635). */
const maxId = 2_147_483_647;

/**
 * Finds the ids to run as, by docker's rules: a number is an id and needs no entry; a name needs one. With `:GROUP` the groups the
 * user is a member of are not added; without it they are, and the primary group is that of the entry, or 0.
 *
 * @param spec `USER[:GROUP]`, names or numbers. Default root.
 * @param groupAdd More groups, names or numbers.
 * @throws {WarrenError} `ERR_USER_SPEC`, `ERR_USER_UNKNOWN`, `ERR_GROUP_UNKNOWN`.
 */
export function resolveUser(
  spec: string | undefined,
  files: UserFiles,
  groupAdd: readonly string[] = [],
): ResolvedUser {
  const [userPart, groupPart] = splitSpec(spec ?? '0');
  const groups = parseGroups(files.group);
  const user = findUser(userPart, parsePasswd(files.passwd));
  const gid = groupPart === undefined ? user.gid : findGid(groupPart, groups);
  const memberOf = groupPart === undefined && user.name !== undefined ? gidsOfMember(user.name, groups) : [];
  const added = groupAdd.map((group) => findGid(group, groups));
  return {
    uid: user.uid,
    gid,
    additionalGids: [...new Set([gid, ...memberOf, ...added])],
    home: user.home,
    ...(user.name === undefined ? {} : { name: user.name }),
  };
}

function splitSpec(spec: string): [string, string | undefined] {
  const [user, group, ...rest] = spec.split(':');
  if (user === undefined || user === '' || group === '' || rest.length > 0) {
    throw invalid(
      'ERR_USER_SPEC',
      `Cannot use the user ${quote(spec)}`,
      'it is not USER or USER:GROUP with neither part empty',
      'write a name or a number, as in 1000:1000 or nobody',
    );
  }
  return [user, group];
}

function findUser(
  text: string,
  entries: readonly PasswdEntry[],
): Omit<PasswdEntry, 'name'> & { name?: string } {
  const uid = parseId(text, 'user');
  // The first match counts, as for getpwnam(3).
  const entry = entries.find((candidate) =>
    uid === undefined ? candidate.name === text : candidate.uid === uid,
  );
  if (entry !== undefined) return entry;
  if (uid !== undefined) return { uid, gid: 0, home: '/' };
  throw unknown('ERR_USER_UNKNOWN', 'user', text, '/etc/passwd', entries);
}

function findGid(text: string, entries: readonly GroupEntry[]): number {
  const gid = text === '' ? undefined : parseId(text, 'group');
  if (gid !== undefined) return gid;
  const entry = entries.find(({ name }) => name === text);
  if (entry !== undefined) return entry.gid;
  throw unknown('ERR_GROUP_UNKNOWN', 'group', text, '/etc/group', entries);
}

function gidsOfMember(name: string, entries: readonly GroupEntry[]): number[] {
  return entries.filter(({ members }) => members.includes(name)).map(({ gid }) => gid);
}

/** @returns undefined for a name. What looks like a number must be a proper id: falling back to a name would hide the mistake. */
function parseId(text: string, what: 'user' | 'group'): number | undefined {
  if (!/^[+-]?\d/.test(text)) return undefined;
  // Names may begin with a digit (`7zip`); a number may not go on with letters.
  if (/^\d.*[^\d.]/.test(text) && !/^0x/i.test(text)) return undefined;
  if (/^\d{1,10}$/.test(text) && Number(text) <= maxId) return Number(text);
  throw invalid(
    'ERR_USER_SPEC',
    `Cannot use the ${what} ${quote(text)}`,
    `it is not a whole number from 0 to ${maxId}`,
    'write plain digits, or a name',
  );
}

/** Damaged lines are left out: read leniently, a cut-off one would be an entry with id 0. */
function parsePasswd(text: string): PasswdEntry[] {
  return rows(text).flatMap(([name, , uidText, gidText, , home]) => {
    const uid = entryId(uidText);
    const gid = entryId(gidText);
    if (!name || uid === undefined || gid === undefined) return [];
    return [{ name, uid, gid, home: home?.startsWith('/') ? home : '/' }];
  });
}

function parseGroups(text: string): GroupEntry[] {
  return rows(text).flatMap(([name, , gidText, members]) => {
    const gid = entryId(gidText);
    if (!name || gid === undefined) return [];
    return [{ name, gid, members: (members ?? '').split(',').map((member) => member.trim()) }];
  });
}

function rows(text: string): string[][] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'));
}

function entryId(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) && Number(text) <= maxId ? Number(text) : undefined;
}

function unknown(
  code: 'ERR_USER_UNKNOWN' | 'ERR_GROUP_UNKNOWN',
  what: string,
  text: string,
  file: string,
  entries: readonly { readonly name: string }[],
): WarrenError {
  return invalid(
    code,
    `Cannot find the ${what} ${quote(text)}`,
    `the container's ${file} has no such entry`,
    didYouMean(
      text,
      entries.map(({ name }) => name),
    ) ?? 'give a number, which needs no entry',
  );
}
