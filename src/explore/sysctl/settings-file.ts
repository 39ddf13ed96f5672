/** sysctl.conf(5): read, checked line by line, and applied. */
import { WarrenError } from '../../errors.js';
import { checkSysctlValue, parseSysctlName } from '../../kernel/sysctl-name.js';
import { keyPattern } from './pattern.js';
import type { Place } from './place.js';

/** A line that sets something, or that cannot be understood. */
export interface SettingLine {
  /** From 1. */
  readonly line: number;
  readonly key: string;
  readonly value: string;
  /** It began with `-`: a failure is told and does not count. */
  readonly optional: boolean;
  readonly error?: WarrenError;
}

/**
 * Reads a sysctl.conf: `key = value`, comments after `#` or `;` at the start of a line, empty lines, `-` before a key whose
 * failure does not matter, `*` for one component of a key.
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
    const base = { line: index + 1, key, value, optional };
    try {
      if (at < 0) {
        throw new WarrenError('ERR_SYSCTL_VALUE', `Cannot read line ${index + 1}`, {
          kind: 'invalid-argument',
          why: 'it has no "="',
          fix: 'write it as key = value',
        });
      }
      if (/[*?]/.test(key)) keyPattern(key, 'component');
      else parseSysctlName(key);
      checkSysctlValue(key, value);
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
}

/** Sets what it can, in the order of the file, and tells of each line. */
export async function applySettings(lines: readonly SettingLine[], place: Place): Promise<AppliedLine[]> {
  const applied: AppliedLine[] = [];
  for (const { line, key, value, optional, error } of lines) {
    const base = { line, value, optional };
    if (error) {
      applied.push({ ...base, name: key, problem: error.message });
      continue;
    }
    const paths = /[*?]/.test(key) ? await matching(key, place) : [parseSysctlName(key).path];
    if (paths.length === 0) applied.push({ ...base, name: key, problem: 'no key there matches it' });
    for (const path of paths) {
      const errno = await place.write(path, value);
      const name = parseSysctlName(path).name;
      applied.push(errno === undefined ? { ...base, name } : { ...base, name, problem: problemOf(errno) });
    }
  }
  return applied;
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
