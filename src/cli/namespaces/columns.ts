/** The columns of `warren ns ls`, and tables of them. */
import { invalid, quote } from '../../errors.js';
import type { Namespace, NamespaceHolder, NamespaceRelation } from '../../explore/namespaces/namespace.js';
import { didYouMean } from '../../kernel/nearest.js';

/** A namespace, and what only some columns need. */
export interface NamespaceRow {
  readonly namespace: Namespace;
  /** What the caller's network namespace calls it; undefined: no number yet, or not asked. */
  readonly netnsid?: number | undefined;
}

interface Column {
  readonly help: string;
  readonly right?: boolean;
  readonly text: (row: NamespaceRow) => string;
}

const columns = {
  ns: { help: 'inode: the number in net:[…]', right: true, text: ({ namespace }) => String(namespace.inode) },
  type: { help: 'user, mnt, pid, net, ipc, uts, cgroup or time', text: ({ namespace }) => namespace.type },
  nprocs: {
    help: 'how many processes are in it',
    right: true,
    text: ({ namespace }) => String(namespace.processes.length),
  },
  pid: {
    help: 'lowest pid in it',
    right: true,
    text: ({ namespace: { first } }) => orEmpty(first?.pid),
  },
  ppid: {
    help: 'parent of that process',
    right: true,
    text: ({ namespace: { first } }) => orEmpty(first?.ppid),
  },
  uid: {
    help: 'user of that process',
    right: true,
    text: ({ namespace: { first } }) => orEmpty(first?.uid),
  },
  age: {
    help: 'of the oldest process that is in it or holds it',
    right: true,
    text: ({ namespace: { ageSec } }) => (ageSec === undefined ? '' : age(ageSec)),
  },
  'held-by': {
    help: 'what keeps it besides its processes',
    text: ({ namespace }) => heldBy(namespace),
  },
  name: {
    help: 'where it is mounted',
    text: ({ namespace: { holders } }) => {
      const mounts = holders.filter((holder) => holder.kind === 'mount');
      return printable((mounts.find(({ here }) => here) ?? mounts[0])?.path ?? '');
    },
  },
  creator: {
    help: 'user who made the user namespace that it is, or that owns it',
    right: true,
    text: ({ namespace: { creatorUid } }) => orEmpty(creatorUid),
  },
  owner: {
    help: 'user namespace that owns it',
    right: true,
    text: ({ namespace: { owner } }) => relation(owner),
  },
  parent: {
    help: 'the PID or user namespace above it',
    right: true,
    text: ({ namespace: { parent } }) => relation(parent),
  },
  netnsid: {
    help: 'number that our network namespace has for it, as in link-netnsid',
    right: true,
    text: ({ netnsid }) => orEmpty(netnsid),
  },
  container: {
    help: 'container of that process, by its control group',
    text: ({ namespace: { container } }) =>
      container ? `${container.runtime}:${printable(container.id.slice(0, 12))}` : '',
  },
  command: {
    help: 'command line of that process',
    text: ({ namespace: { first } }) => printable(first?.command ?? ''),
  },
} as const satisfies Record<string, Column>;

export type ColumnName = keyof typeof columns;

const columnNames = Object.keys(columns) as ColumnName[];

export const defaultColumns: readonly ColumnName[] = [
  'ns',
  'type',
  'nprocs',
  'pid',
  'uid',
  'age',
  'container',
  'held-by',
  'command',
];

/** @throws {WarrenError} `ERR_OPTION_VALUE`. */
export function parseColumns(text: string): ColumnName[] {
  return text.split(',').map((word) => {
    const name = columnNames.find((each) => each === word.toLowerCase());
    if (name !== undefined) return name;
    throw invalid(
      'ERR_OPTION_VALUE',
      `Cannot take --columns ${quote(text)}`,
      `there is no column ${quote(word)}`,
      `${didYouMean(word, columnNames) ?? ''} see: warren ns ls --columns help`.trim(),
    );
  });
}

export function columnHelp(): string {
  return table(columnNames.map((name) => [name.toUpperCase(), columns[name].help]));
}

/** @param prefixes What a tree draws before the first column of each row. */
export function namespaceTable(
  rows: readonly NamespaceRow[],
  names: readonly ColumnName[],
  prefixes?: readonly string[],
): string {
  const head = names.map((name) => name.toUpperCase());
  const right = names.map((name, index) => {
    const column: Column = columns[name];
    return column.right === true && !(prefixes && index === 0);
  });
  const cells = rows.map((row, index) =>
    names.map((name, column) => `${column === 0 ? (prefixes?.[index] ?? '') : ''}${columns[name].text(row)}`),
  );
  return table([head, ...cells], right);
}

/** Columns side by side, the last one as long as it is. */
export function table(rows: readonly (readonly string[])[], right: readonly boolean[] = []): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  return rows
    .map((row) => {
      const padded = row.map((cell, index) => {
        const width = widths[index] ?? 0;
        return right[index] === true ? cell.padStart(width) : cell.padEnd(width);
      });
      return `${padded.join(' ').trimEnd()}\n`;
    })
    .join('');
}

/** Names and command lines are whatever somebody chose: what would move the cursor is shown as an escape. */
export function printable(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** One holder in words. */
export function holderText(holder: NamespaceHolder): string {
  switch (holder.kind) {
    case 'thread':
      return `thread ${holder.tid} of process ${holder.pid} (${printable(holder.command)})`;
    case 'next-child':
      return `the next child of process ${holder.pid} (${printable(holder.command)})`;
    case 'descriptor':
      return `descriptor ${holder.fd} of process ${holder.pid} (${printable(holder.command)})`;
    case 'socket':
      return `socket ${holder.fd} of process ${holder.pid} (${printable(holder.command)})`;
    case 'mount':
      return `mount ${printable(holder.path)}${holder.here ? '' : ` in mnt:[${holder.mountNamespace}]`}`;
    case 'child':
      return `parent of ${holder.type}:[${holder.inode}]`;
    case 'owned':
      return `owner of ${holder.type}:[${holder.inode}]`;
  }
}

const plurals: Readonly<Record<NamespaceHolder['kind'], readonly [one: string, many: string]>> = {
  thread: ['thread', 'threads'],
  'next-child': ['next child', 'next children'],
  descriptor: ['descriptor', 'descriptors'],
  socket: ['socket', 'sockets'],
  mount: ['mount', 'mounts'],
  child: ['child', 'children'],
  owned: ['owned', 'owned'],
};

/** The only holder in full, of more their numbers. What it owns is no news of a namespace that has processes. */
function heldBy({ holders, processes }: Namespace): string {
  const telling =
    processes.length === 0 ? holders : holders.filter(({ kind }) => kind !== 'owned' && kind !== 'child');
  const [only] = telling;
  if (only && telling.length === 1) return holderText(only);
  const counts = new Map<NamespaceHolder['kind'], number>();
  for (const { kind } of telling) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].map(([kind, count]) => `${count} ${plurals[kind][count === 1 ? 0 : 1]}`).join(', ');
}

export function relation(value: NamespaceRelation): string {
  return orEmpty(value);
}

function orEmpty(value: number | string | undefined): string {
  return value === undefined ? '' : String(value);
}

/** As `ps -o etime` is read: 5s, 12m, 3h, 40d. */
export function age(seconds: number): string {
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
