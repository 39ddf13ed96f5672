/** Who is compared: the library, the command line, and others. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ContainerStore } from '../../src/containers/index.js';
import { writeBundle } from '../start/oci-bundle.js';
import { makeCommand } from './command.js';
import type { Subject } from './measure.js';
import type { Daemon } from './daemon.js';

export interface Surroundings {
  /** A directory for what is made here; its owner removes it. */
  readonly scratch: string;
  readonly rootfs: string;
  /** The checkout: where `./warren` is. */
  readonly checkout: string;
  readonly store: ContainerStore;
  /** Below it everybody makes control groups. */
  readonly cgroupParent: string;
}

/** Long enough for any of it; none ends by itself. */
export const idle = ['/bin/sleep', '100000'];

export function librarySubject({ store, rootfs, cgroupParent }: Surroundings): Subject {
  const options = { rootfs, network: 'none', cgroupParent } as const;
  return {
    name: 'library',
    async run(name) {
      await store.run(idle, { ...options, name });
    },
    async exec(name) {
      await (await store.find(name)).exec(['true']);
    },
    async stop(name) {
      await (await store.find(name)).stop({ timeoutMs: 0 });
    },
    remove: async (name) => (await store.find(name)).remove(),
  };
}

export function commandLineSubject({
  scratch,
  rootfs,
  checkout,
  store,
  cgroupParent,
}: Surroundings): Subject {
  process.env['WARREN_STATE'] = store.root;
  const warren = makeCommand(join(checkout, 'warren'), [], scratch);
  return {
    name: '`./warren`',
    run: async (name) =>
      warren(
        'run',
        '-d',
        '--name',
        name,
        '--network',
        'none',
        '--cgroup-parent',
        cgroupParent,
        '--rootfs',
        rootfs,
        '--',
        ...idle,
      ),
    exec: async (name) => warren('exec', name, 'true'),
    stop: async (name) => warren('stop', '-t', '0', name),
    remove: async (name) => warren('rm', name),
  };
}

/** Podman keeps the limits of a caller only when told each; on the reference machine it may not raise them. */
const ulimits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'];

export async function podmanSubject({ scratch, cgroupParent }: Surroundings, tar: string): Promise<Subject> {
  const fixed = [
    ...['--root', join(scratch, 'podman'), '--runroot', join(scratch, 'podman.run')],
    ...['--storage-driver', 'overlay', '--cgroup-manager', 'cgroupfs', '--events-backend', 'none'],
    ...['--runtime', 'runc', '--log-level', 'error'],
  ];
  const podman = makeCommand('podman', fixed, scratch);
  await podman('import', tar, 'bench');
  return {
    name: '`podman` (runc)',
    run: async (name) =>
      podman(
        'run',
        '-d',
        '--name',
        name,
        '--network',
        'none',
        '--cgroup-parent',
        cgroupParent,
        ...ulimits,
        'bench',
        ...idle,
      ),
    exec: async (name) => podman('exec', name, 'true'),
    stop: async (name) => podman('stop', '-t', '0', name),
    remove: async (name) => podman('rm', name),
  };
}

export async function dockerSubject(
  { scratch, cgroupParent }: Surroundings,
  tar: string,
  daemon: Daemon,
): Promise<Subject> {
  const docker = makeCommand('docker', ['--host', daemon.host], scratch);
  await docker('import', tar, 'bench');
  return {
    name: '`docker`',
    run: async (name) =>
      docker(
        'run',
        '-d',
        '--name',
        name,
        '--network',
        'none',
        '--cgroup-parent',
        cgroupParent,
        'bench',
        ...idle,
      ),
    exec: async (name) => docker('exec', name, 'true'),
    stop: async (name) => docker('stop', '-t', '0', name),
    remove: async (name) => docker('rm', name),
  };
}

/** A runtime alone: it keeps no log, no monitor, no writable layer, and nobody waits for the end of the container. */
export async function runtimeSubject(
  program: 'runc' | 'crun',
  flags: readonly string[],
  { scratch, rootfs }: Surroundings,
): Promise<Subject> {
  const base = join(scratch, program);
  mkdirSync(base);
  const bundle = await writeBundle(join(base, 'bundle'), { rootfs, cgroups: program === 'runc', args: idle });
  mkdirSync(join(base, 'state'));
  const runtime = makeCommand(program, [...flags, '--root', join(base, 'state')], scratch);
  const pidFile = (name: string): string => join(base, `${name}.pid`);
  return {
    name: `\`${program}\` create + start`,
    async run(name) {
      await runtime('create', '--bundle', bundle, '--pid-file', pidFile(name), name);
      await runtime('start', name);
    },
    exec: async (name) => runtime('exec', name, 'true'),
    async stop(name) {
      await runtime('kill', name, 'KILL');
      const pid = readFileSync(pidFile(name), 'latin1');
      while (isAlive(pid)) await delay(1);
    },
    remove: async (name) => runtime('delete', name),
  };
}

function isAlive(pid: string): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}
