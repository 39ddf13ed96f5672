import { invalid } from '../../errors.js';
import { defineCommand } from '../command.js';
import { STDOUT, writeText } from '../output.js';

/** `warren diff`. */
export const diffCommand = defineCommand({
  name: 'diff',
  summary: 'Show what a container has changed in its root.',
  usage: ['[OPTIONS] CONTAINER'],
  options: {
    json: { kind: 'flag', help: 'print one JSON array of objects with kind and path', group: 'Options' },
  },
  notes: `
A is a file or directory that was added, C one that was changed (a directory also when something in it was),
D one that was deleted. /etc/hosts, /etc/hostname and /etc/resolv.conf, which are written for each container, do
not count, nor do volumes.`,
  async run({ values, operands, afterDashes = [] }) {
    const [name, ...more] = [...operands, ...afterDashes];
    if (name === undefined || name === '' || more.length > 0)
      throw invalid(
        'ERR_USAGE',
        'Cannot show changes',
        'one container is to be named',
        'write: warren diff CONTAINER',
      );
    const { openContainers } = await import('../../containers/store.js');
    const { diffLayer } = await import('../../containers/diff.js');
    const rows: { kind: string; path: string }[] = [];
    const container = await openContainers().find(name);
    for (const { upper, lower, ...layer } of await container.layers()) {
      for await (const change of diffLayer(upper, lower, layer)) {
        if (values.json === true) rows.push(change);
        else writeText(STDOUT, `${change.kind} ${change.path}\n`);
      }
    }
    if (values.json === true) writeText(STDOUT, `${JSON.stringify(rows)}\n`);
    return 0;
  },
});
