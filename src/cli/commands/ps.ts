import { invalid, quote } from '../../errors.js';
import { defineCommand } from '../command.js';
import { STDERR, STDOUT, writeText } from '../output.js';
import { parseInteger } from '../values.js';

/** `warren ps`. */
export const psCommand = defineCommand({
  name: 'ps',
  summary: 'List containers.',
  usage: ['[OPTIONS]'],
  options: {
    all: { kind: 'flag', short: 'a', help: 'also those that do not run', group: 'Which' },
    filter: {
      kind: 'list',
      short: 'f',
      placeholder: 'KEY=VALUE',
      complete: ['id=', 'name=', 'label=', 'status=', 'exited=', 'before=', 'since=', 'ancestor='],
      help: 'id, name (part of it, or a regular expression), label=NAME[=VALUE], status, exited=CODE, before, since, ancestor=ROOTFS',
      group: 'Which',
    },
    last: {
      kind: 'value',
      short: 'n',
      placeholder: 'N',
      help: 'the N newest ones, whatever their state',
      group: 'Which',
    },
    latest: { kind: 'flag', short: 'l', help: 'the newest one, whatever its state', group: 'Which' },
    format: {
      kind: 'value',
      placeholder: 'TEMPLATE',
      complete: ['table', 'json'],
      help: "a Go template, 'table TEMPLATE', table or json (an object a line, as docker's)",
      group: 'How',
    },
    json: { kind: 'flag', help: 'print one JSON array', group: 'How' },
    'no-trunc': { kind: 'flag', help: 'ids, commands and mounts in full', group: 'How' },
    quiet: { kind: 'flag', short: 'q', help: 'ids only', group: 'How' },
  },
  notes: `
Fields of templates: .ID .Names .Image .Command .CreatedAt .RunningFor .Ports .State .Status .Size .Labels
.Mounts .Networks .LocalVolumes, and .Label "NAME".

Examples:
  warren ps -a --filter status=exited --filter label=tier=web
  warren ps --format 'table {{.Names}}\\t{{.Status}}'
  warren rm $(warren ps -aq)`,
  async run({ values, operands, afterDashes = [] }) {
    const [word] = [...operands, ...afterDashes];
    if (word !== undefined) {
      throw invalid(
        'ERR_USAGE',
        `Cannot list ${quote(word)}`,
        'ps takes no operands',
        `write: warren ps --filter name=${word}`,
      );
    }
    const { openContainers } = await import('../../containers/store.js');
    const { parseContainerFilters } = await import('../../containers/filter.js');
    const { readEndpoints } = await import('../../containers/inspect-network.js');
    const { rowPrinter } = await import('../format/rows.js');
    const { listLayout, listObject, listRow, selectContainers } = await import('../views/list.js');
    const printer = rowPrinter(values.format, listLayout);
    const last = values.latest === true ? 1 : values.last && parseInteger('last', values.last);
    const filters = parseContainerFilters(values.filter ?? []);
    const { containers, damaged } = openContainers().listAll();
    for (const { error } of damaged) writeText(STDERR, `warren: note: ${error.message}\n`);
    const found = selectContainers(containers, {
      all: values.all ?? false,
      // docker's -1 is "all".
      last: typeof last === 'number' && last >= 0 ? last : undefined,
      filters,
    });
    // Read once, and only where a row has a use for it.
    let places: ReturnType<typeof readEndpoints> | undefined;
    const style = {
      full: values['no-trunc'] ?? false,
      nowMs: Date.now(),
      places: () => (places ??= readEndpoints()),
    };
    if (values.json === true) {
      writeText(STDOUT, `${JSON.stringify(found.map((each) => listObject(each, style)))}\n`);
    } else if (values.quiet === true && (values.format === undefined || values.format === 'table')) {
      writeText(
        STDOUT,
        found.map(({ record }) => `${style.full ? record.id : record.id.slice(0, 12)}\n`).join(''),
      );
    } else {
      writeText(STDOUT, printer.print(found.map((each) => listRow(each, style))));
    }
    return 0;
  },
});
