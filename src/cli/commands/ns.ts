import { invalid, quote } from '../../errors.js';
import type { NamespaceTarget } from '../../explore/namespaces/find.js';
import type { Namespace, NamespaceInventory } from '../../explore/namespaces/namespace.js';
import { didYouMean } from '../../kernel/nearest.js';
import { defineCommand } from '../command.js';
import type { NamespaceRow } from '../namespaces/columns.js';
import { STDERR, STDOUT, writeText } from '../output.js';

const actions = ['ls', 'show', 'compare', 'leaks'] as const;
type Action = (typeof actions)[number];

interface Values {
  readonly type?: string;
  readonly tree?: string;
  readonly columns?: string;
  readonly pid?: string;
  readonly release?: boolean;
  readonly json?: boolean;
}

/** `warren ns ls|show|compare|leaks`. */
export const nsCommand = defineCommand({
  name: 'ns',
  summary: 'List the namespaces of the machine: who is in them, who holds them, whose they are.',
  usage: ['ls [OPTIONS]', 'show [OPTIONS] TARGET', 'compare [OPTIONS] A B', 'leaks [OPTIONS] [NS…]'],
  options: {
    type: {
      kind: 'value',
      short: 't',
      placeholder: 'TYPE,…',
      help: 'ls, leaks: only these: user, mnt, pid, net, ipc, uts, cgroup, time',
      group: 'Options',
      complete: ['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup', 'time'],
    },
    tree: {
      kind: 'optional',
      placeholder: 'owner|parent',
      implied: 'owner',
      help: 'ls: below the user namespace that owns them (the default), or below their parent',
      group: 'Options',
      complete: ['owner', 'parent'],
    },
    columns: {
      kind: 'value',
      short: 'o',
      placeholder: 'NAME,…',
      help: 'ls: which columns; help lists them',
      group: 'Options',
    },
    pid: {
      kind: 'value',
      short: 'p',
      placeholder: 'PID',
      help: 'ls: only those of a process',
      group: 'Options',
    },
    release: {
      kind: 'flag',
      help: 'leaks: unmount what keeps them, where nothing else does; with NS: just those, named ones too',
      group: 'Options',
    },
    json: { kind: 'flag', help: 'print one JSON object', group: 'Options' },
  },
  operands: actions,
  notes: `
TARGET, A and B are a process id, self, a container, a namespace (net:[4026531840] or 4026531840), its file, or a
name below /run/netns.

  warren ns ls --type net
  warren ns show /run/netns/blue
  warren ns compare self 1234
  warren ns leaks --release

Held by: besides processes, a namespace is kept by a thread, by an open descriptor, by a socket in it, by a bind
mount of its file, as the one that a next child will be in, and as the parent or owner of another. What cannot be
looked at is told on standard error.`,
  async run({ values, operands, afterDashes = [] }) {
    const [action, ...words] = [...operands, ...afterDashes];
    if (action === undefined || !isAction(action)) throw unknownAction(action);
    refuseMisplaced(action, values);
    if (values.columns === 'help') {
      const { columnHelp } = await import('../namespaces/columns.js');
      writeText(STDOUT, columnHelp());
      return 0;
    }
    return handlers[action](words, values);
  },
});

/** A container goes before a network namespace of the same name. */
async function targetOf(word: string): Promise<NamespaceTarget> {
  const { parseNamespaceTarget } = await import('../../explore/namespaces/index.js');
  const target = parseNamespaceTarget(word);
  if (target.by !== 'path' || word.startsWith('/')) return target;
  const { pidOfContainer } = await import('../running-pid.js');
  const pid = await pidOfContainer(word, 'look at');
  return pid === undefined ? target : { by: 'pid', pid };
}

const handlers: Readonly<Record<Action, (words: readonly string[], values: Values) => Promise<number>>> = {
  async ls(words, values) {
    expect('ls', words, 0, 0);
    const { namespaceTypes, parseNamespaceTarget, findNamespaces, readNetnsids } =
      await import('../../explore/namespaces/index.js');
    const { defaultColumns, namespaceTable, parseColumns } = await import('../namespaces/columns.js');
    const { namespaceTree } = await import('../namespaces/tree.js');
    const types = parseTypes(values.type, namespaceTypes);
    const tree = parseTree(values.tree);
    const target = values.pid === undefined ? undefined : parseNamespaceTarget(values.pid);
    if (target && target.by !== 'pid')
      throw invalid(
        'ERR_OPTION_VALUE',
        `Cannot take --pid ${quote(values.pid ?? '')}`,
        'it is no process id',
      );
    const names = values.columns === undefined ? undefined : parseColumns(values.columns);
    const inventory = await readInventory();
    const chosen = (target ? findNamespaces(inventory, target) : inventory.namespaces).filter(({ type }) =>
      types.includes(type),
    );
    // A question for each to the kernel: only where somebody reads the answers.
    const onlyNet = types.length === 1 && types[0] === 'net';
    const netnsids =
      (names?.includes('netnsid') ?? onlyNet) ? await readNetnsids(chosen) : new Map<number, number>();
    const shown =
      names ?? (onlyNet ? ([...defaultColumns.slice(0, -1), 'netnsid', 'command'] as const) : defaultColumns);
    if (values.json === true) {
      printJson({
        namespaces: chosen.map((each) => toJson(each, netnsids.get(each.inode))),
        listedByKernel: inventory.listedByKernel,
        unseen: inventory.unseen,
      });
      return 0;
    }
    const row = (namespace: Namespace): NamespaceRow => ({
      namespace,
      netnsid: netnsids.get(namespace.inode),
    });
    if (tree === undefined) {
      writeText(STDOUT, namespaceTable(chosen.map(row), shown));
      return 0;
    }
    const rows = namespaceTree(chosen, tree);
    writeText(
      STDOUT,
      namespaceTable(
        rows.map(({ namespace }) => row(namespace)),
        shown,
        rows.map(({ prefix }) => prefix),
      ),
    );
    return 0;
  },

  async show(words, values) {
    expect('show', words, 1, 1);
    const { findNamespaces, readNetnsids } = await import('../../explore/namespaces/index.js');
    const { showText } = await import('../namespaces/text.js');
    const target = await targetOf(words[0] ?? '');
    const found = findNamespaces(await readInventory(), target);
    const netnsids = await readNetnsids(found);
    if (values.json === true)
      printJson(
        found.map((each) => ({ ...toJson(each, netnsids.get(each.inode)), processes: each.processes })),
      );
    else writeText(STDOUT, found.map((each) => showText(each, netnsids.get(each.inode))).join(''));
    return 0;
  },

  async compare(words, values) {
    expect('compare', words, 2, 2);
    const { compareNamespaces } = await import('../../explore/namespaces/index.js');
    const { compareText } = await import('../namespaces/text.js');
    const [a, b] = await Promise.all(words.map(targetOf));
    if (!a || !b) return 1;
    const compared = compareNamespaces(await readInventory(), a, b);
    if (compared.length === 0)
      throw invalid(
        'ERR_NAMESPACE_SPEC',
        `Cannot compare ${quote(words[0] ?? '')} with ${quote(words[1] ?? '')}`,
        'they are namespaces of different types',
      );
    if (values.json === true) printJson(compared);
    else writeText(STDOUT, compareText(compared));
    return 0;
  },

  async leaks(words, values) {
    const { findLeaks, namespaceTypes, parseNamespaceTarget, releaseLeaks } =
      await import('../../explore/namespaces/index.js');
    const { leaksText, releaseText } = await import('../namespaces/text.js');
    const types = parseTypes(values.type, namespaceTypes);
    const wanted = words.length === 0 ? undefined : words.map(parseNamespaceTarget);
    const inventory = await readInventory();
    const { findNamespaces } = await import('../../explore/namespaces/index.js');
    const inodes =
      wanted &&
      new Set(wanted.flatMap((target) => findNamespaces(inventory, target).map(({ inode }) => inode)));
    const leaks = findLeaks(inventory).filter(
      ({ namespace: { type, inode } }) => types.includes(type) && (inodes?.has(inode) ?? true),
    );
    if (values.release !== true) {
      if (values.json === true)
        printJson(
          leaks.map(({ namespace, reason, obstacle }) => ({
            ...toJson(namespace, undefined),
            reason,
            obstacle: obstacle ?? null,
          })),
        );
      else writeText(STDOUT, leaksText(leaks));
      return 0;
    }
    const result = releaseLeaks(leaks, inodes);
    if (values.json === true) printJson(result);
    else writeText(STDOUT, releaseText(result));
    return result.kept.length === 0 ? 0 : 1;
  },
};

async function readInventory(): Promise<NamespaceInventory> {
  const { readNamespaces } = await import('../../explore/namespaces/index.js');
  const inventory = await readNamespaces();
  for (const what of inventory.unseen) writeText(STDERR, `warren: note: not seen: ${what}\n`);
  return inventory;
}

function toJson(namespace: Namespace, netnsid: number | undefined): Record<string, unknown> {
  const { processes, first, ...rest } = namespace;
  const none = Object.fromEntries(
    (['parent', 'owner', 'creatorUid', 'container', 'ageSec'] as const).map((name) => [
      name,
      rest[name] ?? null,
    ]),
  );
  return {
    ...rest,
    ...none,
    nprocs: processes.length,
    pid: first?.pid ?? null,
    ppid: first?.ppid ?? null,
    uid: first?.uid ?? null,
    command: first?.command ?? null,
    ...(namespace.type === 'net' ? { netnsid: netnsid ?? null } : {}),
  };
}

function printJson(value: unknown): void {
  writeText(STDOUT, `${JSON.stringify(value)}\n`);
}

function parseTypes<T extends string>(text: string | undefined, types: readonly T[]): readonly T[] {
  if (text === undefined) return types;
  return text.split(',').map((word) => {
    const type = types.find((each) => each === word);
    if (type !== undefined) return type;
    throw invalid(
      'ERR_OPTION_VALUE',
      `Cannot take --type ${quote(text)}`,
      `${quote(word)} is no type of namespace`,
      didYouMean(word, types) ?? `the types are ${types.join(', ')}`,
    );
  });
}

function parseTree(text: string | undefined): 'owner' | 'parent' | undefined {
  if (text === undefined || text === 'owner' || text === 'parent') return text;
  throw invalid(
    'ERR_OPTION_VALUE',
    `Cannot take --tree=${quote(text)}`,
    'the trees are owner and parent',
    'write --tree=owner or --tree=parent',
  );
}

function isAction(word: string): word is Action {
  return (actions as readonly string[]).includes(word);
}

function unknownAction(word: string | undefined): Error {
  return invalid(
    'ERR_USAGE',
    word === undefined ? 'Cannot tell what to do' : `Cannot ${quote(word)} namespaces`,
    'the actions are ls, show, compare and leaks',
    (word === undefined ? undefined : didYouMean(word, actions)) ?? 'see warren ns --help',
  );
}

/** Which action each option is for. */
const optionActions = {
  type: ['ls', 'leaks'],
  tree: ['ls'],
  columns: ['ls'],
  pid: ['ls'],
  release: ['leaks'],
} as const satisfies Record<string, readonly Action[]>;

function refuseMisplaced(action: Action, values: Values): void {
  for (const [option, allowed] of Object.entries(optionActions) as [
    keyof typeof optionActions,
    readonly Action[],
  ][]) {
    if (values[option] === undefined || allowed.includes(action)) continue;
    throw invalid(
      'ERR_USAGE',
      `Cannot use --${option} with ${action}`,
      `it is for ${allowed.join(' and ')}`,
      'see warren ns --help',
    );
  }
}

function expect(action: Action, words: readonly string[], least: number, most: number): void {
  if (words.length >= least && words.length <= most) return;
  throw invalid(
    'ERR_USAGE',
    `Cannot ${action} namespaces`,
    most === 0
      ? 'it takes no operands'
      : `it takes ${most === 1 ? 'one target' : 'two targets'}, not ${words.length}`,
    'see warren ns --help',
  );
}
