/** `conf/all`, `conf/default` and the interfaces: which value counts. */
import { interfaceOf, sysctlFacts, type Combination, type Origin } from './table/index.js';

/**
 * What counts for one interface.
 *
 * @param all The value of `conf/all`.
 * @param own The value of the interface.
 * @param forwards Whether the interface forwards; only `redirects` asks.
 * @returns undefined where the values are no numbers.
 */
export function effectiveValue(
  combination: Combination,
  all: string,
  own: string,
  forwards = false,
): number | undefined {
  const [a, b] = [Number(all), Number(own)];
  if (all.trim() === '' || own.trim() === '' || !Number.isInteger(a) || !Number.isInteger(b))
    return undefined;
  switch (combination) {
    case 'max':
      return Math.max(a, b);
    case 'or':
      return a !== 0 || b !== 0 ? 1 : 0;
    case 'and':
      return a !== 0 && b !== 0 ? 1 : 0;
    case 'redirects':
      return effectiveValue(forwards ? 'and' : 'or', all, own);
    case 'interface':
    case 'sets-all':
      return b;
  }
}

/** The combination of a key below `conf`; undefined for other keys, and where it is not known. */
export function combinationOf(path: string): Combination | undefined {
  return /^net\/ipv[46]\/conf\//.test(path) ? sysctlFacts(path)?.combination : undefined;
}

/** The same name for another interface, `all` or `default`. */
export function siblingKey(path: string, device: string): string {
  const components = path.split('/');
  return interfaceOf(path) === undefined
    ? path
    : [...components.slice(0, 3), device, ...components.slice(4)].join('/');
}

/**
 * Where `conf/all` and `conf/default` of a new namespace come from.
 *
 * @param setting The value of net.core.devconf_inherit_init_net.
 */
export function inheritedOrigin(path: string, setting: string): Origin | undefined {
  const device = interfaceOf(path);
  if (!/^net\/ipv[46]\/conf\//.test(path) || (device !== 'all' && device !== 'default')) return undefined;
  switch (setting) {
    case '0':
      return path.startsWith('net/ipv4/') ? 'initial' : 'default';
    case '1':
      return 'initial';
    case '2':
      return 'default';
    case '3':
      return 'creator';
    default:
      return undefined;
  }
}
