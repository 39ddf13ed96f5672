import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerStore } from '../../containers/store.js';
import type { ContainerSnapshot } from '../../containers/record.js';
import type { ContainerStats } from '../../containers/stats.js';
import type { StatsEntry } from '../views/stats.js';
import { defineCommand } from '../command.js';
import { isTerminal, STDOUT } from '../output.js';

const INTERVAL_MS = 1000;
/** Between the two readings that a share of the processor needs. */
const ONCE_MS = 500;

/** `warren stats`. */
export const statsCommand = defineCommand({
  name: 'stats',
  summary: 'Show what containers use: processor, memory, network, disks, processes.',
  usage: ['[OPTIONS] [CONTAINER…]'],
  options: {
    all: { kind: 'flag', short: 'a', help: 'also those that do not run', group: 'Options' },
    'no-stream': { kind: 'flag', help: 'once, instead of every second', group: 'Options' },
    format: {
      kind: 'value',
      placeholder: 'TEMPLATE',
      complete: ['table', 'json'],
      help: "a Go template, 'table TEMPLATE', table or json (an object a line, as docker's)",
      group: 'Options',
    },
    json: { kind: 'flag', help: 'print one JSON array a reading, numbers in bytes', group: 'Options' },
    'no-trunc': { kind: 'flag', help: 'ids in full', group: 'Options' },
  },
  notes: `
CPU % is of one processor: two busy ones are 200%. Memory leaves out page cache that would be given up first.
-- stands for what is not counted here, such as the traffic of a container in the host's network.

Fields of templates: .Container .ID .Name .CPUPerc .MemUsage .MemPerc .NetIO .BlockIO .PIDs`,
  async run({ values, operands, afterDashes = [] }) {
    const names = [...operands, ...afterDashes];
    const { openContainers } = await import('../../containers/store.js');
    const { rowPrinter } = await import('../format/rows.js');
    const { statsLayout, statsObject, statsRow } = await import('../views/stats.js');
    const { OutputStream } = await import('../format/stream.js');
    const printer = rowPrinter(values.format, statsLayout);
    const store = openContainers();
    const look = await chooser(store, names, values.all ?? false);
    const readings = await readingsOf(look);
    const text = (entries: readonly StatsEntry[]): string =>
      values.json === true
        ? `${JSON.stringify(entries.map(statsObject))}\n`
        : printer.print(entries.map((entry) => statsRow(entry, values['no-trunc'] ?? false)));
    const isTable = printer.isTable && values.json !== true;

    const output = new OutputStream();
    try {
      readings();
      if (!(await pause(ONCE_MS, output.signal))) return 0;
      if (values['no-stream'] === true) {
        output.write(text(readings()));
        return 0;
      }
      const redraws = isTable && (await isTerminal(STDOUT));
      if (redraws) output.write('\u001b[2J');
      for (let first = true; ; first = false) {
        const printed = text(readings());
        if (redraws) output.write(redraw(printed));
        else output.write(isTable && !first ? printed.slice(printed.indexOf('\n') + 1) : printed);
        if (!(await pause(INTERVAL_MS, output.signal))) return 0;
      }
    } finally {
      output.close();
    }
  },
});

/** What is looked at: the named ones, else whatever there is each time. */
async function chooser(
  store: ContainerStore,
  names: readonly string[],
  all: boolean,
): Promise<() => readonly ContainerSnapshot[]> {
  if (names.length > 0) {
    const handles = await Promise.all(names.map(async (name) => store.find(name)));
    const { WarrenError } = await import('../../errors.js');
    return () =>
      handles.flatMap((handle) => {
        try {
          return handle.snapshot();
        } catch (error) {
          // Removed meanwhile.
          if (error instanceof WarrenError && error.code === 'ERR_CONTAINER_NOT_FOUND') return [];
          throw error;
        }
      });
  }
  return () => store.listAll().containers.filter(({ status }) => all || status.pid !== 0);
}

/** Reads all that is chosen, each from its own last reading on. */
async function readingsOf(look: () => readonly ContainerSnapshot[]): Promise<() => StatsEntry[]> {
  const { readContainerStats } = await import('../../containers/stats.js');
  let previous = new Map<string, ContainerStats>();
  return () => {
    const entries = look().map((snapshot): StatsEntry => ({
      snapshot,
      stats: readContainerStats(snapshot, previous.get(snapshot.record.id)),
    }));
    previous = new Map(
      entries.flatMap(({ stats }) => (stats === undefined ? [] : [[stats.id, stats] as const])),
    );
    return entries;
  };
}

/** From the top, each line over the one before; what is left of the last time is cleared. */
function redraw(text: string): string {
  return `\u001b[H${text.replaceAll('\n', '\u001b[K\n')}\u001b[J`;
}

/** @returns False when it was called off. */
async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(ms, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}
