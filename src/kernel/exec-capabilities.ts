import type { CapabilitySets } from './proc-status.js';
import type { FileCapabilities } from './file-capabilities.js';
import { securebitNumbers } from './securebits.js';

/** What of a process decides over its capabilities after execve(2). Ids are those of its own user namespace. */
export interface ExecProcess {
  readonly uid: { readonly real: number; readonly effective: number };
  readonly gid: { readonly real: number; readonly effective: number };
  readonly groups: readonly number[];
  readonly capabilities: CapabilitySets;
  readonly securebits: number;
  readonly noNewPrivileges: boolean;
  /**
   * User 0 of its user namespace and of each one above it, as ids of the same level as the `rootId` of a file's
   * capabilities. `[0]` in the initial one.
   */
  readonly rootIds: readonly number[];
}

/** The program that execve(2) loads: for a script, its interpreter. */
export interface ExecFile {
  /** Its owner in the process's user namespace, when set-user-ID; undefined when it is not, or the owner is not mapped. */
  readonly setUid?: number | undefined;
  /** Likewise the group; a file without execute permission for the group is not set-group-ID. */
  readonly setGid?: number | undefined;
  readonly capabilities?: FileCapabilities | undefined;
  /** It lies on a mount with `nosuid`, or of another user namespace: bits and capabilities of the file do not count. */
  readonly nosuid: boolean;
}

export interface ExecOutcome {
  /** EPERM: the program would get less than its file says it must have. */
  readonly refused: boolean;
  readonly effectiveUid: number;
  readonly effectiveGid: number;
  readonly capabilities: CapabilitySets;
  readonly securebits: number;
  /** Which rule did what, in the kernel's order. */
  readonly reasons: readonly string[];
}

/**
 * The capabilities of a process after execve(2), by the kernel's rules.
 *
 * A tracer, and other processes that share the file system context, can make the kernel withhold what the file would
 * give; they are not looked at. Changed ids are compared with the effective ones, as since Linux 6.16.
 *
 * @see capabilities(7), "Transformation of capabilities during execve()" and the sections that follow it
 */
export function capabilitiesAfterExec(process: ExecProcess, file: ExecFile): ExecOutcome {
  const { capabilities: before } = process;
  const reasons: string[] = [];
  const { fileCapabilities, setUid, setGid } = whatCounts(process, file, reasons);

  let permitted = 0n;
  let effectiveBit = false;
  let refused = false;
  if (fileCapabilities !== undefined) {
    permitted =
      (before.bounding & fileCapabilities.permitted) | (before.inheritable & fileCapabilities.inheritable);
    effectiveBit = fileCapabilities.effective;
    reasons.push('the file has capabilities: permitted by the file and bounding, or inheritable in both');
    refused = effectiveBit && (fileCapabilities.permitted & ~permitted) !== 0n;
    if (refused)
      reasons.push('EPERM: the file is marked effective, and not all that it permits can be given');
  }

  let euid = setUid ?? process.uid.effective;
  let egid = setGid ?? process.gid.effective;
  const realIsRoot = process.uid.real === 0;
  if (process.securebits & securebitNumbers.NOROOT) {
    if (realIsRoot || euid === 0) reasons.push('SECBIT_NOROOT: user 0 gets nothing for being user 0');
  } else if (fileCapabilities !== undefined && !realIsRoot && euid === 0) {
    reasons.push('set-user-ID root with capabilities of its own: they count, and being root does not');
  } else if (realIsRoot || euid === 0) {
    permitted = before.bounding | before.inheritable;
    effectiveBit ||= euid === 0;
    reasons.push(
      euid === 0
        ? 'user 0: all of the bounding and the inheritable set'
        : 'real user 0: all of the bounding and the inheritable set, permitted only',
    );
  }

  const idChanged =
    euid !== process.uid.effective || (egid !== process.gid.effective && !process.groups.includes(egid));
  const gained = (permitted & ~before.permitted) !== 0n;
  if (process.noNewPrivileges && (idChanged || gained)) {
    permitted &= before.permitted;
    euid = process.uid.real;
    egid = process.gid.real;
    reasons.push('no_new_privs: no more than it had');
  }

  const ambient = fileCapabilities !== undefined || idChanged ? 0n : before.ambient;
  if (ambient !== before.ambient) {
    reasons.push('the ambient set is cleared: the file is privileged');
  } else if (ambient !== 0n) reasons.push('the ambient set stays, and is permitted and effective');
  permitted |= ambient;
  const effective = effectiveBit ? permitted : ambient;
  if (permitted !== effective)
    reasons.push('permitted, and not effective: the program must raise them itself');
  if (permitted === 0n) reasons.push('nothing gives it a capability');

  return {
    refused,
    effectiveUid: euid,
    effectiveGid: egid,
    capabilities: refused ? before : { ...before, permitted, effective, ambient },
    securebits: process.securebits & ~securebitNumbers.KEEP_CAPS,
    reasons,
  };
}

/** What the file says, without what does not count for this process. */
function whatCounts(
  process: ExecProcess,
  file: ExecFile,
  reasons: string[],
): { fileCapabilities?: FileCapabilities; setUid?: number | undefined; setGid?: number | undefined } {
  const { capabilities: fileCapabilities, setUid, setGid } = file;
  if (file.nosuid) {
    if (fileCapabilities !== undefined || setUid !== undefined || setGid !== undefined) {
      reasons.push('nosuid: the capabilities and the set-ID bits of the file do not count');
    }
    return {};
  }
  // prctl(2): set-ID bits are not looked at; the file's capabilities are, and cut down in the end.
  const ids = process.noNewPrivileges ? {} : { setUid, setGid };
  if (process.noNewPrivileges && (setUid !== undefined || setGid !== undefined)) {
    reasons.push('no_new_privs: the set-ID bits of the file do not count');
  }
  if (fileCapabilities === undefined) return ids;
  const { rootId } = fileCapabilities;
  if (rootId !== undefined && !process.rootIds.includes(rootId)) {
    reasons.push(`the file’s capabilities count only where ${rootId} is user 0; here it is not`);
    return ids;
  }
  return { ...ids, fileCapabilities };
}
