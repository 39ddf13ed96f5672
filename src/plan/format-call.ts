/** A call of a plan, written as strace(1) would show it: what a person would do by hand. */
import type { Argument, Call, Data, Field, SlotRef } from './call.js';
import { flagText, flags, wordText, words, type Flags } from './flags.js';
import { CLONE_INTO_CGROUP, O_CLOEXEC, O_PATH, S_IFBLK, S_IFCHR } from './constants.js';
import type { SyscallName } from './syscall.js';

export interface FormatOptions {
  /** Leave out what every call has: close-on-exec flags, sizes of structs. Default false. */
  readonly brief?: boolean;
}

/** @returns undefined for what is no call: a label, a number kept for later. */
export function formatCall(call: Call, { brief = false }: FormatOptions = {}): string | undefined {
  switch (call.op) {
    case 'call':
      return `${call.name}(${argumentsOf(call, brief).join(', ')})${stored(call.store)}`;
    case 'mkpath':
      return `openat2(${call.root.slot}, ${JSON.stringify(`/${call.path}`)}, RESOLVE_IN_ROOT; ${call.file ? 'file' : 'directory'} made if missing)${stored(call.store)}`;
    case 'exec':
      return `execve(${call.paths.map((path) => JSON.stringify(path)).join(' | ')}, [${call.argv.map((word) => JSON.stringify(word)).join(', ')}], ${call.envp.length} variables)`;
    case 'supervise':
      return 'ppoll(control, channel, pidfd)';
    case 'monitor':
      return 'clone(CLONE_FILES|SIGCHLD) for each run; ppoll(socket, streams, pidfd)';
    case 'handOver':
    case 'exit':
      return `exit_group(${call.op === 'exit' ? call.code : 0})`;
    case 'init':
      return 'clone(SIGCHLD)';
    case 'cgroup':
      return `mkdirat(${call.parent.slot}, ${JSON.stringify(call.name)}, 0755), flock(LOCK_SH)${stored(call.store)}`;
    case 'collect':
      return `flock(LOCK_EX|LOCK_NB), unlinkat(${call.parent.slot}, ${JSON.stringify(call.name)}, AT_REMOVEDIR)${stored(call.store)}`;
    case 'helper':
      return `clone(SIGCHLD), execve(${JSON.stringify(call.path)}, [${call.argv.map((word) => plain(word, brief)).join(', ')}], 0 variables), wait4()`;
    case 'companion':
      return `clone(SIGCHLD), execve(${JSON.stringify(call.path)}, [${call.argv.map((word) => plain(word, brief)).join(', ')}], 0 variables), read(${call.ready})`;
    case 'trace':
      return `clone(SIGCHLD), ptrace(PTRACE_SEIZE, ${call.pid.slot})`;
    case 'remove':
      return `unlinkat(AT_FDCWD, ${JSON.stringify(call.path)}, AT_REMOVEDIR), and all that is in it`;
    case 'check':
      return `fail with ${call.errno} unless ${call.at.buffer}${call.offset === 0 ? '' : `[${call.offset}]`} is 0x${call.equals.toString(16)}`;
    default:
      return undefined;
  }
}

function stored(store: string | undefined): string {
  return store === undefined ? '' : ` = ${store}`;
}

type Format = (argument: Argument, brief: boolean) => string | undefined;

const numbers =
  (show: (value: number) => string): Format =>
  (argument, brief) =>
    typeof argument === 'number' ? show(argument) : plain(argument, brief);
const octal = numbers((mode) => (mode === 0 ? '0' : `0${mode.toString(8)}`));
const word = (names: Flags): Format => numbers((value) => wordText(value, names));
const bits =
  (names: Flags, cloexec = 0): Format =>
  (argument, brief) =>
    typeof argument === 'number'
      ? flagText(argument, names, brief ? cloexec : 0)
      : typeof argument === 'bigint'
        ? flagText(Number(argument), names, brief ? cloexec : 0)
        : plain(argument, brief);
/** Left out where there is no room for detail. */
const detail: Format = (argument, brief) => (brief ? undefined : plain(argument, brief));
const unlessZero: Format = (argument, brief) => (argument === 0 ? undefined : plain(argument, brief));

/** Fields by name; those that are zero say nothing. */
const struct =
  (...fields: readonly (readonly [name: string, format?: Format])[]): Format =>
  (argument, brief) => {
    if (typeof argument !== 'object' || argument === null || !('struct' in argument))
      return plain(argument, brief);
    const shown = argument.struct.flatMap((field, index) => {
      const value = valueOf(field);
      const [name = '', format = plain] = fields[index] ?? [];
      return value === 0 || value === null ? [] : [`${name}=${format(value, brief) ?? ''}`];
    });
    return `{${shown.join(', ')}}`;
  };

const ACCESS_MODE = 3;
const openFlags: Format = (argument, brief) => {
  const text = bits(flags.open, O_CLOEXEC)(argument, brief) ?? '0';
  const value = typeof argument === 'bigint' ? Number(argument) : argument;
  if (typeof value !== 'number' || (value & (ACCESS_MODE | O_PATH)) !== 0) return text;
  return text === '0' ? 'O_RDONLY' : `O_RDONLY|${text}`;
};
/** One of them lies beyond what bit operators reach. */
const cloneFlags: Format = (argument, brief) => {
  const value = Number(typeof argument === 'bigint' ? argument : plain(argument, brief));
  const rest = flagText(value % 2 ** 32, flags.clone);
  return value >= CLONE_INTO_CGROUP ? `${rest}|CLONE_INTO_CGROUP` : rest;
};
const mountAttr = struct(
  ['attr_set', bits(flags.mountAttributes)],
  ['attr_clr', bits(flags.mountAttributes)],
  ['propagation', bits(flags.propagation)],
  ['userns_fd'],
);
const nodeType = numbers((mode) => {
  const type = mode & 0o170000;
  const name = type === S_IFCHR ? 'S_IFCHR|' : type === S_IFBLK ? 'S_IFBLK|' : 'S_IFREG|';
  return `${name}0${(mode & 0o7777).toString(8)}`;
});
const device = numbers((number) =>
  number === 0
    ? '0'
    : `makedev(${(number >> 8) & 0xfff}, ${(number & 0xff) | (((number >>> 20) & 0xfff) << 8)})`,
);
const socketType: Format = numbers((type) => {
  const name = wordText(type & 0xf, words.socketType);
  const rest = type & ~0xf;
  return rest === 0 ? name : `${name}|${flagText(rest, flags.socket)}`;
});
const capabilityData: Format = (argument, brief) => {
  if (!(argument instanceof Uint8Array)) return plain(argument, brief);
  const view = new DataView(argument.buffer, argument.byteOffset, argument.length);
  const set = (at: number): string =>
    `0x${((BigInt(view.getUint32(at + 12, true)) << 32n) | BigInt(view.getUint32(at, true))).toString(16)}`;
  return `{effective=${set(0)}, permitted=${set(4)}, inheritable=${set(8)}}`;
};
const groups: Format = (argument, brief) => {
  if (!(argument instanceof Uint8Array)) return plain(argument, brief);
  const view = new DataView(argument.buffer, argument.byteOffset, argument.length);
  return `[${Array.from({ length: argument.length / 4 }, (_, index) => view.getUint32(index * 4, true)).join(', ')}]`;
};

/** Of a `struct msghdr`, only the descriptor that rides along matters. See unix(7). */
const passed: Format = (argument) => {
  const held = typeof argument === 'object' && argument !== null ? slotsIn(argument) : [];
  return `{SCM_RIGHTS${held.map((name) => `: ${name}`).join('')}}`;
};

function slotsIn(data: Data | SlotRef): string[] {
  if (typeof data === 'string' || data instanceof Uint8Array || !('struct' in data)) return [];
  return data.struct.flatMap((field) => {
    const value = valueOf(field);
    if (typeof value !== 'object' || value === null) return [];
    return 'slot' in value ? [value.slot] : slotsIn(value);
  });
}

/** Of the arguments that a name reads better for; the others show as they are. */
const formats: Partial<Record<SyscallName, readonly (Format | undefined)[]>> = {
  bpf: [word(words.bpf)],
  capset: [() => '_LINUX_CAPABILITY_VERSION_3', capabilityData],
  clone3: [
    struct(
      ['flags', cloneFlags],
      ['pidfd'],
      ['child_tid'],
      ['parent_tid'],
      ['exit_signal', word(words.signal)],
      ['stack'],
      ['stack_size'],
      ['tls'],
      ['set_tid'],
      ['set_tid_size'],
      ['cgroup'],
    ),
    detail,
  ],
  close_range: [
    undefined,
    numbers((last) => (last === 0xffff_ffff ? '~0U' : String(last))),
    bits(flags.closeRange),
  ],
  dup3: [undefined, undefined, unlessZero],
  fchmod: [undefined, octal],
  fchmodat: [undefined, undefined, octal, unlessZero],
  fchownat: [undefined, undefined, undefined, undefined, unlessZero],
  fsconfig: [undefined, word(words.fsconfig)],
  fsmount: [undefined, bits(flags.fsmount, 1), bits(flags.mountAttributes)],
  fsopen: [undefined, (argument, brief) => (brief ? undefined : bits(flags.fsopen)(argument, brief))],
  ioctl: [
    undefined,
    word(words.ioctl),
    (argument, brief) =>
      // TIOCGPTPEER takes flags of open(2), TIOCSCTTY whether to steal it.
      typeof argument === 'number' && argument !== 0 ? openFlags(argument, brief) : plain(argument, brief),
  ],
  mkdirat: [undefined, undefined, octal],
  mknodat: [undefined, undefined, nodeType, device],
  mount_setattr: [undefined, undefined, bits(flags.at), mountAttr, detail],
  move_mount: [undefined, undefined, undefined, undefined, bits(flags.moveMount)],
  open_tree: [undefined, undefined, bits(flags.openTree, O_CLOEXEC)],
  openat: [
    undefined,
    undefined,
    openFlags,
    (argument, brief) => (argument === 0 ? undefined : octal(argument, brief)),
  ],
  openat2: [
    undefined,
    undefined,
    struct(['flags', openFlags], ['mode', octal], ['resolve', bits(flags.resolve)]),
    detail,
  ],
  prctl: [word(words.prctl), undefined, unlessZero, unlessZero, unlessZero],
  prlimit64: [undefined, word(words.rlimit)],
  recvmsg: [undefined, passed, bits(flags.message)],
  rt_sigprocmask: [word(words.sigprocmask), () => '[]', undefined, detail],
  seccomp: [word(words.seccomp), bits(flags.seccomp), (argument, brief) => filterText(argument, brief)],
  sendmsg: [undefined, passed, bits(flags.message)],
  sendto: [undefined, undefined, undefined, bits(flags.message)],
  setgroups: [undefined, groups],
  setns: [undefined, bits(flags.clone)],
  setsid: [unlessZero],
  socket: [word(words.family), socketType],
  socketpair: [word(words.family), socketType],
  umask: [octal],
  umount2: [undefined, bits(flags.umount)],
  unshare: [bits(flags.clone)],
};

function argumentsOf({ name, args }: Extract<Call, { op: 'call' }>, brief: boolean): string[] {
  const table = formats[name] ?? [];
  return args.flatMap((argument, index) => {
    if (name === 'prctl') return prctlArgument(args, index, brief) ?? [];
    return (table[index] ?? plain)(argument, brief) ?? [];
  });
}

/** What the second argument of prctl(2) means hangs on the first. */
function prctlArgument(args: readonly Argument[], index: number, brief: boolean): string | undefined {
  const [option] = args;
  const argument = args[index] ?? 0;
  if (index === 0) return word(words.prctl)(argument, brief);
  const name = typeof option === 'number' ? wordText(option, words.prctl) : '';
  if (index === 1 && name === 'PR_SET_PDEATHSIG') return word(words.signal)(argument, brief);
  if (index === 1 && name === 'PR_CAP_AMBIENT') return word(words.ambient)(argument, brief);
  return index === 1 ? plain(argument, brief) : unlessZero(argument, brief);
}

function filterText(argument: Argument, brief: boolean): string {
  if (typeof argument === 'object' && argument !== null && 'struct' in argument) {
    const [first] = argument.struct;
    if (first && 'u16' in first) return `{${first.u16} instructions}`;
  }
  return plain(argument, brief);
}

const AT_FDCWD = -100;
const maxText = 60;

function plain(argument: Argument, brief: boolean): string {
  if (argument === null) return 'NULL';
  if (argument === AT_FDCWD) return 'AT_FDCWD';
  if (typeof argument === 'string') return quoted(argument, brief);
  if (typeof argument === 'number') return String(argument);
  if (typeof argument === 'bigint') return argument === 0xffff_ffff_ffff_ffffn ? '~0UL' : String(argument);
  if (argument instanceof Uint8Array) return `${argument.length} bytes`;
  if ('text' in argument) return `"${argument.text}{${argument.slot}}"`;
  if ('slot' in argument) return argument.slot;
  if ('buffer' in argument) return `&${argument.buffer}`;
  return `{${argument.struct.map((field) => plain(valueOf(field), brief)).join(', ')}}`;
}

function quoted(text: string, brief: boolean): string {
  return brief && text.length > maxText ? `${JSON.stringify(text.slice(0, maxText))}…` : JSON.stringify(text);
}

function valueOf(field: Field): Argument {
  if ('u16' in field) return field.u16;
  if ('u32' in field) return field.u32;
  return 'u64' in field ? field.u64 : field.pointer;
}
