import { invalid, quote } from '../errors.js';
import { didYouMean } from './nearest.js';

/**
 * Numbers of x86-64 and arm64, which agree; MIPS, SPARC and others have their own.
 *
 * @see signal(7)
 */
export const signalNumbers = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
} as const;

const aliases = { SIGIOT: 6, SIGCLD: 17, SIGPOLL: 29, SIGUNUSED: 31 } as const;

/** libc's, which is what names mean; the kernel's first is 32, and glibc and musl keep 32 and 33 (musl 34 too) for themselves. */
const SIGRTMIN = 34;
const SIGRTMAX = 64;

const byName: ReadonlyMap<string, number> = new Map([
  ...Object.entries(signalNumbers),
  ...Object.entries(aliases),
  ['SIGRTMIN', SIGRTMIN],
  ['SIGRTMAX', SIGRTMAX],
]);

const byNumber: ReadonlyMap<number, string> = new Map(
  Object.entries(signalNumbers).map(([name, number]) => [number, name]),
);

/**
 * @param signal `SIGTERM`, `term`, `15` as text or number, `RTMIN+3`, `SIGRTMAX-1`.
 * @returns 1 to 64. 0, kill(2)'s probe, is no signal.
 * @throws {WarrenError} `ERR_SIGNAL_UNKNOWN`.
 */
export function parseSignal(signal: string | number): number {
  const text = String(signal);
  const number = /^\d{1,2}$/.test(text) ? Number(text) : namedSignal(text.toUpperCase());
  if (number !== undefined && number >= 1 && number <= SIGRTMAX) return number;
  throw invalid(
    'ERR_SIGNAL_UNKNOWN',
    `Cannot use the signal ${quote(text)}`,
    'it is neither the name of a signal nor a number from 1 to 64',
    didYouMean(
      text.toUpperCase().replace(/^SIG/, ''),
      [...byName.keys()].map((name) => name.slice(3)),
    ) ?? 'see signal(7) for the names',
  );
}

/**
 * `SIGTERM`; real-time signals as bash(1) lists them (`SIGRTMIN+3`, from the upper half `SIGRTMAX-n`). 32 and 33 have no name: `SIG32`.
 *
 * @throws {WarrenError} `ERR_SIGNAL_UNKNOWN`.
 */
export function signalName(number: number): string {
  const checked = parseSignal(number);
  const name = byNumber.get(checked);
  if (name !== undefined) return name;
  if (checked < SIGRTMIN) return `SIG${checked}`;
  if (checked === SIGRTMIN) return 'SIGRTMIN';
  if (checked === SIGRTMAX) return 'SIGRTMAX';
  return checked < 50 ? `SIGRTMIN+${checked - SIGRTMIN}` : `SIGRTMAX-${SIGRTMAX - checked}`;
}

function namedSignal(upper: string): number | undefined {
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`;
  const nameless = /^SIG(3[23])$/.exec(name)?.[1];
  if (nameless !== undefined) return Number(nameless);
  const [, base, offset] = /^(SIGRTMIN\+|SIGRTMAX-)(\d{1,2})$/.exec(name) ?? [];
  if (base === undefined || offset === undefined) return byName.get(name);
  const number = base === 'SIGRTMIN+' ? SIGRTMIN + Number(offset) : SIGRTMAX - Number(offset);
  return number >= SIGRTMIN && number <= SIGRTMAX ? number : undefined;
}
