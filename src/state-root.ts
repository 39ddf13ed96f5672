/** The one directory that command line, library and every process of a user share. */
import { homedir, userInfo } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { invalid, quote } from './errors.js';

/**
 * Where containers and networks are kept: `WARREN_STATE`, else `/var/lib/warren` for root and `~/.local/share/warren` for others.
 *
 * @throws {WarrenError} `ERR_STATE_DIRECTORY` for a relative path, and for a user without a home.
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
  if (process.geteuid?.() === 0) return '/var/lib/warren';
  // A relative one is to be ignored: XDG Base Directory Specification.
  const data = env['XDG_DATA_HOME'];
  if (data !== undefined && isAbsolute(data)) return join(data, 'warren');
  const own = homedir();
  // The account is looked up only where HOME does not say.
  const home = isAbsolute(own) ? own : accountHome();
  if (home !== undefined && isAbsolute(home)) return join(home, '.local/share/warren');
  throw invalid(
    'ERR_STATE_DIRECTORY',
    'Cannot find a directory to keep containers in',
    'HOME is not an absolute path, and this user has no account',
    'name one with WARREN_STATE',
  );
}

function accountHome(): string | undefined {
  try {
    return userInfo().homedir;
  } catch {
    return undefined;
  }
}
