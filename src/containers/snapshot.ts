/** A container as it stands, read from its directory. */
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { isMonitored, readRecord } from './files.js';
import type { ContainerSnapshot, ContainerStatus } from './record.js';
import { STATUS_SIZE, parseStatus, parseUsage } from './status.js';

/** @throws ENOENT where the container is gone; {WarrenError} `ERR_STATE_DAMAGED`. */
export function readSnapshot(directory: string, id: string): ContainerSnapshot {
  return { record: readRecord(directory, id), status: readStatus(directory), directory };
}

export interface MeasuredStatus extends ContainerStatus {
  readonly usage: { readonly userMs: number; readonly systemMs: number; readonly maxRssBytes: number };
}

/** @throws ENOENT */
export function readStatus(directory: string): MeasuredStatus {
  const bytes = Buffer.alloc(STATUS_SIZE);
  const fd = openSync(join(directory, 'status'), 'r');
  try {
    for (;;) {
      // Asked first: a monitor writes its last word, and then lets go.
      const monitored = isMonitored(fd);
      const length = readSync(fd, bytes, 0, STATUS_SIZE, 0);
      const status = parseStatus(bytes.subarray(0, length), monitored);
      if (status === undefined) continue;
      // Perhaps it has just been started: the one that runs is not the one we asked about.
      if (status.state === 'dead' && isMonitored(fd)) continue;
      return { ...status, usage: parseUsage(bytes.subarray(0, length)) };
    }
  } finally {
    closeSync(fd);
  }
}
