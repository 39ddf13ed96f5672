/** Removal of a container's files, whoever they belong to. */
import { lstatSync, rmSync } from 'node:fs';
import { closeSync, openSync } from 'node:fs';
import { resolve } from 'node:path';
import { WarrenError, quote } from '../errors.js';
import { Launch } from './launch.js';
import { readHost } from './host.js';
import { defaultIdMap } from './subordinate-ids.js';

/**
 * Removes a directory and what is in it; without effect where it is gone. As an ordinary user, what belongs to subordinate ids
 * of theirs is removed in a user namespace that has them.
 *
 * @throws {WarrenError} `ERR_REMOVE`: some of it belongs to others.
 */
export async function removeTree(path: string): Promise<void> {
  try {
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
    return;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if ((code !== 'EACCES' && code !== 'EPERM') || readHost().uid === 0) throw error;
    await removeAsRoot(resolve(path), error);
  }
}

async function removeAsRoot(path: string, refusal: unknown): Promise<void> {
  const idMap = defaultIdMap(readHost());
  if (idMap.uidHelper === undefined) throw foreign(path, refusal);
  const nowhere = openSync('/dev/null', 'r+');
  try {
    const launch = new Launch(
      {
        steps: [
          { op: 'clone', kinds: ['user'], undumpable: false, sibling: false },
          { op: 'map-ids', ...idMap },
          { op: 'release' },
          { op: 'supervise', orphans: false, termios: undefined },
          { op: 'enter', userNamespace: 'new' },
          { op: 'remove-tree', path },
        ],
      },
      { streams: [nowhere, nowhere, nowhere] },
    );
    await launch.exited;
  } catch (cause) {
    if (cause instanceof WarrenError && cause.code === 'ERR_IDMAP_HELPER') throw cause;
    if (lstatSync(path, { throwIfNoEntry: false })) throw foreign(path, cause);
  } finally {
    closeSync(nowhere);
  }
}

function foreign(path: string, cause: unknown): WarrenError {
  return new WarrenError('ERR_REMOVE', `Cannot remove ${quote(path)}`, {
    kind: 'permission-denied',
    why: 'some of what is in it belongs to ids that are not yours, by /etc/subuid and /etc/subgid as they are now',
    fix: `as root: rm -r ${path}; see whose they are: find ${path} ! -user $(id -u)`,
    cause,
  });
}
