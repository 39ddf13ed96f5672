import { escapeControls, isPlain } from '../template/quote.js';

/** docker's rule: a column is at least this wide, and as wide as its widest cell with the gap. */
const LEAST_WIDTH = 10;
const GAP = 3;

/**
 * Cells in columns, three spaces apart; the last of a row is not padded. What cannot be printed is escaped, so that
 * a label cannot move the cursor.
 *
 * @param rows The heading first.
 */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((cell) => escapeControls(cell)));
  const widths: number[] = [];
  for (const row of cells) {
    for (const [column, cell] of row.slice(0, -1).entries()) {
      widths[column] = Math.max(widths[column] ?? LEAST_WIDTH, lengthOf(cell) + GAP);
    }
  }
  return cells
    .map((row) => {
      const last = row.length - 1;
      const padded = row.map((cell, column) =>
        column === last ? cell : cell + ' '.repeat((widths[column] ?? 0) - lengthOf(cell)),
      );
      return `${padded.join('')}\n`;
    })
    .join('');
}

/** In characters, not in UTF-16 units. */
function lengthOf(text: string): number {
  return isPlain(text) ? text.length : Array.from(text).length;
}

/** Cut to a number of characters, the last of them `…`, where it is longer. */
export function ellipsis(text: string, most: number): string {
  if (text.length <= most) return text;
  const characters = Array.from(text);
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join('')}…`;
}

/** Of an id as it is shown: twelve digits. */
export function shortId(id: string): string {
  return id.slice(0, 12);
}
