/** Who is compared: Warren's ways to start a command, and others'. */
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run, start, type StartOptions } from '../../src/index.js';
import type { Subject } from './measure.js';
import { writeBundle } from './oci-bundle.js';
import { carryOut, shortPlan } from './short-plan.js';

export interface Surroundings {
  /** A directory for what is made here; its owner removes it. */
  readonly scratch: string;
  readonly rootfs: string;
  /** The checkout: where `./warren` is. */
  readonly checkout: string;
}

export interface Subjects {
  readonly all: readonly Subject[];
  /** What is used for the ratios, the concurrent starts and the growth. */
  readonly ours: Subject;
  readonly host: Subject;
  readonly peers: readonly Subject[];
  /** What is left out, and why. */
  readonly missing: readonly string[];
  /** Removes what killed peers left. */
  cleanUp(): void;
}

interface Candidate extends Subject {
  /** What it says when it fails. */
  complaint?(): string;
}

const quiet = { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' } as const;

export async function makeSubjects({ scratch, rootfs, checkout }: Surroundings): Promise<Subjects> {
  const missing: string[] = [];
  const short = shortPlan(rootfs);
  const ours = library('library, default container', { rootfs });
  const host = library('library, default container, network host', { rootfs, network: 'host' });
  const bwrap = external('bwrap', [
    ...['--unshare-pid', '--unshare-net', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup'],
    ...['--bind', rootfs, '/', '--proc', '/proc', '--dev', '/dev', '/bin/true'],
  ]);
  const runtimes = join(scratch, 'runtimes');
  mkdirSync(runtimes);
  const runc = await runtime('runc', [], { runtimes, rootfs, cgroups: true });
  const crun = await runtime('crun', ['--cgroup-manager=disabled'], { runtimes, rootfs, cgroups: false });
  const candidates: Candidate[] = [
    {
      name: 'library, six namespaces + pivot_root + /proc (plan written by hand)',
      async once() {
        const code = await carryOut(short);
        if (code !== 0) throw failed(this.name, code);
      },
    },
    library('library, shortest by options (`rw`, unconfined)', {
      rootfs,
      rw: true,
      network: 'none',
      seccomp: 'unconfined',
      systemPathsUnconfined: true,
    }),
    ours,
    host,
    {
      name: 'library, `run()`: default container, output collected',
      async once() {
        await run(['true'], { rootfs });
      },
    },
    external(join(checkout, 'warren'), ['run', '--rootfs', rootfs, '--', 'true'], '`./warren run`'),
    external('node', ['-e', '0'], '`node -e 0`: what `./warren` cannot go below'),
    external(join(rootfs, 'bin/true'), [], '`true`, not isolated: what Node’s spawn costs'),
    external(join(scratch, 'minimal'), [rootfs, '/bin/true'], 'minimal C program'),
    external(
      'unshare',
      ['-muipnC', '--fork', `--root=${rootfs}`, '--mount-proc', '/bin/true'],
      '`unshare` (chroot)',
    ),
    bwrap,
    crun,
    runc,
  ];
  const all: Subject[] = [];
  for (const subject of candidates) {
    try {
      await subject.once();
      all.push(subject);
    } catch (error) {
      missing.push(subject.complaint?.() ?? (error as Error).message);
    }
  }
  return {
    all,
    ours,
    host,
    peers: [bwrap, runc].filter((peer) => all.includes(peer)),
    missing,
    cleanUp() {
      for (const name of readdirSync(runtimes).filter((each) => each.endsWith('.state'))) {
        const state = join(runtimes, name);
        for (const id of readdirSync(state))
          spawnSync(name.replace('.state', ''), ['--root', state, 'delete', '--force', id]);
      }
    },
  };
}

function library(name: string, options: StartOptions): Subject {
  return {
    name,
    async once() {
      const container = await start(['true'], { ...options, ...quiet });
      const { exitCode } = await container.wait();
      if (exitCode !== 0) throw failed(name, exitCode);
    },
  };
}

/** All others are started in the same manner, from this process, so that they pay the same for it. */
function external(
  file: string,
  args: readonly string[] | (() => readonly string[]),
  name = `\`${file}\``,
): Candidate {
  // Looked up once: Node's spawn would try every directory of PATH each time.
  const path = file.includes('/') ? file : (find(file) ?? file);
  const argv = typeof args === 'function' ? args : () => args;
  return {
    name,
    complaint() {
      const { error, stderr } = spawnSync(path, argv(), { encoding: 'utf8' });
      return `${name}: ${error?.message ?? stderr.trim()}`;
    },
    once: async () =>
      new Promise((resolve, reject) => {
        const child = spawn(path, argv(), { stdio: 'ignore' });
        child.once('error', reject);
        child.once('exit', (code, signal) => {
          if (code === 0) resolve();
          else reject(failed(name, code ?? signal));
        });
      }),
  };
}

async function runtime(
  name: string,
  flags: readonly string[],
  { runtimes, ...bundle }: { runtimes: string; rootfs: string; cgroups: boolean },
): Promise<Candidate> {
  const path = await writeBundle(join(runtimes, `${name}.bundle`), bundle);
  const state = join(runtimes, `${name}.state`);
  mkdirSync(state);
  let count = 0;
  return external(
    name,
    () => [...flags, '--root', state, 'run', '--bundle', path, `warren-bench-${process.pid}-${count++}`],
    `\`${name} run\``,
  );
}

export function find(program: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((directory) => join(directory, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

function failed(name: string, how: number | string | null | undefined): Error {
  return new Error(`${name} ended with ${how ?? 'nothing'}`);
}
