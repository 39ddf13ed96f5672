/** `warren sysctl get`, `set` and `ls`. */
import { readFileSync } from 'node:fs';
import { WarrenError, invalid, quote } from '../../errors.js';
import {
  Place,
  applySettings,
  keepsOld,
  keyPattern,
  machineKeys,
  parseSettingsFile,
  sysctlFacts,
  useSentence,
  type AppliedLine,
  type PlaceTarget,
} from '../../explore/sysctl/index.js';
import { parseSysctlName } from '../../kernel/sysctl-name.js';
import { hasTooFewFields } from '../../kernel/sysctl-reading.js';
import { sysctlScope } from '../../kernel/sysctl-scope.js';
import { readSysctl, writeSysctl } from '../../runtime/sysctl-access.js';
import { STDERR, STDOUT, writeText } from '../output.js';
import { resolveSysctlTarget, sysctlTools } from './sysctl-target.js';

export interface ValueOptions {
  readonly in: string | undefined;
  readonly json: boolean;
  readonly load: string | undefined;
  /** Keep what is set for the next starts of the container. */
  readonly save: boolean;
}

async function openPlace(target: PlaceTarget | undefined, label: string | undefined): Promise<Place> {
  const tools = await sysctlTools();
  return target === undefined ? Place.own(tools) : Place.open(target, tools, label);
}

const targetOf = async (text: string | undefined): Promise<PlaceTarget | undefined> =>
  text === undefined ? undefined : resolveSysctlTarget(text);

export async function getValues(words: readonly string[], options: ValueOptions): Promise<number> {
  requireWords('get', words);
  const target = await targetOf(options.in);
  const keys = words.map((word) => ({ word, key: parseSysctlName(word) }));
  const place = await openPlace(target, options.in);
  const values: [string, string][] = [];
  try {
    for (const { word, key } of keys) {
      checkPlace(place, key.path, options.in);
      const reading = await place.read(key.path);
      // A failure is read once more for its error, which says what it means.
      values.push([key.name, 'value' in reading ? reading.value : await readSysctl(word, { in: target })]);
    }
  } finally {
    place.close();
  }
  show(values, options.json);
  return 0;
}

export async function setValues(words: readonly string[], options: ValueOptions): Promise<number> {
  if (options.load !== undefined) return loadFile(options.load, words, options);
  requireWords('set', words);
  const target = await targetOf(options.in);
  // All are read before the first is written: a slip in the last leaves nothing half done.
  const settings = words
    .map(splitSetting)
    .map(({ key, value }) => ({ word: key, value, ...parseSysctlName(key) }));
  await checkTheirs(settings, target, options.in);
  if (options.save) await keepForContainer(options.in, settings);
  const values: [string, string][] = [];
  const notes: string[] = [];
  for (const { word, value, path, name } of settings) {
    await writeSysctl(word, value, { in: target });
    const now = await readSysctl(word, { in: target });
    values.push([name, now]);
    if (hasTooFewFields(value, now))
      notes.push(`note: ${name}: it has more numbers than were given, and the others are as they were\n`);
    notes.push(...noteOf(path, name));
  }
  show(values, options.json);
  if (!options.json) writeText(STDERR, notes.join(''));
  return 0;
}

/** Before the first is written. @throws {WarrenError} `ERR_SYSCTL_NOT_ISOLATED` */
async function checkTheirs(
  settings: readonly { readonly path: string; readonly name: string }[],
  target: PlaceTarget | undefined,
  text: string | undefined,
): Promise<void> {
  if (target === undefined) return;
  const place = await openPlace(target, text);
  try {
    for (const { path, name } of settings) {
      const why = place.foreign(path);
      if (why === undefined) continue;
      throw new WarrenError(
        'ERR_SYSCTL_NOT_ISOLATED',
        `Cannot set the sysctl ${quote(name)} in ${quote(text ?? '')}`,
        {
          kind: 'invalid-argument',
          why,
          fix: place.has(path)
            ? `where that is meant, leave --in out: warren sysctl set ${name}=…`
            : 'name a process, which has one of each kind',
        },
      );
    }
  } finally {
    place.close();
  }
}

/** First: what cannot be set at a start is refused, and then not set now either. */
async function keepForContainer(
  name: string | undefined,
  settings: readonly { readonly name: string; readonly value: string }[],
): Promise<void> {
  if (name === undefined || /^\d+$/.test(name) || name.startsWith('/')) {
    throw invalid(
      'ERR_USAGE',
      'Cannot save what is set',
      name === undefined ? 'no container is named' : `${quote(name)} is no container`,
      'name one: warren sysctl set --save --in CONTAINER KEY=VALUE',
    );
  }
  const { openContainers } = await import('../../containers/store.js');
  const container = await openContainers().find(name);
  await container.update({
    sysctls: Object.fromEntries(settings.map((setting) => [setting.name, setting.value])),
  });
}

/** What an existing socket makes of a change. */
function noteOf(path: string, name: string): string[] {
  const facts = sysctlFacts(path);
  if (facts?.use === undefined || keepsOld(facts.use) !== true) return [];
  return [`note: ${name}: ${useSentence(facts.use, sysctlScope(path).scope)}\n`];
}

export async function listValues(words: readonly string[], options: ValueOptions): Promise<number> {
  const patterns = words.map((word) => keyPattern(word));
  const target = await targetOf(options.in);
  const place = await openPlace(target, options.in);
  try {
    const all = target === undefined ? machineKeys() : await place.keys();
    const keys = patterns.length === 0 ? all : all.filter((key) => patterns.some((matches) => matches(key)));
    const values: [string, string][] = [];
    const unread: string[] = [];
    const readings = await place.readMany(keys);
    for (const path of keys) {
      const reading = readings.get(path) ?? { errno: 'ENOENT' };
      const { name } = parseSysctlName(path);
      if ('value' in reading) values.push([name, reading.value]);
      // Gone meanwhile, as the keys of an interface go with it.
      else if (reading.errno !== 'ENOENT') unread.push(`note: ${name}: cannot be read: ${reading.errno}\n`);
    }
    show(values, options.json);
    if (!options.json && words.length > 0) writeText(STDERR, unread.join(''));
    if (values.length === 0 && patterns.length > 0) {
      throw new WarrenError('ERR_SYSCTL_NOT_FOUND', `Cannot list ${words.map(quote).join(', ')}`, {
        kind: 'not-found',
        why: 'no key there matches',
        fix: 'warren sysctl ls shows them all',
      });
    }
    return 0;
  } finally {
    place.close();
  }
}

async function loadFile(file: string, words: readonly string[], options: ValueOptions): Promise<number> {
  if (words.length > 0) {
    throw invalid(
      'ERR_USAGE',
      'Cannot set sysctls',
      'both a file and settings are given',
      'give one of them',
    );
  }
  const lines = parseSettingsFile(readSettings(file));
  const target = await targetOf(options.in);
  const place = await openPlace(target, options.in);
  let applied: AppliedLine[];
  try {
    applied = await applySettings(lines, place);
  } finally {
    place.close();
  }
  if (options.json) writeText(STDOUT, `${JSON.stringify(applied)}\n`);
  else writeText(STDOUT, applied.map((line) => `${file}:${lineText(line)}\n`).join(''));
  return applied.some(({ problem, optional }) => problem !== undefined && !optional) ? 1 : 0;
}

function lineText({ line, name, value, problem, optional, incomplete }: AppliedLine): string {
  if (problem === undefined)
    return `${line}: ${name} = ${value}${incomplete === true ? ' (it has more numbers than that, and the others are as they were)' : ''}`;
  return `${line}: not set: ${name === '' ? '' : `${printable(name)}: `}${problem}${optional ? ' (the line says that this does not matter)' : ''}`;
}

function printable(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : quote(text);
}

/** As much as any configuration needs; a device or a fifo ends there. */
const maxFileBytes = 1024 * 1024;

function readSettings(file: string): string {
  const fail = (why: string, cause?: unknown): WarrenError =>
    new WarrenError('ERR_SYSCTL_FILE', `Cannot read the settings of ${quote(file)}`, {
      kind: 'not-found',
      why,
      fix: 'name a file in the form of /etc/sysctl.conf',
      cause,
    });
  let bytes: Buffer;
  try {
    bytes = readFileSync(file === '-' ? 0 : file);
  } catch (cause) {
    throw fail(`open failed with ${String((cause as NodeJS.ErrnoException).code)}`, cause);
  }
  if (bytes.length > maxFileBytes) throw fail(`it is larger than ${maxFileBytes} bytes`);
  return bytes.toString('utf8');
}

function checkPlace(place: Place, path: string, text: string | undefined): void {
  if (place.has(path)) return;
  throw invalid(
    'ERR_NAMESPACE_SPEC',
    `Cannot read ${quote(parseSysctlName(path).name)} in ${quote(text ?? '')}`,
    `that is one namespace only, and the key belongs to the ${sysctlScope(path).scope} namespace`,
    'name a process, which has one of each kind',
  );
}

function requireWords(action: string, words: readonly string[]): void {
  if (words.length > 0) return;
  throw invalid('ERR_USAGE', `Cannot ${action} sysctls`, 'no key is named', 'see warren sysctl --help');
}

function splitSetting(word: string): { key: string; value: string } {
  const at = word.indexOf('=');
  if (at > 0) return { key: word.slice(0, at).trim(), value: word.slice(at + 1).trim() };
  throw invalid(
    'ERR_USAGE',
    `Cannot set ${quote(word)}`,
    'it is not KEY=VALUE',
    'write net.ipv4.ip_forward=1',
  );
}

/** As sysctl(8) prints them. */
function show(values: readonly (readonly [string, string])[], json: boolean): void {
  writeText(
    STDOUT,
    json
      ? `${JSON.stringify(Object.fromEntries(values))}\n`
      : values.map(([name, value]) => `${name} = ${value}\n`).join(''),
  );
}
