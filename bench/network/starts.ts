/** Whole containers, kept and removed at their end, with a network and without; podman's and docker's. */
import { join } from 'node:path';
import { openContainers, type CreateOptions } from '../../src/containers/index.js';
import { createNetwork } from '../../src/network/index.js';
import { measureThroughput, type Subject } from '../start/measure.js';
import { makeCommand } from '../life/command.js';
import type { Daemon } from '../life/daemon.js';
import { runProgram } from './run-program.js';

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
  /** With a network; undefined where it does not start. */
  readonly docker: Daemon | undefined;
}

/** The root file system as an image of podman and docker. */
export function packRoot({ scratch, rootfs }: Pick<Surroundings, 'scratch' | 'rootfs'>): string {
  const tar = join(scratch, 'root.tar');
  runProgram('tar', ['-cf', tar, '-C', rootfs, '.']);
  return tar;
}

export async function measureStarts(
  surroundings: Surroundings,
  onStep: () => void,
): Promise<{ readonly rates: readonly Rate[]; readonly missing: readonly string[] }> {
  await createNetwork('starts', { subnets: ['10.107.0.0/20'] });
  const { rootfs, scratch, cgroupParent, seconds } = surroundings;
  // In memory: ext4 looks at each inode removed in the last half minute for every new one, and here are thousands.
  const store = openContainers('/run/starts');
  const onDisk = openContainers(join(scratch, 'state'));
  const ours = (name: string, options: CreateOptions, where = onDisk): Subject => ({
    name,
    async once() {
      const container = await where.run(['true'], { rootfs, cgroupParent, autoRemove: true, ...options });
      const { exitCode } = await container.wait();
      if (exitCode !== 0) throw new Error(`${name} ended with ${exitCode}`);
    },
  });
  const rates: Rate[] = [];
  const missing: string[] = [];
  const measure = async (make: () => Subject | Promise<Subject>, at: readonly number[]): Promise<void> => {
    try {
      const subject = await make();
      const found: number[] = [];
      for (const concurrency of at) {
        found.push(await measureThroughput(subject, concurrency, seconds));
        onStep();
      }
      rates.push({ name: subject.name, rates: found });
    } catch (error) {
      missing.push((error as Error).message.trim().slice(0, 300));
    }
  };
  for (const subject of [
    ours('kept container, `network: "none"`', { network: 'none' }),
    ours('**kept container in a network**', { networks: ['starts'] }),
    ours('the same, with a published port', { networks: ['starts'], publish: ['80'] }),
    ours('in a network, state directory in memory', { networks: ['starts'] }, store),
  ])
    await measure(() => subject, concurrencies);
  await measure(() => commandSubject(surroundings), [1, 8]);
  await measure(async () => podmanSubject(surroundings), [1, 8]);
  await measure(async () => dockerSubject(surroundings), [1, 8]);
  return { rates, missing };
}

function commandSubject({ scratch, rootfs, cgroupParent }: Surroundings): Subject {
  const warren = makeCommand(join(import.meta.dirname, '../../../warren'), [], scratch);
  const options = ['--rm', '--network', 'starts', '--rootfs', rootfs, '--cgroup-parent', cgroupParent];
  return { name: '`./warren run --rm`', once: async () => warren('run', ...options, '--', 'true') };
}

async function podmanSubject(surroundings: Surroundings): Promise<Subject> {
  const { scratch, cgroupParent } = surroundings;
  const podman = makeCommand(
    'podman',
    [
      ...['--root', join(scratch, 'podman'), '--runroot', join(scratch, 'podman.run')],
      ...['--storage-driver', 'overlay', '--cgroup-manager', 'cgroupfs', '--events-backend', 'none'],
      ...['--network-config-dir', join(scratch, 'podman.net'), '--runtime', 'runc', '--log-level', 'error'],
    ],
    scratch,
  );
  await podman('import', packRoot(surroundings), 'bench');
  await podman('network', 'create', '--subnet', '10.108.0.0/20', 'bench');
  const once = async (): Promise<void> => {
    const limits = ['--ulimit', 'host', '--cgroup-parent', cgroupParent];
    await podman('run', '--rm', '--network', 'bench', ...limits, 'bench', 'true');
  };
  await once();
  return { name: '`podman run --rm` (runc)', once };
}

async function dockerSubject(surroundings: Surroundings): Promise<Subject> {
  const { scratch, cgroupParent, docker: daemon } = surroundings;
  if (!daemon) throw new Error('dockerd does not start');
  const docker = makeCommand('docker', ['--host', daemon.host], scratch);
  await docker('import', packRoot(surroundings), 'bench');
  const once = async (): Promise<void> =>
    docker('run', '--rm', '--cgroup-parent', cgroupParent, 'bench', 'true');
  await once();
  return { name: '`docker run --rm`', once };
}
