/** The one directory that command line, library and every process of a user share. */
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { invalid, quote } from './errors.js';

/**
 * Where containers and networks are kept: `WARREN_STATE`, else `/var/lib/warren` for root and `~/.local/share/warren` for others.
 *
 * @throws {WarrenError} `ERR_STATE_DIRECTORY` for a relative path.
 */
export function stateRoot(env: NodeJS.ProcessEnv = process.env): string {
  const chosen = env['WARREN_STATE'];
  if (chosen !== undefined && chosen !== '') {
    if (isAbsolute(chosen)) return resolve(chosen);
    throw invalid(
      'ERR_STATE_DIRECTORY',
      `Cannot keep containers in ${quote(chosen)}`,
      'WARREN_STATE is not an absolute path',
      'give one that begins with /',
    );
  }
  return process.geteuid?.() === 0
    ? '/var/lib/warren'
    : join(env['XDG_DATA_HOME'] ?? join(homedir(), '.local/share'), 'warren');
}
