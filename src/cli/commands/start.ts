import { invalid } from '../../errors.js';
import { defineCommand } from '../command.js';
import { containerStore, eachContainer, namesOf } from './each-container.js';

const group = 'Options';

/** `warren start`. */
export const startCommand = defineCommand({
  name: 'start',
  summary: 'Start containers that do not run.',
  usage: ['[OPTIONS] CONTAINER…'],
  options: {
    attach: { kind: 'flag', short: 'a', help: 'stay with it: its output, its signals, its exit code', group },
    interactive: { kind: 'flag', short: 'i', help: 'pass standard input on to it', group },
    'detach-keys': {
      kind: 'value',
      placeholder: 'KEYS',
      help: 'what leaves the container while it runs (default ctrl-p,ctrl-q)',
      group,
    },
  },
  async run(parsed) {
    const names = namesOf('start', parsed);
    const { attach, interactive = false } = parsed.values;
    if (attach !== true && !interactive) {
      return eachContainer(names, async (container, name) => {
        await container.start();
        return name;
      });
    }
    const [name, ...others] = names;
    if (name === undefined || others.length > 0) {
      throw invalid(
        'ERR_USAGE',
        'Cannot attach to several containers',
        `${names.length} are named`,
        'start them without -a and -i, or one at a time',
      );
    }
    const { startAttended } = await import('../kept.js');
    const { parseDetachKeys } = await import('../detach-keys.js');
    const container = await (await containerStore()).find(name);
    return startAttended(container, {
      interactive,
      tty: container.record.options.tty ?? false,
      detachKeys: parseDetachKeys(parsed.values['detach-keys']),
      signalProxy: true,
    });
  },
});
