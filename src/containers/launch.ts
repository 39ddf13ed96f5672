/** Starts a container's monitor, which carries out the plan, and waits until the command executes. */
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { WarrenError } from '../errors.js';
import { referenceLauncher, sendToLauncher, spawnLauncher, type LauncherHandle } from '../native/index.js';
import * as c from '../plan/constants.js';
import { encodeSteps } from '../plan/encode.js';
import type { Plan } from '../plan/step.js';
import { describeFailure, type Failure } from '../runtime/failure.js';
import { cancelled, launchError } from '../runtime/launch.js';
import { readRunEnd, type RunEnd } from './connection.js';

export interface MonitorDescriptors {
  /** The container's directory. */
  readonly directory: number;
  /** Its status file, locked; the monitor goes on holding the lock. */
  readonly status: number;
  /** Its network namespace, where the monitor is to hold it. */
  readonly network?: number | undefined;
}

/** A run that this process began, as long as it hears of it. */
export interface LaunchedRun {
  /** The command's process id on the host. */
  readonly pid: number;
  /** Settles when no run follows; undefined where the monitor went without a word. */
  readonly ended: Promise<RunEnd | undefined>;
  /** Whether waiting for its end keeps Node's event loop alive. Default: no. */
  reference(wanted: boolean): void;
}

/**
 * @param signal Gives the start up; without effect once the command executes.
 * @throws {WarrenError} the step that failed; nothing is left of it then, the monitor included.
 */
export async function launchMonitor(
  plan: Plan,
  { directory, status, network }: MonitorDescriptors,
  signal?: AbortSignal,
): Promise<LaunchedRun> {
  const encoded = encodeSteps(plan.steps);
  const nowhere = openSync('/dev/null', 'r+');
  let handle: LauncherHandle | undefined;
  const cancel = (): void => {
    const packet = Buffer.alloc(c.MESSAGE_SIZE);
    packet.writeUInt32LE(c.MSG_CANCEL, 0);
    if (handle) sendToLauncher(handle, packet);
  };
  try {
    return await new Promise<LaunchedRun>((resolve, reject) => {
      let settleEnded: (end: RunEnd | undefined) => void;
      const ended = new Promise<RunEnd | undefined>((settle) => (settleEnded = settle));
      let isRunning = false;
      let failure: Failure | undefined;
      let note: string | undefined;
      const receive = (packet: Buffer | null, fd: number): void => {
        if (fd >= 0) closeSync(fd);
        const type = packet?.readUInt32LE(0);
        if (packet && type === c.MSG_RUNNING && !isRunning) {
          isRunning = true;
          // It lives on without us; only its end is still waited for, as that of a child.
          const reference = (wanted: boolean): void => {
            if (handle) referenceLauncher(handle, wanted);
          };
          reference(false);
          resolve({ pid: packet.readInt32LE(4), ended, reference });
        }
        if (packet && type === c.MSG_EXITED) {
          const end = readRunEnd(packet);
          if (end.final) settleEnded(end);
        }
        if (packet && type === c.MSG_FAILED)
          failure = { op: packet.readInt32LE(4), errno: packet.readInt32LE(8), note };
        if (packet && type === c.MSG_DATA) note = packet.toString('utf8', 4);
        if (packet) return;
        settleEnded(undefined);
        reject(endOfStart(plan, encoded, failure, signal));
      };
      try {
        handle = spawnLauncher(
          encoded.bytes,
          [nowhere, nowhere, nowhere, directory, status, ...(network === undefined ? [] : [network])],
          receive,
        );
      } catch (cause) {
        reject(launchError(cause));
        return;
      }
      if (signal?.aborted === true) cancel();
      else signal?.addEventListener('abort', cancel, { once: true });
    });
  } finally {
    signal?.removeEventListener('abort', cancel);
    closeSync(nowhere);
  }
}

function endOfStart(
  plan: Plan,
  encoded: ReturnType<typeof encodeSteps>,
  failure: Failure | undefined,
  signal: AbortSignal | undefined,
): WarrenError {
  const isCancelled = failure?.errno === constants.errno.ECANCELED;
  if (failure && !isCancelled) return describeFailure(plan, encoded, failure);
  if (signal?.aborted === true) return cancelled(signal.reason);
  if (isCancelled) {
    return new WarrenError('ERR_CANCELLED', 'Cannot start the container', {
      kind: 'cancelled',
      why: 'somebody stopped it before its command was executing',
    });
  }
  return new WarrenError('ERR_LAUNCHER_LOST', 'Cannot start the container', {
    kind: 'internal',
    why: 'its monitor ended before the command was executing; perhaps somebody killed it',
    fix: 'start it again',
  });
}
