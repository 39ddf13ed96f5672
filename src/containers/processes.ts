/** The processes of a running container, as the host sees them: what `docker top` asks ps(1) for. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { WarrenError, quote } from '../errors.js';
import { CLOCK_TICKS, parseProcStat, terminalName } from '../kernel/proc-stat.js';
import { findContainerCgroups, readProcText, type ContainerCgroup } from './cgroups.js';
import type { ContainerSnapshot } from './record.js';

const PAGE = 4096;

export interface ContainerProcess {
  /** On the host, as all ids here. */
  readonly pid: number;
  readonly parentPid: number;
  /** Effective. */
  readonly uid: number;
  readonly state: string;
  /** `pts/0`, or `?`. */
  readonly terminal: string;
  readonly threads: number;
  readonly cpuMs: number;
  /** Of its whole life: 100 is one processor. */
  readonly cpuPercent: number;
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
  readonly residentBytes: number;
  readonly virtualBytes: number;
  /** The program's name, at most 15 bytes. */
  readonly name: string;
  /** Arguments; empty for one that has none (a zombie). */
  readonly command: readonly string[];
}

/**
 * By pid. Found by control group, so that what was brought in by `exec` is there too; without one, by PID namespace.
 *
 * @throws {WarrenError} `ERR_CONTAINER_NOT_RUNNING`.
 */
export function readContainerProcesses(snapshot: ContainerSnapshot): ContainerProcess[] {
  const { record, status } = snapshot;
  const pids = containerPids(snapshot);
  const clock = { bootMs: bootTimeMs(), nowMs: Date.now() };
  const processes = pids.flatMap((pid) => readProcess(pid, clock) ?? []);
  if (processes.length > 0) return processes.sort((a, b) => a.pid - b.pid);
  throw new WarrenError(
    'ERR_CONTAINER_NOT_RUNNING',
    `Cannot see the processes of the container ${quote(record.name)}`,
    {
      kind: 'conflict',
      why: `it is not running (${status.state})`,
      fix: `start it: warren start ${record.name}`,
    },
  );
}

/** All that run in a container, on the host; in no order. */
export function containerPids(snapshot: ContainerSnapshot): readonly number[] {
  if (snapshot.status.pid === 0) return [];
  const cgroups = findContainerCgroups(snapshot);
  const rank = (cgroup: ContainerCgroup): number => {
    const at = ['pids', 'freezer'].findIndex((name) => cgroup.controllers.includes(name));
    return at < 0 ? 2 : at;
  };
  const [best] = [...cgroups].sort((a, b) => rank(a) - rank(b));
  const found = best === undefined ? [] : pidsBelow(best.directory);
  return found.length > 0 ? found : pidsInNamespace(snapshot.status.pid);
}

/** A container may have made groups of its own inside. */
function pidsBelow(directory: string): number[] {
  const own = (readProcText(`${directory}/cgroup.procs`) ?? '').split('\n').filter((line) => line !== '');
  return [...own.map(Number), ...subdirectories(directory).flatMap(pidsBelow)];
}

function subdirectories(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => `${directory}/${name}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Those of the same PID namespace, and their descendants, which may be in further ones. */
function pidsInNamespace(init: number): readonly number[] {
  const namespace = namespaceOf(init);
  // With --pid host everybody is in it.
  const isPrivate = namespace !== undefined && namespace !== namespaceOf('self');
  const parents = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    const stat = /^\d+$/.test(entry) ? parseProcStat(readProcText(`/proc/${entry}/stat`) ?? '') : undefined;
    if (stat !== undefined) parents.set(stat.pid, stat.parentPid);
  }
  const inside = new Set([init]);
  if (isPrivate) for (const pid of parents.keys()) if (namespaceOf(pid) === namespace) inside.add(pid);
  const descends = (pid: number | undefined): boolean => {
    for (let each = pid; each !== undefined && each !== 0; each = parents.get(each))
      if (inside.has(each)) return true;
    return false;
  };
  return [...parents.keys()].filter(descends);
}

function namespaceOf(pid: number | 'self'): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

function readProcess(
  pid: number,
  { bootMs, nowMs }: { readonly bootMs: number; readonly nowMs: number },
): ContainerProcess | undefined {
  const stat = parseProcStat(readProcText(`/proc/${pid}/stat`) ?? '');
  const status = readProcText(`/proc/${pid}/status`);
  if (stat === undefined || status === undefined) return undefined;
  const startedAtMs = bootMs + (stat.startTicks * 1000) / CLOCK_TICKS;
  const cpuMs = (stat.cpuTicks * 1000) / CLOCK_TICKS;
  const words = (readProcText(`/proc/${pid}/cmdline`) ?? '').split('\0');
  return {
    pid,
    parentPid: stat.parentPid,
    uid: Number(/^Uid:\s+\d+\s+(\d+)/m.exec(status)?.[1] ?? 0),
    state: stat.state,
    terminal: terminalName(stat.tty),
    threads: stat.threads,
    cpuMs,
    cpuPercent: nowMs > startedAtMs ? (cpuMs / (nowMs - startedAtMs)) * 100 : 0,
    startedAtMs,
    residentBytes: stat.residentPages * PAGE,
    virtualBytes: stat.virtualBytes,
    name: stat.name,
    command: words.at(-1) === '' ? words.slice(0, -1) : words,
  };
}

function bootTimeMs(): number {
  return Number(/^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? 0) * 1000;
}
