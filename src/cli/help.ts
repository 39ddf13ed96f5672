import type { Command } from './command.js';
import type { OptionSpec, OptionTable } from './options.js';
import { isTerminal, STDOUT } from './output.js';

const WIDEST = 100;
const NARROWEST = 50;
/** Where the explanations begin; an option that is longer gets a line of its own. */
const COLUMN = 30;

export interface HelpStyle {
  /** Columns of text. */
  readonly width: number;
  readonly color: boolean;
}

/** The width to print help at: the terminal's, within reason. */
export async function helpWidth(env: NodeJS.ProcessEnv): Promise<number> {
  const told = Number(env['COLUMNS']);
  if (Number.isInteger(told) && told > 0) return clampWidth(told);
  if (!(await isTerminal(STDOUT))) return WIDEST;
  return clampWidth(process.stdout.columns);
}

function clampWidth(columns: number): number {
  return Math.min(WIDEST, Math.max(NARROWEST, columns));
}

/** The text of `warren NAME --help`. */
export function commandHelp(command: Command, style: HelpStyle): string {
  const lines = command.usage.map(
    (form, index) => `${index === 0 ? heading('Usage:', style) : '      '} warren ${command.name} ${form}`,
  );
  lines.push('', ...wrap(command.summary, style.width));
  for (const [group, options] of grouped(command.options)) {
    lines.push('', heading(`${group}:`, style));
    for (const [name, spec] of options) lines.push(...optionLines(name, spec, style.width));
  }
  if (command.notes !== undefined) lines.push('', command.notes.trim());
  return `${lines.join('\n')}\n`;
}

/** The text of `warren --help`. */
export function overviewHelp(
  commands: readonly { readonly name: string; readonly summary: string }[],
  style: HelpStyle,
): string {
  const lines = [
    `${heading('Usage:', style)} warren [--version | --help] COMMAND …`,
    '',
    'Linux containers from the system call up.',
    '',
    heading('Commands:', style),
  ];
  for (const { name, summary } of commands) lines.push(...columns(`  ${name}`, summary, 16, style.width));
  lines.push(
    '',
    'warren COMMAND --help tells more.',
    '',
    heading('Environment:', style),
    ...columns('  WARREN_DEBUG=1', 'print where an error was made, and what caused it', 20, style.width),
    ...columns('  WARREN_JSON=1', 'print errors as one JSON object', 20, style.width),
    ...columns('  NO_COLOR=1', 'print without colour', 20, style.width),
  );
  return `${lines.join('\n')}\n`;
}

function grouped(table: OptionTable): Map<string, [string, OptionSpec][]> {
  const groups = new Map<string, [string, OptionSpec][]>();
  for (const [name, spec] of Object.entries(table)) {
    const group = groups.get(spec.group) ?? [];
    group.push([name, spec]);
    groups.set(spec.group, group);
  }
  return groups;
}

function optionLines(name: string, spec: OptionSpec, width: number): string[] {
  const short = spec.short === undefined ? '    ' : `-${spec.short}, `;
  return columns(`  ${short}--${name}${valueForm(spec)}`, spec.help, COLUMN, width);
}

function valueForm(spec: OptionSpec): string {
  switch (spec.kind) {
    case 'flag':
      return '';
    case 'optional':
      return `[=${spec.placeholder}]`;
    case 'value':
    case 'list':
      return ` ${spec.placeholder}`;
  }
}

/** A term and its explanation, the latter wrapped beside it, or below it where the term is too long. */
function columns(term: string, text: string, column: number, width: number): string[] {
  const body = wrap(text, width - column);
  const indent = ' '.repeat(column);
  if (term.length + 2 > column) return [term, ...body.map((line) => indent + line)];
  return body.map((line, index) => (index === 0 ? term.padEnd(column) : indent) + line);
}

/** Breaks text at spaces into lines of at most `width` columns, where its words allow that. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines;
}

function heading(text: string, style: HelpStyle): string {
  return style.color ? `\u001b[1m${text}\u001b[22m` : text;
}
