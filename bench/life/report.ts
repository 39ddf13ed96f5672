import { cpus, release } from 'node:os';
import { load, table } from '../start/report.js';
import type { Crowd, ListTimes } from './many.js';
import { phases, type Phase, type PhaseSummary } from './measure.js';

export interface Results {
  readonly command: string;
  readonly rounds: number;
  readonly warmUp: number;
  readonly summaries: readonly PhaseSummary[];
  /** The names that the ratios refer to. */
  readonly references: readonly string[];
  readonly monitors: readonly { readonly name: string; readonly pssKb: number }[];
  readonly crowd: Crowd;
  readonly list: ListTimes;
  readonly versions: readonly string[];
  readonly missing: readonly string[];
}

const titles: Readonly<Record<Phase, string>> = {
  run: '`run -d` of a `sleep`, until it runs',
  exec: '`exec true`, to its exit',
  stop: '`stop -t 0`, until it has ended',
  remove: '`rm`',
};

/** The results as Markdown, with what is needed to repeat them. */
export function report(results: Results): string {
  const { command, rounds, warmUp, crowd, list, monitors, versions, missing } = results;
  return [
    `${new Date().toISOString().slice(0, 10)}, Linux ${release()}, ${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, Node ${process.version}, load ${load()} at the end: \`${command}\``,
    `Compared with ${versions.join('; ')}. No network; ${rounds} rounds in shuffled order after ${warmUp} to warm up, all of them in one run:`,
    ...phases.flatMap((phase) => [`${titles[phase]}:`, phaseTable(phase, results)]),
    'Memory of whoever stays with one container (PSS):',
    table(
      ['', 'kB'],
      monitors.map(({ name, pssKb }) => [name, pssKb.toFixed(0)]),
    ),
    `${crowd.count} containers alive at once, started by the library (medians of ${crowd.sample} starts), and the list of ${list.count} created ones (CPU time):`,
    table(
      ['', '', 'target'],
      [
        ['start, the first ones', `${crowd.firstMs.toFixed(2)} ms`, ''],
        ['start, the last ones', `${crowd.lastMs.toFixed(2)} ms`, ''],
        ['last / first', (crowd.lastMs / crowd.firstMs).toFixed(2), '≤ 1.5'],
        ['`exec()` of `true`, one after the other', `${crowd.execMs.toFixed(2)} ms`, '≤ 2 ms'],
        [
          'PSS each, monitor + command',
          `${crowd.monitorKb.toFixed(0)} + ${crowd.commandKb.toFixed(0)} kB`,
          '≤ 1 MB',
        ],
        ['taken from the machine each, kernel included', `${crowd.machineKb.toFixed(0)} kB`, ''],
        ['`create()`', `${list.createMs.toFixed(2)} ms`, ''],
        [
          `\`listAll()\` of ${list.count}`,
          `${list.libraryMs.toFixed(1)} ms`,
          list.count === 1000 ? '< 100 ms' : '',
        ],
        [`\`./warren ps -a\` of ${list.count}`, `${list.commandMs.toFixed(0)} ms`, ''],
        ['`./warren ps -a` of none', `${list.emptyCommandMs.toFixed(0)} ms`, ''],
      ],
    ),
    ...(missing.length === 0 ? [] : [`Left out: ${missing.join('; ')}.`]),
    '',
  ].join('\n\n');
}

function phaseTable(phase: Phase, { summaries, references }: Results): string {
  const rows = summaries.filter((summary) => summary.phase === phase);
  const bases = references.map((name) => rows.find((row) => row.name === name)?.medianMs ?? NaN);
  return table(
    ['', 'median ms', 'p95', 'min', ...references.map((name) => `÷ ${name}`)],
    rows.map(({ name, medianMs, p95Ms, minMs }) => [
      references.includes(name) ? `**${name}**` : name,
      ...[medianMs, p95Ms, minMs, ...bases.map((base) => medianMs / base)].map((value) => value.toFixed(2)),
    ]),
  );
}
