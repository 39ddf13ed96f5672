import { invalid } from '../../errors.js';
import { defineCommand } from '../command.js';
import { STDOUT, writeText } from '../output.js';

/** `warren gc`. */
export const gcCommand = defineCommand({
  name: 'gc',
  summary: 'Remove what killed containers have left; never what is alive.',
  usage: ['[OPTIONS]'],
  options: {
    json: {
      kind: 'flag',
      help: 'print one JSON object: what was removed, what would not go',
      group: 'Options',
    },
  },
  notes: `
Control groups whose launcher or monitor was killed, with what still runs in them; containers that were being made or
removed; names that lead nowhere; containers of --rm that have ended. Most of it is also removed by the next start.`,
  async run({ values, operands, afterDashes = [] }) {
    if (operands.length + afterDashes.length > 0)
      throw invalid('ERR_USAGE', 'Cannot collect garbage', 'it takes no operands', 'write: warren gc');
    const { openContainers } = await import('../../containers/store.js');
    const { removed, kept } = await openContainers().collectGarbage();
    if (values.json === true) {
      writeText(STDOUT, `${JSON.stringify({ removed, kept })}\n`);
    } else {
      const lines = [
        ...removed.map((path) => `removed ${path}`),
        ...kept.map((path) => `cannot remove ${path}`),
      ];
      writeText(STDOUT, `${(lines.length === 0 ? ['nothing to remove'] : lines).join('\n')}\n`);
    }
    return kept.length === 0 ? 0 : 1;
  },
});
