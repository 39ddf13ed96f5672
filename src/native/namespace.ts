/** What the addon (native/addon/sweep.c, namespace.c) tells of the namespaces of the machine, decoded. */
import { constants } from 'node:os';

/** A namespace's name in /proc/PID/ns; the order is that of native/addon/sweep.c. */
export const namespaceTypes = ['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup', 'time'] as const;

export type NamespaceType = (typeof namespaceTypes)[number];

/** Besides the eight: what a process's next child will be in. */
const linkCount = 10;

/** The part of the addon that src/explore/namespaces is made of. Each throws or rejects with the system error it met. */
export interface NamespaceAddon {
  /** A pidfd of a process, close-on-exec; see pidfd_open(2). */
  openProcess(pid: number): number;
  /** One pass over /proc, in libuv's pool. */
  sweepProcesses(): Promise<Buffer>;
  /** `requests`: for each, three NUL-terminated texts. */
  inspectNamespaces(requests: Uint8Array): Promise<Buffer>;
  /** 64-bit ids by listns(2); null where the kernel has none (before 6.19). */
  listNamespaces(): Buffer | null;
  /** The 64-bit id of a namespace by its file; null where the kernel does not tell it (before 6.18). */
  namespaceId(path: string): bigint | null;
  /** A descriptor, close-on-exec, of the network namespace of a socket: descriptor `fd` of a process. */
  openSocketNamespace(pid: number, fd: number): number;
  /** A descriptor, close-on-exec, of the user namespace that owns the one of descriptor `fd`; EPERM: out of our sight. */
  openNamespaceOwner(fd: number): number;
  /** Unmounts exactly the mount of that namespace; EINVAL when something else is there. */
  unmountNamespace(path: string, inode: number): void;
}

/** One process, as /proc showed it. */
export interface SweptProcess {
  readonly pid: number;
  readonly ppid: number;
  /** Owner of /proc/PID: the effective user id, 0 for a process that may not be dumped. */
  readonly uid: number;
  readonly threads: number;
  /** Since boot, in clock ticks: with the pid, it is that process and no other. */
  readonly startTicks: number;
  /** As the kernel has it, at most 15 bytes; any character. */
  readonly name: string;
  /** Inode numbers in the order of `namespaceTypes`, then those for its next child (PID, time); 0: not seen. */
  readonly namespaces: readonly number[];
  /** Threads of it that are elsewhere, with the namespaces that differ; 0: the same. */
  readonly threadsElsewhere: readonly { readonly tid: number; readonly namespaces: readonly number[] }[];
  readonly holds: readonly SweptHold[];
  readonly denied: { readonly links: boolean; readonly descriptors: boolean; readonly sockets: boolean };
}

/** A descriptor of a namespace, or of a socket in another network namespace than its process's. */
export interface SweptHold {
  readonly kind: 'descriptor' | 'socket';
  readonly fd: number;
  readonly type: NamespaceType;
  readonly inode: number;
}

const TAG_PROCESS = 1;
const TAG_THREAD = 2;
const HOLD_SOCKET = 2;

/** @param bytes What `sweepProcesses()` gave: 32-bit words. */
export function decodeSweep(bytes: Buffer): SweptProcess[] {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const processes: SweptProcess[] = [];
  let threads: { tid: number; namespaces: readonly number[] }[] = [];
  let holds: SweptHold[] = [];
  const word = (index: number): number => words[index] ?? 0;
  const inodes = (from: number): number[] => Array.from(words.subarray(from, from + linkCount));
  let at = 0;
  while (at < words.length) {
    switch (word(at)) {
      case TAG_PROCESS: {
        const denied = word(at + 5);
        const nameBytes = word(at + 8);
        const nameAt = at + 9 + linkCount;
        threads = [];
        holds = [];
        processes.push({
          pid: word(at + 1),
          ppid: word(at + 2),
          uid: word(at + 3),
          threads: word(at + 4),
          startTicks: word(at + 6) + word(at + 7) * 2 ** 32,
          name: bytes.toString('utf8', nameAt * 4, nameAt * 4 + nameBytes),
          namespaces: inodes(at + 9),
          threadsElsewhere: threads,
          holds,
          denied: {
            links: (denied & 1) !== 0,
            descriptors: (denied & 2) !== 0,
            sockets: (denied & 4) !== 0,
          },
        });
        at = nameAt + Math.ceil(nameBytes / 4);
        break;
      }
      case TAG_THREAD:
        threads.push({ tid: word(at + 1), namespaces: inodes(at + 2) });
        at += 2 + linkCount;
        break;
      default:
        holds.push({
          kind: word(at + 1) === HOLD_SOCKET ? 'socket' : 'descriptor',
          fd: word(at + 2),
          type: namespaceTypes[word(at + 3)] ?? 'net',
          inode: word(at + 4),
        });
        at += 5;
    }
  }
  return processes;
}

/** Where a namespace can be opened, and what to ask of it. */
export interface NamespaceRequest {
  /** A mount namespace to look from, itself a path as `path` is. Default: ours. */
  readonly inside?: string | undefined;
  /** Absolute, or below /proc (`12/ns/net`), or `id:` and a number of listns(2) (`id:ID:TYPE:INODE` where there is none). */
  readonly path: string;
  /** `path` is the descriptor of a socket: its network namespace. */
  readonly socket?: boolean;
  /** A letter a step: to the owning user namespace (u), to the parent (p). */
  readonly steps?: string;
  /** For a mount namespace: also which namespaces are mounted in it. */
  readonly mounts?: boolean;
}

/** A namespace's answer; numbers are inodes, 0 where there is none or it was not told. */
export type NamespaceFacts =
  | { readonly errno: string }
  | {
      readonly errno: undefined;
      readonly inode: number;
      readonly type: NamespaceType;
      readonly owner: number;
      readonly ownerErrno: string | undefined;
      /** PID and user namespaces only. */
      readonly parent: number;
      readonly parentErrno: string | undefined;
      /** User namespaces only: who made it, as the caller's user namespace sees that id. */
      readonly uid: number;
      /** The lines of mountinfo with nsfs, where they were asked for. */
      readonly mounts: string;
      readonly mountsErrno: string | undefined;
    };

export function encodeRequests(requests: readonly NamespaceRequest[]): Buffer {
  return Buffer.from(
    requests
      .map(
        ({ inside = '', path, socket = false, steps = '', mounts = false }) =>
          `${inside}\0${path}\0${socket ? 's' : ''}${steps}${mounts ? 'm' : ''}\0`,
      )
      .join(''),
  );
}

const factsBytes = 40;

/** @param bytes What `inspectNamespaces()` gave: one answer for each request, in their order. */
export function decodeFacts(bytes: Buffer): NamespaceFacts[] {
  const facts: NamespaceFacts[] = [];
  for (let at = 0; at < bytes.length;) {
    const word = (index: number): number => bytes.readUInt32LE(at + index * 4);
    const mountBytes = word(9);
    const type = typeOfFlag.get(word(2));
    facts.push(
      word(0) !== 0 || type === undefined
        ? { errno: errnoName(word(0)) ?? 'EINVAL' }
        : {
            errno: undefined,
            inode: word(1),
            type,
            parent: word(3),
            parentErrno: errnoName(word(4)),
            owner: word(5),
            ownerErrno: errnoName(word(6)),
            uid: word(7),
            mountsErrno: errnoName(word(8)),
            mounts: bytes.toString('utf8', at + factsBytes, at + factsBytes + mountBytes),
          },
    );
    at += factsBytes + Math.ceil(mountBytes / 4) * 4;
  }
  return facts;
}

/** CLONE_NEW… of clone(2). */
const typeOfFlag: ReadonlyMap<number, NamespaceType> = new Map([
  [0x1000_0000, 'user'],
  [0x0002_0000, 'mnt'],
  [0x2000_0000, 'pid'],
  [0x4000_0000, 'net'],
  [0x0800_0000, 'ipc'],
  [0x0400_0000, 'uts'],
  [0x0200_0000, 'cgroup'],
  [0x0000_0080, 'time'],
]);

function errnoName(number: number): string | undefined {
  if (number === 0) return undefined;
  const found = Object.entries(constants.errno).find(([, value]) => value === number);
  return found?.[0] ?? `errno ${number}`;
}
