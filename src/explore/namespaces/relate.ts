/** What the kernel tells of each namespace when asked: where it is mounted, who owns it, what it lies below. */
import { parseMountinfo } from '../../kernel/mountinfo.js';
import { namespaceAddon } from '../../native/index.js';
import {
  decodeFacts,
  encodeRequests,
  namespaceTypes,
  type NamespaceFacts,
  type NamespaceRequest,
} from '../../native/namespace.js';
import type { Entries, Entry } from './gather.js';
import type { NamespaceRelation, NamespaceType } from './namespace.js';

/** How many namespaces could not be asked about what, for want of rights. */
export interface Refused {
  namespaces: number;
  mounts: number;
}

/**
 * Completes the entries with what is held by mounts, parents and owners, and drops those that are gone by now.
 *
 * @param home Inode of the caller's own mount namespace.
 */
export async function relate(entries: Entries, home: number): Promise<Refused> {
  const refused: Refused = { namespaces: 0, mounts: 0 };
  const asked = new Set<Entry>();
  // A round finds mounts, parents and owners, which may be unknown so far and then are asked in the next one.
  for (;;) {
    const fresh = [...entries.byInode.values()].filter((entry) => !asked.has(entry));
    if (fresh.length === 0) break;
    for (const entry of fresh) asked.add(entry);
    await askAll(entries, fresh, refused);
    for (const entry of fresh) if (entry.facts) readFacts(entries, entry, home, refused);
  }
  for (const entry of entries.byInode.values()) {
    link(entries, entry, 'child', entry.parent);
    if (entry.type !== 'user') link(entries, entry, 'owned', entry.owner);
  }
  return refused;
}

/** The inodes of what listns(2) told; those that nothing visible holds become entries of their own. */
export async function addListed(entries: Entries): Promise<boolean> {
  const ids = namespaceAddon().listNamespaces();
  if (ids === null) return false;
  const requests: NamespaceRequest[] = [];
  for (let at = 0; at < ids.length; at += 8) requests.push({ path: `id:${ids.readBigUInt64LE(at)}` });
  for (const [index, facts] of (await inspect(requests)).entries()) {
    if (facts.errno !== undefined) continue;
    const entry = entries.get(facts.type, facts.inode);
    const request = requests[index];
    if (request && entry.requests.length === 0) entry.requests.push(request);
  }
  return true;
}

export async function inspect(requests: readonly NamespaceRequest[]): Promise<NamespaceFacts[]> {
  if (requests.length === 0) return [];
  return decodeFacts(await namespaceAddon().inspectNamespaces(encodeRequests(requests)));
}

/** Tries one way after the other, all namespaces at once. */
async function askAll(entries: Entries, fresh: readonly Entry[], refused: Refused): Promise<void> {
  let waiting = fresh.map((entry) => ({ entry, next: 0, denied: false }));
  while (waiting.length > 0) {
    const requests = waiting.map(({ entry, next }) => ({
      ...(entry.requests[next] ?? { path: '' }),
      mounts: entry.type === 'mnt',
    }));
    const answers = await inspect(requests);
    const again: typeof waiting = [];
    for (const [index, attempt] of waiting.entries()) {
      const { entry } = attempt;
      const answer = answers[index];
      if (answer?.errno === undefined && answer?.inode === entry.inode) {
        entry.facts = answer;
        continue;
      }
      attempt.denied ||= answer?.errno === 'EACCES' || answer?.errno === 'EPERM';
      attempt.next++;
      if (attempt.next < entry.requests.length) again.push(attempt);
      else if (attempt.denied) refused.namespaces++;
      // Nobody who held it is where they were: it has ended meanwhile.
      else if (entry.requests.length > 0) entries.byInode.delete(entry.inode);
    }
    waiting = again;
  }
}

/** The initial namespaces have no parent, and the kernel says EPERM of both that and of a parent out of sight. */
const initialInodes: ReadonlyMap<NamespaceType, number> = new Map([
  ['user', 0xefff_fffd],
  ['pid', 0xefff_fffc],
]);

function readFacts(entries: Entries, entry: Entry, home: number, refused: Refused): void {
  const { facts, type } = entry;
  if (!facts) return;
  const relation = (inode: number, errno: string | undefined, of: NamespaceType): NamespaceRelation => {
    if (inode === 0)
      return errno === 'EPERM' && initialInodes.get(type) !== entry.inode ? 'outside' : undefined;
    const other = entries.get(of, inode);
    const [request] = entry.requests;
    // It is asked about by way of this one, if it has no holder of its own.
    const steps = `${request?.steps ?? ''}${of === 'user' && type !== 'user' ? 'u' : 'p'}`;
    if (request && other.requests.length === 0) other.requests.push({ ...request, steps });
    return inode;
  };
  entry.owner = relation(facts.owner, facts.ownerErrno, 'user');
  entry.parent = relation(facts.parent, facts.parentErrno, type);
  if (type !== 'mnt') return;
  if (facts.mountsErrno !== undefined) refused.mounts++;
  readMounts(entries, entry, facts.mounts, entry.inode === home);
}

function readMounts(entries: Entries, entry: Entry, text: string, here: boolean): void {
  const [inside] = entry.requests;
  // Where a directory is mounted on itself, as `ip netns` does, what lies below shows twice.
  const seen = new Set<string>();
  for (const { root, mountPoint, fsType } of text === '' ? [] : parseMountinfo(text)) {
    const [, type, digits] = /^([a-z]+):\[(\d{1,10})\]$/.exec(root) ?? [];
    const known = namespaceTypes.find((name) => name === type);
    if (fsType !== 'nsfs' || known === undefined) continue;
    if (seen.has(`${root} ${mountPoint}`)) continue;
    seen.add(`${root} ${mountPoint}`);
    const held = entries.get(known, Number(digits));
    held.holders.push({ kind: 'mount', path: mountPoint, mountNamespace: entry.inode, here });
    const reachable =
      here || (inside !== undefined && inside.inside === undefined && inside.steps === undefined);
    if (!reachable || held.requests.length > 0) continue;
    held.requests.push({ path: mountPoint, ...(here || !inside ? {} : { inside: inside.path }) });
  }
}

function link(entries: Entries, entry: Entry, kind: 'child' | 'owned', relation: NamespaceRelation): void {
  if (typeof relation !== 'number') return;
  entries.byInode.get(relation)?.holders.push({ kind, type: entry.type, inode: entry.inode });
}
