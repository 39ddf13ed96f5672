/**
 * What it costs to keep containers, next to others in the same run. Prints Markdown; says how far it is on standard error.
 *
 *   npm run bench -- life [--quick]
 *
 * Everything happens in mount, network and PID namespaces of its own, with a /run, a /dev/shm and a /var/lib of their own:
 * the servers of others, and whatever they leave, end with this process. Only control groups are the machine's; they are
 * removed here.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { openContainers } from '../../src/containers/index.js';
import { runInside } from '../inside.js';
import { makeRootfs } from '../start/rootfs.js';
import { startDaemon, type Daemon } from './daemon.js';
import { measureCrowd, measureList } from './many.js';
import { measureLives, type Subject } from './measure.js';
import { pidsOf, pssOf } from './memory.js';
import { report } from './report.js';
import {
  commandLineSubject,
  dockerSubject,
  librarySubject,
  podmanSubject,
  runtimeSubject,
  type Surroundings,
} from './subjects.js';

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
// Where others keep what no option of theirs moves elsewhere: /var/lib too.
await runInside('life', ['/run', '/dev/shm', '/var/lib'], measure);

async function measure(parent: string): Promise<void> {
  const effort = values.quick
    ? { rounds: 10, warmUp: 2, crowd: 100, listed: 200, sample: 20 }
    : { rounds: 100, warmUp: 10, crowd: 500, listed: 1000, sample: 50 };
  const say = (text: string): void => void process.stderr.write(text);
  // scripts/bench.sh removes what is in $TMPDIR, also when this process is killed.
  const scratch = mkdtempSync(join(tmpdir(), 'life-'));
  const surroundings: Surroundings = {
    scratch,
    rootfs: makeRootfs(join(scratch, 'root')),
    // build-bench/bench/life/main.js
    checkout: resolve(import.meta.dirname, '../../..'),
    store: openContainers(join(scratch, 'state')),
    cgroupParent: parent,
  };
  let daemon: Daemon | undefined;
  try {
    const tar = join(scratch, 'root.tar');
    symlinkSync('busybox', join(surroundings.rootfs, 'bin/sleep'));
    spawnSync('tar', ['-C', surroundings.rootfs, '-cf', tar, '.']);
    const missing: string[] = [];
    const subjects: Subject[] = [];
    const candidates: (() => Subject | Promise<Subject>)[] = [
      () => librarySubject(surroundings),
      () => commandLineSubject(surroundings),
      async () => runtimeSubject('crun', ['--cgroup-manager=disabled'], surroundings),
      async () => runtimeSubject('runc', [], surroundings),
      async () => podmanSubject(surroundings, tar),
      async () => dockerSubject(surroundings, tar, (daemon = await startDaemon(scratch))),
    ];
    const monitors: { name: string; pssKb: number }[] = [];
    const stayers = new Map([
      ['`podman` (runc)', 'conmon'],
      ['`docker`', 'containerd-shim-runc-v2'],
    ]);
    for (const make of candidates) {
      try {
        const subject = await make();
        await subject.run('first');
        const program = stayers.get(subject.name);
        const pids =
          subject.name === 'library'
            ? [(await surroundings.store.find('first')).status().monitorPid]
            : program === undefined
              ? []
              : pidsOf(program);
        for (const pid of pids) monitors.push({ name: program ?? 'Warren’s monitor', pssKb: pssOf(pid) });
        await subject.exec('first');
        await subject.stop('first');
        await subject.remove('first');
        subjects.push(subject);
      } catch (error) {
        missing.push((error as Error).message.replaceAll(scratch, '…'));
      }
    }
    if (subjects.length === 0) throw new Error(missing.join('; '));
    say(`bench: ${subjects.length} subjects, ${effort.rounds} rounds `);
    const summaries = await measureLives(subjects, effort.rounds, effort.warmUp, (done) => {
      if (done > 0 && done % (effort.rounds / 10) === 0) say('.');
    });
    await daemon?.stop();
    daemon = undefined;
    say(`\nbench: ${effort.crowd} containers alive at once\n`);
    const crowd = await measureCrowd(surroundings, effort.crowd, effort.sample);
    say(`bench: a list of ${effort.listed}\n`);
    const list = await measureList(surroundings, effort.listed);
    process.stdout.write(
      report({
        command: `npm run bench -- life${values.quick ? ' --quick' : ''}`,
        rounds: effort.rounds,
        warmUp: effort.warmUp,
        summaries,
        references: ['library', '`./warren`'],
        monitors,
        crowd,
        list,
        versions: ['podman', 'dockerd', 'runc', 'crun'].map(versionOf),
        missing,
      }),
    );
  } finally {
    for (const id of surroundings.store.ids()) await surroundings.store.removeDamaged(id);
    await daemon?.stop();
    rmSync(scratch, { recursive: true, force: true });
  }
}

function versionOf(program: string): string {
  const { error, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return error ? `no ${program}` : (stdout.split('\n')[0]?.split(', build')[0] ?? program);
}
