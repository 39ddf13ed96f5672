/** An attachment to a container, in the shape that the foreground attends to. */
import { PassThrough, Readable } from 'node:stream';
import type { Attachment } from '../containers/attach.js';
import type { DetachedContainer } from '../containers/index.js';
import type { LogFrame } from '../containers/log/read.js';
import { parseSignal } from '../kernel/signals.js';
import type { ExitStatus } from '../runtime/options.js';
import { DetachKeys } from './detach-keys.js';
import type { AttendedContainer } from './foreground.js';

export interface AttendedOptions {
  /** Pass standard input on. */
  readonly interactive: boolean;
  readonly tty: boolean;
  readonly detachKeys: readonly number[];
  readonly signalProxy: boolean;
}

export function attended(
  container: DetachedContainer,
  attachment: Attachment,
  { interactive, tty, detachKeys, signalProxy }: AttendedOptions,
): AttendedContainer {
  let exitCode = 0;
  const common = {
    kill: (signal: number | string): void => {
      if (signalProxy) {
        // One that has ended meanwhile needs no signal.
        container.kill(signal).catch(() => undefined);
      } else if (leaving.has(signal)) {
        // It is for us alone: we go, and the container does not hear of it.
        exitCode = 128 + parseSignal(signal);
        attachment.close();
      }
    },
    wait: async (): Promise<ExitStatus> => {
      const status = container.wait();
      status.catch(() => undefined);
      return (await attachment.ended()) ? status : { ...left, exitCode };
    },
  };
  if (tty) {
    const keys = new DetachKeys(detachKeys, () => {
      attachment.close();
    });
    keys.pipe(attachment.stdin);
    return {
      ...common,
      stdin: null,
      stdout: null,
      stderr: null,
      terminal: {
        readable: Readable.from(bytesOf(attachment.output), { objectMode: false }),
        writable: keys,
        resize: (rows, columns) => {
          attachment.resize(rows, columns);
        },
      },
    };
  }
  const [stdout, stderr] = split(attachment.output);
  return { ...common, stdin: interactive ? attachment.stdin : null, stdout, stderr, terminal: null };
}

const leaving: ReadonlySet<number | string> = new Set(['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM']);

/** Somebody has left it, by the keys or by a signal that was not for it: it lives on. */
const left: ExitStatus = {
  exitCode: 0,
  signal: undefined,
  timedOut: false,
  isCanceled: false,
  oomKilled: false,
  usage: { userMs: 0, systemMs: 0, maxRssBytes: 0 },
};

async function* bytesOf(frames: AsyncIterable<LogFrame>): AsyncGenerator<Buffer> {
  for await (const { data } of frames) if (data.length > 0) yield data;
}

function split(frames: AsyncIterable<LogFrame>): [stdout: Readable, stderr: Readable] {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const pass = async (): Promise<void> => {
    for await (const { stream, data } of frames) {
      if (data.length === 0) continue;
      const to = stream === 'stdout' ? stdout : stderr;
      const bytes = stream === 'note' ? Buffer.from(`warren: note: ${data.toString()}\n`) : data;
      // A reader that has left ends only its own stream.
      if (to.destroyed || to.write(bytes)) continue;
      await new Promise<void>((resolve) => {
        to.once('drain', resolve).once('close', resolve);
      });
    }
  };
  pass().then(
    () => {
      stdout.end();
      stderr.end();
    },
    (error: unknown) => {
      stdout.destroy(error as Error);
      stderr.end();
    },
  );
  return [stdout, stderr];
}
