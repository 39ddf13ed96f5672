/** Kernel parameters of this process's namespaces, and of any other's. */
import { readFile, writeFile } from 'node:fs/promises';
import { WarrenError, quote, type ErrorCode, type ErrorKind } from '../errors.js';
import { checkSysctlValue, parseSysctlName, type SysctlName } from '../kernel/sysctl-name.js';
import { sysctlScope, type SysctlScope } from '../kernel/sysctl-scope.js';
import type { NamespaceKind } from '../plan/constants.js';
import type { Step } from '../plan/step.js';
import { wayThrough } from '../plan/way.js';
import { namespaceIdentity } from './host.js';
import { ask } from './launch.js';

export interface SysctlOptions {
  /**
   * Whose value: a process id, or the file of a namespace (`/run/netns/blue`, `/proc/1234/ns/net`). Only the namespace
   * that isolates the key is entered, so `/proc/sys` is the caller's and writable. Default: the caller's own namespaces.
   */
  readonly in?: number | string | undefined;
}

/**
 * Reads one kernel parameter.
 *
 * @param name Dotted (`net.ipv4.ip_forward`) or slashed; slashed where an interface name has a dot:
 *   `net/ipv4/conf/eth0.100/forwarding`.
 * @returns The text the kernel printed, without its final newline.
 * @throws {WarrenError} `ERR_SYSCTL_NAME`, `ERR_SYSCTL_NOT_FOUND`, `ERR_SYSCTL_DENIED`, `ERR_NAMESPACE_NOT_FOUND`.
 * @see sysctl(8), proc_sys(5)
 */
export async function readSysctl(name: string, options: SysctlOptions = {}): Promise<string> {
  const key = parseSysctlName(name);
  const place = placeOf(key, options);
  try {
    const text = place
      ? readReply(await ask({ steps: [...place, { op: 'read-sysctl', path: key.path }] }))
      : await readFile(`/proc/sys/${key.path}`, 'utf8');
    return text.endsWith('\n') ? text.slice(0, -1) : text;
  } catch (error) {
    throw sysctlError('read', key, options, error);
  }
}

/**
 * Writes one kernel parameter. Sockets and connections that exist keep what they copied when they were made.
 *
 * With `in` nothing is changed but what is theirs: what the machine has one of, or what that process shares with the caller, is
 * refused.
 *
 * @throws {WarrenError} As `readSysctl()`, and `ERR_SYSCTL_VALUE` for a value that the kernel refuses,
 *   `ERR_SYSCTL_READ_ONLY`, `ERR_SYSCTL_NOT_ISOLATED`.
 */
export async function writeSysctl(
  name: string,
  value: string | number,
  options: SysctlOptions = {},
): Promise<void> {
  const key = parseSysctlName(name);
  const text = checkSysctlValue(name, value);
  const place = placeOf(key, options);
  checkTheirs(key, options, place);
  try {
    if (place) await ask({ steps: [...place, { op: 'write-sysctl', path: key.path, value: text }] });
    else await writeFile(`/proc/sys/${key.path}`, text, { flag: 'r+' });
  } catch (error) {
    throw sysctlError('set', key, options, error);
  }
}

export const kindOfScope: Readonly<Record<Exclude<SysctlScope, 'host'>, NamespaceKind>> = {
  network: 'net',
  ipc: 'ipc',
  uts: 'uts',
  user: 'user',
};

/** The steps that lead there; undefined where the caller already is. */
function placeOf({ path }: SysctlName, { in: target }: SysctlOptions): Step[] | undefined {
  const { scope } = sysctlScope(path);
  if (target === undefined || scope === 'host') return undefined;
  const kind = kindOfScope[scope];
  const file = typeof target === 'number' ? `/proc/${target}/ns/${kind}` : target;
  if (namespaceIdentity(file) === namespaceIdentity(`/proc/self/ns/${kind}`)) return undefined;
  // Who is not root may join what a user namespace owns only by joining that first, as the one who made it.
  const byOwner = typeof target === 'number' && process.geteuid?.() !== 0 && kind !== 'user';
  const owner = `/proc/${target}/ns/user`;
  const doors: readonly (readonly [NamespaceKind, string])[] = [
    ...(byOwner && namespaceIdentity(owner) !== namespaceIdentity('/proc/self/ns/user')
      ? [['user', owner] as const]
      : []),
    [kind, file],
  ];
  return wayThrough(doors);
}

/** What `in` names is somebody's: what is not theirs alone is not set by its name. @throws {WarrenError} `ERR_SYSCTL_NOT_ISOLATED` */
function checkTheirs(
  { path, name }: SysctlName,
  { in: target }: SysctlOptions,
  place: readonly Step[] | undefined,
): void {
  const { scope } = sysctlScope(path);
  if (target === undefined || (scope !== 'host' && (place || typeof target !== 'number'))) return;
  throw new WarrenError(
    'ERR_SYSCTL_NOT_ISOLATED',
    `Cannot set the sysctl ${quote(name)} in ${typeof target === 'number' ? `the namespaces of process ${target}` : quote(target)}`,
    {
      kind: 'invalid-argument',
      why:
        scope === 'host'
          ? 'no namespace isolates it: it would be changed for the whole machine'
          : `it belongs to the ${scope} namespace, which that process shares with this command`,
      fix: `where that is meant, name no place: warren sysctl set ${name}=…`,
    },
  );
}

function readReply(reply: Buffer): string {
  return reply.toString('utf8', 8, 8 + reply.readUInt32LE(4));
}

function sysctlError(
  action: string,
  { path, name }: SysctlName,
  { in: target }: SysctlOptions,
  error: unknown,
): unknown {
  const { errno, code, syscall } = error as { errno?: unknown; code?: unknown; syscall?: string };
  const seen = error instanceof WarrenError ? error.errno : typeof code === 'string' ? code : undefined;
  const place =
    target === undefined
      ? ''
      : ` in ${typeof target === 'number' ? `the namespaces of process ${target}` : quote(target)}`;
  const make = (code: ErrorCode, kind: ErrorKind, why: string, fix?: string): WarrenError =>
    new WarrenError(code, `Cannot ${action} the sysctl ${quote(name)}${place}`, {
      kind,
      why,
      fix,
      syscall: error instanceof WarrenError ? error.syscall : syscall,
      errno: seen ?? (typeof errno === 'number' ? String(errno) : undefined),
      cause: error,
    });
  if (error instanceof WarrenError && error.code !== 'ERR_STEP') return error;
  const { scope } = sysctlScope(path);
  if (error instanceof WarrenError && error.syscall === 'setns' && seen === 'EINVAL') {
    return make(
      'ERR_NAMESPACE_SPEC',
      'invalid-argument',
      `the key belongs to the ${scope} namespace, and that is one of another kind`,
      'name a process, which has one of each kind',
    );
  }
  switch (seen) {
    case 'ENOENT':
    case 'ENOTDIR':
      return make(
        'ERR_SYSCTL_NOT_FOUND',
        'not-found',
        `there is no /proc/sys/${path} there`,
        'check the spelling; a key may be absent in a namespace, or come with an interface or a module',
      );
    case 'EISDIR':
      return make('ERR_SYSCTL_NOT_FOUND', 'invalid-argument', 'it is a directory of parameters');
    case 'EROFS':
      return make(
        'ERR_SYSCTL_READ_ONLY',
        'permission-denied',
        '/proc/sys is mounted read-only here',
        'set it from the host, or at the start of the container (--sysctl)',
      );
    case 'EACCES':
    case 'EPERM':
      return make(
        'ERR_SYSCTL_DENIED',
        'permission-denied',
        `${seen}: it is read-only there, or needs more rights`,
        'run as root; some keys can be set only in the first namespace',
      );
    case 'EINVAL':
    case 'ERANGE':
      return make(
        'ERR_SYSCTL_VALUE',
        'invalid-argument',
        `the kernel refuses the value (${seen})`,
        'see its range in the kernel’s documentation',
      );
    case undefined:
      return error;
    default:
      return make(
        'ERR_SYSCTL_FAILED',
        'kernel',
        `the kernel answers ${seen}`,
        'see the kernel’s documentation of the key',
      );
  }
}
