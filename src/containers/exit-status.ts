/** How a kept container ended. */
import { signalName } from '../kernel/signals.js';
import { decodeWaitStatus, exitCodeOf } from '../kernel/wait-status.js';
import type { ExitStatus } from '../runtime/options.js';
import type { RunEnd } from './connection.js';
import type { MeasuredStatus } from './snapshot.js';

/** From what its monitor has told. */
export function exitStatusOfRun({ waitStatus, oomKills, usage }: RunEnd): ExitStatus {
  const end = decodeWaitStatus(waitStatus);
  return exitStatus(exitCodeOf(end), end.signal, oomKills > 0, usage);
}

/** From what its monitor has written. */
export function exitStatusOf({ exitCode, signal, oomKilled, usage }: MeasuredStatus): ExitStatus {
  return exitStatus(exitCode, signal, oomKilled, usage);
}

function exitStatus(
  exitCode: number,
  signal: number,
  oomKilled: boolean,
  usage: ExitStatus['usage'],
): ExitStatus {
  return {
    exitCode,
    signal: signal === 0 ? undefined : (signalName(signal) as NodeJS.Signals),
    timedOut: false,
    isCanceled: false,
    oomKilled,
    usage,
  };
}
