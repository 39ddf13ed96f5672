/**
 * The names of a network's members: one file a network, which they all see as their /etc/hosts, so that a start costs the same
 * with one member and with a thousand. Who is in several networks, or has names of its own, has a file of its own, in which the
 * same is written. All under one lock, of a directory: the files themselves are in sight of the members, who could lock
 * them for ever.
 */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  rmdirSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { LOCK_EX, flock } from '../native/index.js';
import { hostsFile, type HostsEntry } from '../network/index.js';
import { directoryEntries, stateError } from './files.js';
import {
  addLine,
  hasMembers,
  isMember,
  linesWith,
  mark,
  markOf,
  memberOf,
  membersIn,
  readAll,
  strike,
  withFile,
  type Line,
  type MemberLine,
} from './hosts-lines.js';

/** A file that a container may write to is read up to here. */
const MOST_OF_OWN = 1 << 20;

/** On the host. */
export function sharedHosts(root: string, network: string): string {
  return join(root, 'hosts', network);
}

export function ownHosts(root: string, id: string): string {
  return join(root, 'containers', id, 'hosts');
}

/** Who in a network has a file of its own: an empty file each. */
function followers(root: string, network: string): string {
  return join(root, 'own-hosts', network);
}

export function joinHosts(root: string, network: string, id: string, entries: readonly HostsEntry[]): void {
  const path = sharedHosts(root, network);
  const lines = entries.map(({ address, names }): MemberLine => ({
    text: `${address}\t${[...new Set(names)].join(' ')}`,
    id,
  }));
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    locked(root, () => {
      const gone = withFile(path, constants.O_CREAT, (fd) => {
        const text = readAll(fd);
        if (text === '') writeSync(fd, hostsFile([]), 0);
        // Somebody who had one of these addresses is gone without a word.
        const old = [
          ...linesWith(text, `${mark(id)}\n`),
          ...entries.flatMap(({ address }) => linesWith(text, `\n${address}\t`)),
        ].filter(({ line }) => isMember(line));
        strike(fd, old);
        for (const line of lines) addLine(fd, line);
        return old.map(({ line }) => memberOf(line));
      });
      tellFollowers(root, network, gone, lines);
    });
  } catch (cause) {
    throw stateError(path, cause);
  }
}

export function leaveHosts(root: string, network: string, id: string): void {
  const path = sharedHosts(root, network);
  if (!existsSync(path)) return;
  locked(root, () => {
    leaveLines(root, network, (text) => linesWith(text, `${mark(id)}\n`));
    forget(root, network, id);
  });
}

/**
 * Gives a container a file of its own, with the members of its networks as they are and will be.
 *
 * @param head What it begins with.
 */
export function makeOwnHosts(root: string, id: string, head: string, networks: readonly string[]): void {
  const path = ownHosts(root, id);
  const fresh = `${path}.new`;
  try {
    mkdirSync(join(root, 'hosts'), { recursive: true, mode: 0o700 });
    locked(root, () => {
      const members = networks.flatMap((network) => membersOf(root, network));
      writeFileSync(fresh, head, { mode: 0o644 });
      withFile(fresh, 0, (fd) => {
        for (const member of members) addLine(fd, member);
      });
      for (const network of networks) remember(root, network, id);
      renameSync(fresh, path);
    });
  } catch (cause) {
    rmSync(fresh, { force: true });
    throw stateError(path, cause);
  }
}

/** A container with a file of its own is in one more network. */
export function followHosts(root: string, network: string, id: string): void {
  locked(root, () => {
    remember(root, network, id);
    amendOwn(root, id, [], membersOf(root, network));
  });
}

/** The contrary. Its own line is still there, for `leaveHosts()`. */
export function unfollowHosts(root: string, network: string, id: string): void {
  if (!existsSync(sharedHosts(root, network))) return;
  locked(root, () => {
    amendOwn(root, id, membersOf(root, network), []);
    forget(root, network, id);
  });
}

/**
 * Takes out whoever is in none of the networks any more.
 *
 * @param idsOf The ids of a network's members; undefined where there is no such network.
 * @returns Who was taken out, in words.
 */
export function collectHosts(
  root: string,
  idsOf: (network: string) => readonly string[] | undefined,
): string[] {
  const removed: string[] = [];
  for (const network of directoryEntries(join(root, 'hosts'))) {
    locked(root, () => {
      // Asked under the lock: who has a line has been a member before.
      const members = idsOf(network);
      const marks = new Set((members ?? []).map(mark));
      const gone = leaveLines(root, network, (text) =>
        membersIn(text).filter(({ line }) => !marks.has(markOf(line))),
      );
      for (const { text } of gone) removed.push(`name ${text.split(/[\t ]/)[1] ?? ''} in ${network}`);
      if (members === undefined) rmSync(sharedHosts(root, network), { force: true });
    });
  }
  for (const network of directoryEntries(join(root, 'own-hosts'))) {
    locked(root, () => {
      const members = new Set(idsOf(network) ?? []);
      for (const id of directoryEntries(followers(root, network)))
        if (!members.has(id)) forget(root, network, id);
    });
  }
  return removed;
}

/** @returns Who went. */
function leaveLines(root: string, network: string, find: (text: string) => readonly Line[]): MemberLine[] {
  const lines = withFile(sharedHosts(root, network), 0, (fd) => {
    const gone = find(readAll(fd)).filter(({ line }) => isMember(line));
    strike(fd, gone);
    // Nobody is left who might be reading it.
    if (!hasMembers(readAll(fd))) ftruncateSync(fd);
    return gone.map(({ line }) => memberOf(line));
  });
  if (lines.length > 0) tellFollowers(root, network, lines, []);
  return lines;
}

function membersOf(root: string, network: string): MemberLine[] {
  const path = sharedHosts(root, network);
  if (!existsSync(path)) return [];
  return membersIn(readFileSync(path, 'latin1')).map(({ line }) => memberOf(line));
}

function tellFollowers(
  root: string,
  network: string,
  gone: readonly MemberLine[],
  added: readonly MemberLine[],
): void {
  for (const id of directoryEntries(followers(root, network))) amendOwn(root, id, gone, added);
}

/** What is in the file besides is its container's. */
function amendOwn(root: string, id: string, gone: readonly MemberLine[], added: readonly MemberLine[]): void {
  try {
    withFile(ownHosts(root, id), constants.O_NOFOLLOW | constants.O_NONBLOCK, (fd) => {
      if (fstatSync(fd).size > MOST_OF_OWN) return;
      const members = membersIn(readAll(fd));
      for (const { text, id: whose } of gone) {
        const address = text.slice(0, text.indexOf('\t') + 1);
        strike(
          fd,
          members.filter(({ line }) => line.startsWith(address) && markOf(line) === mark(whose)),
        );
      }
      for (const member of added) addLine(fd, member);
    });
  } catch {
    // It has been removed, is full, or its container has made it immutable: nobody else's start is refused for that.
  }
}

function remember(root: string, network: string, id: string): void {
  const directory = followers(root, network);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileSync(join(directory, id), '', { mode: 0o600 });
}

function forget(root: string, network: string, id: string): void {
  const directory = followers(root, network);
  rmSync(join(directory, id), { force: true });
  try {
    rmdirSync(directory);
  } catch {
    // There was none, or there are others.
  }
}

function locked(root: string, act: () => void): void {
  const directory = openSync(join(root, 'hosts'), 'r');
  try {
    // Held for microseconds, by nobody who waits for anything.
    flock(directory, LOCK_EX);
    act();
  } finally {
    closeSync(directory);
  }
}
