/** Limits as a user writes them, checked. */
import { availableParallelism } from 'node:os';
import { invalid, quote } from '../errors.js';
import type { CgroupLimits } from '../kernel/cgroup/limits.js';
import { parseSize } from '../kernel/size.js';
import { checkRange } from './check.js';
import type { LimitOptions, Size } from './options.js';

/** docker's; the start itself needs some. */
const LEAST_MEMORY = 6 * 1024 * 1024;
const PERIOD_US = 100_000;

/** docker's words: 0 is "not given", -1 "no limit". */
export function checkLimits(options: LimitOptions): CgroupLimits {
  const memoryBytes = size(options.memory, 'memory limit');
  const memorySwapBytes = size(options.memorySwap, 'limit of memory and swap');
  const memoryReservationBytes = size(options.memoryReservation, 'memory reservation');
  if (memoryBytes !== undefined && memoryBytes < LEAST_MEMORY) {
    throw invalid('ERR_LIMIT', `Cannot limit memory to ${memoryBytes} bytes`, 'the least is 6m', 'give more');
  }
  if (memorySwapBytes !== undefined && memorySwapBytes !== Infinity) {
    if (memoryBytes === undefined) {
      throw invalid(
        'ERR_LIMIT',
        'Cannot limit memory and swap',
        'that is a sum, and memory alone has no limit',
        'limit memory as well (-m)',
      );
    }
    if (memorySwapBytes < memoryBytes) {
      throw invalid(
        'ERR_LIMIT',
        `Cannot limit memory and swap to ${memorySwapBytes} bytes`,
        `it is a sum, and memory alone may have ${memoryBytes}`,
        'give the same for no swap, more for some, -1 for no limit',
      );
    }
  }
  if (
    memoryBytes !== undefined &&
    memoryReservationBytes !== undefined &&
    memoryReservationBytes > memoryBytes
  ) {
    throw invalid(
      'ERR_LIMIT',
      `Cannot reserve ${memoryReservationBytes} bytes of memory`,
      `the limit is ${memoryBytes}`,
      'reserve less than the limit',
    );
  }
  const { cpus, cpuShares, pids, blkioWeight } = options;
  return {
    memoryBytes,
    // docker's default: as much swap as memory.
    memorySwapBytes: memorySwapBytes ?? (memoryBytes === undefined ? undefined : memoryBytes * 2),
    memoryReservationBytes,
    cpuQuotaUs: cpus === undefined || cpus === 0 ? undefined : quotaOf(cpus),
    cpuShares: given(cpuShares, (value) => checkRange('CPU shares', value, 2, 262_144)),
    cpusetCpus: cpuList('cpuset-cpus', options.cpusetCpus),
    cpusetMems: cpuList('cpuset-mems', options.cpusetMems),
    pids: given(pids, (value) =>
      value === -1 ? Infinity : checkRange('limit of processes', value, 1, 2 ** 22),
    ),
    blkioWeight: given(blkioWeight, (value) => checkRange('block I/O weight', value, 10, 1000)),
  };
}

function given<T>(value: number | undefined, check: (value: number) => T): T | undefined {
  return value === undefined || value === 0 ? undefined : check(value);
}

function size(value: Size | undefined, what: string): number | undefined {
  if (value === undefined) return undefined;
  if (value === -1 || value === '-1') return Infinity;
  const bytes = parseSize(value, what);
  return bytes === 0 ? undefined : bytes;
}

function quotaOf(cpus: number): number {
  const most = availableParallelism();
  if (cpus >= 0.01 && cpus <= most) return Math.round(cpus * PERIOD_US);
  throw invalid('ERR_RANGE', `Cannot give the container ${cpus} CPUs`, `there are 0.01 … ${most}`);
}

function cpuList(option: string, text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined;
  if (parseList(text) !== undefined) return text;
  throw invalid(
    'ERR_LIMIT',
    `Cannot take ${option} ${quote(text)}`,
    'it is no list of numbers',
    'write it as 0-2,5',
  );
}

/** cpuset(7), "List format". */
export function parseList(text: string): Set<number> | undefined {
  const numbers = new Set<number>();
  for (const part of text.trim().split(',')) {
    const [, first, last = first] = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part) ?? [];
    if (first === undefined || Number(first) > Number(last)) return undefined;
    for (let each = Number(first); each <= Number(last); each++) numbers.add(each);
  }
  return numbers;
}
