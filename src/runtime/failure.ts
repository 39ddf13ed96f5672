/** From the launcher's report (step, op, errno) to an error that says what, why, and what to do. */
import { statfsSync } from 'node:fs';
import { constants } from 'node:os';
import { WarrenError, quote, type ErrorKind } from '../errors.js';
import { describeStep } from '../plan/describe.js';
import type { Encoded } from '../plan/encode.js';
import type { Plan, Step, StepOf } from '../plan/step.js';

export interface Failure {
  /** Index of the op in the encoded plan. */
  readonly op: number;
  readonly errno: number;
  /** What a program that the plan executed has said. */
  readonly note?: string | undefined;
}

export function describeFailure(
  plan: Plan,
  encoded: Encoded,
  { op, errno: number, note }: Failure,
): WarrenError {
  const { step: index = -1, call } = encoded.locate(op) ?? {};
  const step = plan.steps[index];
  const errno = errnoName(number);
  const syscall =
    call?.op === 'call'
      ? call.name
      : call?.op === 'mkpath'
        ? 'openat2'
        : call?.op === 'cgroup'
          ? 'mkdirat'
          : call?.op === 'exec'
            ? 'execve'
            : undefined;
  if (step?.op === 'exec') return commandError(step, errno);
  if (call?.op === 'helper') return helperError(call.path, errno, note);
  if (step?.op === 'map-volume') return idMapError(step, errno);
  if (step?.op === 'user-network') return userNetworkError(step, call?.op === 'companion', errno, note);
  const where =
    step === undefined
      ? 'an unknown step'
      : `step ${index + 1} of ${plan.steps.length}, ${describeStep(step).what}`;
  const joins = plan.steps.some(({ op: name }) => name === 'join-process' || name === 'join-namespace');
  return new WarrenError('ERR_STEP', joins ? 'Cannot run the command' : 'Cannot start the container', {
    kind: kindOf(errno),
    why: `${where}: ${syscall === undefined ? '' : `${syscall} failed with `}${errno} (${meaning(errno)})`,
    // What the kernel means is not always known; what was being done, and why, can be shown.
    fix:
      step === undefined
        ? undefined
        : (remedy(step, errno) ??
          layerRemedy(plan, step, errno) ??
          strangerRemedy(plan, errno) ??
          (joins ? undefined : 'see what is done there, and why: add --plan')),
    syscall,
    errno,
  });
}

/** Of mount_setattr(2): what the kernel says of MOUNT_ATTR_IDMAP. */
function idMapError({ mount: { source, recursive } }: StepOf<'map-volume'>, errno: string): WarrenError {
  const below = recursive ? ', or one mounted below it,' : '';
  const unable = errno === 'EINVAL' || errno === 'EOPNOTSUPP';
  return new WarrenError('ERR_MOUNT_IDMAP', `Cannot change the ids of the volume ${quote(source)}`, {
    kind: unable ? 'unsupported' : kindOf(errno),
    why: `mount_setattr failed with ${errno}: ${
      unable
        ? `its file system${below} cannot be mounted with ids changed`
        : errno === 'EPERM'
          ? `the caller has no rights over its file system${below} or the ids are changed already`
          : meaning(errno)
    }`,
    fix: unable
      ? `leave "idmap" out, and give the files to the container’s ids${recursive ? '; or mount it without what lies below it: --mount …,bind-nonrecursive,idmap' : ''}`
      : 'run as root of the machine, or leave "idmap" out and give the files to the container’s ids',
    syscall: 'mount_setattr',
    errno,
  });
}

/** Of pasta(1) and slirp4netns(1). */
function userNetworkError(
  { network: { program, path } }: StepOf<'user-network'>,
  isStart: boolean,
  errno: string,
  note = '',
): WarrenError {
  const words = note.trim().split('\n').at(-1) ?? '';
  const why = !isStart
    ? errno === 'EADDRINUSE'
      ? `${program} does not publish a port: something has it already`
      : `${program} does not take requests: ${errno} (${meaning(errno)})`
    : errno === 'ETIMEDOUT'
      ? `${program} was not ready in time`
      : words !== ''
        ? `${program} ended: ${quote(words)}`
        : errno === 'EPERM'
          ? `${program} ended, and does not say why`
          : `${path} cannot be started: ${errno} (${meaning(errno)})`;
  return new WarrenError('ERR_USER_NETWORK', `Cannot connect the container by ${program}`, {
    kind: isStart ? 'unsupported' : 'conflict',
    why,
    fix: 'see how it is started: add --plan; or leave --network out: the container has loopback only then',
    errno,
  });
}

const CHECK_IDS = 'see what stands in the way: warren ids check';

/** Of newuidmap(1) and newgidmap(1). */
function helperError(path: string, errno: string, note = ''): WarrenError {
  const words = note.trim();
  return new WarrenError('ERR_IDMAP_HELPER', 'Cannot map the ids of the container', {
    kind: 'permission-denied',
    why:
      words !== ''
        ? `${path} refused: ${quote(words)}`
        : errno === 'EPERM'
          ? `${path} refused, and does not say why`
          : `${path} cannot be executed: ${errno} (${meaning(errno)})`,
    fix: CHECK_IDS,
    errno,
  });
}

/** Callers read these texts: "no such file or directory" makes docker and Podman exit with 127, "permission denied" with 126. */
function commandError({ argv, paths }: Extract<Step, { op: 'exec' }>, errno: string): WarrenError {
  const command = argv[0] ?? '';
  const searched = paths.length > 1 || !command.includes('/');
  if (errno === 'ENOENT' || errno === 'ENOTDIR') {
    return new WarrenError('ERR_COMMAND_NOT_FOUND', `Cannot run ${quote(command)}`, {
      kind: 'not-found',
      why: searched
        ? 'executable file not found in $PATH: no such file or directory'
        : 'no such file or directory (or its interpreter is missing)',
      fix: 'look for it in the container’s root, not the host’s',
      syscall: 'execve',
      errno,
    });
  }
  return new WarrenError('ERR_COMMAND_NOT_EXECUTABLE', `Cannot run ${quote(command)}`, {
    kind: 'not-executable',
    why:
      errno === 'ENOEXEC'
        ? 'exec format error: it is no program for this machine, and has no "#!" line'
        : meaning(errno),
    fix:
      errno === 'EACCES'
        ? 'check that it is a file, executable for this user, and on no noexec mount'
        : errno === 'ENOEXEC'
          ? 'name its interpreter, as in: sh FILE; see what it is with: file FILE'
          : undefined,
    syscall: 'execve',
    errno,
  });
}

function kindOf(errno: string): ErrorKind {
  switch (errno) {
    case 'EPERM':
    case 'EACCES':
      return 'permission-denied';
    case 'ENOENT':
      return 'not-found';
    case 'ENOSYS':
    case 'EOPNOTSUPP':
    case 'ENODEV':
      return 'unsupported';
    case 'ENOSPC':
    case 'ENOMEM':
    case 'EMFILE':
    case 'EAGAIN':
      return 'resource-exhausted';
    default:
      return 'kernel';
  }
}

function remedy(step: Step, errno: string): string | undefined {
  switch (step.op) {
    case 'working-directory':
      if (errno === 'EXDEV') return 'the directory lies outside the container’s root; give another with -w';
      return errno === 'ENOENT' || errno === 'ENOTDIR'
        ? `make the directory ${quote(step.path)} in the root first, or give another with -w`
        : undefined;
    case 'sysctl':
      return errno === 'EINVAL' || errno === 'ERANGE'
        ? 'the kernel refuses this value; see its range in the kernel’s documentation'
        : undefined;
    case 'clone':
      if (errno === 'ENOSPC') return 'a limit of namespaces is reached: see user.max_*_namespaces in sysctl';
      return errno === 'EPERM'
        ? 'run as root, or allow user namespaces: sysctl user.max_user_namespaces'
        : undefined;
    case 'map-ids':
      return CHECK_IDS;
    case 'rlimit':
      return errno === 'EPERM'
        ? 'a hard limit can be raised only with CAP_SYS_RESOURCE; ask for at most the present one (ulimit -H -a)'
        : undefined;
    case 'oom-score':
      return errno === 'EACCES' ? 'lowering it needs CAP_SYS_RESOURCE' : undefined;
    case 'bind':
      // EINVAL: what newer kernels say of a mount that is not attached yet.
      return errno === 'ENOTDIR' || errno === 'EINVAL'
        ? 'a directory can be mounted only on a directory, and a file only on a file'
        : undefined;
    case 'mount':
      if (step.mount.type === 'proc' && errno === 'EPERM')
        return 'in a user namespace, /proc can be mounted only for a PID namespace of its own (leave --pid out), and where the present /proc is nowhere covered';
      return errno === 'ENOTDIR'
        ? `${quote(`/${step.mount.target}`)} is no directory in the root`
        : undefined;
    case 'cgroup':
    case 'cgroup-parent':
      return cgroupRemedy(errno);
    case 'join-namespace':
      return errno === 'EINVAL' ? `the file is not a ${step.kind} namespace` : undefined;
    case 'seccomp':
      return errno === 'EINVAL' ? 'the kernel refuses the filter or a flag of it' : undefined;
    default:
      return errno === 'ENOSYS' ? 'Warren needs Linux 5.12 or newer' : undefined;
  }
}

/** `f_type` of statfs(2): file systems that people keep things on and that overlayfs takes no writable layer of. */
const unfitForLayers = new Map([
  [0x794c_7630, 'overlayfs'],
  [0x6969, 'NFS'],
  [0x6573_5546, 'FUSE'],
  [0x4d44, 'FAT'],
  [0x0102_1997, '9p'],
]);

/** Of a container that is kept: the file system below the writable layer is the state directory's, whoever chose it. */
function layerRemedy({ steps }: Plan, step: Step, errno: string): string | undefined {
  const store = steps.find((each) => each.op === 'scratch')?.store;
  if (step.op !== 'overlay' || errno !== 'EINVAL' || store === undefined) return undefined;
  let name: string | undefined;
  try {
    name = unfitForLayers.get(statfsSync(store).type);
  } catch {
    // It has gone meanwhile: nothing to say of it then.
  }
  return `the state directory lies on ${name ?? 'a file system'}${name === undefined ? ' that overlayfs takes no writable layer of' : ', of which overlayfs takes no writable layer'}: keep containers on ext4, XFS, Btrfs or tmpfs, as in WARREN_STATE=DIR`;
}

/** Root of a map without one's own id is kept out of one's own directories, and so is nobody's fault but the map's. */
function strangerRemedy({ steps }: Plan, errno: string): string | undefined {
  const map = steps.find((step) => step.op === 'map-ids');
  const own = process.geteuid?.() ?? 0;
  if (errno !== 'EACCES' || own === 0 || !map) return undefined;
  const isIn = map.uid.some(({ outside, length }) => own >= outside && own < outside + length);
  return isIn
    ? undefined
    : `your own id ${own} is not in the map, so root in the container is kept out of what is yours: add it, as in --uidmap 0:${own}:1 --uidmap 1:…`;
}

function cgroupRemedy(errno: string): string | undefined {
  switch (errno) {
    case 'ENOENT':
      return 'this kernel has no such limit (or the parent has just been removed); leave the option out';
    case 'EINVAL':
    case 'ERANGE':
      return 'the kernel does not take this value; look at what the parent group allows';
    case 'EBUSY':
      return 'the parent group has processes of its own; name another with --cgroup-parent';
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return 'limits need the right to write to /sys/fs/cgroup: run as root on the host';
    default:
      return undefined;
  }
}

export function errnoName(number: number): string {
  for (const [name, value] of Object.entries(constants.errno)) if (value === number) return name;
  return moreErrnos[number] ?? `errno ${number}`;
}

/** Linux has more than Node names. */
const moreErrnos: Readonly<Record<number, string>> = {
  15: 'ENOTBLK',
  22: 'EINVAL',
  121: 'EREMOTEIO',
  122: 'EDQUOT',
};

const meanings: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EAGAIN: 'resource temporarily unavailable',
  EBUSY: 'device or resource busy',
  EEXIST: 'file exists',
  EINVAL: 'invalid argument',
  EIO: 'input/output error',
  EISDIR: 'is a directory',
  ELOOP: 'too many levels of symbolic links',
  EMFILE: 'too many open files',
  ENODEV: 'the kernel has no such file system or device',
  ENOENT: 'no such file or directory',
  ENOEXEC: 'exec format error',
  ENOMEM: 'cannot allocate memory',
  ENOSPC: 'no space left, or a limit is reached',
  ENOSYS: 'the kernel does not have this system call',
  ENOTDIR: 'not a directory',
  EOPNOTSUPP: 'operation not supported',
  EPERM: 'operation not permitted',
  EPIPE: 'the other side is gone',
  EXDEV: 'it would leave the container’s root',
};

function meaning(errno: string): string {
  return meanings[errno] ?? 'see errno(3)';
}
