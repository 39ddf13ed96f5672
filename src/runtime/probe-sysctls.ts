import { namespaceKinds, type NamespaceKind } from '../plan/constants.js';
import { ANSWER_SLOTS } from '../plan/lower/probe.js';
import { sysctlScope } from '../kernel/sysctl-scope.js';
import type { Step } from '../plan/step.js';
import type { Namespaces } from './configure-namespaces.js';
import type { Host } from './host.js';
import { ask } from './launch.js';

/** What root of a container could do with a parameter. */
export type SysctlAccess = 'writable' | 'absent' | 'read-only' | 'denied';

const EACCES = 13;
const EPERM = 1;

/**
 * Asks the kernel, in throw-away namespaces of the container's kinds, whether parameters exist there and can be opened for
 * writing. Nothing is written.
 *
 * @returns In the order of `paths`.
 */
export async function probeSysctls(
  paths: readonly string[],
  namespaces: Namespaces,
  host: Host,
): Promise<SysctlAccess[]> {
  const answers: SysctlAccess[] = [];
  for (let start = 0; start < paths.length; start += ANSWER_SLOTS) {
    answers.push(...(await probe(paths.slice(start, start + ANSWER_SLOTS), namespaces, host)));
  }
  return answers;
}

async function probe(paths: readonly string[], namespaces: Namespaces, host: Host): Promise<SysctlAccess[]> {
  const scopes = new Set(paths.map((path) => sysctlScope(path).scope));
  const wanted = (kind: NamespaceKind): boolean =>
    (kind === 'net' && scopes.has('network')) || (kind === 'ipc' && scopes.has('ipc')) || kind === 'user';
  const joins = namespaceKinds.flatMap((kind): [NamespaceKind, string][] => {
    const source = namespaces[kind];
    return wanted(kind) && source.from === 'path' ? [[kind, source.path]] : [];
  });
  const kinds = namespaceKinds.filter((kind) => wanted(kind) && namespaces[kind].from === 'new');
  const steps: Step[] = [
    ...joins.map(([kind, path]): Step => ({ op: 'open-namespace', kind, path })),
    ...joins.map(([kind]): Step => ({ op: 'join-namespace', kind })),
    { op: 'leave', kinds, uid: host.uid, gid: host.gid },
    { op: 'probe-sysctls', paths },
  ];
  const reply = await ask({ steps });
  return paths.map((_, index) => accessOf(reply.readInt32LE(4 + index * 4)));
}

function accessOf(answer: number): SysctlAccess {
  if (answer >= 0) return 'writable';
  if (answer === -EACCES) return 'read-only';
  return answer === -EPERM ? 'denied' : 'absent';
}
