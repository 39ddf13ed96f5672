/** What `warren events` prints. */
import { invalid, quote } from '../../errors.js';
import { didYouMean } from '../../kernel/nearest.js';
import type { RecordedEvent } from '../../containers/read-events.js';
import {
  escapeControls,
  jsonText,
  parseTemplate,
  renderTemplate,
  templateFunctions,
} from '../template/index.js';
import { formatTime } from '../time.js';

const filterKeys = ['container', 'event', 'type'] as const;

/**
 * docker's `--filter`: values of one key are alternatives, every key must fit.
 *
 * @throws {WarrenError} `ERR_FILTER`.
 */
export function eventFilter(words: readonly string[]): (event: RecordedEvent) => boolean {
  const wanted = new Map<string, string[]>();
  for (const word of words) {
    const equals = word.indexOf('=');
    const key = word.slice(0, Math.max(0, equals));
    if (!(filterKeys as readonly string[]).includes(key) || equals === word.length - 1) {
      const near = didYouMean(key, filterKeys);
      throw invalid(
        'ERR_FILTER',
        `Cannot filter by ${quote(word)}`,
        equals < 0
          ? 'it is not KEY=VALUE'
          : equals === word.length - 1
            ? 'its value is empty'
            : 'there is no such filter',
        `${near === undefined ? '' : `${near} `}known are ${filterKeys.join(', ')}`,
      );
    }
    wanted.set(key, [...(wanted.get(key) ?? []), word.slice(equals + 1)]);
  }
  const [containers, events, types] = filterKeys.map((key) => wanted.get(key));
  return ({ id, action, attributes }) =>
    (containers?.some((text) => attributes['name'] === text.replace(/^\//, '') || isIdOf(text, id)) ??
      true) &&
    (events?.includes(action) ?? true) &&
    (types?.includes('container') ?? true);
}

function isIdOf(text: string, id: string): boolean {
  return /^[0-9a-f]+$/.test(text) && id.startsWith(text);
}

/**
 * @param format A template, or `json` for one object a line in docker's form; default: docker's line.
 * @throws {WarrenError} `ERR_TEMPLATE`.
 */
export function eventPrinter(format: string | undefined): (event: RecordedEvent) => string {
  if (format === undefined || format === '') return eventLine;
  if (format === 'json') return eventJson;
  const template = parseTemplate(format, { functions: Object.keys(templateFunctions), escapes: true });
  return (event) => `${renderTemplate(template, templateData(event))}\n`;
}

/** Values may hold anything that a label or a command may. */
function eventLine({ timeNs, id, action, attributes }: RecordedEvent): string {
  const words = sorted(attributes).map(([key, value]) => `${key}=${escapeControls(value)}`);
  return `${formatTime(timeNs)} container ${action} ${id}${words.length === 0 ? '' : ` (${words.join(', ')})`}\n`;
}

function eventJson({ timeNs, id, action, attributes }: RecordedEvent): string {
  const text = jsonText({
    status: action,
    id,
    Type: 'container',
    Action: action,
    Actor: { ID: id, Attributes: new Map(sorted(attributes)) },
    scope: 'local',
    time: Number(timeNs / 1_000_000_000n),
  });
  // More digits than a number of JavaScript holds.
  return `${text.slice(0, -1)},"timeNano":${timeNs}}\n`;
}

function templateData({ timeNs, id, action, attributes }: RecordedEvent): object {
  return {
    Status: action,
    ID: id,
    From: '',
    Type: 'container',
    Action: action,
    Actor: { ID: id, Attributes: new Map(sorted(attributes)) },
    Scope: 'local',
    Time: Number(timeNs / 1_000_000_000n),
    TimeNano: String(timeNs),
  };
}

function sorted(attributes: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1));
}
