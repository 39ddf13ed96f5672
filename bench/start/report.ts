import { readFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import type { Footprint } from './growth.js';
import type { Summary } from './measure.js';

export interface ThroughputRow {
  readonly name: string;
  /** Starts per second, one for each of `concurrencies`. */
  readonly rates: readonly number[];
}

export interface Results {
  readonly command: string;
  readonly rounds: number;
  readonly warmUp: number;
  readonly summaries: readonly Summary[];
  /** The name that the ratios refer to. */
  readonly ours: string;
  readonly concurrencies: readonly number[];
  readonly throughput: readonly ThroughputRow[];
  readonly growth: readonly Footprint[];
  readonly growthConcurrency: number;
  readonly missing: readonly string[];
}

/** The results as Markdown, with what is needed to repeat them. */
export function report(results: Results): string {
  const { summaries, ours, concurrencies, throughput, growth, missing } = results;
  const base = summaries.find(({ name }) => name === ours)?.medianMs ?? NaN;
  return [
    `${new Date().toISOString().slice(0, 10)}, Linux ${release()}, ${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, Node ${process.version}, load ${load()} at the end: \`${results.command}\``,
    `Start → exit of a static \`true\`, ${results.rounds} rounds in shuffled order after ${results.warmUp} to warm up:`,
    table(
      ['', 'median ms', 'p95', 'min', 'ratio'],
      summaries.map(({ name, medianMs, p95Ms, minMs }) => [
        name === ours ? `**${name}**` : name,
        ...[medianMs, p95Ms, minMs, medianMs / base].map((value) => value.toFixed(2)),
      ]),
    ),
    'Starts per second, so many at a time:',
    table(
      ['', ...concurrencies.map(String)],
      throughput.map(({ name, rates }) => [name, ...rates.map((rate) => rate.toFixed(0))]),
    ),
    `What the process holds after so many starts of the default container, ${results.growthConcurrency} at a time, after garbage collection:`,
    table(
      ['starts', 'RSS kB', 'heap kB', 'descriptors', 'children, zombies included', 'host mounts'],
      growth.map(({ starts, rssKb, heapKb, descriptors, children, mounts }) =>
        [starts, rssKb, heapKb, descriptors, children, mounts].map(String),
      ),
    ),
    ...(missing.length === 0 ? [] : [`Left out: ${missing.join('; ')}.`]),
    '',
  ].join('\n\n');
}

export function load(): string {
  return readFileSync('/proc/loadavg', 'latin1').split(' ')[0] ?? '';
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(head),
    line(head.map((_cell, index) => (index === 0 ? '---' : '---:'))),
    ...rows.map(line),
  ].join('\n');
}
