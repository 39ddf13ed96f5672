import { WarrenError, invalid } from '../../errors.js';
import { defineCommand } from '../command.js';
import { formatError, wantedStyle } from '../errors.js';
import { hasColor, STDERR, STDOUT, writeText } from '../output.js';

/** `warren inspect`. */
export const inspectCommand = defineCommand({
  name: 'inspect',
  summary: 'Show all that is known of containers.',
  usage: ['[OPTIONS] CONTAINER…'],
  options: {
    format: {
      kind: 'value',
      short: 'f',
      placeholder: 'TEMPLATE',
      complete: ['json'],
      help: 'a Go template (default: JSON, indented; json: on one line)',
      group: 'Options',
    },
    json: { kind: 'flag', help: 'print one JSON array on one line', group: 'Options' },
  },
  notes: `
Names and nesting are those of docker inspect; what is not so here is not there. .Warren has what docker has
not: the monitor, the control groups, and the limits as the kernel has them now.

Examples:
  warren inspect -f '{{.State.Pid}}' web
  warren inspect -f '{{json .Config.Labels}}' web
  warren inspect -f '{{range .Mounts}}{{println .Source .Destination}}{{end}}' web`,
  async run({ values, operands, afterDashes = [] }, { env }) {
    const names = [...operands, ...afterDashes];
    if (names.length === 0) {
      throw invalid(
        'ERR_USAGE',
        'Cannot inspect',
        'no container is named',
        'write: warren inspect CONTAINER…',
      );
    }
    const { openContainers } = await import('../../containers/store.js');
    const { inspectRunning } = await import('../../containers/inspect.js');
    const { inspectPrinter } = await import('../views/inspect.js');
    const print = inspectPrinter(values.json === true ? 'json' : values.format);
    const store = openContainers();
    const found = [];
    const missing: WarrenError[] = [];
    for (const name of names) {
      try {
        found.push(inspectRunning((await store.find(name)).snapshot()));
      } catch (error) {
        if (!(error instanceof WarrenError)) throw error;
        missing.push(error);
      }
    }
    writeText(STDOUT, print(found));
    const style = { ...wantedStyle(env), color: missing.length > 0 && (await hasColor(STDERR)) };
    for (const error of missing) writeText(STDERR, formatError(error, style));
    return missing.length === 0 ? 0 : 1;
  },
});
