/** Descriptors that the launcher hands over: of namespaces, which live for as long as somebody holds one, and of what it sees in them. */
import { closeSync, openSync } from 'node:fs';
import { WarrenError } from '../errors.js';
import type { NamespaceKind } from '../plan/constants.js';
import type { Step } from '../plan/step.js';
import { readHost } from './host.js';
import { Launch } from './launch.js';

/**
 * Makes namespaces, and returns a descriptor of one of them, which the caller closes.
 *
 * @param kinds All that are made.
 * @param wanted The one whose descriptor is returned.
 * @param from The file of a network namespace to make them in: their creator's. Default: the caller's.
 * @throws {WarrenError} `ERR_STEP`
 */
export async function makeNamespace(
  kinds: readonly NamespaceKind[],
  wanted: NamespaceKind,
  from?: string,
): Promise<number> {
  const { uid, gid } = readHost();
  const steps: Step[] = [
    ...(from === undefined
      ? []
      : [
          { op: 'open-namespace', kind: 'net', path: from } as const,
          { op: 'join-namespace', kind: 'net' } as const,
        ]),
    { op: 'leave', kinds, uid, gid },
    { op: 'hand-over-namespace', kind: wanted },
  ];
  return handedOver(steps, 'Cannot make a namespace');
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
