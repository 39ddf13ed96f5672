/** sysctl.conf(5): read, checked line by line, and applied. */
import { WarrenError } from '../../errors.js';
import { checkSysctlValue, parseSysctlName } from '../../kernel/sysctl-name.js';
import { hasTooFewFields } from '../../kernel/sysctl-reading.js';
import { hasWildcard, keyPattern } from './pattern.js';
import type { Place } from './place.js';

/** A line that sets something, or that cannot be understood. */
export interface SettingLine {
  /** From 1. */
  readonly line: number;
  readonly key: string;
  readonly value: string;
  /** It began with `-`: a failure is told and does not count. */
  readonly optional: boolean;
  /** It was `-key` without a value: it sets nothing, and patterns pass it over. */
  readonly excluded?: true;
  readonly error?: WarrenError;
}

/**
 * Reads a sysctl.conf: `key = value`, comments after `#` or `;` at the start of a line, empty lines, `-` before a key whose
 * failure does not matter, wildcards within one component of a key, `-key` without a value for one that patterns are to pass over.
 *
 * @see sysctl.d(5)
 */
export function parseSettingsFile(text: string): SettingLine[] {
  return text.split('\n').flatMap((raw, index): SettingLine[] => {
    const content = raw.trim();
    if (content === '' || content.startsWith('#') || content.startsWith(';')) return [];
    const optional = content.startsWith('-');
    const setting = optional ? content.slice(1).trimStart() : content;
    const at = setting.indexOf('=');
    const key = (at < 0 ? setting : setting.slice(0, at)).trim();
    const value = at < 0 ? '' : setting.slice(at + 1).trim();
    const excluded = at < 0 && optional;
    const base = { line: index + 1, key, value, optional, ...(excluded ? { excluded } : {}) };
    try {
      if (at < 0 && !excluded) {
        throw new WarrenError('ERR_SYSCTL_VALUE', `Cannot read line ${index + 1}`, {
          kind: 'invalid-argument',
          why: 'it has no "="',
          fix: 'write it as key = value',
        });
      }
      if (hasWildcard(key)) keyPattern(key, 'component');
      else parseSysctlName(key);
      if (!excluded) checkSysctlValue(key, value);
      return [base];
    } catch (error) {
      if (error instanceof WarrenError) return [{ ...base, error }];
      throw error;
    }
  });
}

/** What came of one line, for one key. */
export interface AppliedLine {
  readonly line: number;
  /** Dotted; as written where it could not be read. */
  readonly name: string;
  readonly value: string;
  readonly optional: boolean;
  /** Undefined: it is set. */
  readonly problem?: string;
  /** It has more numbers than were given: the others are as they were. */
  readonly incomplete?: true;
}

/**
 * Sets what it can, in the order of the file, and tells of each line. Patterns pass over what has a line of its own, wherever that
 * stands: see sysctl.d(5).
 */
export async function applySettings(lines: readonly SettingLine[], place: Place): Promise<AppliedLine[]> {
  const own = lines.filter(({ key, error }) => error === undefined && !hasWildcard(key));
  const passedOver = new Set(own.map(({ key }) => parseSysctlName(key).path));
  const excluding = lines.filter(({ excluded, key, error }) => excluded && !error && hasWildcard(key));
  const excludes = excluding.map(({ key }) => keyPattern(key, 'component'));
  const applied: AppliedLine[] = [];
  for (const { line, key, value, optional, excluded, error } of lines) {
    const base = { line, value, optional };
    if (error) {
      applied.push({ ...base, name: key, problem: error.message });
      continue;
    }
    if (excluded) continue;
    const paths = hasWildcard(key)
      ? (await matching(key, place)).filter(
          (path) => !passedOver.has(path) && !excludes.some((matches) => matches(path)),
        )
      : [parseSysctlName(key).path];
    if (paths.length === 0) applied.push({ ...base, name: key, problem: 'no key there matches it' });
    for (const path of paths) applied.push({ ...base, ...(await applyOne(path, value, place)) });
  }
  return applied;
}

async function applyOne(
  path: string,
  value: string,
  place: Place,
): Promise<Pick<AppliedLine, 'name' | 'problem' | 'incomplete'>> {
  const { name } = parseSysctlName(path);
  const foreign = place.foreign(path);
  if (foreign !== undefined) return { name, problem: foreign };
  const errno = await place.write(path, value);
  if (errno !== undefined) return { name, problem: problemOf(errno) };
  if (!/^-?\d/.test(value)) return { name };
  const now = await place.read(path);
  return 'value' in now && hasTooFewFields(value, now.value) ? { name, incomplete: true } : { name };
}

async function matching(key: string, place: Place): Promise<string[]> {
  const matches = keyPattern(key, 'component');
  return (await place.keys()).filter(matches);
}

export function problemOf(errno: string): string {
  switch (errno) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'there is no such key there';
    case 'EISDIR':
      return 'it is a folder of keys';
    case 'EACCES':
      return 'it is read-only there';
    case 'EPERM':
      return 'it needs more rights';
    case 'EROFS':
      return '/proc/sys is mounted read-only here';
    case 'EINVAL':
    case 'ERANGE':
      return `the kernel refuses the value (${errno})`;
    default:
      return `the kernel answers ${errno}`;
  }
}
