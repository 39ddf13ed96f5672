/** A command in a throw-away container of which every refused system call is recorded, by ptrace(2). */
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { WarrenError } from '../errors.js';
import { makePipe } from '../native/index.js';
import { planContainer } from '../plan/container.js';
import type { Plan } from '../plan/step.js';
import { configure } from './configure.js';
import { readHost } from './host.js';
import type { ContainerOptions } from './options.js';
import { collectRun } from './run.js';
import { execute } from './start.js';

export interface TracedRunOptions extends ContainerOptions {
  /** Also copy the output there as it comes. */
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  /** Given to the command whoever it runs as: as ambient capabilities. Within `caps`. */
  readonly ambient?: bigint;
}

/**
 * Runs a command to its end, whatever its exit code. Its container must have a user namespace of its own in which root is
 * nobody's root here: what it is given counts nowhere else.
 *
 * @param watched Numbers of system calls of which all are recorded, those that succeed as well.
 * @param onRecords Takes struct trace_record of native/launcher/plan.h, one after another, cut anywhere.
 * @throws {WarrenError} What `run()` throws; `ERR_STEP` where the command cannot be traced.
 */
export async function runTraced(
  command: readonly string[],
  { stdout, stderr, ambient = 0n, ...options }: TracedRunOptions,
  watched: readonly number[],
  onRecords: (bytes: Buffer) => void,
): Promise<{ readonly exitCode: number; readonly warnings: readonly string[] }> {
  const began = performance.now();
  const { config, warnings } = await configure(command, options, readHost());
  const { capabilities } = config;
  const given = {
    ...config,
    capabilities: { ...capabilities, inheritable: capabilities.inheritable | ambient, ambient },
  };
  const plan = traced(planContainer(given, readHost()), watched);
  const [ours, theirs] = makePipe(0);
  const records = new Socket({ fd: ours, readable: true, writable: false });
  // Settled when the tracer has ended, too: nobody else holds the other end by then.
  const read = new Promise<void>((resolve, reject) => {
    records.on('data', onRecords).once('end', resolve).once('error', reject);
  });
  read.catch(() => undefined);
  try {
    let container;
    try {
      container = await execute(plan, { id: config.id, options, warnings, trace: theirs });
    } finally {
      closeSync(theirs);
    }
    const { exitCode } = await collectRun(
      container,
      command,
      { stdout, stderr, rejectOnFailure: false },
      began,
    );
    await read;
    return { exitCode, warnings };
  } finally {
    records.destroy();
  }
}

/** Where the ids are mapped and the process inside still waits. */
function traced({ steps }: Plan, watched: readonly number[]): Plan {
  const at = steps.findIndex(({ op }) => op === 'release');
  const isContained = steps.some(
    (step) => step.op === 'map-ids' && [...step.uid, ...step.gid].every(({ outside }) => outside !== 0),
  );
  // The caller sees to it; what depends on it is too much to rely on that.
  if (at < 0 || !isContained) {
    throw new WarrenError('ERR_TRACE_UNSUPPORTED', 'Cannot try capabilities', {
      kind: 'internal',
      why: 'the container has no user namespace of its own, or its root is root here',
    });
  }
  return { steps: [...steps.slice(0, at), { op: 'trace', watched }, ...steps.slice(at)] };
}
