import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from './cli.js';
import { waitFor } from './wait.js';

/** What Warren could leave, as lines of text: `process 12 (sleep)`, `mount /x tmpfs`, `netns net:[…]`, `fd 7 pipe`. */
export type Traces = readonly string[];

/** Looks at this fake host: its processes, mounts, namespaces, devices, cgroups, state and temporary files, our descriptors. */
export function takeTraces(): Traces {
  const machine = execFileSync('sh', [join(repositoryRoot, 'scripts/machine-state.sh')], {
    encoding: 'utf8',
  });
  return [...machine.trim().split('\n'), ...processTraces(), ...descriptorTraces()];
}

/**
 * Fails when something is there that was not there before. What the kernel tidies up in its own time (the members of a
 * PID namespace whose init is gone) gets a moment for it.
 */
export async function assertNoTraces(before: Traces): Promise<void> {
  const known = new Set(before);
  let left: readonly string[] = [];
  await waitFor('nothing to be left', () => {
    left = takeTraces().filter((trace) => !known.has(trace));
    return left.length === 0 || undefined;
  }).catch(() => undefined);
  assert.deepEqual(left, [], 'left behind');
}

/** Runs a body, and checks that it left nothing. */
export async function leavesNothing(body: () => Promise<void>): Promise<void> {
  const before = takeTraces();
  await body();
  await assertNoTraces(before);
}

/** The open descriptors of a process, by what they are; event loops' own are left out, since Node opens them lazily. */
export function descriptorTraces(pid: number | 'self' = 'self'): string[] {
  const dir = `/proc/${pid}/fd`;
  const traces: string[] = [];
  for (const fd of readdirSync(dir)) {
    const target = unlessGone(() => readlinkSync(join(dir, fd)));
    if (target === undefined || /^anon_inode:\[(eventpoll|eventfd|io_uring)\]$/.test(target)) continue;
    if (target === '/dev/null' || target.startsWith('/proc/')) continue;
    traces.push(`fd ${fd} ${target}`);
  }
  return traces;
}

/** Every process but zombies, and the namespaces that they are in. */
function processTraces(): string[] {
  const traces = new Set<string>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const stat = unlessGone(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
    if (stat === undefined || /^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2))) continue;
    traces.add(`process ${stat.slice(0, stat.lastIndexOf(')') + 1)}`);
    for (const kind of ['mnt', 'net', 'pid', 'user', 'ipc', 'uts', 'cgroup']) {
      const id = unlessGone(() => readlinkSync(`/proc/${pid}/ns/${kind}`));
      if (id !== undefined) traces.add(`namespace ${id}`);
    }
  }
  return [...traces];
}

function unlessGone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}
