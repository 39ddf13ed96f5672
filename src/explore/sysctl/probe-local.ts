/** Parameters of IPC, UTS and user namespaces, which only a process in them sees. */
import type { Reading } from '../../kernel/sysctl-reading.js';
import { sysctlScope } from '../../kernel/sysctl-scope.js';
import type { NamespaceKind } from '../../plan/constants.js';
import type { Step } from '../../plan/step.js';
import { kindOfScope, type IsolatedScope } from './place.js';
import type { Probed } from './probe.js';
import { isOwnForSure, isolation, origin, type MarkSeen, type Sight } from './probe-conclude.js';
import { inInitialNamespace } from './surroundings.js';
import { marksFor, ownIds, survey, userIds, type Seen } from './survey.js';
import type { SysctlTools } from './tools.js';

/** Which kinds are left together: a user namespace would change what is seen of the others. */
export const localKinds: readonly (readonly NamespaceKind[])[] = [['ipc', 'uts'], ['user']];

export async function probeLocal(
  tools: SysctlTools,
  release: string,
  paths: readonly string[],
): Promise<Probed[]> {
  const users = await userAccesses(tools, paths);
  const probed = await Promise.all(
    localKinds.map(async (kinds) => {
      const some = paths.filter((path) => kinds.includes(kindOf(path)));
      const looks = await lookInto(tools, some, kinds, (path, host, fresh) =>
        isOwnForSure(path, host, fresh, release),
      );
      return some.map((path) => conclude(path, release, looks, users));
    }),
  );
  return probed.flat();
}

function conclude(
  path: string,
  release: string,
  { host, fresh, child, marks }: Looks,
  users: ReadonlyMap<string, Seen>,
): Probed {
  const mark = marks.get(path);
  const sight: Sight = {
    host: readingIn(host, path),
    fresh: readingIn(fresh, path),
    child: readingIn(child, path),
    access: fresh.get(path)?.access ?? 'absent',
    mark: mark && { ...mark, hostBefore: readingIn(host, path) },
    hostIsInitial: inInitialNamespace(kindOf(path)),
  };
  return {
    path,
    host: sight.host,
    fresh: sight.fresh,
    access: sight.access,
    userAccess: users.get(path)?.access ?? 'absent',
    isolated: isolation(sight, release),
    origin: origin(sight),
  };
}

export function kindOf(path: string): NamespaceKind {
  return kindOfScope[sysctlScope(path).scope as IsolatedScope];
}

/** What namespaces of some kinds show of parameters. */
export interface Looks {
  readonly host: ReadonlyMap<string, Seen>;
  readonly fresh: ReadonlyMap<string, Seen>;
  /** Of a namespace made inside one in which values were changed. */
  readonly child: ReadonlyMap<string, Seen>;
  /** What was changed there, and what the host then had. */
  readonly marks: ReadonlyMap<string, Omit<MarkSeen, 'hostBefore'>>;
}

/**
 * Looks at fresh namespaces, at some in which values were changed, and at some made inside those.
 *
 * @param mayMark Whether a parameter may be changed in a throw-away namespace.
 */
export async function lookInto(
  tools: SysctlTools,
  paths: readonly string[],
  kinds: readonly NamespaceKind[],
  mayMark: (path: string, host: Reading, fresh: Reading) => boolean,
): Promise<Looks> {
  const away: Step = { op: 'leave', kinds, ...ownIds() };
  const host = await survey(tools, [], paths);
  const fresh = await survey(tools, [away], paths);
  const chosen = [...fresh].filter(([path, { reading }]) => mayMark(path, readingIn(host, path), reading));
  const mark: Step = { op: 'mark-sysctls', marks: marksFor(new Map(chosen)) };
  const marked = await survey(tools, [away, mark], paths);
  const after = await survey(tools, [], paths);
  // In a user namespace of its own it is user 0.
  const again: Step = kinds.includes('user') ? { op: 'leave', kinds, uid: 0, gid: 0 } : away;
  const child = await survey(tools, [away, mark, again], paths);
  const marks = paths.flatMap((path): [string, Omit<MarkSeen, 'hostBefore'>][] => {
    const [first, then] = [readingIn(fresh, path), readingIn(marked, path)];
    const moved = 'value' in first && 'value' in then && then.value !== first.value;
    return moved ? [[path, { value: then.value, hostAfter: readingIn(after, path) }]] : [];
  });
  return { host, fresh, child, marks: new Map(marks) };
}

/** What root of a new user namespace, who is nobody outside, may do in namespaces that belong to it. */
export async function userAccesses(
  tools: SysctlTools,
  paths: readonly string[],
): Promise<ReadonlyMap<string, Seen>> {
  return survey(tools, [{ op: 'leave', kinds: ['user', 'ipc', 'uts'], ...userIds() }], paths);
}

export function readingIn(seen: ReadonlyMap<string, Seen>, path: string): Reading {
  return seen.get(path)?.reading ?? { errno: 'ENOENT' };
}
