/** The three streams of a command: what the launcher gets, and what stays with the caller. */
import { closeSync, openSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { invalid } from '../errors.js';
import { isTerminal, makePipe } from '../native/index.js';
import type { StartOptions, Stdio } from './options.js';

export interface Streams {
  readonly fds: readonly [number, number, number];
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** Closes the command's ends, which are its own once it has started. */
  closeTheirs(): void;
  /** After a start that failed. */
  closeOurs(): void;
}

/** @throws {WarrenError} `ERR_STDIO_TERMINAL`, `ERR_STDIO`. */
export async function openStreams({
  stdin = 'ignore',
  stdout = 'pipe',
  stderr = 'pipe',
  tty = false,
}: StartOptions): Promise<Streams> {
  const theirs: number[] = [];
  const ours: Socket[] = [];
  // node:net takes 9 ms to load, and a command that inherits its streams has no need of it.
  const net = !tty && [stdin, stdout, stderr].includes('pipe') ? await import('node:net') : undefined;
  const open = (choice: Stdio, fd: 0 | 1 | 2): [number, Socket | null] => {
    if (choice === 'pipe' && net) {
      const [read, write] = makePipe(fd === 0 ? 1 : 0);
      theirs.push(fd === 0 ? read : write);
      const socket = new net.Socket({ fd: fd === 0 ? write : read, readable: fd !== 0, writable: fd === 0 });
      // EPIPE: a command need not read what it is given.
      if (fd === 0) socket.on('error', () => undefined);
      ours.push(socket);
      return [fd === 0 ? read : write, socket];
    }
    if (choice === 'pipe' || choice === 'ignore') {
      const nowhere = openSync('/dev/null', 'r+');
      theirs.push(nowhere);
      return [nowhere, null];
    }
    const given = choice === 'inherit' ? fd : choice;
    if (typeof given !== 'number' || !Number.isInteger(given) || given < 0) {
      throw invalid(
        'ERR_STDIO',
        `Cannot use ${String(given)} as a stream`,
        'it is neither pipe, ignore, inherit nor a descriptor',
      );
    }
    if (isTerminal(given)) {
      throw invalid(
        'ERR_STDIO_TERMINAL',
        `Cannot give descriptor ${given} to the container`,
        'it is a terminal, and whoever holds a terminal can type into it (TIOCSTI)',
        'use tty: true, or relay through "pipe"',
      );
    }
    return [given, null];
  };
  const closeAll = (): void => {
    for (const fd of theirs.splice(0)) closeSync(fd);
  };
  const closeOurs = (): void => {
    for (const socket of ours) socket.destroy();
  };
  try {
    const [input, output, errors] = [open(stdin, 0), open(stdout, 1), open(stderr, 2)];
    return {
      fds: [input[0], output[0], errors[0]],
      stdin: input[1],
      stdout: output[1],
      stderr: errors[1],
      closeTheirs: closeAll,
      closeOurs,
    };
  } catch (error) {
    closeAll();
    closeOurs();
    throw error;
  }
}
