import { invalid, quote } from '../../errors.js';
import { slashed } from '../../kernel/sysctl-name.js';

/**
 * Which keys a pattern names: a key or a folder (`net.ipv4.tcp_rmem`, `net.ipv4.conf`), with `*` for any text and `?` for any
 * character.
 *
 * @param within `*` stays within a component, as a shell's does. Default: it crosses separators.
 * @returns A test of slashed keys.
 * @throws {WarrenError} `ERR_SYSCTL_PATTERN`
 */
export function keyPattern(text: string, within: 'component' | 'key' = 'key'): (path: string) => boolean {
  const path = slashed(text);
  const components = path.split('/');
  if (
    text === '' ||
    /[\p{Cc}\p{Zl}\p{Zp}\s[\]{}=+]/u.test(text) ||
    components.some((component) => component === '..' || component === '.' || component === '')
  ) {
    throw invalid(
      'ERR_SYSCTL_PATTERN',
      `Cannot use the sysctl pattern ${quote(text)}`,
      'it is neither a key or folder, nor one with * and ? in it',
      'write it as net.ipv4.tcp_*, or as net.ipv4.conf',
    );
  }
  const star = within === 'key' ? '.*' : '[^/]*';
  const source = path
    .replace(/[\\^$.|()]/g, '\\$&')
    .replaceAll('*', star)
    .replaceAll('?', '[^/]');
  const expression = new RegExp(`^${source}${/[*?]/.test(text) ? '' : '(?:/.*)?'}$`);
  return (key) => expression.test(key);
}
