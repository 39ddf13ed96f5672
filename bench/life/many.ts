/** What many containers cost: the start of one more, and the list of all. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { DetachedContainer } from '../../src/containers/index.js';
import { availableMemory, pssOf } from './memory.js';
import { idle, type Surroundings } from './subjects.js';

export interface Crowd {
  readonly count: number;
  /** Of this many starts each, in ms. */
  readonly sample: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** Of `exec()` of `true`, one after the other, in the last of them. */
  readonly execMs: number;
  /** kB of PSS each: its monitor, and its command (a static `sleep`). */
  readonly monitorKb: number;
  readonly commandKb: number;
  /** By what the machine has less in all, in kB each: network namespaces, groups, mounts, page tables. */
  readonly machineKb: number;
}

const median = (times: readonly number[]): number =>
  [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? NaN;

/** Starts so many, leaves them alive, looks, and removes them. The first few are not counted. */
export async function measureCrowd(
  { store, rootfs, cgroupParent }: Surroundings,
  count: number,
  sample: number,
): Promise<Crowd> {
  const start = async (): Promise<DetachedContainer> =>
    store.run(idle, { rootfs, network: 'none', cgroupParent });
  const warm = [await start(), await start(), await start()];
  const containers: DetachedContainer[] = [];
  const times: number[] = [];
  const before = availableMemory();
  for (let index = 0; index < count; index++) {
    const began = performance.now();
    containers.push(await start());
    times.push(performance.now() - began);
  }
  const machineKb = (before - availableMemory()) / count;
  const execTimes: number[] = [];
  for (let index = -20; index < 4 * sample; index++) {
    const began = performance.now();
    await containers.at(-1)?.exec(['true']);
    if (index >= 0) execTimes.push(performance.now() - began);
  }
  const status = containers.map((container) => container.status());
  const mean = (pids: readonly number[]): number =>
    pids.reduce((sum, pid) => sum + pssOf(pid), 0) / pids.length;
  const crowd = {
    count,
    sample,
    firstMs: median(times.slice(0, sample)),
    lastMs: median(times.slice(-sample)),
    execMs: median(execTimes),
    monitorKb: mean(status.map(({ monitorPid }) => monitorPid)),
    commandKb: mean(status.map(({ pid }) => pid)),
    machineKb,
  };
  for (const container of [...warm, ...containers]) await container.remove({ force: true });
  return crowd;
}

export interface ListTimes {
  readonly count: number;
  readonly createMs: number;
  /** CPU time, the median, in ms. */
  readonly libraryMs: number;
  /** `./warren ps -a` as a whole process, Node's own start included. */
  readonly commandMs: number;
  readonly emptyCommandMs: number;
}

/** Of containers that were created and never started. */
export async function measureList(
  { store, rootfs, checkout }: Surroundings,
  count: number,
): Promise<ListTimes> {
  const command = join(checkout, 'warren');
  const emptyCommandMs = median(Array.from({ length: 7 }, () => commandCpuMs(command)));
  const containers: DetachedContainer[] = [];
  const began = performance.now();
  for (let index = 0; index < count; index++) containers.push(await store.create(idle, { rootfs }));
  const createMs = (performance.now() - began) / count;
  const list = (): number => {
    const start = process.cpuUsage();
    if (store.listAll().containers.length !== count) throw new Error('not all are listed');
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1000;
  };
  const libraryMs = median(Array.from({ length: 15 }, list));
  const commandMs = median(Array.from({ length: 7 }, () => commandCpuMs(command)));
  for (const container of containers) await container.remove();
  return { count, createMs, libraryMs, commandMs, emptyCommandMs };
}

/** User and system time, as the shell tells it of its children: `0m0.05s 0m0.01s`. */
function commandCpuMs(command: string): number {
  const { stdout } = spawnSync('sh', ['-c', '"$0" ps -a >/dev/null; times', command], { encoding: 'utf8' });
  const words = stdout.trim().split('\n')[1]?.split(' ') ?? [];
  return words.reduce((sum, word) => {
    const [minutes, seconds] = word.replace('s', '').split('m');
    return sum + (Number(minutes) * 60 + Number(seconds)) * 1000;
  }, 0);
}
