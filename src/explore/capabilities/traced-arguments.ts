/** The arguments of a traced call, with what they point to. */
import { socketFamilies, socketTypes } from './call-arguments.js';

/**
 * What an argument is. `path` and `address` (of a socket) are read from memory. `id` differs from one run to the next (a
 * process, a descriptor), and `skip` says nothing.
 */
type Kind = 'path' | 'text' | 'number' | 'hex' | 'mode' | 'id' | 'address' | 'family' | 'type' | 'skip';

const words = (text: string): readonly Kind[] => text.split(' ') as Kind[];

const table: Readonly<Record<string, readonly Kind[]>> = Object.fromEntries(
  Object.entries({
    access: 'path number',
    acct: 'path',
    bind: 'id address',
    chmod: 'path mode',
    chown: 'path number number',
    chroot: 'path',
    connect: 'id address',
    creat: 'path mode',
    execve: 'path',
    execveat: 'skip path',
    faccessat: 'skip path number',
    faccessat2: 'skip path number',
    fchmod: 'id mode',
    fchmodat: 'skip path mode',
    fchown: 'id number number',
    fchownat: 'skip path number number',
    fcntl: 'id number number',
    ioctl: 'id hex',
    kill: 'id number',
    lchown: 'path number number',
    link: 'path path',
    linkat: 'skip path skip',
    lsetxattr: 'path text',
    mkdir: 'path mode',
    mkdirat: 'skip path mode',
    mknod: 'path mode number',
    mknodat: 'skip path mode number',
    mount: 'text path text hex',
    newfstatat: 'skip path',
    open: 'path hex',
    openat: 'skip path hex',
    openat2: 'skip path',
    prctl: 'number number',
    ptrace: 'number id',
    readlink: 'path',
    rename: 'path path',
    renameat: 'skip path skip',
    renameat2: 'skip path skip',
    removexattr: 'path text',
    rmdir: 'path',
    setdomainname: 'text',
    setgid: 'number',
    setgroups: 'number',
    sethostname: 'text',
    setns: 'id hex',
    setpriority: 'number id number',
    setregid: 'number number',
    setresgid: 'number number number',
    setresuid: 'number number number',
    setreuid: 'number number',
    setsockopt: 'id number number',
    setuid: 'number',
    setxattr: 'path text',
    socket: 'family type number',
    stat: 'path',
    statx: 'skip path',
    symlink: 'text path',
    tgkill: 'id id number',
    tkill: 'id number',
    truncate: 'path number',
    umount2: 'path hex',
    unlink: 'path',
    unlinkat: 'skip path',
    unshare: 'hex',
    utimensat: 'skip path',
  }).map(([name, kinds]) => [name, words(kinds)]),
);

/** @param memory What each of the first arguments points to; empty where that is nothing. */
export function describeTracedCall(
  syscall: string,
  args: readonly bigint[],
  memory: readonly Buffer[],
): { arguments: string; identity: string } {
  const shown: string[] = [];
  const identity: string[] = [];
  (table[syscall] ?? []).forEach((kind, index) => {
    if (kind === 'skip') return;
    const text = show(kind, args[index] ?? 0n, memory[index]);
    shown.push(text);
    if (kind !== 'id') identity.push(text);
  });
  return { arguments: shown.join(', '), identity: identity.join(', ') };
}

function show(kind: Kind, value: bigint, memory: Buffer | undefined): string {
  const number = Number(BigInt.asIntN(32, value));
  switch (kind) {
    case 'path':
    case 'text':
      return memory === undefined || memory.length === 0 ? '…' : showText(memory);
    case 'address':
      return memory === undefined ? '…' : showAddress(memory);
    case 'hex':
      return `0x${(number >>> 0).toString(16)}`;
    case 'mode':
      return `0${(number >>> 0).toString(8)}`;
    case 'family':
      return socketFamilies[number] ?? String(number);
    case 'type':
      // The upper bits are flags: SOCK_CLOEXEC, SOCK_NONBLOCK.
      return socketTypes[number & 0xf] ?? String(number & 0xf);
    default:
      return String(number);
  }
}

function showText(memory: Buffer): string {
  const end = memory.indexOf(0);
  return `${JSON.stringify(memory.toString('utf8', 0, end < 0 ? memory.length : end))}${end < 0 ? '…' : ''}`;
}

/** struct sockaddr, as far as it is known. */
function showAddress(memory: Buffer): string {
  if (memory.length < 8) return '…';
  const family = memory.readUInt16LE(0);
  if (family === 2) {
    const address = [...memory.subarray(4, 8)].join('.');
    return `${address}:${memory.readUInt16BE(2)}`;
  }
  if (family === 10) return `port ${memory.readUInt16BE(2)}`;
  if (family === 1) return showText(memory.subarray(2, 110));
  return socketFamilies[family] ?? String(family);
}
