/** Which of `conf.all` and an interface's own value counts in one place. */
import { combinationOf, effectiveValue, siblingKey } from './conf.js';
import type { Place } from './place.js';
import { interfaceOf } from './table/index.js';
import type { Statement } from './why.js';
import { combinationSentences } from './words.js';

export interface Combined {
  readonly statements: readonly Statement[];
  /** The keys, slashed, because of which another value than the key's own counts. */
  readonly overriding: readonly string[];
}

/** @param where `In web`, `On the host`. */
export async function combine(path: string, place: Place, where: string): Promise<Combined> {
  const rule = combinationOf(path);
  const device = interfaceOf(path);
  if (rule === undefined || device === undefined || device === 'default')
    return { statements: [], overriding: [] };
  const statements: Statement[] = [
    { text: combinationSentences[rule], evidence: 'the kernel’s source, by the table of docs/sysctl.md' },
  ];
  const overriding: string[] = [];
  const devices = device === 'all' ? interfacesIn(await place.keys(), path) : [device];
  let same = 0;
  for (const each of devices) {
    const [all, own, forwarding] = await Promise.all(
      [
        siblingKey(path, 'all'),
        siblingKey(path, each),
        siblingKey(path, each).replace(/[^/]+$/, 'forwarding'),
      ].map(async (sibling) => place.read(sibling)),
    );
    if (!all || !own || !('value' in all) || !('value' in own)) continue;
    const forwards = forwarding !== undefined && 'value' in forwarding && forwarding.value !== '0';
    const effective = effectiveValue(rule, all.value, own.value, forwards);
    if (effective === undefined) continue;
    const mine = device === 'all' ? all.value : own.value;
    if (String(effective) === mine && device === 'all') {
      same += 1;
      continue;
    }
    if (String(effective) !== mine) overriding.push(siblingKey(path, device === 'all' ? each : 'all'));
    statements.push({
      text: `${where}, on ${each}, ${effective} counts.`,
      evidence: `conf.all is ${all.value}, conf.${each} is ${own.value}`,
    });
  }
  if (same > 0) {
    statements.push({
      text: `${where} conf.all’s own value is what counts on ${same} of ${devices.length} ${devices.length === 1 ? 'interface' : 'interfaces'}.`,
      evidence: 'conf.all and each interface were read',
    });
  }
  return { statements, overriding };
}

function interfacesIn(keys: readonly string[], path: string): string[] {
  return keys.flatMap((key) => {
    const device = interfaceOf(key);
    return device !== undefined &&
      device !== 'all' &&
      device !== 'default' &&
      siblingKey(path, device) === key
      ? [device]
      : [];
  });
}
