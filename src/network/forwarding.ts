/** What the host must do for packets to pass through it: `ip_forward`, and what it must not lose by that. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { quote, WarrenError } from '../errors.js';
import type { IpFamily } from '../netlink/index.js';
import { hasCode } from './state.js';

/** A parameter of the host that was changed. */
export interface SysctlChange {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

/** @returns Undefined: the kernel has no such key. */
export function readHostSysctl(path: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${path}`, 'utf8').trim();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/**
 * Writes a parameter of the caller's network namespace that has another value; one that the kernel lacks is left.
 *
 * @throws {WarrenError} `ERR_HOST_SYSCTL`
 */
export function setHostSysctl(path: string, to: string): SysctlChange[] {
  const from = readHostSysctl(path);
  if (from === undefined || from === to) return [];
  try {
    writeFileSync(`/proc/sys/${path}`, to);
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    throw new WarrenError('ERR_HOST_SYSCTL', `Cannot set ${quote(path.replaceAll('/', '.'))} to ${to}`, {
      kind: code === 'EROFS' || code === 'EACCES' || code === 'EPERM' ? 'permission-denied' : 'kernel',
      why: `write failed with ${code}; it is ${from}`,
      fix: code === 'EROFS' ? 'mount /proc/sys writable, or set it on the host beforehand' : undefined,
      syscall: 'write',
      errno: code,
      cause,
    });
  }
  return [{ name: path.replaceAll('/', '.'), from, to }];
}

/** Forwarding for these families. @returns What was changed, to be told. @throws {WarrenError} `ERR_HOST_SYSCTL` */
export function ensureForwarding(families: ReadonlySet<IpFamily>): SysctlChange[] {
  const changes: SysctlChange[] = [];
  if (families.has('inet')) changes.push(...setHostSysctl('net/ipv4/ip_forward', '1'));
  if (families.has('inet6') && readHostSysctl('net/ipv6/conf/all/forwarding') === '0') {
    // A host that forwards ignores router advertisements, and loses its own way out, unless told otherwise (2).
    for (const device of readdirSync('/proc/sys/net/ipv6/conf')) {
      const path = `net/ipv6/conf/${device}/accept_ra`;
      if (device !== 'all' && device !== 'default' && device !== 'lo' && readHostSysctl(path) === '1')
        changes.push(...setHostSysctl(path, '2'));
    }
    changes.push(...setHostSysctl('net/ipv6/conf/all/forwarding', '1'));
  }
  return changes;
}

/** @throws {WarrenError} `ERR_IPV6_DISABLED` */
export function checkIpv6(): void {
  const disabled = readHostSysctl('net/ipv6/conf/all/disable_ipv6');
  if (disabled === '0') return;
  throw new WarrenError('ERR_IPV6_DISABLED', 'Cannot use IPv6 for a network', {
    kind: 'unsupported',
    why:
      disabled === undefined
        ? 'the kernel runs without IPv6'
        : 'it is switched off: net.ipv6.conf.all.disable_ipv6 is 1',
    fix:
      disabled === undefined
        ? 'boot without ipv6.disable=1, or make the network with IPv4 only'
        : 'sysctl -w net.ipv6.conf.all.disable_ipv6=0',
  });
}
