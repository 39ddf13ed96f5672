/** The commands that take containers by name and do one thing with them. */
import { WarrenError, invalid } from '../../errors.js';
import { parseSignal } from '../../kernel/signals.js';
import { defineCommand } from '../command.js';
import { STDOUT, writeText } from '../output.js';
import { parseInteger } from '../values.js';
import { containerStore, eachContainer, eachOf, namesOf } from './each-container.js';

const group = 'Options';
const timeOption = {
  kind: 'value',
  short: 't',
  aliases: ['timeout'],
  placeholder: 'SECONDS',
  help: 'how long it may take before it is killed; -1: as long as it likes (default: its own, else 10)',
  group,
} as const;
const signalOption = {
  kind: 'value',
  short: 's',
  placeholder: 'SIGNAL',
  complete: 'signal',
  help: 'the signal to send instead of its stop signal',
  group,
} as const;

function stopOptions(values: { readonly time?: string; readonly signal?: string }): {
  timeoutMs?: number;
  signal?: number;
} {
  const seconds = values.time === undefined ? undefined : parseInteger('time', values.time);
  return {
    ...(seconds === undefined ? {} : { timeoutMs: seconds < 0 ? -1 : seconds * 1000 }),
    // Once for all of them, and before anything is done.
    ...(values.signal === undefined ? {} : { signal: parseSignal(values.signal) }),
  };
}

export const stopCommand = defineCommand({
  name: 'stop',
  summary: 'Stop containers: their stop signal, then, after a grace, SIGKILL.',
  usage: ['[OPTIONS] CONTAINER…'],
  options: { time: timeOption, signal: signalOption },
  notes: `
The monitor of the container keeps the time: it ends also when this command is interrupted. A container that is stopped
is not started again by its restart policy.`,
  async run(parsed) {
    const options = stopOptions(parsed.values);
    return eachContainer(namesOf('stop', parsed), async (container, name) => {
      await container.stop(options);
      return name;
    });
  },
});

export const killCommand = defineCommand({
  name: 'kill',
  summary: 'Send a signal to containers.',
  usage: ['[OPTIONS] CONTAINER…'],
  options: { signal: { ...signalOption, help: 'name or number (default SIGKILL)' } },
  async run(parsed) {
    const { signal } = stopOptions({ ...parsed.values });
    return eachContainer(namesOf('kill', parsed), async (container, name) => {
      await container.kill(signal);
      return name;
    });
  },
});

export const restartCommand = defineCommand({
  name: 'restart',
  summary: 'Stop containers and start them again.',
  usage: ['[OPTIONS] CONTAINER…'],
  options: { time: timeOption, signal: signalOption },
  async run(parsed) {
    const options = stopOptions(parsed.values);
    return eachContainer(namesOf('restart', parsed), async (container, name) => {
      await container.restart(options);
      return name;
    });
  },
});

export const pauseCommand = defineCommand({
  name: 'pause',
  summary: 'Freeze all processes of containers.',
  usage: ['CONTAINER…'],
  options: {},
  async run(parsed) {
    return eachContainer(namesOf('pause', parsed), async (container, name) => {
      await container.pause();
      return name;
    });
  },
});

export const unpauseCommand = defineCommand({
  name: 'unpause',
  summary: 'Let paused containers go on.',
  usage: ['CONTAINER…'],
  options: {},
  async run(parsed) {
    return eachContainer(namesOf('unpause', parsed), async (container, name) => {
      await container.unpause();
      return name;
    });
  },
});

export const waitCommand = defineCommand({
  name: 'wait',
  summary: 'Wait until containers have ended, and print their exit codes.',
  usage: ['CONTAINER…'],
  options: {},
  async run(parsed) {
    return eachContainer(namesOf('wait', parsed), async (container) =>
      String((await container.wait()).exitCode),
    );
  },
});

export const rmCommand = defineCommand({
  name: 'rm',
  summary: 'Remove containers, and what they have written.',
  usage: ['[OPTIONS] CONTAINER…'],
  options: {
    force: {
      kind: 'flag',
      short: 'f',
      help: 'kill those that run; no error for those that are not there',
      group,
    },
    volumes: {
      kind: 'flag',
      short: 'v',
      help: 'remove their anonymous volumes too',
      group,
    },
  },
  async run(parsed) {
    const force = parsed.values.force ?? false;
    const store = await containerStore();
    return eachOf(namesOf('rm', parsed), async (name) => {
      try {
        await (await store.find(name)).remove({ force });
      } catch (error) {
        const code = error instanceof WarrenError ? error.code : '';
        if (!force || (code !== 'ERR_STATE_DAMAGED' && code !== 'ERR_CONTAINER_NOT_FOUND')) throw error;
        if (code === 'ERR_STATE_DAMAGED') await store.removeDamaged(name);
        else return undefined;
      }
      return name;
    });
  },
});

export const renameCommand = defineCommand({
  name: 'rename',
  summary: 'Give a container another name.',
  usage: ['CONTAINER NAME'],
  options: {},
  async run({ operands }) {
    const [from, to, ...more] = operands;
    if (from === undefined || to === undefined || more.length > 0) {
      throw invalid(
        'ERR_USAGE',
        'Cannot rename',
        'it takes a container and its new name',
        'write: warren rename CONTAINER NAME',
      );
    }
    const container = await (await containerStore()).find(from);
    await container.rename(to);
    return 0;
  },
});

export const pruneCommand = defineCommand({
  name: 'prune',
  summary: 'Remove all containers that do not run.',
  usage: ['[OPTIONS]'],
  options: {
    force: { kind: 'flag', short: 'f', help: 'do not ask', group },
    filter: {
      kind: 'list',
      placeholder: 'KEY=VALUE',
      help: 'only those with label=KEY[=VALUE], without it label!=…, or made until=TIME (24h: before that long ago)',
      group,
    },
    json: { kind: 'flag', help: 'print one JSON array of ids', group },
  },
  async run({ values, operands }) {
    if (operands.length > 0)
      throw invalid('ERR_USAGE', 'Cannot prune', 'it takes no operands', 'write: warren prune');
    const { parsePruneFilters } = await import('./prune-filter.js');
    const select = parsePruneFilters(values.filter ?? []);
    if (values.force !== true) {
      const which = (values.filter ?? []).length === 0 ? 'all containers' : 'the containers of the filter';
      await confirm(`This removes ${which} that do not run. Go on? [y/N] `);
    }
    const removed = await (await containerStore()).prune(select);
    writeText(
      STDOUT,
      values.json === true
        ? `${JSON.stringify(removed)}\n`
        : removed.length === 0
          ? 'nothing to remove\n'
          : `${removed.join('\n')}\n`,
    );
    return 0;
  },
});

/** @throws {WarrenError} `ERR_NOT_CONFIRMED` unless somebody at the terminal says yes. */
async function confirm(question: string): Promise<void> {
  const { isTerminal, STDIN } = await import('../output.js');
  const refuse = (why: string): Error =>
    invalid(
      'ERR_NOT_CONFIRMED',
      'Cannot remove the containers',
      why,
      'to do it without being asked: --force',
    );
  if (!(await isTerminal(STDIN))) throw refuse('there is nobody to ask: the input device is not a TTY');
  const { createInterface } = await import('node:readline/promises');
  const reader = createInterface({ input: process.stdin, output: process.stdout });
  try {
    if (!/^y(es)?$/i.test((await reader.question(question)).trim())) throw refuse('the answer was not yes');
  } finally {
    reader.close();
  }
}
