/**
 * What a start costs, next to others' in the same run. Prints Markdown; says how far it is on standard error.
 *
 *   npm run bench -- start [--quick]
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { measureGrowth } from './growth.js';
import { measureRounds, measureThroughput } from './measure.js';
import { report, type ThroughputRow } from './report.js';
import { makeRootfs } from './rootfs.js';
import { makeSubjects } from './subjects.js';

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const effort = values.quick
  ? { rounds: 30, warmUp: 5, seconds: 0.5, starts: 1000 }
  : { rounds: 300, warmUp: 30, seconds: 4, starts: 10_000 };
const concurrencies = [1, 8, 32];
const growthConcurrency = 8;

// build-bench/bench/start/main.js
const checkout = resolve(import.meta.dirname, '../../..');
// scripts/bench.sh removes what is in $TMPDIR, also when this process is killed.
const scratch = mkdtempSync(join(tmpdir(), 'start-'));
const say = (text: string): void => void process.stderr.write(text);

try {
  const rootfs = makeRootfs(join(scratch, 'root'));
  compile('bench/peers/minimal.c', join(scratch, 'minimal'));
  const subjects = await makeSubjects({ scratch, rootfs, checkout });
  try {
    const { rounds, warmUp, seconds, starts } = effort;
    say(`bench: ${subjects.all.length} subjects, ${rounds} rounds `);
    const summaries = await measureRounds(subjects.all, {
      rounds,
      warmUp,
      onRound: (done) => {
        if (done % (rounds / 10) === 0) say('.');
      },
    });
    say('\nbench: starts per second ');
    const throughput: ThroughputRow[] = [];
    for (const subject of [subjects.ours, subjects.host, ...subjects.peers]) {
      const rates: number[] = [];
      for (const concurrency of concurrencies) {
        rates.push(await measureThroughput(subject, concurrency, seconds));
        say('.');
      }
      throughput.push({ name: subject.name, rates });
    }
    say(`\nbench: growth over ${starts} starts\n`);
    const growth = await measureGrowth(subjects.ours, starts, growthConcurrency);
    process.stdout.write(
      report({
        command: `npm run bench -- start${values.quick ? ' --quick' : ''}`,
        rounds,
        warmUp,
        summaries,
        ours: subjects.ours.name,
        concurrencies,
        throughput,
        growth,
        growthConcurrency,
        missing: subjects.missing,
      }),
    );
  } finally {
    subjects.cleanUp();
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function compile(source: string, output: string): void {
  const { status, stderr } = spawnSync('cc', ['-O2', '-static', '-o', output, join(checkout, source)], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`cannot compile ${source}: ${stderr}`);
}
