/** Whole containers, kept and removed at their end, with a network and without; and podman's. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { openContainers, type CreateOptions } from '../../src/containers/index.js';
import { createNetwork } from '../../src/network/index.js';
import { measureThroughput, type Subject } from '../start/measure.js';
import { makeCommand } from '../life/command.js';

export interface Rate {
  readonly name: string;
  /** Starts per second, one for each of `concurrencies`. */
  readonly rates: readonly number[];
}

export const concurrencies = [1, 8, 32];

export interface Surroundings {
  readonly scratch: string;
  readonly rootfs: string;
  /** Of the containers' groups; its owner removes it. */
  readonly cgroupParent: string;
  readonly seconds: number;
}

export async function measureStarts(
  surroundings: Surroundings,
  onStep: () => void,
): Promise<{ readonly rates: readonly Rate[]; readonly missing: readonly string[] }> {
  await createNetwork('starts', { subnets: ['10.107.0.0/20'] });
  const { rootfs, scratch, cgroupParent, seconds } = surroundings;
  const store = openContainers(join(scratch, 'state'));
  const ours = (name: string, options: CreateOptions): Subject => ({
    name,
    async once() {
      const container = await store.run(['true'], { rootfs, cgroupParent, autoRemove: true, ...options });
      const { exitCode } = await container.wait();
      if (exitCode !== 0) throw new Error(`${name} ended with ${exitCode}`);
    },
  });
  const rates: Rate[] = [];
  for (const subject of [
    ours('kept container, `network: "none"`', { network: 'none' }),
    ours('**kept container in a network**', { networks: ['starts'] }),
    ours('the same, with a published port', { networks: ['starts'], publish: ['80'] }),
  ]) {
    const found: number[] = [];
    for (const concurrency of concurrencies) {
      found.push(await measureThroughput(subject, concurrency, seconds));
      onStep();
    }
    rates.push({ name: subject.name, rates: found });
  }
  const missing: string[] = [];
  try {
    const podman = await podmanSubject(surroundings);
    const found: number[] = [];
    for (const concurrency of [1, 8]) found.push(await measureThroughput(podman, concurrency, seconds));
    rates.push({ name: podman.name, rates: found });
  } catch (error) {
    missing.push(`podman: ${(error as Error).message.trim().slice(0, 300)}`);
  }
  return { rates, missing };
}

async function podmanSubject({ scratch, rootfs, cgroupParent }: Surroundings): Promise<Subject> {
  const podman = makeCommand(
    'podman',
    [
      ...['--root', join(scratch, 'podman'), '--runroot', join(scratch, 'podman.run')],
      ...['--storage-driver', 'overlay', '--cgroup-manager', 'cgroupfs', '--events-backend', 'none'],
      ...['--network-config-dir', join(scratch, 'podman.net'), '--runtime', 'runc', '--log-level', 'error'],
    ],
    scratch,
  );
  const tar = join(scratch, 'root.tar');
  const { status, stderr } = spawnSync('tar', ['-cf', tar, '-C', rootfs, '.'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  await podman('import', tar, 'bench');
  await podman('network', 'create', '--subnet', '10.108.0.0/20', 'bench');
  const once = async (): Promise<void> => {
    const limits = ['--ulimit', 'host', '--cgroup-parent', cgroupParent];
    await podman('run', '--rm', '--network', 'bench', ...limits, 'bench', 'true');
  };
  await once();
  return { name: '`podman run --rm` (runc)', once };
}
