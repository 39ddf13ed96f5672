/**
 * What the launcher can do: system calls, and the few things that are more than one call (native/launcher/plan.h).
 *
 * These are plain values. A step of a plan (step.ts) is made of them, and `--plan` prints them; encode.ts turns them
 * into bytes.
 */
import type { SyscallName } from './syscall.js';

/** A result kept from an earlier call, by name. */
export interface SlotRef {
  readonly slot: string;
}

/** Room for a result that the kernel writes: zeroed at first, shared by every argument that names it. */
export interface BufferRef {
  readonly buffer: string;
  readonly length: number;
}

/** Text that ends in a number known only then: `/proc/self/fd/` + the slot's value. */
export interface NumberedText {
  readonly text: string;
  readonly slot: string;
}

/** A C struct, field by field, without implied padding. */
export interface Struct {
  readonly struct: readonly Field[];
}

export type Field =
  | { readonly u16: number }
  | { readonly u32: number | SlotRef }
  | { readonly u64: number | bigint | SlotRef }
  | { readonly pointer: Data | null };

/** Bytes in the plan's data; a string is NUL-terminated. */
export type Data = string | Uint8Array | Struct | BufferRef | NumberedText;

export type Argument = number | bigint | null | Data | SlotRef;

export type Call =
  | {
      readonly op: 'call';
      readonly name: SyscallName;
      readonly args: readonly Argument[];
      /** Keep the result under this name. */
      readonly store?: string;
      /** Errors after which the plan goes on: at label `mayGoto`, or with the next call. */
      readonly may?: readonly string[];
      readonly mayGoto?: string;
      /** Where to go on when the result is 0 (the child, after a clone). */
      readonly zeroGoto?: string;
      /** Where to go on after success. */
      readonly thenGoto?: string;
    }
  | { readonly op: 'set'; readonly store: string; readonly value: number | SlotRef }
  | { readonly op: 'peek32'; readonly at: BufferRef; readonly offset: number; readonly store: string }
  | {
      /** Goes on only if (64 bits at `at` + `offset` & `mask`) equal `equals`; else fails with `errno`. */
      readonly op: 'check';
      readonly at: BufferRef;
      readonly offset: number;
      readonly mask: bigint;
      readonly equals: bigint;
      readonly errno: string;
    }
  | {
      /** Opens `path` below directory `root`, with missing directories (and the file itself) made. */
      readonly op: 'mkpath';
      readonly root: SlotRef;
      /** Relative, without `..`. */
      readonly path: string;
      readonly file: boolean;
      readonly mode: number;
      readonly store: string;
    }
  | {
      readonly op: 'exec';
      readonly paths: readonly string[];
      readonly argv: readonly string[];
      readonly envp: readonly string[];
    }
  | {
      readonly op: 'supervise';
      readonly pid: SlotRef;
      readonly pidfd: SlotRef;
      readonly channel: SlotRef;
      /** /proc/thread-self/children, or a negative number where orphans need no care. */
      readonly children: SlotRef | number;
      /** The caller's terminal, to be put back to `termios` if the caller is killed. */
      readonly terminal: SlotRef | number;
      readonly termios: Uint8Array | null;
    }
  | {
      /** Forks: the parent stays as a small init with the capabilities of `data`, the plan goes on in the child. */
      readonly op: 'init';
      readonly terminal: boolean;
      readonly header: Uint8Array;
      readonly data: Uint8Array;
    }
  | { readonly op: 'exit'; readonly code: number }
  | {
      /** Makes a control group, locked as long as the launcher lives, which removes it at its end. */
      readonly op: 'cgroup';
      readonly parent: SlotRef;
      readonly name: string;
      /** Its file that counts kills for want of memory; `` for none. */
      readonly events: string;
      readonly store: string;
    }
  | {
      /** Removes a control group that nobody holds; stores what came of it. */
      readonly op: 'collect';
      readonly parent: SlotRef;
      readonly name: string;
      readonly store: string;
    }
  | {
      /** Stays as the monitor of the container; the plan goes on in a child, once for each run. */
      readonly op: 'monitor';
      /** struct monitor_options of native/launcher/plan.h. */
      readonly options: Struct;
      readonly id: string;
    }
  | {
      /** Ends that child: the process inside is the monitor's. */
      readonly op: 'handOver';
      readonly pidfd: SlotRef;
      readonly channel: SlotRef;
    }
  | {
      /** Executes a program outside, without environment, and waits for it; EPERM where it ends with another code than 0. */
      readonly op: 'helper';
      /** Absolute. */
      readonly path: string;
      readonly argv: readonly (string | NumberedText)[];
    }
  | {
      /** Executes a program beside the command, to its end, without environment; goes on when it writes to `ready`. */
      readonly op: 'companion';
      /** Absolute. */
      readonly path: string;
      readonly argv: readonly (string | NumberedText)[];
      /** A descriptor of its own: 1, or 3. */
      readonly ready: number;
      /** Started again should it die. */
      readonly mend: boolean;
    }
  | {
      /** Removes a tree, however deep. */
      readonly op: 'remove';
      /** Absolute. */
      readonly path: string;
    }
  | {
      /** From its execve on, records of the process's refused calls go to `records`, which is closed here. */
      readonly op: 'trace';
      readonly records: SlotRef;
      readonly pid: SlotRef;
      /** A bit for each system call number whose calls are all to be recorded: 128 bytes. */
      readonly watched: Uint8Array;
    }
  | { readonly op: 'label'; readonly label: string };

export type CallOptions = Pick<
  Extract<Call, { op: 'call' }>,
  'store' | 'may' | 'mayGoto' | 'zeroGoto' | 'thenGoto'
>;

export function call(name: SyscallName, args: readonly Argument[], options: CallOptions = {}): Call {
  return { op: 'call', name, args, ...options };
}

export function slot(name: string): SlotRef {
  return { slot: name };
}

export function buffer(name: string, length: number): BufferRef {
  return { buffer: name, length };
}

/** `/proc/self/fd/N`, for interfaces that take a path where a descriptor is meant. */
export function fdPath(name: string): NumberedText {
  return { text: '/proc/self/fd/', slot: name };
}
