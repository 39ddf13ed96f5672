import type { NamespaceKind } from '../../plan/constants.js';
import type { NetworkSysctls } from '../../kernel/sysctl-files.js';
import type { Plan, Step } from '../../plan/step.js';

/** What this layer needs done and may not do itself: src/runtime carries plans out. */
export interface SysctlTools {
  /** Carries out a plan that only asks, and returns its answer. */
  ask(plan: Plan): Promise<Buffer>;
  /**
   * Makes namespaces and returns a descriptor of one of them, for the caller to close. With nothing else holding them they end
   * with it.
   *
   * @param way The steps that lead to where they are made. Default: the caller's namespaces.
   */
  makeNamespace(
    kinds: readonly NamespaceKind[],
    wanted: NamespaceKind,
    way?: readonly Step[],
  ): Promise<number>;
  /** Makes a network namespace in a user namespace of the caller's own. Both are the caller's to close. */
  makeUserNetwork(): Promise<{ readonly fd: number; readonly files: NetworkSysctls }>;
  /**
   * Opens a folder of parameters, or one, from inside other namespaces.
   *
   * @param way The steps that lead there.
   * @returns A descriptor, for the caller to close; undefined where they have none of that name.
   */
  openSysctls(way: readonly Step[], path: string): Promise<number | undefined>;
}
