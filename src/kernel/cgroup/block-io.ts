import type { ReadCgroupFile } from './read.js';

export interface BlockTraffic {
  readonly readBytes: number;
  readonly writtenBytes: number;
}

/**
 * What a control group has read from and written to block devices.
 *
 * @returns undefined where the kernel does not count it.
 * @see the kernel's admin-guide/cgroup-v1/blkio-controller and cgroup-v2, "io.stat"
 */
export function readBlockTraffic(version: 1 | 2, read: ReadCgroupFile): BlockTraffic | undefined {
  if (version === 2) return sum(read('io.stat'), /\brbytes=(\d+)/g, /\bwbytes=(\d+)/g);
  // The scheduler's own counts are there only with BFQ; the throttle's are always there, and without "recursive" before 5.x.
  const files = ['blkio.throttle.io_service_bytes_recursive', 'blkio.throttle.io_service_bytes'];
  const text = files.map(read).find((each) => each !== undefined);
  return sum(text, /^\d+:\d+ Read (\d+)$/gm, /^\d+:\d+ Write (\d+)$/gm);
}

/** Page cache that is given up first: docker leaves it out of what a container uses. */
export function readInactiveFileBytes(version: 1 | 2, read: ReadCgroupFile): number {
  const name = version === 1 ? 'total_inactive_file' : 'inactive_file';
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(read('memory.stat') ?? '')?.[1] ?? 0);
}

function sum(text: string | undefined, reads: RegExp, writes: RegExp): BlockTraffic | undefined {
  if (text === undefined) return undefined;
  const total = (pattern: RegExp): number =>
    [...text.matchAll(pattern)].reduce((bytes, [, number]) => bytes + Number(number), 0);
  return { readBytes: total(reads), writtenBytes: total(writes) };
}
