import { readFileSync } from 'node:fs';
import { invalid } from '../../errors.js';
import { defineCommand } from '../command.js';
import { STDOUT, writeText } from '../output.js';

/** `warren top`. */
export const topCommand = defineCommand({
  name: 'top',
  summary: 'Show the processes of a container, as the host sees them.',
  usage: ['[OPTIONS] CONTAINER [COLUMN,…]'],
  options: { json: { kind: 'flag', help: 'print one JSON array', group: 'Options' } },
  stopAtOperand: true,
  notes: `
Columns are those of ps -ef, or those that are named as for ps -o: uid, pid, ppid, c, stime, tty, time, cmd,
comm, args, state, nlwp, rss, vsz (both in KiB), pcpu. Ids are the host's; ps(1) is not run.

Examples:
  warren top web
  warren top web -o pid,rss,comm`,
  async run({ values, operands, afterDashes = [] }) {
    const [name, ...words] = [...operands, ...afterDashes];
    if (name === undefined) {
      throw invalid(
        'ERR_USAGE',
        'Cannot show processes',
        'no container is named',
        'write: warren top CONTAINER',
      );
    }
    const { topColumns, topTable, userNames } = await import('../views/top.js');
    const json = values.json === true || words.includes('--json');
    const columns = topColumns(words.filter((word) => word !== '--json'));
    const { openContainers } = await import('../../containers/store.js');
    const { readContainerProcesses } = await import('../../containers/processes.js');
    const processes = readContainerProcesses((await openContainers().find(name)).snapshot());
    const text = json
      ? `${JSON.stringify(processes)}\n`
      : topTable(processes, columns, { nowMs: Date.now(), userName: userNames(hostPasswd()) });
    writeText(STDOUT, text);
    return 0;
  },
});

/** Without one there are only numbers. */
function hostPasswd(): string {
  try {
    return readFileSync('/etc/passwd', 'utf8');
  } catch {
    return '';
  }
}
