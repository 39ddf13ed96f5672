import type { NamespaceKind } from '../../plan/constants.js';
import type { Plan, Step } from '../../plan/step.js';

/** What this layer needs done and may not do itself: src/runtime carries plans out. */
export interface SysctlTools {
  /** Carries out a plan that only asks, and returns its answer. */
  ask(plan: Plan): Promise<Buffer>;
  /**
   * Makes namespaces and returns a descriptor of one of them, for the caller to close. With nothing else holding them they end
   * with it.
   *
   * @param from The file of the network namespace to make them in. Default: the caller's.
   */
  makeNamespace(kinds: readonly NamespaceKind[], wanted: NamespaceKind, from?: string): Promise<number>;
  /**
   * Opens a folder of parameters, or one, from inside other namespaces.
   *
   * @param way The steps that lead there.
   * @returns A descriptor, for the caller to close; undefined where they have none of that name.
   */
  openSysctls(way: readonly Step[], path: string): Promise<number | undefined>;
}
