/**
 * What a running container uses, from its control groups and its network namespace; where it has no group that counts, from
 * its processes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { readBlockTraffic, readInactiveFileBytes, type BlockTraffic } from '../kernel/cgroup/block-io.js';
import { readCgroupUsage } from '../kernel/cgroup/read.js';
import { parseNetDev } from '../kernel/net-dev.js';
import { CLOCK_TICKS, parseProcStat } from '../kernel/proc-stat.js';
import {
  cgroupFiles,
  cgroupVersion,
  findContainerCgroups,
  readContainerLimits,
  readProcText,
} from './cgroups.js';
import { containerPids } from './processes.js';
import type { ContainerSnapshot } from './record.js';

/** Numbers that the kernel does not count here (no controller, another's network) are undefined. */
export interface ContainerStats {
  readonly id: string;
  readonly name: string;
  /** On a clock that nobody sets. */
  readonly readAtMs: number;
  /** CPU time in all; without a control group, of the processes there are, and of those they have waited for. */
  readonly cpuUs: number | undefined;
  /** Since the reading before this one, by the wall clock: 100 is one processor. undefined in the first. */
  readonly cpuPercent: number | undefined;
  /** Without the page cache that would be given up first, as docker has it. */
  readonly memoryBytes: number | undefined;
  /** The container's limit, or all that the machine has. */
  readonly memoryLimitBytes: number | undefined;
  readonly memoryPercent: number | undefined;
  /** In all, over every device but `lo`. undefined in the host's network namespace. */
  readonly network: { readonly receivedBytes: number; readonly sentBytes: number } | undefined;
  readonly block: BlockTraffic | undefined;
  /** Processes and threads. */
  readonly pids: number | undefined;
}

/**
 * @param previous An earlier reading of the same container, which `cpuPercent` is reckoned from.
 * @returns undefined for a container that does not run.
 */
export function readContainerStats(
  snapshot: ContainerSnapshot,
  previous?: ContainerStats,
): ContainerStats | undefined {
  const { record, status } = snapshot;
  if (status.pid === 0 || readProcText(`/proc/${status.pid}/stat`) === undefined) return undefined;
  const cgroups = findContainerCgroups(snapshot);
  const version = cgroupVersion(cgroups);
  const read = cgroupFiles(cgroups);
  const usage = readCgroupUsage(version, read);
  const counted = usage.cpuUs !== undefined && usage.pids !== undefined;
  const summed = counted ? undefined : sumOfProcesses(snapshot);
  const cpuUs = usage.cpuUs ?? summed?.cpuUs;
  const pids = usage.pids ?? summed?.pids;
  const readAtMs = performance.now();
  const memoryBytes =
    usage.memoryBytes === undefined
      ? undefined
      : Math.max(0, usage.memoryBytes - readInactiveFileBytes(version, read));
  const memoryLimitBytes = leastOf(readContainerLimits(cgroups).memoryBytes, machineMemory());
  return {
    id: record.id,
    name: record.name,
    readAtMs,
    cpuUs,
    cpuPercent: cpuPercent(cpuUs, readAtMs, previous),
    memoryBytes,
    memoryLimitBytes,
    memoryPercent:
      memoryBytes === undefined || memoryLimitBytes === undefined || memoryLimitBytes === 0
        ? undefined
        : (memoryBytes / memoryLimitBytes) * 100,
    network: record.options.network === 'host' ? undefined : readTraffic(status.pid),
    block: readBlockTraffic(version, read),
    pids,
  };
}

export interface WatchStatsOptions {
  /** Default 1000. */
  readonly intervalMs?: number;
  /** Ends it. */
  readonly signal?: AbortSignal;
}

/**
 * Readings of a container one after the other, the first after one interval, until it has ended.
 *
 * @param look Gives the container as it stands, or undefined when it is gone: a restart gives it another process.
 */
export async function* watchStats(
  look: () => ContainerSnapshot | undefined,
  { intervalMs = 1000, signal }: WatchStatsOptions = {},
): AsyncGenerator<ContainerStats> {
  let previous: ContainerStats | undefined;
  while (signal?.aborted !== true) {
    const snapshot = look();
    const stats = snapshot && readContainerStats(snapshot, previous);
    if (stats === undefined) return;
    if (previous !== undefined) yield stats;
    previous = stats;
    try {
      await sleep(intervalMs, undefined, { signal });
    } catch {
      return;
    }
  }
}

/** A container that was started again counts from 0. */
function cpuPercent(
  cpuUs: number | undefined,
  readAtMs: number,
  previous: ContainerStats | undefined,
): number | undefined {
  const before = previous?.cpuUs;
  if (cpuUs === undefined || before === undefined || previous === undefined) return undefined;
  const elapsedUs = (readAtMs - previous.readAtMs) * 1000;
  return elapsedUs <= 0 || cpuUs < before ? 0 : ((cpuUs - before) / elapsedUs) * 100;
}

function sumOfProcesses(snapshot: ContainerSnapshot): { cpuUs: number; pids: number } {
  const stats = containerPids(snapshot).flatMap(
    (pid) => parseProcStat(readProcText(`/proc/${pid}/stat`) ?? '') ?? [],
  );
  const ticks = stats.reduce((sum, { cpuTicks, childCpuTicks }) => sum + cpuTicks + childCpuTicks, 0);
  return {
    cpuUs: (ticks * 1_000_000) / CLOCK_TICKS,
    pids: stats.reduce((sum, { threads }) => sum + threads, 0),
  };
}

function readTraffic(pid: number): ContainerStats['network'] {
  const text = readProcText(`/proc/${pid}/net/dev`);
  if (text === undefined) return undefined;
  const devices = parseNetDev(text).filter(({ device }) => device !== 'lo');
  return {
    receivedBytes: devices.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0),
    sentBytes: devices.reduce((sum, { sentBytes }) => sum + sentBytes, 0),
  };
}

function machineMemory(): number | undefined {
  const kilobytes = /^MemTotal:\s+(\d+) kB$/m.exec(readProcText('/proc/meminfo') ?? '')?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}

function leastOf(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}
