/** What stands for a container where only its network is measured. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';

export interface Box {
  /** As a container's. */
  readonly id: string;
  readonly pid: number;
  end(): Promise<void>;
}

/** A process in an empty network namespace of its own. */
export async function makeBox(): Promise<Box> {
  const holder = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up && echo ready && exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(holder, 'exit');
  const early = ended.then(() => {
    throw new Error('unshare ended');
  });
  await Promise.race([once(holder.stdout, 'data'), early]);
  early.catch(() => undefined);
  return {
    id: newId(),
    pid: holder.pid ?? 0,
    async end() {
      holder.stdin.end();
      await ended;
    },
  };
}

export function newId(): string {
  return randomBytes(32).toString('hex');
}
