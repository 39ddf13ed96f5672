/** What a control group's files say: its limits as they stand, what it uses, what happened to it. */
import { blkioWeightOf, cpuSharesOf, type CgroupLimits } from './limits.js';

/** Gives a file of the group, or undefined where it has none. v1: whichever hierarchy has it. */
export type ReadCgroupFile = (name: string) => string | undefined;

/** v1 shows "no limit" as the largest multiple of a page. */
const V1_UNLIMITED = 2 ** 62;

/** What is limited; a limit that is not set, or whose controller is not there, is left out. */
export function readCgroupLimits(version: 1 | 2, read: ReadCgroupFile): CgroupLimits {
  const limits = version === 1 ? readV1(read) : readV2(read);
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
}

function readV1(read: ReadCgroupFile): CgroupLimits {
  const bytes = (name: string): number | undefined => {
    const value = numberOf(read(name));
    return value === undefined || value >= V1_UNLIMITED ? undefined : value;
  };
  const quota = numberOf(read('cpu.cfs_quota_us'));
  return {
    memoryBytes: bytes('memory.limit_in_bytes'),
    memorySwapBytes: bytes('memory.memsw.limit_in_bytes'),
    memoryReservationBytes: bytes('memory.soft_limit_in_bytes'),
    cpuQuotaUs: quota === undefined || quota < 0 ? undefined : quota,
    cpuPeriodUs: numberOf(read('cpu.cfs_period_us')),
    cpuShares: numberOf(read('cpu.shares')),
    cpusetCpus: textOf(read('cpuset.cpus')),
    cpusetMems: textOf(read('cpuset.mems')),
    pids: numberOf(read('pids.max')),
    blkioWeight: numberOf(read('blkio.weight') ?? read('blkio.bfq.weight')),
  };
}

function readV2(read: ReadCgroupFile): CgroupLimits {
  const memoryBytes = numberOf(read('memory.max'));
  const swap = numberOf(read('memory.swap.max'));
  const [quota, period] = (read('cpu.max') ?? '').trim().split(' ');
  const weight = numberOf(read('cpu.weight'));
  const low = numberOf(read('memory.low'));
  return {
    memoryBytes,
    memorySwapBytes: memoryBytes === undefined || swap === undefined ? undefined : memoryBytes + swap,
    memoryReservationBytes: low === 0 ? undefined : low,
    cpuQuotaUs: numberOf(quota),
    cpuPeriodUs: numberOf(period),
    cpuShares: weight === undefined ? undefined : cpuSharesOf(weight),
    cpusetCpus: textOf(read('cpuset.cpus')),
    cpusetMems: textOf(read('cpuset.mems')),
    pids: numberOf(read('pids.max')),
    blkioWeight: blkioWeightOf(numberOf(read('io.weight')?.replace(/^default (\d+)[^]*$/, '$1'))),
  };
}

export interface CgroupUsage {
  readonly memoryBytes: number | undefined;
  readonly memoryPeakBytes: number | undefined;
  readonly cpuUs: number | undefined;
  readonly throttledUs: number | undefined;
  readonly pids: number | undefined;
  /** Processes that the kernel killed because the group was at its limit of memory. */
  readonly oomKills: number | undefined;
}

export function readCgroupUsage(version: 1 | 2, read: ReadCgroupFile): CgroupUsage {
  const cpu = keyed(read('cpu.stat'));
  const scaled = (ns: number | undefined): number | undefined =>
    ns === undefined ? undefined : Math.floor(ns / 1000);
  return {
    memoryBytes: numberOf(read(version === 1 ? 'memory.usage_in_bytes' : 'memory.current')),
    memoryPeakBytes: numberOf(read(version === 1 ? 'memory.max_usage_in_bytes' : 'memory.peak')),
    cpuUs: version === 1 ? scaled(numberOf(read('cpuacct.usage'))) : cpu.get('usage_usec'),
    throttledUs: version === 1 ? scaled(cpu.get('throttled_time')) : cpu.get('throttled_usec'),
    pids: numberOf(read('pids.current')),
    oomKills: keyed(read(version === 1 ? 'memory.oom_control' : 'memory.events')).get('oom_kill'),
  };
}

function keyed(text: string | undefined): ReadonlyMap<string, number> {
  const pairs = (text ?? '').split('\n').map((line) => line.split(' '));
  return new Map(pairs.map(([key = '', value]) => [key, Number(value)]));
}

function numberOf(text: string | undefined): number | undefined {
  const trimmed = text?.trim() ?? '';
  return /^-?\d+$/.test(trimmed) ? Number(trimmed) : undefined;
}

function textOf(text: string | undefined): string | undefined {
  const trimmed = text?.trim();
  return trimmed === '' ? undefined : trimmed;
}
