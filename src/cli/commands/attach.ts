import { defineCommand } from '../command.js';
import { containerStore } from './each-container.js';
import { invalid } from '../../errors.js';

const group = 'Options';

/** `warren attach`. */
export const attachCommand = defineCommand({
  name: 'attach',
  summary: 'Join a running container: its output from now on, its input, its signals, its exit code.',
  usage: ['[OPTIONS] CONTAINER'],
  options: {
    'no-stdin': { kind: 'flag', help: 'do not pass standard input on', group },
    'detach-keys': {
      kind: 'value',
      placeholder: 'KEYS',
      help: 'what leaves the container while it runs (default ctrl-p,ctrl-q)',
      group,
    },
    'sig-proxy': { kind: 'flag', help: 'pass signals on to it (default true)', group },
  },
  notes: `
Any number may be attached at once. Input goes nowhere unless the container was made with -i.`,
  async run(parsed) {
    const [name, ...others] = [...parsed.operands, ...(parsed.afterDashes ?? [])];
    if (name === undefined || others.length > 0) {
      throw invalid(
        'ERR_USAGE',
        'Cannot attach',
        name === undefined ? 'no container was named' : 'more than one container is named',
        'write: warren attach [OPTIONS] CONTAINER; see which run: warren ps',
      );
    }
    const container = await (await containerStore()).find(name);
    const { record } = container;
    const tty = record.options.tty ?? false;
    const interactive = record.openStdin && parsed.values['no-stdin'] !== true;
    const { attend } = await import('../foreground.js');
    const { attended } = await import('../attended.js');
    const { parseDetachKeys } = await import('../detach-keys.js');
    const detachKeys = parseDetachKeys(parsed.values['detach-keys']);
    return attend(
      async () =>
        attended(container, await container.attach(), {
          interactive,
          tty,
          detachKeys,
          signalProxy: parsed.values['sig-proxy'] ?? true,
        }),
      [],
      {},
      { interactive, tty },
    );
  },
});
