import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { encodeFrame, type LogStream } from '../../src/containers/log/frame.js';

/** A directory of its own for a test file, removed after its tests. */
export function logDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'warren-log-'));
  after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Writes a log as the monitor does, rotation included. */
export class LogWriter {
  readonly path: string;
  private time = 1_700_000_000_000_000_000n;

  constructor(
    readonly directory: string = logDirectory(),
    private readonly options: { readonly maxSizeBytes: number; readonly maxFiles: number } = {
      maxSizeBytes: 20 << 20,
      maxFiles: 5,
    },
  ) {
    this.path = join(directory, 'log');
  }

  stdout(data: string | Buffer, time?: bigint): void {
    this.frame('stdout', data, time);
  }

  stderr(data: string | Buffer, time?: bigint): void {
    this.frame('stderr', data, time);
  }

  frame(stream: LogStream, data: string | Buffer, time: bigint = (this.time += 1_000_000n)): void {
    if (existsSync(this.path) && statSync(this.path).size >= this.options.maxSizeBytes) this.rotate();
    this.raw(encodeFrame({ stream, data: Buffer.from(data), time }));
  }

  /** Bytes that need be no frame. */
  raw(bytes: Buffer): void {
    appendFileSync(this.path, bytes);
  }

  rotate(): void {
    const last = this.options.maxFiles - 1;
    if (last === 0) {
      rmSync(this.path);
      return;
    }
    for (let index = last - 1; index >= 0; index--) {
      const from = index === 0 ? this.path : `${this.path}.${index}`;
      if (existsSync(from)) renameSync(from, `${this.path}.${index + 1}`);
    }
  }
}

/** The files below a directory, removed ones included, that this process holds open. */
export function openFilesBelow(directory: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      return path.startsWith(directory) ? [path] : [];
    } catch {
      return []; // The descriptor that read the directory.
    }
  });
}

/** Bytes that this process has read so far, by whatever system call: see proc_pid_io(5). */
export function bytesRead(): number {
  return Number(/^rchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
}
