/** run.json: what is known of a container's present run, and only of that. Written before it begins. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerConfig } from '../plan/config.js';
import { stateError } from './files.js';

export interface RunRecord {
  /** Directories of its control groups on the host, one in each hierarchy. */
  readonly cgroups: readonly string[];
}

export function writeRunRecord(directory: string, { cgroup }: ContainerConfig): void {
  const record: RunRecord = {
    cgroups: cgroup ? cgroup.groups.map(({ parent }) => `${parent}/${cgroup.name}`) : [],
  };
  const path = join(directory, 'run.json');
  try {
    // Of no use after a crash, and so not synced.
    writeFileSync(path, JSON.stringify(record), { mode: 0o600 });
  } catch (cause) {
    throw stateError(path, cause);
  }
}

/** Of a container that never ran: nothing. */
export function readRunRecord(directory: string): RunRecord {
  try {
    const { cgroups } = JSON.parse(readFileSync(join(directory, 'run.json'), 'utf8')) as Partial<RunRecord>;
    return { cgroups: Array.isArray(cgroups) ? cgroups : [] };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError)
      return { cgroups: [] };
    throw error;
  }
}
