import { invalid, quote } from '../errors.js';

/** Variables as a process has them; `process.env` is one. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads docker's `-e`: `NAME=VALUE`, or `NAME` for the caller's own value (left out where the caller has none). The last one of a
 * name counts.
 *
 * @throws {WarrenError} `ERR_ENV`.
 */
export function parseEnv(settings: readonly string[], callerEnv: Environment): Record<string, string> {
  return collect(
    settings.map((setting) => readSetting(setting, callerEnv, `Cannot use the variable ${quote(setting)}`)),
  );
}

/**
 * Reads docker's `--env-file`: a setting a line, as for `-e`; lines that begin with `#` and empty ones are skipped. Quotes and
 * backslashes have no meaning, and spaces after the `=` belong to the value.
 *
 * @param file Its name, for messages.
 * @throws {WarrenError} `ERR_ENV_FILE`, with the number of the line.
 */
export function parseEnvFile(text: string, callerEnv: Environment, file: string): Record<string, string> {
  const settings: (readonly [string, string] | undefined)[] = [];
  for (const [index, rawLine] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    const line = rawLine.replace(/\r$/, '').trimStart();
    if (line === '' || line.startsWith('#')) continue;
    const action = `Cannot use line ${index + 1} of the environment file ${quote(file)}`;
    const name = line.split('=', 1)[0] ?? '';
    if (/\s/.test(name)) {
      throw invalid(
        'ERR_ENV_FILE',
        action,
        `the name ${quote(name)} holds a space`,
        'write NAME=VALUE, without spaces around the "="',
      );
    }
    settings.push(readSetting(line, callerEnv, action, 'ERR_ENV_FILE'));
  }
  return collect(settings);
}

function readSetting(
  setting: string,
  callerEnv: Environment,
  action: string,
  code: 'ERR_ENV' | 'ERR_ENV_FILE' = 'ERR_ENV',
): readonly [string, string] | undefined {
  const equals = setting.indexOf('=');
  const name = equals < 0 ? setting : setting.slice(0, equals);
  if (name === '')
    throw invalid(code, action, 'it has no name', 'write NAME=VALUE, or NAME for your own value');
  if (setting.includes('\0'))
    throw invalid(code, action, 'it holds a NUL, which ends a variable', 'leave the NUL out');
  if (equals >= 0) return [name, setting.slice(equals + 1)];
  const own = Object.hasOwn(callerEnv, name) ? callerEnv[name] : undefined;
  return own === undefined ? undefined : [name, own];
}

/** Not by assignment: `__proto__` is a variable like any other. */
function collect(settings: readonly (readonly [string, string] | undefined)[]): Record<string, string> {
  return Object.fromEntries(settings.filter((setting) => setting !== undefined));
}
