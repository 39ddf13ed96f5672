/** The numbers among a call's arguments that tell what it was for; paths and structures lie in its memory, out of sight. */

/** How many arguments are numbers, from the first. */
const numberCounts: Readonly<Record<string, number>> = {
  socket: 3,
  setuid: 1,
  setgid: 1,
  setreuid: 2,
  setregid: 2,
  setresuid: 3,
  setresgid: 3,
  setfsuid: 1,
  setfsgid: 1,
  kill: 2,
  tkill: 2,
  tgkill: 3,
  setpriority: 3,
  unshare: 1,
  setns: 2,
  prctl: 2,
  ptrace: 2,
  setsockopt: 3,
  ioctl: 2,
  fcntl: 3,
  bind: 1,
};

export const socketFamilies: Readonly<Record<number, string>> = {
  1: 'AF_UNIX',
  2: 'AF_INET',
  10: 'AF_INET6',
  16: 'AF_NETLINK',
  17: 'AF_PACKET',
};
export const socketTypes: Readonly<Record<number, string>> = {
  1: 'SOCK_STREAM',
  2: 'SOCK_DGRAM',
  3: 'SOCK_RAW',
  5: 'SOCK_SEQPACKET',
};

/** `AF_INET, SOCK_RAW, 1`; empty where there is nothing to tell. */
export function describeArguments(syscall: string, args: readonly bigint[]): string {
  const numbers = args.slice(0, numberCounts[syscall] ?? 0).map((each) => Number(BigInt.asIntN(32, each)));
  if (syscall === 'socket') {
    const [family = 0, type = 0, protocol = 0] = numbers;
    // The upper bits are flags: SOCK_CLOEXEC, SOCK_NONBLOCK.
    return `${socketFamilies[family] ?? family}, ${socketTypes[type & 0xf] ?? type & 0xf}, ${protocol}`;
  }
  if (syscall === 'ioctl' || syscall === 'unshare')
    return numbers.map((each) => `0x${(each >>> 0).toString(16)}`).join(', ');
  // Chown's ids, which stand behind a path.
  if (syscall === 'chown' || syscall === 'lchown' || syscall === 'fchown') return owners(args[1], args[2]);
  if (syscall === 'fchownat') return owners(args[2], args[3]);
  return numbers.join(', ');
}

function owners(uid: bigint | undefined, gid: bigint | undefined): string {
  const id = (each: bigint | undefined): string => String(BigInt.asIntN(32, each ?? 0n));
  return `…, ${id(uid)}, ${id(gid)}`;
}
