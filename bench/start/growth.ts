import { readFileSync, readdirSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Subject } from './measure.js';

export interface Footprint {
  readonly starts: number;
  readonly rssKb: number;
  readonly heapKb: number;
  readonly descriptors: number;
  /** Children of this process that are still there, in whatever state: all have ended. */
  readonly children: number;
  /** Of the host's mount namespace. */
  readonly mounts: number;
}

/** What this process holds after so many starts, `concurrency` at a time; read five times, after a garbage collection. */
export async function measureGrowth(
  subject: Subject,
  starts: number,
  concurrency: number,
): Promise<Footprint[]> {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const footprint = (done: number): Footprint => {
    collectGarbage();
    collectGarbage();
    return { starts: done, ...look() };
  };
  const points = [footprint(0)];
  const part = Math.ceil(starts / 4);
  for (let done = 0; done < starts; done += part) {
    let left = Math.min(part, starts - done);
    const worker = async (): Promise<void> => {
      while (left-- > 0) await subject.once();
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
    // Handles are closed in the turn of the event loop after the last callback.
    await new Promise((resolve) => setImmediate(resolve));
    points.push(footprint(Math.min(done + part, starts)));
  }
  return points;
}

function look(): Omit<Footprint, 'starts'> {
  const { rss, heapUsed } = process.memoryUsage();
  return {
    rssKb: Math.round(rss / 1024),
    heapKb: Math.round(heapUsed / 1024),
    // Without the one that reads the directory.
    descriptors: readdirSync('/proc/self/fd').length - 1,
    children: readdirSync('/proc/self/task').reduce(
      (sum, task) => sum + words(readFileSync(`/proc/self/task/${task}/children`, 'latin1')).length,
      0,
    ),
    mounts: readFileSync('/proc/self/mountinfo', 'latin1').split('\n').length - 1,
  };
}

function words(text: string): string[] {
  return text.split(' ').filter((word) => word !== '');
}
