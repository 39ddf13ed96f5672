/**
 * Limits of a control group, and what is written where for them. Pure: which hierarchies there are is not asked here.
 *
 * @see cgroups(7), and the kernel's admin-guide/cgroup-v1 and cgroup-v2
 */

/** Checked: every number is in its range, `Infinity` is "no limit". */
export interface CgroupLimits {
  readonly memoryBytes?: number | undefined;
  /** Memory and swap together, as in docker and cgroup v1. */
  readonly memorySwapBytes?: number | undefined;
  /** What is kept from reclaim as long as others have something to give. */
  readonly memoryReservationBytes?: number | undefined;
  /** CPU time in each period. */
  readonly cpuQuotaUs?: number | undefined;
  /** Default 100,000. */
  readonly cpuPeriodUs?: number | undefined;
  /** 2 … 262,144; 1024 is what everybody has. */
  readonly cpuShares?: number | undefined;
  /** Lists such as `0-3,7`. */
  readonly cpusetCpus?: string | undefined;
  readonly cpusetMems?: string | undefined;
  readonly pids?: number | undefined;
  /** 10 … 1000. */
  readonly blkioWeight?: number | undefined;
}

export interface CgroupWrite {
  /** In the group's directory. Several: the first that is there. */
  readonly files: readonly string[];
  readonly value: string;
  /** Go on where none of them is there. */
  readonly optional?: boolean;
}

/** What a controller is to be told. */
export interface ControllerWrites {
  readonly controller: string;
  readonly writes: readonly CgroupWrite[];
}

const DEFAULT_PERIOD_US = 100_000;

/** In an order that the kernel takes for a new group: memory before memory with swap, the period before the quota. */
export function cgroupWritesV1(limits: CgroupLimits): ControllerWrites[] {
  const period =
    limits.cpuQuotaUs === undefined ? limits.cpuPeriodUs : (limits.cpuPeriodUs ?? DEFAULT_PERIOD_US);
  return compact([
    [
      'memory',
      [
        number('memory.limit_in_bytes', limits.memoryBytes, '-1'),
        number('memory.memsw.limit_in_bytes', limits.memorySwapBytes, '-1'),
        number('memory.soft_limit_in_bytes', limits.memoryReservationBytes, '-1'),
      ],
    ],
    [
      'cpu',
      [
        number('cpu.cfs_period_us', period),
        number('cpu.cfs_quota_us', limits.cpuQuotaUs, '-1'),
        number('cpu.shares', limits.cpuShares),
      ],
    ],
    ['cpuset', cpuset(limits)],
    ['pids', [number('pids.max', limits.pids, 'max')]],
    // CFQ's file went with Linux 5.0; BFQ's is there where that scheduler is built in.
    ['blkio', [number(['blkio.weight', 'blkio.bfq.weight'], limits.blkioWeight)]],
  ]);
}

/** @throws {RangeError} for swap without memory, which v2 cannot tell apart: to be refused before. */
export function cgroupWritesV2(limits: CgroupLimits): ControllerWrites[] {
  const { cpuQuotaUs, cpuPeriodUs = DEFAULT_PERIOD_US, cpuShares, blkioWeight } = limits;
  const quota = cpuQuotaUs === undefined ? undefined : cpuQuotaUs === Infinity ? 'max' : String(cpuQuotaUs);
  return compact([
    [
      'memory',
      [
        number('memory.max', limits.memoryBytes, 'max'),
        number('memory.swap.max', swapBytesV2(limits), 'max'),
        number('memory.low', limits.memoryReservationBytes, 'max'),
      ],
    ],
    [
      'cpu',
      [
        quota === undefined && limits.cpuPeriodUs === undefined
          ? undefined
          : { files: ['cpu.max'], value: `${quota ?? 'max'} ${cpuPeriodUs}` },
        number('cpu.weight', cpuShares === undefined ? undefined : cpuWeightOf(cpuShares)),
      ],
    ],
    ['cpuset', cpuset(limits)],
    ['pids', [number('pids.max', limits.pids, 'max')]],
    ['io', [number('io.weight', blkioWeight === undefined ? undefined : ioWeightOf(blkioWeight))]],
  ]);
}

/** v2 limits swap by itself: the sum less the memory. */
export function swapBytesV2({ memoryBytes, memorySwapBytes }: CgroupLimits): number | undefined {
  if (memorySwapBytes === undefined || memorySwapBytes === Infinity) return memorySwapBytes;
  if (memoryBytes === undefined || memoryBytes > memorySwapBytes)
    throw new RangeError('memory with swap must not be less than memory');
  return memorySwapBytes - memoryBytes;
}

/**
 * Shares of v1 (2 … 262,144) as a weight of v2 (1 … 10,000). On a curve through the three points that must meet: the ends
 * of both ranges, and the defaults, 1024 and 100. It is the one that runc has had since 1.3; the straight line before
 * gave 39 for the default.
 */
export function cpuWeightOf(shares: number): number {
  const log = Math.log2(Math.min(Math.max(shares, 2), 262_144));
  const exponent = (log * log + 125 * log) / 612 - 7 / 34;
  // The points are exact; the arithmetic is not.
  return Math.ceil(Number((10 ** exponent).toFixed(6)));
}

/** The smallest shares that give this weight. */
export function cpuSharesOf(weight: number): number {
  const wanted = Math.min(Math.max(weight, 1), 10_000);
  let [low, high] = [2, 262_144];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cpuWeightOf(middle) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** 10 … 1000 of blkio on the line to 1 … 10,000 of io. */
export function ioWeightOf(blkioWeight: number): number {
  return 1 + Math.floor(((blkioWeight - 10) * 9999) / 990);
}

/** The smallest that gives this weight. */
export function blkioWeightOf(ioWeight: number | undefined): number | undefined {
  return ioWeight === undefined ? undefined : 10 + Math.ceil(((ioWeight - 1) * 990) / 9999);
}

function cpuset({ cpusetCpus, cpusetMems }: CgroupLimits): (CgroupWrite | undefined)[] {
  return [
    cpusetCpus === undefined ? undefined : { files: ['cpuset.cpus'], value: cpusetCpus },
    cpusetMems === undefined ? undefined : { files: ['cpuset.mems'], value: cpusetMems },
  ];
}

function number(
  file: string | readonly string[],
  value: number | undefined,
  unlimited?: string,
): CgroupWrite | undefined {
  if (value === undefined) return undefined;
  const files = typeof file === 'string' ? [file] : file;
  return { files, value: value === Infinity && unlimited !== undefined ? unlimited : String(value) };
}

function compact(all: readonly [string, readonly (CgroupWrite | undefined)[]][]): ControllerWrites[] {
  return all
    .map(([controller, writes]) => ({ controller, writes: writes.filter((write) => write !== undefined) }))
    .filter(({ writes }) => writes.length > 0);
}
