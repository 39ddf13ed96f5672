import { writeSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CopyOptions, RootAccess } from '../../containers/copy.js';
import { invalid } from '../../errors.js';
import type { TreeProblem } from '../../image/tree/problem.js';
import { defineCommand } from '../command.js';
import { isTerminal, STDERR, STDIN, STDOUT, writeText } from '../output.js';
import { formatCopySize, parseCopyOperands, type CopyRequest } from './cp-request.js';

/** `warren cp`. */
export const cpCommand = defineCommand({
  name: 'cp',
  summary: 'Copy files between a container and here.',
  usage: ['[OPTIONS] CONTAINER:SOURCE TARGET|-', '[OPTIONS] SOURCE|- CONTAINER:TARGET'],
  options: {
    archive: {
      kind: 'flag',
      short: 'a',
      help: 'keep owners; on the way out also set-id bits, devices and all attributes',
      group: 'Options',
    },
    'follow-link': {
      kind: 'flag',
      short: 'L',
      help: 'where the source is a symbolic link, copy what it leads to',
      group: 'Options',
    },
    quiet: { kind: 'flag', short: 'q', help: 'show neither progress nor the result', group: 'Options' },
  },
  notes: `
Paths in the container count from its root; links there lead no further. It may run or be stopped. Where the
target is a directory, the source is copied into it, and of SOURCE/. the contents; else the target is its new
name. A local path with a colon needs ./ before it.

Copied in, files belong to root of the container; copied out, to you. - is a tar stream: of standard input,
unpacked in a directory of the container with the owners that it names, or to standard output.

  warren cp web:/var/log/app.log .
  warren cp site/. web:/srv/www
  warren cp web:/etc - | tar -tv`,
  async run({ values, operands, afterDashes = [] }) {
    const request = parseCopyOperands([...operands, ...afterDashes]);
    await refuseTerminal(request);
    const { openContainers } = await import('../../containers/store.js');
    const container = await openContainers().find(request.container);
    const options = { archive: values.archive === true, followLink: values['follow-link'] === true };
    return container.withRoot(async (root) => copy(root, request, options, values.quiet === true));
  },
});

/** What is done with a container's root once it is there. @returns The exit code: 1 where something is not copied as it is. */
export async function copy(
  root: RootAccess,
  request: CopyRequest,
  { archive, followLink }: Pick<CopyOptions, 'archive' | 'followLink'>,
  quiet: boolean,
): Promise<number> {
  const { copyFromContainer, copyInto, copyOutOf, copyToContainer } =
    await import('../../containers/copy.js');
  const { way, source, target } = request;
  let code = 0;
  const onProblem = ({ kind, path, why }: TreeProblem): void => {
    if (kind !== 'skipped') code = 1;
    progress.clear();
    writeText(
      STDERR,
      `warren: ${kind === 'skipped' ? 'left out' : 'not copied as it is'}: ${JSON.stringify(path)}: ${why}\n`,
    );
  };
  const progress = new Progress(way, !quiet && (await isTerminal(STDERR)));
  const options = { archive, followLink, onProblem, onBytes: progress.add };
  if (target === '-' && way === 'out') {
    // No temporary file is made: an interrupt may end this as it ends any filter.
    for await (const chunk of copyOutOf(root, source, options)) if (!writeChunk(chunk)) break;
    return code;
  }
  const interrupt = new Interrupt();
  try {
    const { signal } = interrupt;
    if (way === 'out') {
      await copyFromContainer(root, source, target, { ...options, signal });
    } else if (source === '-') {
      await copyInto(root, target, readStandardInput(signal, progress), { onProblem, signal });
    } else {
      await copyToContainer(root, source, target, { ...options, signal });
    }
  } catch (error) {
    if (interrupt.exitCode === undefined) throw error;
    return interrupt.exitCode;
  } finally {
    interrupt.forget();
    progress.clear();
  }
  if (!quiet) {
    const where = way === 'out' ? resolve(target) : `${request.container}:${target}`;
    writeText(STDERR, `Successfully copied ${formatCopySize(progress.bytes)} to ${where}\n`);
  }
  return code;
}

/** A terminal neither has a tar stream to give nor is one to show it on. */
async function refuseTerminal({ way, source, target }: CopyRequest): Promise<void> {
  if (way === 'in' && source === '-' && (await isTerminal(STDIN)))
    throw invalid(
      'ERR_USAGE',
      'Cannot copy',
      'standard input is a terminal, not a tar stream',
      'tar -c FILE | warren cp - CONTAINER:DIRECTORY',
    );
  if (way === 'out' && target === '-' && (await isTerminal(STDOUT)))
    throw invalid(
      'ERR_USAGE',
      'Cannot copy',
      'standard output is a terminal, which takes no tar stream',
      'add: | tar -tv, or: > FILE',
    );
}

/** What has gone through, told on a terminal when it takes long. */
class Progress {
  bytes = 0;
  #shown = false;
  #next = performance.now() + 500;

  constructor(
    private readonly way: CopyRequest['way'],
    private readonly visible: boolean,
  ) {}

  readonly add = (bytes: number): void => {
    this.bytes += bytes;
    if (!this.visible || performance.now() < this.#next) return;
    this.#next = performance.now() + 100;
    this.#shown = true;
    const what = this.way === 'out' ? 'Copying from container' : 'Copying to container';
    writeText(STDERR, `\r\u001b[K${what} - ${formatCopySize(this.bytes)}`);
  };

  clear(): void {
    if (this.#shown) writeText(STDERR, '\r\u001b[K');
    this.#shown = false;
  }
}

/** While it lives, signals do not end the process: the copy is given up, its temporary file removed. */
class Interrupt {
  exitCode: number | undefined;
  readonly #controller = new AbortController();
  readonly #handlers = (
    [
      ['SIGHUP', 129],
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const
  ).map(([name, code]) => {
    const handler = (): void => {
      this.exitCode = code;
      this.#controller.abort();
    };
    process.on(name, handler);
    return { name, handler };
  });

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  forget(): void {
    for (const { name, handler } of this.#handlers) process.off(name, handler);
  }
}

async function* readStandardInput(signal: AbortSignal, progress: Progress): AsyncGenerator<Uint8Array> {
  // Not by fs.read(): a read that waits for a pipe would hold up the end of the process.
  const { stdin } = process;
  signal.addEventListener('abort', () => stdin.destroy(), { once: true });
  for await (const chunk of stdin as AsyncIterable<Buffer>) {
    progress.add(chunk.length);
    yield chunk;
  }
}

/** @returns False when nobody reads any more. */
function writeChunk(chunk: Uint8Array): boolean {
  for (let at = 0; at < chunk.length;) {
    try {
      at += writeSync(STDOUT, chunk, at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') return false;
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
  return true;
}
