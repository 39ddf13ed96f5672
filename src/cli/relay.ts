import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isatty } from 'node:tty';
import { getTermios, setTermios } from '../native/index.js';
import { STDERR, STDIN, STDOUT } from './output.js';

/** What stands between this process's standard streams and a container's. */
export interface Relay {
  /** Resolves when all output has been passed on, or nobody is left to read it. */
  readonly drained: Promise<void>;
  /** Lets go of this process's input, and puts its terminal back. May be called twice. */
  restore(): void;
}

/** A container's streams; null is what it inherited or does without. */
export interface RelayedStreams {
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
}

/** A container's terminal, seen from outside. */
export interface RelayedTerminal {
  readonly readable: Readable;
  readonly writable: Writable;
  resize(rows: number, columns: number): void;
}

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

export function relayStreams({ stdin, stdout, stderr }: RelayedStreams): Relay {
  const outputs: Promise<void>[] = [];
  if (stdout) outputs.push(passOn(stdout, process.stdout));
  if (stderr) outputs.push(passOn(stderr, process.stderr));
  const letGo = stdin ? feed(stdin) : () => undefined;
  return { drained: Promise.all(outputs).then(() => undefined), restore: letGo };
}

/**
 * Joins this process's terminal and the container's: keys go in as they are typed, raw, for the container's terminal to
 * interpret; output comes out; the size follows.
 */
export function relayTerminal(terminal: RelayedTerminal, interactive: boolean): Relay {
  const drained = passOn(terminal.readable, process.stdout);
  const shown = shownTerminal();
  const resize = (): void => {
    const size = terminalSize();
    if (size !== undefined) terminal.resize(size.rows, size.columns);
  };
  shown?.on('resize', resize);
  // It may have changed while the container was being started.
  resize();
  const cook = interactive ? rawInput() : () => undefined;
  const letGo = interactive ? feed(terminal.writable) : () => undefined;
  return {
    drained,
    restore: () => {
      shown?.off('resize', resize);
      letGo();
      cook();
    },
  };
}

/** The size of the terminal that shows the output; undefined without one, or when it does not know. */
export function terminalSize(): TerminalSize | undefined {
  const shown = shownTerminal();
  // A serial line says 0 by 0.
  if (shown === undefined || shown.rows === 0 || shown.columns === 0) return undefined;
  return { rows: shown.rows, columns: shown.columns };
}

function shownTerminal(): NodeJS.WriteStream | undefined {
  if (isatty(STDOUT)) return process.stdout;
  return isatty(STDERR) ? process.stderr : undefined;
}

/**
 * Makes the terminal on standard input raw; returns what undoes it, which also happens should this process crash. After a
 * SIGKILL the launcher does it.
 *
 * Not `setRawMode()`: libuv leaves the output's line ends to be translated, which the container's terminal has done.
 */
function rawInput(): () => void {
  if (!isatty(STDIN)) return () => undefined;
  const saved = getTermios(STDIN);
  const cook = (): void => {
    process.off('exit', cook);
    try {
      setTermios(STDIN, saved);
    } catch {
      // The terminal was closed under us: there is nothing to put back.
    }
  };
  process.on('exit', cook);
  setTermios(STDIN, makeRaw(saved));
  return cook;
}

/** As cfmakeraw(3), on the kernel's `struct termios`: four 32-bit flag words, a line discipline, 19 control characters. */
function makeRaw(termios: Buffer): Buffer {
  const raw = Buffer.from(termios);
  const change = (offset: number, clear: number, set = 0): void => {
    raw.writeUInt32LE(((raw.readUInt32LE(offset) & ~clear) | set) >>> 0, offset);
  };
  const controlCharacters = 17;
  change(0, 0o2753); // IGNBRK BRKINT PARMRK ISTRIP INLCR IGNCR ICRNL IXON
  change(4, 0o1); // OPOST
  change(8, 0o460, 0o60); // CSIZE PARENB, CS8
  change(12, 0o100113); // ECHO ECHONL ICANON ISIG IEXTEN
  raw[controlCharacters + 5] = 0; // VTIME
  raw[controlCharacters + 6] = 1; // VMIN
  return raw;
}

/** Passes standard input on; returns what stops it. */
function feed(input: Writable): () => void {
  const { stdin } = process;
  // EPIPE or EIO: the command closed its input or has ended; its exit tells the rest. So does the loss of our own input.
  const stop = (): void => {
    stdin.unpipe(input);
    stdin.pause();
  };
  input.on('error', stop);
  stdin.on('error', stop);
  stdin.pipe(input);
  return stop;
}

/**
 * Copies a stream to its end. A reader that has left (EPIPE; EIO for a terminal that is gone) is passed on as well: the
 * source is closed, and the command gets SIGPIPE as it would without us between.
 */
async function passOn(from: Readable, to: Writable): Promise<void> {
  // pipeline() listens only until it fails; the stream may report the same failure again.
  to.on('error', () => undefined);
  try {
    await pipeline(from, to, { end: false });
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!['EPIPE', 'EIO', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED'].includes(code)) throw error;
  }
}
