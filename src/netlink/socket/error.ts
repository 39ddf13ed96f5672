import { constants } from 'node:os';
import { type ErrorKind, WarrenError } from '../../errors.js';
import { type Acknowledgement } from '../codec/index.js';

/** The kernel refused a request. `code` is `ERR_NETLINK`, `errno` its name. */
export class NetlinkError extends WarrenError {
  /** What the kernel said in words (extended acknowledgement), where it said something. */
  readonly kernelText: string | undefined;
  /** The attribute that the kernel pointed at, dotted: `linkinfo.info_data.vlan_id`. */
  readonly attribute: string | undefined;

  constructor(what: string, answer: Acknowledgement, attribute?: string) {
    const name = errnoName(answer.errno);
    const place = attribute === undefined ? '' : `, at ${attribute}`;
    const missing = answer.missing === undefined ? '' : `, attribute ${answer.missing} is missing`;
    super('ERR_NETLINK', `Cannot ${what}`, {
      kind: kinds[name] ?? 'kernel',
      why: `${name}${answer.text === undefined ? '' : `, ${JSON.stringify(answer.text)}`}${place}${missing}`,
      fix:
        name === 'EPERM'
          ? 'be root, or have CAP_NET_ADMIN in the user namespace that owns the network namespace'
          : undefined,
      errno: name,
    });
    this.name = 'NetlinkError';
    this.kernelText = answer.text;
    this.attribute = attribute;
  }
}

const kinds: Readonly<Record<string, ErrorKind>> = {
  EPERM: 'permission-denied',
  EACCES: 'permission-denied',
  ENOENT: 'not-found',
  ENODEV: 'not-found',
  ESRCH: 'not-found',
  ENXIO: 'not-found',
  EADDRNOTAVAIL: 'not-found',
  EEXIST: 'already-exists',
  EBUSY: 'conflict',
  ERESTART: 'conflict',
  EADDRINUSE: 'conflict',
  EOPNOTSUPP: 'unsupported',
  EAFNOSUPPORT: 'unsupported',
  EPROTONOSUPPORT: 'unsupported',
  EINVAL: 'invalid-argument',
  ERANGE: 'invalid-argument',
  ENOMEM: 'resource-exhausted',
  ENOBUFS: 'resource-exhausted',
  ENOSPC: 'resource-exhausted',
  EMFILE: 'resource-exhausted',
  EXFULL: 'resource-exhausted',
};

const names: ReadonlyMap<number, string> = new Map([
  ...Object.entries(constants.errno).map(([name, number]) => [number, name] as const),
  // Those of Linux that Node does not name; and EOPNOTSUPP, which has its number from ENOTSUP.
  [95, 'EOPNOTSUPP'],
  [11, 'EAGAIN'],
  [54, 'EXFULL'],
  [85, 'ERESTART'],
  [94, 'ESOCKTNOSUPPORT'],
  [96, 'EPFNOSUPPORT'],
  [108, 'ESHUTDOWN'],
  [117, 'EUCLEAN'],
  [524, 'ENOTSUPP'],
]);

export function errnoName(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`;
}

/** Wraps the error of a system call on the socket itself. */
export function socketError(action: string, cause: unknown): WarrenError {
  const { code = 'EUNKNOWN', syscall } = cause as NodeJS.ErrnoException;
  return new WarrenError('ERR_NETLINK_SOCKET', action, {
    kind: kinds[code] ?? 'kernel',
    why: `${syscall ?? 'a system call'} failed with ${code}`,
    fix:
      code === 'EPROTONOSUPPORT'
        ? 'the kernel lacks this netlink family: another kernel, or a module to load'
        : undefined,
    syscall,
    errno: code,
    cause,
  });
}
