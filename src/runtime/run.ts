import { Readable, type Writable } from 'node:stream';
import { WarrenError, quote, type ErrorKind } from '../errors.js';
import type { Container } from './container.js';
import type { ExitStatus, RunOptions } from './options.js';
import { start } from './start.js';

/** What a command did: its end, and what it wrote. */
export interface RunResult extends ExitStatus {
  readonly command: readonly string[];
  /** As UTF-8, its last newline removed. */
  readonly stdout: string;
  readonly stderr: string;
  readonly stdoutBytes: Buffer;
  readonly stderrBytes: Buffer;
  readonly durationMs: number;
}

/** A command that failed. Has the fields of `RunResult` as well. */
export class CommandError extends WarrenError implements RunResult {
  readonly command: readonly string[];
  readonly exitCode: number;
  readonly signal: NodeJS.Signals | undefined;
  readonly timedOut: boolean;
  readonly isCanceled: boolean;
  readonly oomKilled: boolean;
  readonly usage: ExitStatus['usage'];
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
  readonly #bytes: { readonly stdout: Buffer; readonly stderr: Buffer };

  constructor(result: RunResult) {
    const { kind, how } = describeEnd(result);
    const lastLine = result.stderr.slice(result.stderr.lastIndexOf('\n') + 1);
    super('ERR_COMMAND_FAILED', `Cannot complete ${quote(result.command.join(' '))}`, {
      kind,
      why: lastLine === '' ? how : `${how}; it last said ${quote(lastLine)}`,
    });
    this.name = 'CommandError';
    this.command = result.command;
    this.exitCode = result.exitCode;
    this.signal = result.signal;
    this.timedOut = result.timedOut;
    this.isCanceled = result.isCanceled;
    this.oomKilled = result.oomKilled;
    this.usage = result.usage;
    this.stdout = result.stdout;
    this.stderr = result.stderr;
    this.durationMs = result.durationMs;
    this.#bytes = { stdout: result.stdoutBytes, stderr: result.stderrBytes };
  }

  // Accessors, so that a printed error does not list every byte.
  get stdoutBytes(): Buffer {
    return this.#bytes.stdout;
  }

  get stderrBytes(): Buffer {
    return this.#bytes.stderr;
  }
}

function describeEnd({ exitCode, signal, timedOut, isCanceled, oomKilled }: RunResult): {
  kind: ErrorKind;
  how: string;
} {
  if (timedOut) return { kind: 'timeout', how: 'it ran into its time limit and was killed' };
  if (isCanceled) return { kind: 'cancelled', how: 'it was cancelled and killed' };
  const how = signal === undefined ? `it ended with exit code ${exitCode}` : `it was ended by ${signal}`;
  return {
    kind: 'command-failed',
    how: oomKilled ? `${how}; the kernel killed a process at the container’s limit of memory` : how,
  };
}

const defaultMaxBuffer = 100 * 1024 * 1024;

/**
 * Runs a command to its end in namespaces of its own and collects what it writes.
 *
 * @throws {CommandError} `ERR_COMMAND_FAILED` when it fails, times out or is cancelled, unless `rejectOnFailure` is false.
 * @throws {WarrenError} `ERR_MAX_BUFFER`, and whatever `start()` throws.
 */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { stdin, stdout, stderr, rejectOnFailure, maxBuffer, ...rest } = options;
  const began = performance.now();
  const container = await start(command, { ...rest, stdin: stdin === undefined ? 'ignore' : 'pipe' });
  return collectRun(container, command, { stdin, stdout, stderr, rejectOnFailure, maxBuffer }, began);
}

type CollectOptions = {
  readonly [K in 'stdin' | 'stdout' | 'stderr' | 'rejectOnFailure' | 'maxBuffer']?: RunOptions[K] | undefined;
};

/** What `run()` and `exec()` have in common: from a command that executes to its result. */
export async function collectRun(
  container: Container,
  command: readonly string[],
  { stdin, stdout, stderr, rejectOnFailure = true, maxBuffer = defaultMaxBuffer }: CollectOptions,
  began: number,
): Promise<RunResult> {
  try {
    if (stdin !== undefined && container.stdin) feed(stdin, container.stdin);
    const reader = container.terminal?.readable ?? container.stdout;
    const [stdoutBytes, stderrBytes, status] = await Promise.all([
      collect(reader, stdout, maxBuffer),
      collect(container.stderr, stderr, maxBuffer),
      container.wait(),
    ]);
    const result: RunResult = {
      ...status,
      command,
      stdout: text(stdoutBytes),
      stderr: text(stderrBytes),
      stdoutBytes,
      stderrBytes,
      durationMs: performance.now() - began,
    };
    if (rejectOnFailure && (status.exitCode !== 0 || status.timedOut || status.isCanceled))
      throw new CommandError(result);
    return result;
  } catch (error) {
    container.kill('SIGKILL');
    await container.wait().catch(() => undefined);
    throw error;
  }
}

function feed(input: string | Uint8Array | Readable, to: Writable): void {
  if (input instanceof Readable) input.pipe(to);
  else to.end(input);
}

async function collect(
  from: Readable | null,
  copy: Writable | undefined,
  maxBuffer: number,
): Promise<Buffer> {
  if (!from) return Buffer.alloc(0);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of from as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBuffer) {
      throw new WarrenError('ERR_MAX_BUFFER', 'Cannot keep the output of the command', {
        kind: 'resource-exhausted',
        why: `it wrote more than ${maxBuffer} bytes, and was ended`,
        fix: 'raise maxBuffer, or use start() and read the stream',
      });
    }
    chunks.push(chunk);
    copy?.write(chunk);
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}

function text(bytes: Buffer): string {
  const all = bytes.toString('utf8');
  if (all.endsWith('\r\n')) return all.slice(0, -2);
  return all.endsWith('\n') ? all.slice(0, -1) : all;
}
