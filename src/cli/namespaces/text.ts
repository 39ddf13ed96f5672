/** What `warren ns show`, `compare` and `leaks` print. */
import type { NamespaceComparison } from '../../explore/namespaces/compare.js';
import type { NamespaceLeak, ReleaseResult } from '../../explore/namespaces/leaks.js';
import type { Namespace } from '../../explore/namespaces/namespace.js';
import { age, holderText, printable, relation, table } from './columns.js';

/** More than these say no more; `--json` has all. */
const mostPids = 20;
const mostHolders = 50;

export function showText(namespace: Namespace, netnsid: number | undefined): string {
  const { type, inode, processes, holders, first, container, creatorUid, ageSec } = namespace;
  const pids = processes.slice(0, mostPids).join(' ');
  const rows: [string, string][] = [
    ['processes', processes.length <= mostPids ? pids || 'none' : `${pids} … ${processes.length} in all`],
    ['first', first ? `${first.pid} ${printable(first.command)}` : ''],
    ['container', container ? `${container.runtime} ${printable(container.id)}` : ''],
    ['age', ageSec === undefined ? '' : age(ageSec)],
    [type === 'user' ? 'made by' : 'owner made by', creatorUid === undefined ? '' : `user ${creatorUid}`],
    ['owner', link('user', namespace.owner)],
    ['parent', link(type, namespace.parent)],
    ['netnsid', netnsid === undefined ? '' : String(netnsid)],
    ...holders
      .slice(0, mostHolders)
      .map((holder, index): [string, string] => [index === 0 ? 'held by' : '', holderText(holder)]),
    ...(holders.length <= mostHolders ? [] : [['', `… ${holders.length} in all`] satisfies [string, string]]),
  ];
  return `${type}:[${inode}]\n${table(rows.filter(([, value]) => value !== '').map(([name, value]) => [`  ${name}`, value]))}`;
}

function link(type: string, value: Namespace['owner']): string {
  return typeof value === 'number' ? `${type}:[${value}]` : relation(value);
}

export function compareText(comparisons: readonly NamespaceComparison[]): string {
  return table([
    ['TYPE', 'A', 'B', ''],
    ...comparisons.map((each) => [
      each.type,
      each.a === undefined ? '?' : String(each.a),
      each.b === undefined ? '?' : String(each.b),
      kinshipText(each),
    ]),
  ]);
}

function kinshipText({ kinship, levels = 0, ownerA, ownerB }: NamespaceComparison): string {
  const steps = `${levels} level${levels === 1 ? '' : 's'}`;
  const owners =
    ownerA === undefined || ownerB === undefined
      ? ''
      : ownerA === ownerB
        ? `, both owned by user:[${ownerA}]`
        : `, owned by user:[${ownerA}] and user:[${ownerB}]`;
  switch (kinship) {
    case 'same':
      return 'shared';
    case 'descendant':
      return `A’s lies ${steps} below B’s`;
    case 'ancestor':
      return `A’s lies ${steps} above B’s`;
    case 'other':
      return `not shared${owners}`;
    case 'unknown':
      return 'one of them could not be seen';
  }
}

const reasons: Readonly<Record<NamespaceLeak['reason'], string>> = {
  named: 'kept by its name',
  mounted: 'kept by a mount',
  open: 'kept open',
  related: 'kept by others below it',
  unseen: 'kept by something unseen',
};

export function leaksText(leaks: readonly NamespaceLeak[]): string {
  if (leaks.length === 0) return 'every namespace has a process in it\n';
  return leaks
    .map(({ namespace: { type, inode, holders }, reason, obstacle }) =>
      [
        `${type}:[${inode}] ${reasons[reason]}`,
        ...holders.map((holder) => `  ${holderText(holder)}`),
        ...(obstacle === undefined ? [] : [`  cannot be released: ${obstacle}`]),
      ]
        .map((line) => `${line}\n`)
        .join(''),
    )
    .join('');
}

export function releaseText({ released, kept }: ReleaseResult): string {
  const lines = [
    ...released.map(({ inode, path }) => `released ${inode}: unmounted ${printable(path)}`),
    ...kept.map(({ inode, why }) => `kept ${inode}: ${printable(why)}`),
  ];
  return `${(lines.length === 0 ? ['nothing to release'] : lines).join('\n')}\n`;
}
