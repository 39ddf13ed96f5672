import { quote } from '../errors.js';
import { didYouMean } from '../kernel/nearest.js';
import { parseSize } from '../kernel/size.js';
import { checkMountSpec, mountTypes, parseTmpfsMode, propagations, tmpfsDefaults } from './mount-spec.js';
import { badMount } from './mount-target.js';
import type { MountSpec } from './options.js';

/** Several words for one field, as docker has them. */
const keyAliases: ReadonlyMap<string, string> = new Map([
  ['src', 'source'],
  ['dst', 'target'],
  ['destination', 'target'],
  ['ro', 'readonly'],
]);

const keys = [
  'type',
  'source',
  'target',
  'readonly',
  'bind-propagation',
  'bind-nonrecursive',
  'bind-recursive',
  'idmap',
  'tmpfs-size',
  'tmpfs-mode',
  'consistency',
] as const;

type Key = (typeof keys)[number];

/** Those that may stand alone. */
const switches: readonly Key[] = ['readonly', 'bind-nonrecursive', 'idmap'];

type Fields = ReadonlyMap<Key, string>;

/** Go's `strconv.ParseBool`, which docker reads these with. */
const booleans: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'T', 'true', 'True', 'TRUE'].map((text): [string, boolean] => [text, true]),
  ...['0', 'f', 'F', 'false', 'False', 'FALSE'].map((text): [string, boolean] => [text, false]),
]);

/** What each word of `bind-recursive` asks for; docker's `readonly` insists on what `enabled` only tries. */
const recursion: Readonly<Record<string, Partial<MountSpec>>> = {
  enabled: {},
  disabled: { nonRecursive: true },
  writable: { recursiveReadOnly: false },
  readonly: { recursiveReadOnly: true },
};

/**
 * docker's `--mount`: `KEY=VALUE` pairs as one line of CSV, so that a value with a comma goes in quotes (`"source=/a,b"`).
 *
 * Unlike docker it takes no key twice, and needs a type: docker's default is a named volume.
 *
 * @throws {WarrenError} `ERR_MOUNT_SPEC`, `ERR_SIZE`.
 */
export function parseMountOption(text: string): MountSpec {
  const fields = parseFields(text);
  const type = mountType(fields.get('type'), text);
  const target = fields.get('target');
  if (target === undefined) throw badMount(text, 'it has no target', 'add target=/path/in/the/container');
  const spec: MountSpec = {
    type,
    target,
    ...optional('source', fields.get('source')),
    ...(flag(fields, 'readonly', text) ? { readOnly: true } : {}),
    // Podman's; it may be followed by ranges there.
    ...(flag(fields, 'idmap', text) ? { idmap: true } : {}),
    ...(type === 'tmpfs' ? tmpfsDefaults : {}),
    ...bindFields(fields, type, text),
    ...optional(
      'tmpfsSize',
      mapped(fields.get('tmpfs-size'), (size) => parseSize(size, 'tmpfs-size')),
    ),
    ...optional(
      'tmpfsMode',
      mapped(fields.get('tmpfs-mode'), (mode) => parseTmpfsMode(mode, text)),
    ),
  };
  return checkMountSpec(spec, text);
}

function parseFields(text: string): Fields {
  const fields = new Map<Key, string>();
  for (const field of splitCsv(text)) {
    const equals = field.indexOf('=');
    const word = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
    const name = keyAliases.get(word) ?? word;
    const key = keys.find((known) => known === name);
    if (key === undefined) throw unknownKey(word, text);
    if (equals < 0 && !switches.includes(key)) {
      throw badMount(text, `${quote(word)} has no value`, `write ${word}=VALUE`);
    }
    const value = equals < 0 ? 'true' : field.slice(equals + 1);
    if (value === '') throw badMount(text, `the value of ${quote(word)} is empty`, `write ${word}=VALUE`);
    if (fields.has(key)) throw badMount(text, `it sets ${key} twice`, 'leave one of them out');
    fields.set(key, value);
  }
  return fields;
}

/** One record of RFC 4180: quotes go around a whole field, and are doubled inside one. */
function splitCsv(text: string): string[] {
  const field = /(?:"((?:[^"]|"")*)"|([^",\n\r]*))(,|$)/gy;
  const fields: string[] = [];
  for (;;) {
    const match = field.exec(text);
    if (match === null) {
      throw badMount(
        text,
        'its quotes or lines are not as in CSV',
        'put quotes around a whole field: "source=/a,b",target=/c',
      );
    }
    const [, quoted, plain, end] = match;
    fields.push(quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'));
    if (end === '') return fields;
  }
}

function mountType(word: string | undefined, given: string): MountSpec['type'] {
  const type = mountTypes.find((known) => known === word?.toLowerCase());
  if (type !== undefined) return type;
  if (word === undefined || ['volume', 'image', 'cluster', 'npipe'].includes(word.toLowerCase())) {
    const why = word === undefined ? 'it has no type, and named volumes are' : `the type ${quote(word)} is`;
    throw badMount(
      given,
      `${why} not supported yet`,
      'write type=bind,source=…,target=… or type=tmpfs,target=…',
    );
  }
  throw badMount(
    given,
    `there is no mount type ${quote(word)}`,
    didYouMean(word, mountTypes) ?? `the types are ${mountTypes.join(', ')}`,
  );
}

function bindFields(fields: Fields, type: MountSpec['type'], given: string): Partial<MountSpec> {
  const consistency = fields.get('consistency');
  if (consistency !== undefined && !['default', 'consistent', 'cached', 'delegated'].includes(consistency)) {
    throw badMount(
      given,
      `there is no consistency ${quote(consistency)}`,
      'leave it out: it says nothing on Linux',
    );
  }
  const bindKey = ([...fields.keys()] as string[]).find((key) => key.startsWith('bind-'));
  if (bindKey !== undefined && type !== 'bind') {
    throw badMount(
      given,
      `${bindKey} has no meaning for the type ${type}`,
      'leave it out, or write type=bind',
    );
  }
  const propagation = mapped(fields.get('bind-propagation'), (word) => parsePropagation(word, given));
  const nonRecursive = flag(fields, 'bind-nonrecursive', given);
  const word = fields.get('bind-recursive');
  if (word !== undefined && nonRecursive) {
    throw badMount(
      given,
      'it has both bind-nonrecursive and bind-recursive',
      'write bind-recursive=disabled alone',
    );
  }
  return {
    ...optional('propagation', propagation),
    ...(nonRecursive ? { nonRecursive } : {}),
    ...(word === undefined ? {} : bindRecursive(word, flag(fields, 'readonly', given), propagation, given)),
  };
}

function bindRecursive(
  word: string,
  readOnly: boolean,
  propagation: MountSpec['propagation'],
  given: string,
): Partial<MountSpec> {
  // docker takes any spelling of a boolean for the first two.
  const boolean = booleans.get(word);
  const name = boolean === undefined ? word : boolean ? 'enabled' : 'disabled';
  const found = Object.hasOwn(recursion, name) ? recursion[name] : undefined;
  if (found === undefined) {
    throw badMount(
      given,
      `there is no bind-recursive ${quote(word)}`,
      `it is one of ${Object.keys(recursion).join(', ')}`,
    );
  }
  if ((name === 'writable' || name === 'readonly') && !readOnly) {
    throw badMount(
      given,
      `bind-recursive=${name} says how the mount is read-only, and it is not`,
      'add readonly',
    );
  }
  if (name === 'readonly' && propagation !== 'rprivate') {
    throw badMount(
      given,
      'bind-recursive=readonly cannot hold for mounts that come later',
      'add bind-propagation=rprivate',
    );
  }
  return found;
}

function parsePropagation(word: string, given: string): (typeof propagations)[number] {
  const found = propagations.find((known) => known === word);
  if (found !== undefined) return found;
  throw badMount(given, `there is no propagation ${quote(word)}`, `it is one of ${propagations.join(', ')}`);
}

function flag(fields: Fields, key: Key, given: string): boolean {
  const text = fields.get(key);
  if (text === undefined) return false;
  const value = booleans.get(text);
  if (value !== undefined) return value;
  throw badMount(given, `${key} is ${quote(text)}, neither true nor false`, `write ${key}, or ${key}=true`);
}

function unknownKey(word: string, given: string): Error {
  if (word.startsWith('volume-') || word.startsWith('image-')) {
    return badMount(
      given,
      `${quote(word)} belongs to a mount type that is not supported yet`,
      'leave it out',
    );
  }
  const known = [...keys, ...keyAliases.keys()];
  return badMount(
    given,
    `there is no key ${quote(word)}`,
    didYouMean(word, known) ?? `the keys are ${known.join(', ')}`,
  );
}

function mapped<T>(text: string | undefined, parse: (text: string) => T): T | undefined {
  return text === undefined ? undefined : parse(text);
}

/** A field, or none: with exact optional types `undefined` is not the same as absent. */
function optional<K extends keyof MountSpec>(
  key: K,
  value: MountSpec[K] | undefined,
): Partial<Pick<MountSpec, K>> {
  return value === undefined ? {} : ({ [key]: value } as unknown as Partial<Pick<MountSpec, K>>);
}
