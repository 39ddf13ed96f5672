/** docker's `--format` for commands that list something: a table, a table of one's own, one line a row, JSON. */
import {
  jsonText,
  parseTemplate,
  renderTemplate,
  templateFunctions,
  type Template,
  type TemplateFunction,
} from '../template/index.js';
import { formatTable } from './table.js';

/** Fields of a row by name; a function is a method of the template. */
export type Row = Readonly<Record<string, unknown>>;

export interface RowLayout {
  /** Headings of all fields that a row has. */
  readonly headings: Readonly<Record<string, string>>;
  /** The fields of the table that is printed without `--format`. */
  readonly columns: readonly string[];
}

/** How to print rows, made once; what is wrong with a template is said before anything is looked at. */
export interface RowPrinter {
  /** A table with a heading line: its rows may be printed again without it. */
  readonly isTable: boolean;
  print(rows: readonly Row[]): string;
}

/**
 * @param format `table`, `table TEMPLATE`, `json`, or a template; default `table`. `\t` and `\n` in a template are tab and
 *   newline.
 * @throws {WarrenError} `ERR_TEMPLATE`.
 */
export function rowPrinter(format: string | undefined, layout: RowLayout): RowPrinter {
  const { headings, columns } = layout;
  if (format === undefined || format === 'table' || format === '') {
    const heading = columns.map((name) => headings[name] ?? name);
    return {
      isTable: true,
      print: (rows) => formatTable([heading, ...rows.map((row) => columns.map((name) => String(row[name])))]),
    };
  }
  if (format === 'json')
    return { isTable: false, print: (rows) => rows.map((row) => `${jsonText(row)}\n`).join('') };
  const isTable = format.startsWith('table ');
  const template = parseTemplate(isTable ? format.slice('table '.length).trim() : format, {
    functions: Object.keys(templateFunctions),
    escapes: true,
  });
  if (!isTable) {
    return {
      isTable: false,
      print: (rows) => rows.map((row) => `${renderTemplate(template, row)}\n`).join(''),
    };
  }
  return {
    isTable: true,
    print: (rows) => {
      const lines = [heading(template, headings), ...rows.map((row) => renderTemplate(template, row))];
      return formatTable(lines.flatMap((text) => text.split('\n').map((line) => line.split('\t'))));
    },
  };
}

/** The same template with the headings in place of the values: functions leave them as they are. */
function heading(template: Template, headings: Readonly<Record<string, string>>): string {
  const row = { ...headings, Label: labelHeading };
  return renderTemplate(template, row, headingFunctions);
}

/** `com.example.some-tier` is headed `SOME TIER`. */
function labelHeading(...[name]: readonly unknown[]): string {
  const last = (typeof name === 'string' ? name : 'LABEL').split('.').at(-1) ?? '';
  return last.replace(/[-_]/g, ' ').toUpperCase();
}

function given(at: number): TemplateFunction {
  return { least: 0, most: Infinity, call: (...args) => args[at] };
}

const headingFunctions: Readonly<Record<string, TemplateFunction>> = {
  ...templateFunctions,
  json: given(0),
  join: given(0),
  split: given(0),
  upper: given(0),
  lower: given(0),
  title: given(0),
  pad: given(0),
  truncate: given(0),
  slice: given(0),
  index: given(0),
  len: given(0),
};
