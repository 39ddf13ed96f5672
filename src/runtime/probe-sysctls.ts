/** What root of a container could do with parameters. */
import { ANSWER_SLOTS } from '../plan/lower/probe.js';
import { sysctlScope } from '../kernel/sysctl-scope.js';
import type { NamespaceKind } from '../plan/constants.js';
import { ask } from './launch.js';
import { wayInto, type Likeness } from './throw-away-way.js';

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
export async function probeSysctls(paths: readonly string[], like: Likeness): Promise<SysctlAccess[]> {
  const answers: SysctlAccess[] = [];
  for (let start = 0; start < paths.length; start += ANSWER_SLOTS) {
    answers.push(...(await probe(paths.slice(start, start + ANSWER_SLOTS), like)));
  }
  return answers;
}

async function probe(paths: readonly string[], like: Likeness): Promise<SysctlAccess[]> {
  const scopes = new Set(paths.map((path) => sysctlScope(path).scope));
  const kinds: NamespaceKind[] = [
    ...(scopes.has('network') ? (['net'] as const) : []),
    ...(scopes.has('ipc') ? (['ipc'] as const) : []),
    ...(scopes.has('uts') ? (['uts'] as const) : []),
  ];
  const reply = await ask({ steps: [...wayInto(kinds, like), { op: 'probe-sysctls', paths }] });
  return paths.map((_, index) => accessOf(reply.readInt32LE(4 + index * 4)));
}

function accessOf(answer: number): SysctlAccess {
  if (answer >= 0) return 'writable';
  if (answer === -EACCES) return 'read-only';
  return answer === -EPERM ? 'denied' : 'absent';
}
