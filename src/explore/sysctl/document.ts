/** The tables of docs/sysctl.md, from the same data that answers. */
import { netSysctlFacts } from '../../kernel/net-sysctls.js';
import { isSafeSysctl } from '../../kernel/sysctl-scope.js';
import { measuredKernels, sysctlTemplate, type MeasuredKernel } from '../../kernel/sysctl-measured.js';
import { interfaceOf, sysctlFacts, type Combination, type Origin, type Use } from './table/index.js';

const firstValues: Readonly<Record<Origin, string>> = {
  initial: '**copied** from the first namespace',
  creator: '**copied** from its creator',
  default: 'kernel’s default',
  computed: 'computed',
  'conf-default': 'its own `conf.default`',
  'neigh-default': 'the machine’s `neigh.default`',
  shared: '_the machine’s_',
  none: '',
};

const changes: Readonly<Record<Use, string>> = {
  'each-use': 'at once',
  socket: 'new sockets',
  listen: 'at `listen()`',
  connection: 'new connections',
  timer: 'new timers',
  entry: 'new entries',
  interface: 'new interfaces',
};

const combinations: Readonly<Record<Combination, string>> = {
  max: 'the larger of `all` and the interface',
  or: '`all` or the interface',
  and: '`all` and the interface',
  interface: 'the interface; `all` is not read',
  'sets-all': 'the interface; writing `all` sets every one',
  redirects: 'both where it forwards, else either',
};

const sections: readonly { readonly title: string; readonly prefix: RegExp }[] = [
  { title: 'TCP', prefix: /^net\/ipv4\/tcp_/ },
  { title: 'Sockets and devices', prefix: /^net\/(?:core|unix)\// },
  { title: 'IPv4', prefix: /^net\/ipv4\/(?!tcp_|conf\/|neigh\/)/ },
  { title: 'IPv4, per interface', prefix: /^net\/ipv4\/conf\// },
  { title: 'IPv6', prefix: /^net\/ipv6\/(?!conf\/|neigh\/)/ },
  { title: 'IPv6, per interface', prefix: /^net\/ipv6\/conf\// },
  { title: 'Neighbours', prefix: /^net\/ipv[46]\/neigh\// },
  { title: 'Connection tracking, bridges and packet filter', prefix: /^net\/(?:netfilter|bridge)\// },
  { title: 'MPTCP', prefix: /^net\/mptcp\// },
];

/** Markdown, one section a group of keys. */
export function sysctlTables(): string {
  const keys = [
    ...new Set(measuredKernels.flatMap(({ groups }) => groups.flatMap((group) => group.keys))),
  ].sort();
  const parts = sections.map(({ title, prefix }) =>
    networkSection(
      title,
      keys.filter((key) => prefix.test(key)),
    ),
  );
  return [...parts, localSection(keys.filter((key) => !key.startsWith('net/'))), absentSection()].join('\n');
}

function networkSection(title: string, keys: readonly string[]): string {
  const templates = [...new Set(keys.map(sysctlTemplate))];
  const perInterface = title.includes('per interface');
  const head = [
    'key',
    perInterface ? 'which counts' : 'a new namespace has',
    ...(perInterface ? [] : ['a change holds for']),
    'since',
    ...kernelHeads(),
  ];
  const rows = templates.map((template) => {
    const key =
      keys.find((each) => sysctlTemplate(each) === template && interfaceOf(each) !== 'all') ?? template;
    const facts = sysctlFacts(key);
    return [
      `\`${dotted(template)}\`${isSafeSysctl(template) ? ' ✓' : ''}`,
      ...(perInterface
        ? [facts?.combination === undefined ? '' : combinations[facts.combination]]
        : [
            facts?.origin === undefined ? '' : firstValues[facts.origin],
            facts?.use === undefined ? '' : changes[facts.use],
          ]),
      facts?.since ?? '',
      ...measuredKernels.map((kernel) => stateOn(kernel, key)),
    ];
  });
  return `### ${title}\n\n${table([head, ...rows])}\n${traps(keys)}`;
}

function stateOn(kernel: MeasuredKernel, key: string): string {
  const group = kernel.groups.find(({ keys }) => keys.includes(key));
  if (!group) return kernel.absent.includes(key) ? 'host only' : 'no such key';
  const word = group.access === 'writable' ? 'own' : 'read-only';
  if (group.access !== group.userAccess)
    return group.userAccess === 'absent'
      ? `${word}, not in a user namespace`
      : `${word}, but not of a user namespace’s root`;
  return word;
}

function traps(keys: readonly string[]): string {
  const told = new Map<string, string[]>();
  for (const key of keys) {
    const facts = sysctlFacts(key);
    for (const text of [facts?.trap, facts?.limit]) {
      if (text === undefined) continue;
      const names = told.get(text) ?? [];
      told.set(text, names);
      const name = `\`${dotted(sysctlTemplate(key)).split('.').at(-1) ?? ''}\``;
      if (!names.includes(name)) names.push(name);
    }
  }
  const lines = [...told].map(([text, names]) =>
    names.length > 8 ? `- ${text}` : `- ${names.join(', ')}: ${text}`,
  );
  return lines.length === 0 ? '' : `\n${lines.join('\n')}\n`;
}

/** Of IPC, UTS and user namespaces: what a census found, those of one kind together. */
function localSection(keys: readonly string[]): string {
  const order = ['kernel/', 'fs/mqueue/', 'user/'];
  const rank = (key: string): number =>
    key.endsWith('name') ? 2.5 : order.findIndex((prefix) => key.startsWith(prefix));
  const sorted = [...keys].sort((a, b) => rank(a) - rank(b));
  const head = ['key', 'a new namespace has', 'a change holds for', 'since', ...kernelHeads()];
  const rows = sorted.map((key) => {
    const facts = sysctlFacts(key);
    return [
      `\`${dotted(key)}\`${isSafeSysctl(key) ? ' ✓' : ''}`,
      facts?.origin === undefined ? '' : firstValues[facts.origin],
      facts?.use === undefined ? '' : facts.use === 'entry' ? 'new queues' : changes[facts.use],
      facts?.since ?? '',
      ...measuredKernels.map((kernel) => stateOn(kernel, key)),
    ];
  });
  return `### IPC, names and users\n\n${table([head, ...rows])}\n${traps(sorted)}`;
}

function kernelHeads(): string[] {
  return measuredKernels.map(({ series }) => `Linux ${series}`);
}

/** What only the first network namespace has, with the reason. */
function absentSection(): string {
  const reasons = new Map<string, string[]>();
  for (const [path, { state, reason }] of netSysctlFacts()) {
    if (state !== 'absent') continue;
    const names = reasons.get(reason) ?? [];
    reasons.set(reason, [...names, `\`${dotted(path)}\``]);
  }
  const rows = [...reasons].map(([reason, names]) => [names.join(', '), reason]);
  return `### Only in the first network namespace\n\n${table([['keys', 'because'], ...rows])}\n`;
}

function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...rest] = rows;
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  return [line(head), line(head.map(() => '---')), ...rest.map(line)].join('');
}

function dotted(path: string): string {
  return path.replaceAll('/', '.');
}
