/** A measurement in mount, network and PID namespaces of its own; only control groups are the machine's. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { readCgroupHierarchies } from '../src/runtime/host.js';

const variable = 'WARREN_BENCH_CGROUP';

/**
 * Runs this program again inside, and there `measure` with the parent of the control groups that it may make.
 *
 * @param subject In the name of that parent.
 * @param emptied Directories that are empty inside, and in memory.
 */
export async function runInside(
  subject: string,
  emptied: readonly string[],
  measure: (cgroupParent: string) => Promise<void>,
): Promise<void> {
  const parent = process.env[variable];
  if (parent === undefined) process.exitCode = goInside(`/bench-${subject}-${process.pid}`, emptied);
  else await measure(parent);
}

/** @returns The exit code. */
function goInside(parent: string, emptied: readonly string[]): number {
  try {
    const { status } = spawnSync(
      'unshare',
      [
        ...['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'slave'],
        ...[
          'sh',
          '-c',
          `set -e; for d in ${emptied.join(' ')}; do mount -t tmpfs tmpfs $d; done; exec "$@"`,
          'sh',
        ],
        ...[process.execPath, ...process.argv.slice(1)],
      ],
      { stdio: 'inherit', env: { ...process.env, [variable]: parent } },
    );
    return status ?? 1;
  } finally {
    for (const { mountPoint } of readCgroupHierarchies()) removeGroups(mountPoint + parent);
  }
}

function removeGroups(path: string): void {
  if (!existsSync(path)) return;
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) removeGroups(join(path, entry.name));
  rmdirSync(path);
}
