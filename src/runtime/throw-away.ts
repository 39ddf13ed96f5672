/** Descriptors that the launcher hands over: of namespaces, which live for as long as somebody holds one, and of what it sees in them. */
import { closeSync, openSync } from 'node:fs';
import { WarrenError } from '../errors.js';
import { NetworkSysctls, networkFolders } from '../kernel/sysctl-files.js';
import type { NamespaceKind } from '../plan/constants.js';
import type { Step } from '../plan/step.js';
import { wayThrough } from '../plan/way.js';
import { readHost } from './host.js';
import { Launch, ask } from './launch.js';
import { explainNoNamespace } from './throw-away-denied.js';

/**
 * Makes namespaces, and returns a descriptor of one of them, which the caller closes.
 *
 * @param kinds All that are made.
 * @param wanted The one whose descriptor is returned.
 * @param way The steps that lead to where they are made: their creator's. Default: the caller's namespaces.
 * @throws {WarrenError} `ERR_STEP`
 */
export async function makeNamespace(
  kinds: readonly NamespaceKind[],
  wanted: NamespaceKind,
  way: readonly Step[] = [],
): Promise<number> {
  const { uid, gid } = readHost();
  const steps: Step[] = [
    ...way,
    { op: 'leave', kinds, uid, gid },
    { op: 'hand-over-namespace', kind: wanted },
  ];
  try {
    return await handedOver(steps, 'Cannot make a namespace');
  } catch (error) {
    throw explainNoNamespace(error, kinds);
  }
}

/** A network namespace that this process may not enter by a thread, and its parameters, which are within reach all the same. */
export interface UserNetwork {
  /** For the caller to close. */
  readonly fd: number;
  /** For the caller to close. */
  readonly files: NetworkSysctls;
}

/**
 * Makes a network namespace in a user namespace of the caller's own, as whoever is not root can.
 *
 * @throws {WarrenError} `ERR_STEP`
 */
export async function makeUserNetwork(): Promise<UserNetwork> {
  const user = await makeNamespace(['user'], 'user');
  try {
    const inside = throughDescriptors([['user', user]]);
    const fd = await makeNamespace(['net'], 'net', inside);
    const folders = new Map<string, number | undefined>();
    try {
      const way = throughDescriptors([
        ['user', user],
        ['net', fd],
      ]);
      for (const path of networkFolders) folders.set(path, await openSysctls(way, path));
    } catch (error) {
      for (const folder of folders.values()) if (folder !== undefined) closeSync(folder);
      closeSync(fd);
      throw error;
    }
    return { fd, files: NetworkSysctls.of(folders) };
  } finally {
    closeSync(user);
  }
}

/** A network namespace as a container's would be, and its parameters. To be closed. @throws {WarrenError} `ERR_STEP` */
export async function throwAwayNetwork(
  ofUserNamespace: boolean,
): Promise<{ readonly files: NetworkSysctls; close(): void }> {
  const isRoot = process.geteuid?.() === 0;
  const owner: NamespaceKind[] = ofUserNamespace ? ['user'] : [];
  const made = ofUserNamespace && !isRoot ? await makeUserNetwork() : undefined;
  const fd = made?.fd ?? (await makeNamespace([...owner, 'net'], 'net'));
  const files = made?.files ?? new NetworkSysctls(fd);
  return {
    files,
    close() {
      files.close();
      closeSync(fd);
    },
  };
}

function throughDescriptors(doors: readonly (readonly [NamespaceKind, number])[]): Step[] {
  return wayThrough(doors.map(([kind, fd]) => [kind, `/proc/${process.pid}/fd/${fd}`]));
}

/**
 * Opens a folder below /proc/sys, or one parameter, from inside other namespaces.
 *
 * @param way The steps that lead there.
 * @returns A descriptor, which the caller closes; undefined where they have none of that name.
 * @throws {WarrenError} `ERR_STEP`
 */
export async function openSysctls(way: readonly Step[], path: string): Promise<number | undefined> {
  try {
    return await handedOver([...way, { op: 'hand-over-sysctls', path }], 'Cannot open parameters');
  } catch (error) {
    if (error instanceof WarrenError && (error.errno === 'ENOENT' || error.errno === 'ENOTDIR'))
      return undefined;
    throw error;
  }
}

async function handedOver(steps: readonly Step[], what: string): Promise<number> {
  const nowhere = openSync('/dev/null', 'r+');
  try {
    const launched = new Launch({ steps }, { streams: [nowhere, nowhere, nowhere] });
    await launched.exited.catch((error: unknown) => {
      if (launched.terminalFd === undefined) throw error;
    });
    if (launched.terminalFd !== undefined) return launched.terminalFd;
  } finally {
    closeSync(nowhere);
  }
  throw new WarrenError('ERR_LAUNCHER_LOST', what, {
    kind: 'internal',
    why: 'the launcher did not hand it over',
  });
}

/** What src/explore needs done and may not do itself. */
export const sysctlTools = { ask, makeNamespace, makeUserNetwork, openSysctls };
