import type { ContainerRecord, ContainerSnapshot, ContainerStatus } from '../../src/containers/record.js';

export interface SnapshotParts {
  /** Twelve digits or fewer; filled up with zeros. */
  readonly id?: string;
  readonly record?: Partial<Omit<ContainerRecord, 'id'>>;
  readonly status?: Partial<ContainerStatus>;
}

/** A container that exists nowhere: `web`, made and started at the beginning of 2026, running as process 4000000. */
export function snapshotOf({ id = 'abc', record, status }: SnapshotParts = {}): ContainerSnapshot {
  const wholeId = id.padEnd(64, '0');
  return {
    directory: `/var/lib/warren/containers/${wholeId}`,
    record: {
      version: 1,
      name: 'web',
      createdAt: '2026-01-01T00:00:00.000000000Z',
      command: ['sleep', '3600'],
      options: {},
      labels: {},
      restart: { name: 'no', maximumRetries: 0 },
      autoRemove: false,
      openStdin: false,
      log: { maxSizeBytes: 1024, maxFiles: 2 },
      ...record,
      id: wholeId,
    },
    status: {
      state: 'running',
      pid: 4_000_000,
      monitorPid: 3_999_999,
      startedAt: '2026-01-01T00:00:00.000000000Z',
      finishedAt: '',
      exitCode: 0,
      signal: 0,
      oomKilled: false,
      restartCount: 0,
      error: '',
      ...status,
    },
  };
}
