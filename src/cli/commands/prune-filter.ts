import type { ContainerSnapshot } from '../../containers/index.js';
import { parseTime } from '../time.js';
import { badValue } from '../values.js';

/** docker's filters of `container prune`. @throws {WarrenError} `ERR_OPTION_VALUE`. */
export function parsePruneFilters(
  list: readonly string[],
  now = Date.now(),
): (snapshot: ContainerSnapshot) => boolean {
  const tests = list.map((each): ((snapshot: ContainerSnapshot) => boolean) => {
    const [, key, value = ''] = /^([^=]*)=(.*)$/s.exec(each) ?? [];
    if (key === 'until') {
      const before = Number(parseTime('filter', value, BigInt(now) * 1_000_000n) / 1_000_000n);
      return ({ record }) => Date.parse(record.createdAt) <= before;
    }
    if (key === 'label' || key === 'label!') {
      const [name = '', ...rest] = value.split('=');
      const wanted = rest.length === 0 ? undefined : rest.join('=');
      return ({ record }) => {
        const own = Object.hasOwn(record.labels, name) ? record.labels[name] : undefined;
        return (own !== undefined && (wanted === undefined || own === wanted)) === (key === 'label');
      };
    }
    throw badValue(
      'filter',
      each,
      'there is no such filter',
      'write until=24h, label=KEY or label=KEY=VALUE',
    );
  });
  return (snapshot) => tests.every((test) => test(snapshot));
}
