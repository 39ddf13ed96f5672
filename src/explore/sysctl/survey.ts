/**
 * Looks at parameters of IPC, UTS and user namespaces. What a process sees of them is those of its own namespaces, and this one has
 * several threads and cannot move; so launchers go there, each into namespaces that end with it.
 */
import { existsSync } from 'node:fs';
import { ipcSysctls } from '../../kernel/sysctl-scope.js';
import { SURVEY_MOST, readSurvey, type Surveyed } from '../../plan/survey.js';
import type { Step } from '../../plan/step.js';
import { machineKeys } from './machine-keys.js';
import { otherValues } from './other-value.js';
import type { SysctlTools } from './tools.js';

export type Seen = Surveyed;

/** A parameter and what is written to it, one after the other. */
export interface Mark {
  readonly path: string;
  readonly values: readonly string[];
}

/** What a caller with root's rights is: nobody else can be mapped to its root. */
const nobody = { uid: 65_534, gid: 65_534, become: true } as const;

/** The caller's own ids, which become 0 in a user namespace. */
export function ownIds(): { readonly uid: number; readonly gid: number } {
  return { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
}

/** Those of an ordinary user, for what root of a user namespace may do; without the rights to become one, the caller's own. */
export function userIds(): { readonly uid: number; readonly gid: number; readonly become?: boolean } {
  return ownIds().uid === 0 ? nobody : ownIds();
}

/** Every parameter of IPC, UTS and user namespaces that this kernel has, slashed and sorted. */
export function localKeys(): string[] {
  const others = [...ipcSysctls, 'kernel/domainname', 'kernel/hostname'];
  return [...machineKeys(['user']), ...others.filter((path) => existsSync(`/proc/sys/${path}`))].sort();
}

/**
 * @param way Where to: empty for the caller's own namespaces.
 * @throws {WarrenError} `ERR_STEP` where namespaces cannot be made.
 */
export async function survey(
  tools: SysctlTools,
  way: readonly Step[],
  paths: readonly string[],
): Promise<ReadonlyMap<string, Seen>> {
  const found = new Map<string, Seen>();
  for (let start = 0; start < paths.length; start += SURVEY_MOST) {
    const some = paths.slice(start, start + SURVEY_MOST);
    const reply = await tools.ask({ steps: [...way, { op: 'survey-sysctls', paths: some }] });
    for (const [path, seen] of readSurvey(reply, some)) found.set(path, seen);
  }
  return found;
}

/** Another legal value for each, as far as one is known: the last that the kernel takes is the one that stays. */
export function marksFor(seen: ReadonlyMap<string, Seen>): Mark[] {
  return [...seen].flatMap(([path, { reading, access }]): Mark[] => {
    if (access !== 'writable' || !('value' in reading)) return [];
    // The nearest two: one of them is legal, and neither is a limit of 0 that would keep namespaces from being made.
    const values = otherValues(path, reading.value).slice(0, 2);
    return values.length === 0 ? [] : [{ path, values }];
  });
}
