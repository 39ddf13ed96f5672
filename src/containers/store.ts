/** The containers that are kept in a state directory. Nothing has to run for it; any number of processes may use it. */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WarrenError, quote } from '../errors.js';
import { randomBytes } from '../native/index.js';
import type { Configured } from '../runtime/configure.js';
import { checkCreateOptions } from './checked-options.js';
import { collectDirectories, collectState, type StateGarbage } from './collect-garbage.js';
import { configureKept } from './configure-kept.js';
import { DetachedContainer } from './container.js';
import { appendEvent } from './events.js';
import {
  checkStateRoot,
  containerId,
  directoryEntries,
  giveNameBack,
  linkName,
  linkedName,
  makeStateRoot,
  nameTaken,
  notFound,
  ownerOfName,
  readRecord,
  recordText,
  shareDirectory,
  stateError,
  takeName,
  writeSynced,
} from './files.js';
import { inventName } from './names.js';
import type { CreateOptions } from './options.js';
import type { ContainerRecord, ContainerSnapshot, StoredOptions } from './record.js';
import { readSnapshot } from './snapshot.js';
import { stateRoot } from '../state-root.js';
import { STATUS_SIZE, isoNow } from './status.js';

/** A container whose files cannot be understood; the others are not affected. */
export interface DamagedContainer {
  readonly id: string;
  readonly error: WarrenError;
}

export interface Listing {
  /** The newest first. */
  readonly containers: readonly ContainerSnapshot[];
  readonly damaged: readonly DamagedContainer[];
}

/**
 * @param root The state directory. Default: `WARREN_STATE`, else `/var/lib/warren` for root and `~/.local/share/warren` for
 *   others. Made when the first container is.
 */
export function openContainers(root: string = stateRoot()): ContainerStore {
  return new ContainerStore(root);
}

export class ContainerStore {
  readonly root: string;

  /** @throws {WarrenError} `ERR_STATE_DIRECTORY` where somebody else could have written what is in it. */
  constructor(root: string) {
    checkStateRoot(root);
    this.root = root;
  }

  /**
   * Makes a container and does not start it.
   *
   * @throws {WarrenError} for bad options before anything is made; `ERR_CONTAINER_NAME_TAKEN`, `ERR_STATE_WRITE`. Nothing
   *   stays behind.
   */
  async create(command: readonly string[], options: CreateOptions = {}): Promise<DetachedContainer> {
    const { name: wanted, ...given } = checkCreateOptions(options);
    // For all its runs the same ones.
    const checked = { ...given, options: await withPorts(given.options) };
    const id = randomBytes(32).toString('hex');
    const parts = { version: 1, id, name: wanted ?? '', createdAt: isoNow(), command, ...checked } as const;
    const directory = join(this.root, 'containers', id);
    // Refuses everything that can be refused, before anything is there.
    const configured = await configureKept(this.root, parts);
    makeStateRoot(this.root);
    await collectDirectories(this.root);
    const working = await shareDirectory(join(this.root, 'making'));
    const fresh = join(this.root, 'making', id);
    let record: ContainerRecord | undefined;
    try {
      mkdirSync(fresh, { mode: 0o700 });
      mkdirSync(join(fresh, 'layer'), { mode: 0o700 });
      // Its room is taken now: a full disk cannot hinder the monitor later.
      writeFileSync(join(fresh, 'status'), Buffer.alloc(STATUS_SIZE), { mode: 0o600 });
      record = { ...parts, name: this.#take(wanted, id) };
      linkName(fresh, record.name);
      await writeSynced(join(fresh, 'config.json'), recordText(record));
      renameSync(fresh, directory);
    } catch (cause) {
      if (record) giveNameBack(this.root, record.name, id);
      rmSync(fresh, { recursive: true, force: true });
      throw stateError(directory, cause);
    } finally {
      working.release();
    }
    const { name } = record;
    appendEvent(this.root, { id, action: 'create', attributes: { name } });
    return this.#handle(record, configured);
  }

  /** Makes a container and starts it; one that cannot be started is removed again. */
  async run(
    command: readonly string[],
    options: CreateOptions = {},
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<DetachedContainer> {
    const container = await this.create(command, options);
    try {
      await container.start(signal ? { signal } : {});
    } catch (error) {
      // Why it did not start is what is to be told, also where somebody else has removed it.
      await container.remove({ force: true }).catch(() => undefined);
      throw error;
    }
    return container;
  }

  /**
   * @param nameOrId A name, an id, or the beginning of an id that no other has.
   * @throws {WarrenError} `ERR_CONTAINER_NOT_FOUND`, `ERR_CONTAINER_AMBIGUOUS`, `ERR_STATE_DAMAGED`.
   */
  async find(nameOrId: string): Promise<DetachedContainer> {
    const id = this.#resolve(nameOrId);
    try {
      return this.#handle(readRecord(join(this.root, 'containers', id), id));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw notFound(nameOrId);
      throw error;
    }
  }

  /**
   * Removes a container whose config.json cannot be read; what runs in it is killed.
   *
   * @param id All of it, or its beginning.
   */
  async removeDamaged(id: string): Promise<void> {
    const whole = this.#resolve(id);
    // What cannot be read is of no use for it: its directory, its monitor and its name are found without.
    const record = { ...unreadable, id: whole, name: linkedName(join(this.root, 'containers', whole)) ?? '' };
    await new DetachedContainer(this.root, record).remove({ force: true });
  }

  async list(): Promise<readonly ContainerSnapshot[]> {
    return this.listAll().containers;
  }

  /** With those whose files are damaged. */
  listAll(): Listing {
    const containers: ContainerSnapshot[] = [];
    const damaged: DamagedContainer[] = [];
    for (const id of this.ids()) {
      try {
        containers.push(readSnapshot(join(this.root, 'containers', id), id));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
          // Removed meanwhile; or a part of it is.
          if (existsSync(join(this.root, 'containers', id)))
            damaged.push({ id, error: incomplete(id, error) });
          continue;
        }
        if (!(error instanceof WarrenError)) throw error;
        damaged.push({ id, error });
      }
    }
    containers.sort((a, b) => compare(b.record.createdAt, a.record.createdAt));
    return { containers, damaged };
  }

  /** Removes what does not run. @returns The ids. */
  async prune(select: (snapshot: ContainerSnapshot) => boolean = () => true): Promise<readonly string[]> {
    const removed: string[] = [];
    for (const snapshot of this.listAll().containers) {
      const { state, monitorPid } = snapshot.status;
      if (state !== 'created' && state !== 'exited' && state !== 'dead') continue;
      // It goes by itself, as soon as the last of its output has been read.
      if (snapshot.record.autoRemove && monitorPid !== 0) continue;
      if (!select(snapshot)) continue;
      try {
        await this.#handle(snapshot.record).remove();
        removed.push(snapshot.record.id);
      } catch (error) {
        // Somebody else has removed it, or started it.
        const code = error instanceof WarrenError ? error.code : '';
        if (code !== 'ERR_CONTAINER_NOT_FOUND' && code !== 'ERR_CONTAINER_RUNNING') throw error;
      }
    }
    return removed;
  }

  /** Removes what killed commands, monitors and containers have left; never what is alive. */
  async collectGarbage(): Promise<StateGarbage> {
    return collectState(this);
  }

  /** Of all there are, in no order. */
  ids(): readonly string[] {
    return directoryEntries(join(this.root, 'containers')).filter((name) => containerId.test(name));
  }

  #handle(record: ContainerRecord, configured?: Configured): DetachedContainer {
    return new DetachedContainer(this.root, record, configured);
  }

  #take(wanted: string | undefined, id: string): string {
    for (let attempt = 0; ; attempt++) {
      const name = wanted ?? inventName(attempt);
      if (takeName(this.root, name, id)) return name;
      if (wanted !== undefined) throw nameTaken(wanted, ownerOfName(this.root, wanted));
    }
  }

  #resolve(nameOrId: string): string {
    const text = nameOrId.startsWith('/') ? nameOrId.slice(1) : nameOrId;
    if (containerId.test(text)) return text;
    if (text !== '' && !text.includes('/')) {
      const owner = ownerOfName(this.root, text);
      if (owner !== undefined) return owner;
    }
    if (!/^[0-9a-f]{1,63}$/.test(text)) throw notFound(nameOrId);
    const found = this.ids().filter((id) => id.startsWith(text));
    const [first] = found;
    if (first === undefined) throw notFound(nameOrId);
    if (found.length > 1) {
      throw new WarrenError('ERR_CONTAINER_AMBIGUOUS', `Cannot tell which container ${quote(nameOrId)} is`, {
        kind: 'invalid-argument',
        why: `${found.length} ids begin so: ${found
          .map((id) => id.slice(0, 12))
          .slice(0, 4)
          .join(', ')}${found.length > 4 ? ', …' : ''}`,
        fix: 'give more of its id, or its name',
      });
    }
    return first;
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

async function withPorts(options: StoredOptions): Promise<StoredOptions> {
  if (options.publish === undefined) return options;
  return (await import('../runtime/user-network/choose-ports.js')).choosePorts(options);
}

function incomplete(id: string, cause: unknown): WarrenError {
  const { path = '' } = cause as NodeJS.ErrnoException;
  return new WarrenError('ERR_STATE_DAMAGED', `Cannot read the container ${id}`, {
    kind: 'internal',
    why: `${quote(path)} is missing`,
    fix: `if nothing can be saved, remove the container: warren rm -f ${id.slice(0, 12)}`,
    cause,
  });
}

const unreadable: Omit<ContainerRecord, 'id' | 'name'> = {
  version: 1,
  createdAt: '',
  command: [],
  options: {},
  labels: {},
  restart: { name: 'no', maximumRetries: 0 },
  autoRemove: false,
  openStdin: false,
  log: { maxSizeBytes: 0, maxFiles: 1 },
};
