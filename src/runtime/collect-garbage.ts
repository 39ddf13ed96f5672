/** What a start leaves when even its launcher is killed: control groups. Everything else goes with its processes. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { COLLECT_FAILED, COLLECT_REMOVED } from '../plan/constants.js';
import type { CgroupConfig } from '../plan/config.js';
import { ANSWER_SLOTS } from '../plan/lower/probe.js';
import { readCgroupHierarchies } from './host.js';
import { ask } from './launch.js';

export interface Garbage {
  /** Directories of control groups that had nobody any more. */
  readonly removed: readonly string[];
  /** Nobody's either, but they would not go: no permission, or a process in them that cannot be killed. */
  readonly kept: readonly string[];
}

interface Candidate {
  readonly parent: string;
  readonly name: string;
}

const groupName = /^warren-[0-9a-f]{12}$/;

/**
 * Removes what killed launchers have left, and kills what still runs in it; never what is alive: a launcher holds a lock
 * on its groups for as long as it lives, and the kernel lets go of that lock when it dies. Also done, for a few, at every
 * start with limits.
 *
 * @throws {WarrenError} `ERR_LAUNCH`.
 */
export async function collectGarbage(): Promise<Garbage> {
  const mountPoints = new Set(readCgroupHierarchies().map(({ mountPoint }) => mountPoint));
  return collect([...mountPoints].flatMap((path) => [...findGroups(path, true)]));
}

/** At most this many are looked at in passing: a start must not cost more because others live. */
const FEW = 16;

/** For the next start: looks beside the groups that it is about to make. Fails silently; whoever asks for it hears why. */
export async function collectInPassing({ groups }: CgroupConfig): Promise<void> {
  try {
    const found = groups.flatMap(({ parent }) => [...findGroups(parent, false)]);
    if (found.length === 0) return;
    // Another few each time.
    const first = Math.floor(Math.random() * found.length);
    await collect([...found.slice(first), ...found.slice(0, first)].slice(0, FEW));
  } catch {
    // No reason to refuse a start.
  }
}

/** The same for groups that are known. @param paths Their directories. */
export async function collectGroups(paths: readonly string[]): Promise<Garbage> {
  return collect(paths.map((path) => ({ parent: dirname(path), name: basename(path) })));
}

async function collect(candidates: readonly Candidate[]): Promise<Garbage> {
  const removed: string[] = [];
  const kept: string[] = [];
  // The freezer's first: who is frozen does not leave the other groups, whatever is done to them.
  const ordered = [...candidates.filter(hasFreezer), ...candidates.filter((each) => !hasFreezer(each))];
  for (let start = 0; start < ordered.length; start += ANSWER_SLOTS) {
    const some = ordered.slice(start, start + ANSWER_SLOTS);
    const reply = await ask({ steps: [{ op: 'collect-cgroups', candidates: some }] });
    for (const [index, { parent, name }] of some.entries()) {
      const answer = reply.readInt32LE(4 + index * 4);
      if (answer === COLLECT_REMOVED) removed.push(`${parent}/${name}`);
      if (answer === COLLECT_FAILED) kept.push(`${parent}/${name}`);
    }
  }
  return { removed, kept };
}

function hasFreezer({ parent, name }: Candidate): boolean {
  return existsSync(`${parent}/${name}/freezer.state`);
}

function* findGroups(parent: string, deep: boolean): Generator<Candidate> {
  for (const name of directoriesIn(parent)) {
    if (groupName.test(name)) yield { parent, name };
    else if (deep) yield* findGroups(`${parent}/${name}`, true);
  }
}

/** What has gone in the meantime has none. */
function directoriesIn(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENODEV' || code === 'EACCES') return [];
    throw error;
  }
}
