/** The status file: `struct status_record` of native/launcher/plan.h, written in place by the monitor. */
import { decodeWaitStatus, exitCodeOf } from '../kernel/wait-status.js';
import type { ExitStatus } from '../runtime/options.js';
import type { ContainerState, ContainerStatus } from './record.js';

export const STATUS_SIZE = 128;
const MAGIC = 0x3154_5357;

const states: readonly ContainerState[] = ['created', 'running', 'paused', 'restarting', 'exited'];

/** What an unseen end is given for: that of a process that was killed. */
const UNSEEN_EXIT = 137;

/**
 * @param bytes As read at once; all zero, or empty, before the first start.
 * @param monitored Whether a monitor holds the file.
 * @returns undefined where it is half-written: to be read again. A file of another kind is one that never was written.
 */
export function parseStatus(bytes: Buffer, monitored: boolean): ContainerStatus | undefined {
  if (bytes.length < STATUS_SIZE || bytes.readUInt32LE(0) !== MAGIC) return neverStarted;
  if (bytes.readUInt32LE(4) !== bytes.readUInt32LE(STATUS_SIZE - 4)) return undefined;
  const written = states[bytes.readUInt32LE(8)] ?? 'exited';
  const lost = !monitored && (written === 'running' || written === 'paused' || written === 'restarting');
  const end = decodeWaitStatus(bytes.readInt32LE(20));
  const failedErrno = bytes.readInt32LE(76);
  return {
    state: lost ? 'dead' : written,
    pid: lost ? 0 : bytes.readInt32LE(12),
    monitorPid: monitored ? bytes.readInt32LE(16) : 0,
    startedAt: isoTime(bytes.readBigUInt64LE(32)),
    finishedAt: isoTime(bytes.readBigUInt64LE(40)),
    exitCode: lost ? UNSEEN_EXIT : exitCodeOf(end),
    signal: end.signal,
    oomKilled: bytes.readUInt32LE(24) > 0,
    restartCount: bytes.readUInt32LE(28),
    error: lost
      ? 'its monitor was killed, and the container with it'
      : failedErrno === 0
        ? ''
        : `its last start failed (errno ${failedErrno})`,
  };
}

export const neverStarted: ContainerStatus = {
  state: 'created',
  pid: 0,
  monitorPid: 0,
  startedAt: '',
  finishedAt: '',
  exitCode: 0,
  signal: 0,
  oomKilled: false,
  restartCount: 0,
  error: '',
};

/** What the monitor measured of the last run; see getrusage(2). */
export function parseUsage(bytes: Buffer): ExitStatus['usage'] {
  return bytes.length < STATUS_SIZE ? { userMs: 0, systemMs: 0, maxRssBytes: 0 } : readUsage(bytes, 48);
}

/** Three numbers in a row, in the status file as in the message of an end. */
export function readUsage(bytes: Buffer, at: number): ExitStatus['usage'] {
  return {
    userMs: Number(bytes.readBigUInt64LE(at)) / 1000,
    systemMs: Number(bytes.readBigUInt64LE(at + 8)) / 1000,
    maxRssBytes: Number(bytes.readBigUInt64LE(at + 16)),
  };
}

/** ISO 8601 in UTC with all nine digits; empty for 0. */
export function isoTime(nanoseconds: bigint): string {
  if (nanoseconds === 0n) return '';
  const seconds = new Date(Number(nanoseconds / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${String(nanoseconds % 1_000_000_000n).padStart(9, '0')}Z`;
}

/** The present time, so. The clock's own nanoseconds are not to be had in Node: its milliseconds, and zeros. */
export function isoNow(): string {
  return isoTime(BigInt(Date.now()) * 1_000_000n);
}
