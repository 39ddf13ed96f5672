import { invalid } from '../../errors.js';
import { defineCommand } from '../command.js';
import { printLog } from '../log-printer.js';
import { presentTime } from '../time.js';
import { logsOptionTable, readLogsRequest } from './logs-request.js';

/** `warren logs`. */
export const logsCommand = defineCommand({
  name: 'logs',
  summary: 'Print what a container has written to its standard output and standard error.',
  usage: ['[OPTIONS] CONTAINER'],
  options: logsOptionTable,
  notes: `
A TIME is RFC 3339 (2026-01-31T08:30:00Z; 2026-01-31, in the local zone), seconds since 1970, or a length of time
before now (90s, 1h30m).

What was written to standard error is printed there, so each can be had alone: warren logs web 2>/dev/null
What Warren has to say about the log itself (lines that were lost) is printed on standard error as well.`,
  async run({ values, operands, afterDashes = [] }) {
    const [name, ...others] = [...operands, ...afterDashes];
    if (name === undefined || others.length > 0)
      throw invalid(
        'ERR_USAGE',
        'Cannot print logs',
        name === undefined ? 'no container is named' : 'more than one container is named',
        'write: warren logs [OPTIONS] CONTAINER',
      );
    const request = readLogsRequest(values, presentTime());
    const { openContainers } = await import('../../containers/store.js');
    await printLog(await openContainers().find(name), request);
    return 0;
  },
});
