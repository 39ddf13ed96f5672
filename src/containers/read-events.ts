/** Reads the `events` file; events.ts writes it. */
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerEvent } from './events.js';
import { makeStateRoot } from './files.js';
import { Changes } from './log/changes.js';

export interface RecordedEvent extends ContainerEvent {
  /** Nanoseconds since 1970. */
  readonly timeNs: bigint;
}

export interface ReadEventsOptions {
  /** Nanoseconds since 1970: only those from then on. Default: from the first. */
  readonly since?: bigint | undefined;
  /** Only those up to then. A reader that follows ends when it is past. */
  readonly until?: bigint | undefined;
  /** Go on with what happens. Default false. */
  readonly follow?: boolean;
  /** Ends it. */
  readonly signal?: AbortSignal;
}

const CHUNK = 64 * 1024;
/** More than any event that Warren writes. */
const LONGEST_LINE = 64 * 1024;

/**
 * The events of a state directory, in the order of the file. A line that is torn or foreign is left out. Lines of monitors
 * bear no name: they get the one that an earlier line gave the container.
 *
 * @param root The state directory.
 * @throws {WarrenError} `ERR_LOG_READ` where it cannot be watched.
 */
export async function* readEvents(
  root: string,
  { since, until, follow = false, signal }: ReadEventsOptions = {},
): AsyncGenerator<RecordedEvent> {
  const file = new EventFile(join(root, 'events'));
  const wanted = ({ timeNs }: RecordedEvent): boolean =>
    (since === undefined || timeNs >= since) && (until === undefined || timeNs <= until);
  if (!follow) {
    try {
      for await (const event of file.events()) if (wanted(event)) yield event;
    } finally {
      await file.close();
    }
    return;
  }
  makeStateRoot(root);
  const ended = untilSignal(until, signal);
  const changes = new Changes(root, { signal: ended.signal });
  try {
    for (;;) {
      // Before reading: what is written meanwhile wakes us again.
      changes.forget();
      for await (const event of file.events()) if (wanted(event)) yield event;
      if (changes.cancelled) return;
      await changes.next();
    }
  } finally {
    changes.close();
    ended.cancel();
    await file.close();
  }
}

/** What setTimeout() can wait for. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

/** Aborted by the caller, or when the time has come. */
function untilSignal(
  until: bigint | undefined,
  signal: AbortSignal | undefined,
): { signal: AbortSignal; cancel: () => void } {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  if (signal?.aborted === true) abort();
  signal?.addEventListener('abort', abort, { once: true });
  const waitMs = until === undefined ? LONGEST_WAIT_MS : Number(until / 1_000_000n) - Date.now();
  if (waitMs <= 0) abort();
  const timer = waitMs > 0 && waitMs < LONGEST_WAIT_MS ? setTimeout(abort, waitMs) : undefined;
  return {
    signal: controller.signal,
    cancel: () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    },
  };
}

/** Goes on where it was when it is read again; begins anew where the file was replaced or cut. */
class EventFile {
  private handle: FileHandle | undefined;
  private offset = 0;
  private rest = Buffer.alloc(0);
  private readonly names = new Map<string, string>();
  private readonly chunk = Buffer.alloc(CHUNK);

  constructor(private readonly path: string) {}

  async *events(): AsyncGenerator<RecordedEvent> {
    if (!(await this.reopen())) return;
    for (;;) {
      const { bytesRead } = (await this.handle?.read(this.chunk, 0, CHUNK, this.offset)) ?? { bytesRead: 0 };
      if (bytesRead === 0) return;
      this.offset += bytesRead;
      const data = Buffer.concat([this.rest, this.chunk.subarray(0, bytesRead)]);
      const end = data.lastIndexOf(0x0a) + 1;
      this.rest = data.length - end > LONGEST_LINE ? Buffer.alloc(0) : Buffer.from(data.subarray(end));
      for (const line of data.toString('utf8', 0, end).split('\n')) {
        const event = parseEvent(line);
        if (event !== undefined) yield this.named(event);
      }
    }
  }

  async close(): Promise<void> {
    await this.handle?.close();
    this.handle = undefined;
  }

  /** @returns False where there is no file yet. */
  private async reopen(): Promise<boolean> {
    let fresh: FileHandle;
    try {
      fresh = await open(this.path, 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
    const now = await fresh.stat();
    const before = await this.handle?.stat();
    await this.handle?.close();
    this.handle = fresh;
    if (
      before !== undefined &&
      (before.ino !== now.ino || before.dev !== now.dev || now.size < this.offset)
    ) {
      this.offset = 0;
      this.rest = Buffer.alloc(0);
    }
    return true;
  }

  private named(event: RecordedEvent): RecordedEvent {
    const { id, action, attributes } = event;
    const name = attributes['name'] ?? this.names.get(id);
    if (action === 'destroy') this.names.delete(id);
    else if (name !== undefined) this.names.set(id, name);
    return name === undefined ? event : { ...event, attributes: { ...attributes, name } };
  }
}

/** One line of the file; undefined for what is none. */
export function parseEvent(line: string): RecordedEvent | undefined {
  const [, seconds = '', nanoseconds = '', id = '', action = '', rest = ''] =
    /^(\d{1,12})\.(\d{9}) ([0-9a-f]{64}) ([a-z_]+)((?: [\w.-]+=[^ ]*)*)$/.exec(line) ?? [];
  if (id === '') return undefined;
  try {
    const words = rest.split(' ').slice(1);
    const attributes = words.map((word): [string, string] => {
      const equals = word.indexOf('=');
      return [word.slice(0, equals), decodeURIComponent(word.slice(equals + 1))];
    });
    return {
      timeNs: BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds),
      id,
      action,
      attributes: Object.fromEntries(attributes),
    };
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
