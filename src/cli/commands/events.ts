import { invalid, quote } from '../../errors.js';
import { defineCommand } from '../command.js';
import { parseTime, presentTime } from '../time.js';

/** `warren events`. */
export const eventsCommand = defineCommand({
  name: 'events',
  summary: 'Print what happens to containers, as it happens.',
  usage: ['[OPTIONS]'],
  options: {
    since: {
      kind: 'value',
      placeholder: 'TIME',
      help: 'also what has happened since (2026-01-31T08:30:00Z, 1h30m ago, seconds since 1970)',
      group: 'Options',
    },
    until: {
      kind: 'value',
      placeholder: 'TIME',
      help: 'only what has happened until then, and end',
      group: 'Options',
    },
    filter: {
      kind: 'list',
      short: 'f',
      placeholder: 'KEY=VALUE',
      complete: ['container=', 'event=', 'type=container'],
      help: 'container=NAME|ID, event=ACTION, type=container',
      group: 'Options',
    },
    format: {
      kind: 'value',
      placeholder: 'TEMPLATE',
      complete: ['json'],
      help: "a Go template, or json (an object a line, as docker's)",
      group: 'Options',
    },
    json: { kind: 'flag', help: 'print one JSON object a line', group: 'Options' },
  },
  notes: `
Without --until it goes on until it is interrupted. With --until alone it begins with the first event.

Fields of templates: .Time .TimeNano .Type .Action .Status .ID .Scope .Actor.ID .Actor.Attributes.name`,
  async run({ values, operands, afterDashes = [] }) {
    const [word] = [...operands, ...afterDashes];
    if (word !== undefined) {
      throw invalid(
        'ERR_USAGE',
        `Cannot watch ${quote(word)}`,
        'events takes no operands',
        `write: warren events --filter container=${word}`,
      );
    }
    const { eventFilter, eventPrinter } = await import('../views/events.js');
    const print = eventPrinter(values.json === true ? 'json' : values.format);
    const wanted = eventFilter(values.filter ?? []);
    const now = presentTime();
    const until = values.until === undefined ? undefined : parseTime('until', values.until, now);
    const since = values.since === undefined ? undefined : parseTime('since', values.since, now);
    const { stateRoot } = await import('../../state-root.js');
    const { readEvents } = await import('../../containers/read-events.js');
    const { OutputStream } = await import('../format/stream.js');
    const output = new OutputStream();
    try {
      const events = readEvents(stateRoot(), {
        since: since ?? (until === undefined ? now : undefined),
        until,
        follow: until === undefined || until > now,
        signal: output.signal,
      });
      for await (const event of events) {
        if (wanted(event)) output.write(print(event));
        if (output.signal.aborted) break;
      }
    } finally {
      output.close();
    }
    return 0;
  },
});
