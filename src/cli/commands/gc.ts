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
Only a launcher that was killed leaves something: the control groups of its container. The next start with
limits removes them too.`,
  async run({ values, operands, afterDashes = [] }) {
    if (operands.length + afterDashes.length > 0)
      throw invalid('ERR_USAGE', 'Cannot collect garbage', 'it takes no operands', 'write: warren gc');
    const { collectGarbage } = await import('../../runtime/collect-garbage.js');
    const { removed, kept } = await collectGarbage();
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
