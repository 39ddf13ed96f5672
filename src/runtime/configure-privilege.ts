/** What a container may do: capabilities, system calls, limits. */
import { WarrenError } from '../errors.js';
import { decodeCapabilities, resolveCapabilities } from '../kernel/capabilities.js';
import { parseUlimit, rlimitNumbers } from '../kernel/rlimit.js';
import { defaultSeccompFilter } from '../kernel/seccomp/default-filter.js';
import { defaultSeccompFlags } from '../kernel/seccomp/policy.js';
import type { ContainerConfig } from '../plan/config.js';
import type { Host } from './host.js';
import type { ContainerOptions } from './options.js';

/** Soft limit of open files: what systemd gives services, and programs that loop over all descriptors expect. */
const defaultNofile = 1024n;

export function configureCapabilities(
  options: ContainerOptions,
  host: Host,
  mapped: boolean,
): ContainerConfig['capabilities'] {
  const all = (1n << BigInt(host.lastCapability + 1)) - 1n;
  // A user namespace of its own, new or joined, gives every capability there; else nobody can give more than they have.
  const available = mapped ? all : host.permitted;
  const usable = mapped ? all : host.bounding & host.permitted;
  const { mask, missing } = resolveCapabilities(
    { add: options.caps?.add ?? [], drop: options.caps?.drop ?? [], privileged: options.privileged },
    usable,
  );
  if (missing.length > 0) {
    throw new WarrenError('ERR_CAPABILITY_UNAVAILABLE', `Cannot give the container ${missing.join(', ')}`, {
      kind: 'permission-denied',
      why: 'Warren does not have that capability itself, and nobody can give what they lack',
      fix: `see what there is: grep CapBnd /proc/self/status (${decodeCapabilities(usable).length} capabilities)`,
    });
  }
  return { available, bounding: mask, inheritable: 0n, ambient: 0n };
}

export async function configureSeccomp(
  options: ContainerOptions,
  bounding: bigint,
  warnings: string[],
): Promise<ContainerConfig['seccomp']> {
  const { seccomp, privileged } = options;
  if (seccomp === 'unconfined' || (seccomp === undefined && privileged === true)) return undefined;
  const capabilities = decodeCapabilities(bounding);
  if (seccomp === undefined || seccomp === 'default') {
    return { program: defaultSeccompFilter({ capabilities }), flags: defaultSeccompFlags };
  }
  // The parser of profiles is not needed by those who use ours.
  const { compileSeccompProfile } = await import('../kernel/seccomp/index.js');
  const { program, flags, warnings: ignored } = compileSeccompProfile(seccomp, { capabilities });
  warnings.push(...ignored);
  return { program, flags };
}

export function configureRlimits({ ulimits = [] }: ContainerOptions, host: Host): ContainerConfig['rlimits'] {
  const limits = new Map(ulimits.map((given) => parseUlimit(given)).map((limit) => [limit.resource, limit]));
  // Node has raised the soft limit of open files for itself; a program gets the customary one.
  if (!limits.has(rlimitNumbers.nofile)) {
    const soft = host.nofileHard < defaultNofile ? host.nofileHard : defaultNofile;
    limits.set(rlimitNumbers.nofile, {
      name: 'nofile',
      resource: rlimitNumbers.nofile,
      soft,
      hard: host.nofileHard,
    });
  }
  return [...limits.values()];
}
