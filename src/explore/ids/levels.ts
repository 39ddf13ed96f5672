/** The user namespaces above a process, and what their maps mean to the reader; see user_namespaces(7). */
import { readFile, readdir, readlink } from 'node:fs/promises';
import { type IdMapRange, parseIdMapText } from '../../kernel/idmap.js';
import { namespaceAddon } from '../../native/index.js';
import { type NamespaceFacts, decodeFacts, encodeRequests } from '../../native/namespace.js';
import { type ProcessTarget, withProcess } from '../target.js';

/** Ids of a user namespace, and what the reader calls them. */
export interface LevelMap {
  readonly ranges: readonly IdMapRange[];
  /** Ids that stand for something outside which has no name in the reader's user namespace. */
  readonly nameless: readonly { readonly inside: number; readonly length: number }[];
}

/** One user namespace on the way from a process to the reader. */
export interface UserNamespaceLevel {
  readonly inode: number;
  /** Who made it, as the reader's user namespace calls them; undefined for the first of the machine. */
  readonly creatorUid: number | undefined;
  /** A process in it, through which its maps were read; undefined where there is none, or none that may be looked at. */
  readonly pid: number | undefined;
  /** To the reader's ids, whatever lies between. Undefined without a process. */
  readonly uid: LevelMap | undefined;
  readonly gid: LevelMap | undefined;
  /** Whether setgroups(2) may be called in it; undefined without a process. */
  readonly setgroups: 'allow' | 'deny' | undefined;
}

export interface UserNamespaceChain {
  /** From the process's own outwards. The last is the reader's where `reaches`, else the outermost that could be seen. */
  readonly levels: readonly UserNamespaceLevel[];
  /** The process is in the reader's user namespace or in one below it. */
  readonly reaches: boolean;
  /** The reader is in the machine's first user namespace: nothing lies beyond. */
  readonly readerIsInitial: boolean;
}

/** The first, and 33 below it: the kernel's limit of 32 is one for the namespace above. */
const deepest = 34;

/** The inode of the first user namespace is part of the kernel's interface: PROC_USER_INIT_INO. */
const initialInode = 0xeffffffd;

/** A map that changes nothing, of the reader to itself. */
const identity: LevelMap = { ranges: [{ inside: 0, outside: 0, length: 4_294_967_295 }], nameless: [] };

/** What an id has for a name where it has none. */
const NO_ID = 4_294_967_295;

/**
 * @throws {WarrenError} `ERR_PROCESS_NOT_FOUND`, `ERR_PROCESS_DENIED`.
 * @see user_namespaces(7), ioctl_ns(2)
 */
export async function readUserNamespaces(target: ProcessTarget): Promise<UserNamespaceChain> {
  return withProcess(target, async (directory) => {
    const own = inodeOf(await readlink('/proc/self/ns/user'));
    const found = await climb(directory, own);
    const reaches = found.at(-1)?.inode === own;
    const pids = await processesIn(new Set(found.slice(1).map(({ inode }) => inode)));
    const levels: UserNamespaceLevel[] = [];
    for (const [index, { inode, uid }] of found.entries()) {
      const creatorUid = inode === initialInode ? undefined : uid;
      const pid = index === 0 ? await pidOf(directory) : inode === own ? process.pid : pids.get(inode);
      const place = index === 0 ? directory : `/proc/${pid ?? 0}`;
      levels.push({ inode, creatorUid, pid, ...(await readMaps(place, inode, own)) });
    }
    return { levels, reaches, readerIsInitial: own === initialInode };
  });
}

/** The levels from the process's up to ours; up to where the kernel lets us see, when ours is not above it. */
async function climb(directory: string, own: number): Promise<{ inode: number; uid: number }[]> {
  const requests = Array.from({ length: deepest }, (_, step) => ({
    path: `${directory}/ns/user`,
    steps: 'p'.repeat(step),
  }));
  const answers = decodeFacts(await namespaceAddon().inspectNamespaces(encodeRequests(requests)));
  const levels: { inode: number; uid: number }[] = [];
  for (const [step, facts] of answers.entries()) {
    if (facts.errno !== undefined) {
      if (step === 0) throw systemError(facts);
      break;
    }
    levels.push({ inode: facts.inode, uid: facts.uid });
    if (facts.inode === own) break;
  }
  return levels;
}

function systemError({ errno }: Extract<NamespaceFacts, { errno: string }>): Error {
  return Object.assign(new Error(`open: ${errno}`), { code: errno, syscall: 'open' });
}

/** Any one process in each of these user namespaces, of those that can be looked at. */
async function processesIn(inodes: ReadonlySet<number>): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  if (inodes.size === 0) return found;
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    // It has ended, or is not ours to look at.
    const link = await readlink(`/proc/${name}/ns/user`).catch(() => undefined);
    const inode = link === undefined ? 0 : inodeOf(link);
    if (inodes.has(inode) && !found.has(inode)) found.set(inode, Number(name));
    if (found.size === inodes.size) break;
  }
  return found;
}

async function readMaps(
  directory: string,
  inode: number,
  own: number,
): Promise<Pick<UserNamespaceLevel, 'uid' | 'gid' | 'setgroups'>> {
  const read = async (name: string): Promise<string | undefined> =>
    // Gone since, or never there: setgroups came with 3.19.
    readFile(`${directory}/${name}`, 'utf8').catch(() => undefined);
  const [uid, gid, setgroups] = await Promise.all(['uid_map', 'gid_map', 'setgroups'].map(read));
  // It may be another process by now, in another namespace.
  const link = await readlink(`${directory}/ns/user`).catch(() => undefined);
  if (link === undefined || inodeOf(link) !== inode)
    return { uid: undefined, gid: undefined, setgroups: undefined };
  const map = (text: string | undefined): LevelMap | undefined =>
    // Read from within, a map tells of the parent, not of the reader.
    inode === own ? identity : text === undefined ? undefined : parseLevelMap(text);
  const word = setgroups?.trim();
  return {
    uid: map(uid),
    gid: map(gid),
    setgroups: word === 'allow' || word === 'deny' ? word : undefined,
  };
}

/** `uid_map` as read from another user namespace: what has no name there has 4294967295 for one. */
export function parseLevelMap(text: string): LevelMap {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const fields = (line: string): number[] => line.trim().split(/ +/).map(Number);
  const isNameless = (line: string): boolean => fields(line)[1] === NO_ID;
  return {
    ranges: parseIdMapText(lines.filter((line) => !isNameless(line)).join('\n')),
    nameless: lines.filter(isNameless).map((line) => {
      const [inside = 0, , length = 0] = fields(line);
      return { inside, length };
    }),
  };
}

async function pidOf(directory: string): Promise<number | undefined> {
  const pid = Number(/^Pid:\s+(\d+)$/m.exec(await readFile(`${directory}/status`, 'utf8'))?.[1]);
  return Number.isInteger(pid) && pid > 0 ? pid : undefined;
}

/** `user:[4026531837]` */
function inodeOf(link: string): number {
  return Number(/\[(\d+)\]$/.exec(link)?.[1] ?? 0);
}
