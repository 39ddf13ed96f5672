/** A command in namespaces that exist. */
import { closeSync } from 'node:fs';
import { WarrenError, invalid, quote } from '../../errors.js';
import { getTermios, randomBytes } from '../../native/index.js';
import { namespaceKinds, type NamespaceKind } from '../../plan/constants.js';
import { planEnter } from '../../plan/enter.js';
import type { Plan } from '../../plan/step.js';
import type { Container } from '../container.js';
import { readHost } from '../host.js';
import { execute } from '../start.js';
import { kindsWanted, configureFile, configureProcess, type ConfiguredEnter } from './configure.js';
import { explainDenied, type JoinedNamespace } from './denied.js';
import type { EnterOptions, EnterRequest, EnterTarget } from './options.js';
import { assertStillThere, holdProcess, type HeldProcess } from './target.js';

/**
 * Runs a command in namespaces of a process, or in one that a file names; what is not joined stays the caller's, so that
 * the host's programs can look at a container's network. The command is a child of the PID namespace that is joined, not
 * only its neighbour.
 *
 * @param namespaces Default: all of a process, the one of a file.
 * @returns When the command is executing.
 * @throws {WarrenError} `ERR_PROCESS_NOT_FOUND`, `ERR_NAMESPACE_NOT_FOUND`, `ERR_ENTER_DENIED` with what is in the way,
 *   `ERR_ENTER_OPTIONS`, `ERR_STEP`, `ERR_COMMAND_NOT_FOUND`, `ERR_COMMAND_NOT_EXECUTABLE`.
 */
export async function enter(
  target: EnterTarget,
  namespaces: readonly NamespaceKind[] | undefined,
  argv: readonly string[],
  options: EnterOptions = {},
): Promise<Container> {
  return withPlan({ target, namespaces, argv, options }, async ({ plan, warnings, held, joined, what }) => {
    try {
      return await execute(plan, {
        id: randomBytes(32).toString('hex'),
        options,
        warnings,
        ...(held ? { target: held.pidfd } : {}),
      });
    } catch (error) {
      // Whatever step it was: what it needed has gone with the process.
      if (held && error instanceof WarrenError && error.code === 'ERR_STEP') assertStillThere(held);
      throw await explainDenied(error, { what, joined, hasOwnRoot: options.root !== undefined });
    }
  });
}

/** The steps that `enter()` would take, in order; none is taken. */
export async function planOfEnter(request: EnterRequest): Promise<Plan> {
  return withPlan(request, async ({ plan }) => plan);
}

interface Planned {
  readonly plan: Plan;
  readonly warnings: readonly string[];
  readonly held: HeldProcess | undefined;
  readonly joined: readonly JoinedNamespace[];
  readonly what: string;
}

async function withPlan<T>(request: EnterRequest, use: (planned: Planned) => Promise<T>): Promise<T> {
  const { target, options, namespaces } = request;
  for (const kind of namespaces ?? []) {
    if (!namespaceKinds.includes(kind))
      throw invalid('ERR_ENTER_OPTIONS', `Cannot join the namespace ${quote(kind)}`, 'there is no such type');
  }
  const held =
    typeof target === 'number' || 'pid' in target
      ? holdProcess(target, { kinds: kindsWanted(request), status: options.likeContainer === true })
      : undefined;
  try {
    const path = typeof target === 'object' && !('pid' in target) ? pathOf(target) : '';
    const { config, warnings }: ConfiguredEnter = held
      ? configureProcess(held, request)
      : await configureFile(path, request);
    if (held) assertStillThere(held);
    const { callerTerminal } = options;
    const plan = planEnter(
      callerTerminal === undefined ? config : { ...config, callerTermios: getTermios(callerTerminal) },
      readHost(),
    );
    const joined = [
      ...config.kinds.map((kind) => ({ kind, path: `/proc/${held?.pid ?? 0}/ns/${kind}` })),
      ...config.files,
    ];
    const what = held ? `the namespaces of process ${held.pid}` : `the namespace ${quote(path)}`;
    return await use({ plan, warnings, held, joined, what });
  } finally {
    // The launcher has a descriptor of its own by now.
    if (held?.isOurs === true) closeSync(held.pidfd);
  }
}

function pathOf(target: { readonly path: string } | { readonly netns: string }): string {
  if ('path' in target) return target.path;
  const { netns } = target;
  if (netns !== '' && netns !== '.' && netns !== '..' && !/[/\0]/.test(netns)) return `/run/netns/${netns}`;
  throw invalid(
    'ERR_NAMESPACE_SPEC',
    `Cannot enter the network namespace ${quote(netns)}`,
    'it is no name below /run/netns',
    'ip netns list shows those there are',
  );
}
