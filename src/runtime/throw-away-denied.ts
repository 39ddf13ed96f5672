/** Why the kernel makes no namespace, from what can be seen: it says EPERM or ENOSPC of many things. */
import { readFileSync } from 'node:fs';
import { WarrenError } from '../errors.js';
import type { NamespaceKind } from '../plan/constants.js';
import { readHost } from './host.js';

const CAP_SYS_ADMIN = 1n << 21n;

/** The error with what is known of it, where it is a refusal to make namespaces; else as it is. */
export function explainNoNamespace(error: unknown, kinds: readonly NamespaceKind[]): unknown {
  if (!(error instanceof WarrenError) || error.code !== 'ERR_STEP') return error;
  const { errno, syscall } = error;
  if (errno !== 'EPERM' && errno !== 'ENOSPC' && errno !== 'EACCES') return error;
  const reasons = errno === 'ENOSPC' ? limitsOf(kinds) : refusalsOf(kinds);
  const failed = `${syscall ?? 'making them'} failed with ${errno}`;
  return new WarrenError('ERR_STEP', `Cannot make a namespace (${kinds.join(', ')})`, {
    kind: error.kind,
    why:
      reasons.length === 0
        ? `${failed}, and the kernel does not say why`
        : `${failed}: ${reasons.join('; ')}`,
    fix: kinds.includes('user')
      ? 'see what stands in the way: warren ids check'
      : errno === 'ENOSPC'
        ? 'raise the limit, as root of the user namespace that has it'
        : 'run as root',
    syscall,
    errno,
    cause: error,
  });
}

function limitsOf(kinds: readonly NamespaceKind[]): string[] {
  const zero = kinds
    .map((kind) => `max_${kind}_namespaces`)
    .filter((name) => numberIn(`/proc/sys/user/${name}`) === 0);
  return zero.length > 0
    ? zero.map((name) => `user.${name} is 0`)
    : [
        'a limit of user.max_*_namespaces is reached, here or in a user namespace above, or they are nested too deep',
      ];
}

function refusalsOf(kinds: readonly NamespaceKind[]): string[] {
  if (!kinds.includes('user'))
    return (readHost().permitted & CAP_SYS_ADMIN) === 0n ? ['it needs CAP_SYS_ADMIN, which we lack'] : [];
  return [
    ...(numberIn('/proc/sys/kernel/unprivileged_userns_clone') === 0
      ? ['kernel.unprivileged_userns_clone is 0: only root may make user namespaces']
      : []),
    ...((numberIn('/proc/sys/kernel/apparmor_restrict_unprivileged_userns') ?? 0) > 0
      ? [
          'kernel.apparmor_restrict_unprivileged_userns is set, and this program has no profile that allows it',
        ]
      : []),
  ];
}

function numberIn(path: string): number | undefined {
  try {
    return Number(readFileSync(path, 'latin1'));
  } catch {
    // A kernel without it.
    return undefined;
  }
}
