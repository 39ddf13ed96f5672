import type { NamespaceKind } from './constants.js';
import type { Step } from './step.js';

/** Into namespaces that exist, by their files: all are opened first, for their paths may mean something else behind the first. */
export function wayThrough(doors: readonly (readonly [kind: NamespaceKind, path: string])[]): Step[] {
  return [
    ...doors.map(([kind, path]): Step => ({ op: 'open-namespace', kind, path })),
    ...doors.map(([kind]): Step => ({ op: 'join-namespace', kind })),
  ];
}
