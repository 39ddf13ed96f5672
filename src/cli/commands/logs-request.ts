import type { LogsRequest } from '../log-printer.js';
import type { OptionValues } from '../options.js';
import { parseTime } from '../time.js';
import { badValue } from '../values.js';

export const logsOptionTable = {
  follow: {
    kind: 'flag',
    short: 'f',
    help: 'go on with what is written from now on, until the container ends',
    group: 'Options',
  },
  since: { kind: 'value', placeholder: 'TIME', help: 'only from then on', group: 'Options' },
  until: { kind: 'value', placeholder: 'TIME', help: 'only up to then', group: 'Options' },
  tail: {
    kind: 'value',
    short: 'n',
    placeholder: 'N|all',
    help: 'only the last N lines (of those that --since and --until leave)',
    group: 'Options',
  },
  timestamps: { kind: 'flag', short: 't', help: 'print the time before each line', group: 'Options' },
  json: {
    kind: 'flag',
    help: 'print one JSON object a line: time, stream, and text, or base64 where it is not UTF-8',
    group: 'Options',
  },
} as const;

/**
 * @param now Nanoseconds since 1970.
 * @throws {WarrenError} `ERR_OPTION_VALUE`.
 */
export function readLogsRequest(values: OptionValues<typeof logsOptionTable>, now: bigint): LogsRequest {
  const time = (option: 'since' | 'until'): bigint | undefined => {
    const text = values[option];
    return text === undefined ? undefined : parseTime(option, text, now);
  };
  return {
    follow: values.follow ?? false,
    since: time('since'),
    until: time('until'),
    tail: readTail(values.tail ?? 'all'),
    timestamps: values.timestamps ?? false,
    json: values.json ?? false,
  };
}

/** As docker does, takes a negative number for all. */
function readTail(text: string): number | undefined {
  if (text === 'all' || /^-\d+$/.test(text)) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw badValue('tail', text, 'it is neither a number of lines nor all', 'write for example --tail 100');
}
