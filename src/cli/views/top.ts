/** What `warren top` prints of processes: the columns of `ps -ef`, and some more. */
import { invalid, quote } from '../../errors.js';
import { didYouMean } from '../../kernel/nearest.js';
import type { ContainerProcess } from '../../containers/processes.js';
import { formatTable } from '../format/table.js';

export interface TopSurroundings {
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /** Of the host, as ps(1) has it; a number stands for one that has no name. */
  readonly userName: (uid: number) => string;
}

type Column = (process: ContainerProcess, surroundings: TopSurroundings) => string;

/** By the words of `ps -o`. */
const columns: Readonly<Record<string, readonly [heading: string, text: Column]>> = {
  uid: ['UID', ({ uid }, { userName }) => userName(uid)],
  user: ['USER', ({ uid }, { userName }) => userName(uid)],
  pid: ['PID', ({ pid }) => String(pid)],
  ppid: ['PPID', ({ parentPid }) => String(parentPid)],
  c: ['C', ({ cpuPercent }) => String(Math.min(99, Math.floor(cpuPercent)))],
  stime: ['STIME', ({ startedAtMs }, { nowMs }) => startText(startedAtMs, nowMs)],
  tty: ['TTY', ({ terminal }) => terminal],
  time: ['TIME', ({ cpuMs }) => clockText(cpuMs)],
  cmd: ['CMD', commandText],
  args: ['COMMAND', commandText],
  comm: ['COMMAND', ({ name }) => name],
  state: ['S', ({ state }) => state],
  nlwp: ['NLWP', ({ threads }) => String(threads)],
  rss: ['RSS', ({ residentBytes }) => String(Math.floor(residentBytes / 1024))],
  vsz: ['VSZ', ({ virtualBytes }) => String(Math.floor(virtualBytes / 1024))],
  pcpu: ['%CPU', ({ cpuPercent }) => cpuPercent.toFixed(1)],
};

const fullFormat = ['uid', 'pid', 'ppid', 'c', 'stime', 'tty', 'time', 'cmd'];

/**
 * The columns that words after the container ask for: `-o pid,comm` or `pid,comm` as for ps(1); `-ef` is what is shown
 * without any.
 *
 * @throws {WarrenError} `ERR_COLUMN_UNKNOWN`.
 */
export function topColumns(words: readonly string[]): readonly string[] {
  const names = words
    .filter((word) => !['-ef', '-f', '-e', '-A', '-o', '-eo'].includes(word))
    .flatMap((word) => word.replace(/^-e?o(?=.)/, '').split(','))
    .filter((name) => name !== '')
    .map((name) => name.toLowerCase().replace('%cpu', 'pcpu'));
  const known = Object.keys(columns);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const near = didYouMean(unknown, known);
    throw invalid(
      'ERR_COLUMN_UNKNOWN',
      `Cannot show the column ${quote(unknown)}`,
      'there is no such column',
      `${near === undefined ? '' : `${near} `}known are ${known.join(', ')}`,
    );
  }
  return names.length === 0 ? fullFormat : names;
}

export function topTable(
  processes: readonly ContainerProcess[],
  names: readonly string[],
  surroundings: TopSurroundings,
): string {
  const pairs = names.map((name) => columns[name]).filter((column) => column !== undefined);
  return formatTable([
    pairs.map(([heading]) => heading),
    ...processes.map((process) => pairs.map(([, text]) => text(process, surroundings))),
  ]);
}

/** ps(1) shows a program without arguments (a zombie) in brackets. */
function commandText({ command, name }: ContainerProcess): string {
  return command.length === 0 ? `[${name}]` : command.join(' ');
}

/** `HH:MM` within a day, `MmmDD` within the year, else the year. */
function startText(startedAtMs: number, nowMs: number): string {
  const date = new Date(startedAtMs);
  const two = (value: number): string => String(value).padStart(2, '0');
  if (nowMs - startedAtMs < 86_400_000) return `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (date.getFullYear() !== new Date(nowMs).getFullYear()) return String(date.getFullYear());
  return `${date.toDateString().slice(4, 7)}${two(date.getDate())}`;
}

/** `HH:MM:SS`, with days before it where there are any. */
function clockText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  const days = Math.floor(seconds / 86_400);
  const clock = `${two((seconds % 86_400) / 3600)}:${two((seconds % 3600) / 60)}:${two(seconds % 60)}`;
  return days === 0 ? clock : `${days}-${clock}`;
}

/** Names by id, from the text of /etc/passwd. */
export function userNames(passwd: string): (uid: number) => string {
  const names = new Map<string, string>();
  for (const line of passwd.split('\n')) {
    const [name, , uid] = line.split(':');
    if (name && uid && !names.has(uid)) names.set(uid, name);
  }
  return (uid) => names.get(String(uid)) ?? String(uid);
}
