/** The text of tracefs's trace_pipe, line by line; see the kernel's Documentation/trace/events.rst. */

/** What is traced. `task` is the thread's id in the machine's first PID namespace. */
export type TraceEvent =
  | {
      readonly type: 'enter';
      readonly task: number;
      readonly comm: string;
      readonly nr: number;
      readonly args: readonly bigint[];
    }
  | {
      readonly type: 'exit';
      readonly task: number;
      readonly comm: string;
      readonly nr: number;
      readonly result: number;
    }
  | {
      readonly type: 'check';
      readonly task: number;
      readonly comm: string;
      readonly capability: number;
      /** The kernel's address of the user namespace that was asked about: good for telling them apart. */
      readonly namespace: string;
      readonly passed: boolean;
    }
  | { readonly type: 'fork'; readonly task: number; readonly comm: string; readonly child: number };

/**
 * Reads one line. Its first 16 columns are what the task calls itself, which may be anything.
 *
 * @returns Undefined for what is none of these events.
 */
export function parseTraceLine(line: string): TraceEvent | undefined {
  const comm = line.slice(0, 16).trim();
  const [, taskText, name, rest] = /^-(\d+) +\[\d+\] \S+ +\d+\.\d+: (\w+): (.*)$/.exec(line.slice(16)) ?? [];
  if (taskText === undefined || name === undefined || rest === undefined) return undefined;
  const task = Number(taskText);
  switch (name) {
    case 'sys_enter': {
      const [, nr, args] = /^NR (-?\d+) \(([0-9a-f, ]*)\)$/.exec(rest) ?? [];
      if (nr === undefined || args === undefined) return undefined;
      return {
        type: 'enter',
        task,
        comm,
        nr: Number(nr),
        args: args.split(', ').map((each) => BigInt(`0x${each}`)),
      };
    }
    case 'sys_exit': {
      const [, nr, result] = /^NR (-?\d+) = (-?\d+)$/.exec(rest) ?? [];
      return nr === undefined
        ? undefined
        : { type: 'exit', task, comm, nr: Number(nr), result: Number(result) };
    }
    case 'cap_capable': {
      const [, namespace, capability, result] = /target_ns (\S+), .*cap (\d+), ret (-?\d+)$/.exec(rest) ?? [];
      if (namespace === undefined) return undefined;
      return {
        type: 'check',
        task,
        comm,
        capability: Number(capability),
        namespace,
        passed: Number(result) === 0,
      };
    }
    case 'sched_process_fork': {
      const child = /child_pid=(\d+)$/.exec(rest)?.[1];
      return child === undefined ? undefined : { type: 'fork', task, comm, child: Number(child) };
    }
    default:
      return undefined;
  }
}
