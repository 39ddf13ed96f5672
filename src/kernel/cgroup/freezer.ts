/**
 * Stopping all processes of a group at once, without a signal that they could see.
 *
 * @see the kernel's admin-guide/cgroup-v1/freezer-subsystem, admin-guide/cgroup-v2 "cgroup.freeze"
 */
import type { CgroupHierarchy } from './hierarchies.js';

export interface Freezer {
  readonly version: 1 | 2;
  /** In the group's directory: what is written to. */
  readonly file: string;
  readonly freeze: string;
  readonly thaw: string;
  /** In the group's directory: what says how it stands. */
  readonly stateFile: string;
  /** v2: poll(2) tells of a change of `stateFile` (POLLPRI). v1 has nothing of the kind: it must be read again. */
  readonly notifies: boolean;
}

/** Since Linux 5.2. A frozen process can be killed. */
export const freezerV2: Freezer = {
  version: 2,
  file: 'cgroup.freeze',
  freeze: '1',
  thaw: '0',
  stateFile: 'cgroup.events',
  notifies: true,
};

/** A frozen process ignores even SIGKILL until it is thawed, and whoever joins a frozen group hangs with it. */
export const freezerV1: Freezer = {
  version: 1,
  file: 'freezer.state',
  freeze: 'FROZEN',
  thaw: 'THAWED',
  stateFile: 'freezer.state',
  notifies: false,
};

/**
 * The hierarchy whose group is to be frozen. cgroup2 where it is mounted, also beside v1: its freezer belongs to no
 * controller, so that a hybrid machine has it too.
 *
 * @param hasFreeze Whether groups in a cgroup2 hierarchy have `cgroup.freeze` (not before Linux 5.2). Default: yes.
 */
export function findFreezer<Hierarchy extends Pick<CgroupHierarchy, 'version' | 'controllers'>>(
  hierarchies: readonly Hierarchy[],
  hasFreeze: (hierarchy: Hierarchy) => boolean = () => true,
): { readonly hierarchy: Hierarchy; readonly freezer: Freezer } | undefined {
  const v2 = hierarchies.find((each) => each.version === 2 && hasFreeze(each));
  if (v2) return { hierarchy: v2, freezer: freezerV2 };
  const v1 = hierarchies.find(({ controllers }) => controllers.includes('freezer'));
  return v1 && { hierarchy: v1, freezer: freezerV1 };
}

/** `freezing`: asked for, and not all processes have stopped yet; one in an uninterruptible system call may be late. */
export type FreezerState = 'thawed' | 'freezing' | 'frozen';

/**
 * @param stateText The text of `freezer.stateFile`.
 * @param wantedText v2: the text of `cgroup.freeze`, which tells `freezing` from `thawed`.
 */
export function freezerState(freezer: Freezer, stateText: string, wantedText = ''): FreezerState {
  if (freezer.version === 1) {
    const word = stateText.trim();
    return word === 'FROZEN' ? 'frozen' : word === 'FREEZING' ? 'freezing' : 'thawed';
  }
  if (/^frozen 1$/m.test(stateText)) return 'frozen';
  return wantedText.trim() === '1' ? 'freezing' : 'thawed';
}
