/** `warren run` and `warren create` of a container that is kept. */
import { closeSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { WarrenError, invalid, quote } from '../errors.js';
import { parseLogOptions } from '../containers/checked-options.js';
import type { CreateOptions, DetachedContainer } from '../containers/index.js';
import { logEnd, type LogPosition } from '../containers/log/read.js';
import { openContainers } from '../containers/store.js';
import { attended } from './attended.js';
import { isKept, type KeepValues } from './commands/keep-options.js';
import { readNetworking, type NetworkValues } from './commands/network-options.js';
import { readInput, type RunRequest } from './commands/run-request.js';
import { parseDetachKeys } from './detach-keys.js';
import { attend } from './foreground.js';
import { STDERR, STDOUT, writeText } from './output.js';
import { SignalRelay } from './signal-relay.js';

export async function runKept(
  command: readonly string[],
  request: RunRequest,
  values: KeepValues & NetworkValues,
): Promise<number> {
  const detachKeys = parseDetachKeys(values['detach-keys']);
  // From here on: whoever is interrupted takes back what was made.
  const signals = new SignalRelay();
  let container: DetachedContainer;
  try {
    container = await createKept(command, request, values);
  } catch (error) {
    signals.stop();
    throw error;
  }
  const { tty = false } = request.options;
  try {
    if (values.detach !== true) {
      const io = {
        interactive: request.interactive,
        tty,
        detachKeys,
        signalProxy: values['sig-proxy'] ?? true,
      };
      return await startAttended(container, io, signals);
    }
    await container.start({ signal: signals.startSignal });
    writeText(STDOUT, `${container.id}\n`);
    return 0;
  } catch (error) {
    const interrupted = signals.interruptedBy;
    if (interrupted === undefined || !(error instanceof WarrenError) || error.kind !== 'cancelled')
      throw error;
    return 128 + constants.signals[interrupted];
  } finally {
    signals.stop();
    // It was made for this run, and there was none: it could not be started, or was interrupted before.
    if (isUnused(container)) {
      await container.remove();
      if (values.cidfile !== undefined) unlinkSync(values.cidfile);
    }
  }
}

function isUnused(container: DetachedContainer): boolean {
  try {
    return container.status().state === 'created';
  } catch {
    // Removed at its end (--rm), or unreadable: there is something else to say.
    return false;
  }
}

/** `warren create`. */
export async function createKept(
  command: readonly string[],
  { options, interactive }: RunRequest,
  values: KeepValues & NetworkValues,
): Promise<DetachedContainer> {
  if (options.timeoutMs !== undefined) {
    throw invalid(
      'ERR_OPTION_VALUE',
      'Cannot take --timeout',
      'nobody keeps the time of a container that outlives this command',
      'leave --timeout out, or put it around the command: timeout 90 COMMAND',
    );
  }
  const create: CreateOptions = {
    ...options,
    labels: readLabels(values),
    log: parseLogOptions(values['log-opt'] ?? []),
    // Kept only because it is in a network: nobody has asked for more than its run.
    autoRemove: values.rm ?? !isKept(values),
    ...readNetworking(values),
    openStdin: interactive,
    ...(values.name === undefined ? {} : { name: values.name }),
    ...(values.restart === undefined ? {} : { restart: values.restart }),
  };
  // Before anything is made: an id that cannot be written down is a container that cannot be found.
  const cidfile = values.cidfile === undefined ? undefined : new CidFile(values.cidfile);
  try {
    const container = await openContainers().create(command, create);
    for (const warning of container.warnings) writeText(STDERR, `warren: note: ${warning}\n`);
    cidfile?.write(container.id);
    return container;
  } catch (error) {
    cidfile?.remove();
    throw error;
  }
}

export interface StartAttendedOptions {
  readonly interactive: boolean;
  readonly tty: boolean;
  readonly detachKeys: readonly number[];
  readonly signalProxy: boolean;
}

/** Starts it and stays with it to its end, its output from the first byte on. */
export async function startAttended(
  container: DetachedContainer,
  { interactive, tty, ...rest }: StartAttendedOptions,
  signals: SignalRelay = new SignalRelay(),
): Promise<number> {
  const from: LogPosition = await logEnd(container.directory);
  return attend(
    async (_, { startSignal }) => {
      await container.start({
        attended: true,
        ...(startSignal === undefined ? {} : { signal: startSignal }),
      });
      return attended(container, await container.attachFrom(from), { interactive, tty, ...rest });
    },
    [],
    {},
    { interactive, tty },
    signals,
  );
}

function readLabels(values: KeepValues): Record<string, string> {
  const files = (values['label-file'] ?? []).flatMap((path) =>
    readInput(path, 'ERR_LABEL', { readFile: (name) => readFileSync(name, 'utf8') })
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#')),
  );
  return Object.fromEntries(
    [...files, ...(values.label ?? [])].map((each) => {
      const equals = each.indexOf('=');
      return equals < 0 ? [each, ''] : [each.slice(0, equals), each.slice(equals + 1)];
    }),
  );
}

class CidFile {
  readonly #fd: number;

  /** @throws {WarrenError} `ERR_CIDFILE`: as in docker, none is written over. */
  constructor(private readonly path: string) {
    try {
      this.#fd = openSync(path, 'wx', 0o644);
    } catch (cause) {
      const { code, syscall } = cause as NodeJS.ErrnoException;
      throw new WarrenError('ERR_CIDFILE', `Cannot write the container’s id to ${quote(path)}`, {
        kind: code === 'EEXIST' ? 'already-exists' : 'invalid-argument',
        why: code === 'EEXIST' ? 'the file is there already' : `open failed with ${code ?? 'an error'}`,
        fix:
          code === 'EEXIST'
            ? 'remove it, or name another'
            : 'name a file in a directory that can be written to',
        syscall,
        errno: code,
        cause,
      });
    }
  }

  write(id: string): void {
    writeSync(this.#fd, id);
    closeSync(this.#fd);
  }

  remove(): void {
    closeSync(this.#fd);
    unlinkSync(this.path);
  }
}
