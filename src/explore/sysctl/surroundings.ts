/** What stands between a process and a parameter: how /proc/sys is mounted for it, and what it may do. */
import { existsSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { parseMountinfo } from '../../kernel/mountinfo.js';
import { parseCapabilityMask } from '../../kernel/capabilities.js';
import { errnoOf } from '../../kernel/sysctl-reading.js';
import type { NamespaceKind } from '../../plan/constants.js';

export interface Surroundings {
  /** The mount that /proc/sys is on, read-only or not; undefined where it could not be seen. */
  readonly procSys: { readonly readOnly: boolean; readonly evidence: string } | undefined;
  readonly netAdmin: { readonly held: boolean; readonly evidence: string } | undefined;
  /** Whether it is in a user namespace other than the caller's. */
  readonly otherUserNamespace: boolean | undefined;
  /** What could not be seen, and why. */
  readonly unseen: readonly string[];
}

const CAP_NET_ADMIN = 1n << 12n;

export function surroundingsOf(pid: number): Surroundings {
  const unseen: string[] = [];
  const look = <T>(what: string, read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      unseen.push(`${what} (${errnoOf(error)})`);
      return undefined;
    }
  };
  return {
    procSys: look(`how /proc/sys is mounted for process ${pid}`, () => procSysOf(pid)),
    netAdmin: look(`what process ${pid} may do`, () => netAdminOf(pid)),
    otherUserNamespace: look(
      `the user namespace of process ${pid}`,
      () => readlinkSync(`/proc/${pid}/ns/user`) !== readlinkSync('/proc/self/ns/user'),
    ),
    unseen,
  };
}

/** The last mount whose place is /proc/sys or above it is the one in sight. */
function procSysOf(pid: number): Surroundings['procSys'] {
  const mounts = parseMountinfo(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'));
  const above = mounts.filter(
    ({ mountPoint, fsType }) => (mountPoint === '/proc' || mountPoint === '/proc/sys') && fsType === 'proc',
  );
  const mount = above.filter(({ mountPoint }) => mountPoint === '/proc/sys').at(-1) ?? above.at(-1);
  if (!mount) return undefined;
  const readOnly = mount.options.includes('ro');
  return {
    readOnly,
    evidence: `/proc/${pid}/mountinfo: ${mount.mountPoint} ${mount.options.join(',')}`,
  };
}

function netAdminOf(pid: number): Surroundings['netAdmin'] {
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  if (mask === undefined) return undefined;
  return {
    held: (parseCapabilityMask(mask) & CAP_NET_ADMIN) !== 0n,
    evidence: `/proc/${pid}/status: CapEff ${mask}`,
  };
}

/** Whether this process is in the machine's first network namespace, by a key that only that one has (Linux ≥ 4.20). */
export function inInitialNetwork(): boolean {
  return existsSync('/proc/sys/net/core/devconf_inherit_init_net');
}

/** What the kernel numbers its first namespaces by (include/uapi/linux/nsfs.h, and before it include/linux/proc_ns.h). */
const initialInodes = { ipc: 0xefffffff, uts: 0xeffffffe, user: 0xeffffffd } as const;

/** Whether this process is in the machine's first namespace of a kind. */
export function inInitialNamespace(kind: NamespaceKind): boolean {
  if (kind === 'net') return inInitialNetwork();
  return (
    kind in initialInodes &&
    statSync(`/proc/self/ns/${kind}`).ino === initialInodes[kind as keyof typeof initialInodes]
  );
}
