import { readFileSync, statSync } from 'node:fs';
import { WarrenError, invalid, quote } from '../errors.js';
import { parseCapabilityMask } from '../kernel/capabilities.js';
import { findCgroupHierarchies, type CgroupHierarchy } from '../kernel/cgroup/hierarchies.js';
import { isNamespaceFile } from '../kernel/nsfs.js';
import type { CgroupMount, HostFacts } from '../plan/config.js';

/** What does not change while this process lives, read once. */
export interface Host extends HostFacts {
  readonly gid: number;
  /** What this process can use at most. */
  readonly bounding: bigint;
  readonly permitted: bigint;
  /** Hard limit of open files: Node has raised the soft one to it. */
  readonly nofileHard: bigint;
}

const known: { host?: Host } = {};

export function readHost(): Host {
  return (known.host ??= read());
}

function read(): Host {
  const status = readFileSync('/proc/self/status', 'latin1');
  const mask = (field: string): bigint =>
    parseCapabilityMask(new RegExp(`^${field}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0');
  return {
    uid: process.geteuid?.() ?? 0,
    gid: process.getegid?.() ?? 0,
    lastCapability: Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'latin1')),
    bounding: mask('CapBnd'),
    permitted: mask('CapPrm'),
    nofileHard: BigInt(
      /^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1] ?? 4096,
    ),
    cgroups: readCgroups(),
  };
}

/** What the container is shown of them: the mounts below /sys/fs/cgroup. */
function readCgroups(): CgroupMount[] {
  const top = '/sys/fs/cgroup';
  return readCgroupHierarchies().flatMap(({ mountPoint, own }): CgroupMount[] =>
    mountPoint === top || mountPoint.startsWith(`${top}/`)
      ? [{ path: mountPoint.slice(top.length + 1), own }]
      : [],
  );
}

/** As they are at this moment: this process may have been moved since it began. */
export function readCgroupHierarchies(): CgroupHierarchy[] {
  return findCgroupHierarchies(
    readFileSync('/proc/self/mountinfo', 'utf8'),
    readFileSync('/proc/self/cgroup', 'utf8'),
  );
}

/**
 * The namespace file of this process, or of another, as something that can be compared.
 *
 * @throws {WarrenError} `ERR_NAMESPACE_NOT_FOUND`; `ERR_NAMESPACE_SPEC` for a file that is no namespace.
 */
export function namespaceIdentity(path: string): string {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    if (isNamespaceFile(path)) return `${dev}:${ino}`;
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code;
    throw new WarrenError('ERR_NAMESPACE_NOT_FOUND', `Cannot use the namespace ${quote(path)}`, {
      kind: errno === 'EACCES' || errno === 'EPERM' ? 'permission-denied' : 'not-found',
      why: `${errno ?? 'error'} when looking at it`,
      fix:
        errno === 'EACCES' || errno === 'EPERM'
          ? 'looking into another process needs its user id and capabilities, or CAP_SYS_PTRACE: run as root'
          : 'see which there are with: lsns, ip netns list',
      syscall: 'stat',
      errno,
      cause,
    });
  }
  throw invalid(
    'ERR_NAMESPACE_SPEC',
    `Cannot use the namespace ${quote(path)}`,
    'it is no namespace file',
    'give a file such as /run/netns/blue or /proc/1234/ns/net',
  );
}
