/** What the host had, on disk before the first change, so that it can be put back after a crash too. */
import { closeSync, constants, fsyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { WarrenError, quote } from '../../../errors.js';
import { interfaceOf } from '../table/index.js';
import { errnoOf } from '../../../kernel/sysctl-reading.js';

export const defaultJournal = '/run/warren-sysctl-census.json';

/** Slashed keys to values. */
export type Snapshot = ReadonlyMap<string, string>;

/** How parameters of the host are reached. */
export interface HostFiles {
  read(path: string): string | undefined;
  /** @returns The errno where the kernel refused. */
  write(path: string, value: string): string | undefined;
}

/** @throws {WarrenError} `ERR_SYSCTL_CENSUS` where there is one already: an earlier census was not put back. */
export function writeJournal(file: string, values: Snapshot): void {
  let fd: number;
  try {
    fd = openSync(
      file,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    );
  } catch (cause) {
    const errno = errnoOf(cause);
    throw new WarrenError('ERR_SYSCTL_CENSUS', `Cannot write the journal ${quote(file)}`, {
      kind: errno === 'EEXIST' ? 'conflict' : 'kernel',
      why:
        errno === 'EEXIST'
          ? 'it exists: an earlier census did not put its values back'
          : `open failed with ${errno}`,
      fix:
        errno === 'EEXIST'
          ? 'put them back: warren sysctl census --restore'
          : 'name another file: --journal FILE',
      syscall: 'open',
      errno,
      cause,
    });
  }
  try {
    writeSync(fd, JSON.stringify(Object.fromEntries(values)));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** @throws {WarrenError} `ERR_SYSCTL_CENSUS` */
export function readJournal(file: string): Snapshot {
  const fail = (why: string, cause: unknown): WarrenError =>
    new WarrenError('ERR_SYSCTL_CENSUS', `Cannot read the journal ${quote(file)}`, {
      kind: 'not-found',
      why,
      fix: 'without a journal there is nothing to put back',
      cause,
    });
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw fail(`open failed with ${errnoOf(cause)}`, cause);
  }
  try {
    const entries = Object.entries(JSON.parse(text) as Record<string, unknown>);
    return new Map(entries.map(([path, value]) => [path, String(value)]));
  } catch (cause) {
    throw fail('it is not what a census writes', cause);
  }
}

export function removeJournal(file: string): void {
  rmSync(file, { force: true });
}

/** What could not be put back: the key, what it should be, and what it is. */
export interface Unrestored {
  readonly path: string;
  readonly wanted: string;
  readonly found: string | undefined;
}

/**
 * Puts every value back that differs. `conf/all` before `conf/default` before the interfaces, since each writes over the later
 * ones; and again, since some parameters move others.
 */
export function restore(values: Snapshot, host: HostFiles): Unrestored[] {
  const ordered = [...values].sort(([a], [b]) => rank(a) - rank(b));
  const wrong = (): typeof ordered =>
    ordered.filter(([path, value]) => host.read(path)?.trimEnd() !== value.trimEnd());
  for (let round = 0; round < 4; round++) {
    const left = wrong();
    if (left.length === 0) return [];
    for (const [path, value] of left)
      if (host.read(path) !== value) host.write(path, value === '' ? '\n' : value);
  }
  return wrong().map(([path, wanted]) => ({ path, wanted, found: host.read(path) }));
}

function rank(path: string): number {
  if (path === 'net/ipv4/ip_forward') return 0;
  const device = interfaceOf(path);
  if (device === undefined) return 4;
  return device === 'all' ? 1 : device === 'default' ? 2 : 3;
}
