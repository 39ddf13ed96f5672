/** What Warren reads from `/proc/PID/stat`; see proc_pid_stat(5). */
export interface ProcStat {
  readonly pid: number;
  /** At most 15 bytes for a program; may hold any character. */
  readonly name: string;
  /** `R`, `S`, `D`, `Z`, … */
  readonly state: string;
  readonly parentPid: number;
  /** Device number of its terminal; 0 for none. */
  readonly tty: number;
  /** User and system time, in ticks; see CLOCK_TICKS. */
  readonly cpuTicks: number;
  /** Of its children that ended and were waited for, and of theirs. */
  readonly childCpuTicks: number;
  readonly threads: number;
  /** Since the machine was started. */
  readonly startTicks: number;
  readonly virtualBytes: number;
  /** In pages. */
  readonly residentPages: number;
}

/** A second's: sysconf(_SC_CLK_TCK) on every Linux that Node.js runs on. */
export const CLOCK_TICKS = 100;

/** @returns undefined for what is not such a line. */
export function parseProcStat(text: string): ProcStat | undefined {
  // The name may hold ") ": the last one ends it.
  const open = text.indexOf(' (');
  const close = text.lastIndexOf(') ');
  if (open < 0 || close < open) return undefined;
  const fields = text
    .slice(close + 2)
    .trimEnd()
    .split(' ');
  // Numbered from 3 in the man page.
  const number = (field: number): number => Number(fields[field - 3] ?? NaN);
  const stat: ProcStat = {
    pid: Number(text.slice(0, open)),
    name: text.slice(open + 2, close),
    state: fields[0] ?? '',
    parentPid: number(4),
    tty: number(7),
    cpuTicks: number(14) + number(15),
    childCpuTicks: number(16) + number(17),
    threads: number(20),
    startTicks: number(22),
    virtualBytes: number(23),
    residentPages: number(24),
  };
  return Object.values(stat).some((value) => Number.isNaN(value)) ? undefined : stat;
}

/** A terminal's name, as ps(1) has it: `pts/3`, `tty1`, `?` for none. */
export function terminalName(device: number): string {
  // makedev(3): the minor number is in two parts.
  const major = (device >> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >>> 12) & 0xfff00);
  if (device === 0) return '?';
  if (major >= 136 && major <= 143) return `pts/${minor + (major - 136) * 256}`;
  if (major === 4) return minor < 64 ? `tty${minor}` : `ttyS${minor - 64}`;
  if (major === 5 && minor === 1) return 'console';
  return `${major}:${minor}`;
}
