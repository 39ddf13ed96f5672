/** docker's `--filter` for containers: values of one key are alternatives (labels are not), and every key must fit. */
import { invalid, quote, WarrenError } from '../errors.js';
import { didYouMean } from '../kernel/nearest.js';
import type { ContainerSnapshot, ContainerState } from './record.js';

const keys = ['ancestor', 'before', 'exited', 'id', 'label', 'name', 'since', 'status'] as const;
type FilterKey = (typeof keys)[number];

/** Values by key. */
export type ContainerFilters = ReadonlyMap<FilterKey, readonly string[]>;

const states: readonly ContainerState[] = ['created', 'running', 'paused', 'restarting', 'exited', 'dead'];

/**
 * @param words `KEY=VALUE` each.
 * @throws {WarrenError} `ERR_FILTER` naming the keys there are.
 */
export function parseContainerFilters(words: readonly string[]): ContainerFilters {
  const filters = new Map<FilterKey, string[]>();
  for (const word of words) {
    const equals = word.indexOf('=');
    const key = word.slice(0, Math.max(equals, 0)).trim().toLowerCase();
    if (equals < 0) {
      throw refused(
        word,
        'it is not KEY=VALUE',
        `write for example status=running; known are ${keys.join(', ')}`,
      );
    }
    if (!isKey(key)) throw refused(word, `there is no filter ${quote(key)}`, unknownFix(key, keys));
    const value = word.slice(equals + 1);
    check(word, key, value);
    filters.set(key, [...(filters.get(key) ?? []), value]);
  }
  return filters;
}

/** The remedy for a key or a value that is not one of those there are. */
function unknownFix(word: string, known: readonly string[]): string {
  const near = didYouMean(word, known);
  return `${near === undefined ? '' : `${near} `}known are ${known.join(', ')}`;
}

function check(word: string, key: FilterKey, value: string): void {
  if (key === 'status' && !(states as readonly string[]).includes(value)) {
    throw refused(word, 'there is no such status', unknownFix(value, states));
  }
  if (key === 'exited' && !/^\d{1,3}$/.test(value)) {
    throw refused(word, 'it is not an exit code', 'write for example exited=137');
  }
  if (value === '') throw refused(word, 'its value is empty', `write ${key}=VALUE`);
}

/**
 * @param snapshots Of all containers: `before` and `since` name others.
 * @throws {WarrenError} `ERR_CONTAINER_NOT_FOUND` where `before` or `since` name none.
 */
export function filterContainers(
  snapshots: readonly ContainerSnapshot[],
  filters: ContainerFilters,
): ContainerSnapshot[] {
  const tests = [...filters].map(([key, values]) => testOf(key, values, snapshots));
  return snapshots.filter((snapshot) => tests.every((fits) => fits(snapshot)));
}

type Test = (snapshot: ContainerSnapshot) => boolean;

function testOf(key: FilterKey, values: readonly string[], all: readonly ContainerSnapshot[]): Test {
  switch (key) {
    case 'id': {
      const fits = values.map(matcher);
      return ({ record }) => fits.some((each) => each(record.id));
    }
    case 'name': {
      const fits = values.map(matcher);
      // People write ^/web$ as well as ^web$.
      return ({ record }) => fits.some((each) => each(record.name) || each(`/${record.name}`));
    }
    case 'label': {
      const wanted = values.map((text) => splitLabel(text));
      return ({ record: { labels } }) =>
        wanted.every(
          ({ name, value }) => Object.hasOwn(labels, name) && (value === undefined || labels[name] === value),
        );
    }
    case 'status':
      return ({ status }) => values.includes(status.state);
    case 'exited': {
      const codes = values.map(Number);
      return ({ status }) => status.state === 'exited' && codes.includes(status.exitCode);
    }
    case 'ancestor':
      return ({ record }) => values.includes(imageOf(record.options));
    case 'before': {
      const times = values.map((name) => named(all, name).record.createdAt);
      return ({ record }) => times.every((time) => record.createdAt < time);
    }
    case 'since': {
      const times = values.map((name) => named(all, name).record.createdAt);
      return ({ record }) => times.every((time) => record.createdAt > time);
    }
  }
}

/** What stands where docker has the image: the root directory, or `(host)` for a view of this machine. */
export function imageOf({ rootfs }: { readonly rootfs?: string }): string {
  return rootfs ?? '(host)';
}

/** A regular expression, which need not match the whole; what is none is looked for as it stands. */
function matcher(text: string): (name: string) => boolean {
  try {
    const pattern = new RegExp(text);
    return (name) => pattern.test(name);
  } catch {
    return (name) => name.includes(text);
  }
}

function splitLabel(text: string): { name: string; value: string | undefined } {
  const equals = text.indexOf('=');
  if (equals < 0) return { name: text, value: undefined };
  return { name: text.slice(0, equals), value: text.slice(equals + 1) };
}

function named(all: readonly ContainerSnapshot[], nameOrId: string): ContainerSnapshot {
  const name = nameOrId.replace(/^\//, '');
  const isId = /^[0-9a-f]+$/.test(name);
  const found =
    all.find(({ record }) => record.id === name) ??
    all.find(({ record }) => record.name === name) ??
    all.find(({ record }) => isId && record.id.startsWith(name));
  if (found !== undefined) return found;
  throw new WarrenError('ERR_CONTAINER_NOT_FOUND', `Cannot find the container ${quote(nameOrId)}`, {
    kind: 'not-found',
    why: 'no such container, which a filter names',
    fix: 'see which there are: warren ps -a',
  });
}

function isKey(text: string): text is FilterKey {
  return (keys as readonly string[]).includes(text);
}

function refused(word: string, why: string, fix: string): WarrenError {
  return invalid('ERR_FILTER', `Cannot filter by ${quote(word)}`, why, fix);
}
