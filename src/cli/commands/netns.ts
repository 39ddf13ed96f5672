import { closeSync } from 'node:fs';
import { invalid, quote } from '../../errors.js';
import { didYouMean } from '../../kernel/nearest.js';
import { type CommandContext, defineCommand } from '../command.js';
import { parseOptions, type OptionValues } from '../options.js';
import { STDOUT, writeText } from '../output.js';
import { unbroken } from '../unbroken.js';

const actions = [
  'add',
  'ls',
  'rm',
  'exec',
  'identify',
  'pids',
  'attach',
  'monitor',
  'show',
  'peer',
  'wire',
] as const;
type Action = (typeof actions)[number];

const options = {
  json: { kind: 'flag', help: 'ls, show, peer, monitor: print JSON', group: 'Options' },
  quiet: { kind: 'flag', short: 'q', help: 'ls: names only, of those that have one', group: 'Options' },
  up: { kind: 'flag', help: 'add: bring its loopback up', group: 'Options' },
  bridge: {
    kind: 'value',
    placeholder: 'NAME',
    help: 'the bridge, made if it is not there (default: wire0)',
    group: 'wire',
  },
  gateway: {
    kind: 'value',
    placeholder: 'ADDRESS/LENGTH',
    help: 'of the bridge (default: 10.200.1.1/24)',
    group: 'wire',
  },
  address: {
    kind: 'value',
    placeholder: 'ADDRESS',
    help: 'of the namespace (default: the next free one after the gateway’s)',
    group: 'wire',
  },
  device: { kind: 'value', placeholder: 'NAME', help: 'the end inside (default: eth0)', group: 'wire' },
  'host-device': {
    kind: 'value',
    placeholder: 'NAME',
    help: 'the end outside (default: wire and the namespace’s number)',
    group: 'wire',
  },
  'no-nat': { kind: 'flag', help: 'no way out: neither forwarding nor translation', group: 'wire' },
  plan: { kind: 'flag', help: 'print the commands that do the same, and do nothing', group: 'wire' },
} as const;
type Values = OptionValues<typeof options>;

/** `warren netns …`. */
export const netnsCommand = defineCommand({
  name: 'netns',
  summary: 'Network namespaces: name, list, look into, wire, run commands in.',
  usage: [
    'add [--up] NAME…',
    'ls [OPTIONS]',
    'rm NAME…',
    'exec TARGET [--] COMMAND [ARG…]',
    'identify [PID]',
    'pids NAME',
    'attach NAME PID',
    'monitor',
    'show [TARGET]',
    'peer TARGET',
    'wire [OPTIONS] TARGET',
  ],
  options,
  operands: actions,
  names: {
    rm: ['netns'],
    exec: ['netns', 'container'],
    pids: ['netns'],
    show: ['netns', 'container'],
    peer: ['netns', 'container'],
    wire: ['netns', 'container'],
  },
  // What follows `exec TARGET` is the command's, as it is for ip-netns(8).
  stopAtOperand: true,
  notes: `
TARGET is a container, a name, a process id, a namespace (net:[4026531840]) or its file. Names are those of
ip-netns(8): each tool sees what the other has made.

  warren netns add blue && warren netns wire blue && warren netns exec blue -- ping -c1 10.200.1.1
  warren netns show web
  warren netns peer web
  warren netns wire blue --plan

ls shows every network namespace: also those that only a descriptor, a mount or a socket keeps.`,
  async run({ values: before, operands, afterDashes = [] }, context) {
    const [action, ...rest] = [...operands, ...afterDashes];
    if (action === undefined || !(actions as readonly string[]).includes(action)) {
      throw invalid(
        'ERR_USAGE',
        action === undefined ? 'Cannot tell what to do' : `Cannot ${quote(action)} network namespaces`,
        `the actions are ${actions.join(', ')}`,
        (action === undefined ? undefined : didYouMean(action, actions)) ?? 'see warren netns --help',
      );
    }
    if (action === 'exec') return handlers.exec(rest, before, context);
    const after = parseOptions(options, rest, { command: 'warren netns' });
    const words = [...after.operands, ...(after.afterDashes ?? [])];
    return handlers[action as Action](words, { ...before, ...after.values }, context);
  },
});

type Handler = (words: readonly string[], values: Values, context: CommandContext) => Promise<number>;

const handlers: Readonly<Record<Action, Handler>> = {
  async add(words, { up }) {
    const { addNetns } = await netns();
    const names = expect('add', words, 1, Infinity, 'NAME');
    await unbroken(async (signal) => {
      for (const name of names) if (!signal.aborted) await addNetns(name, { loopback: up ?? false });
    });
    return 0;
  },

  async rm(words) {
    const { removeNetns } = await netns();
    const { eachOf } = await import('./each-container.js');
    const names = expect('rm', words, 1, Infinity, 'NAME');
    return unbroken(async () =>
      eachOf(names, async (name) => {
        await removeNetns(name);
        return undefined;
      }),
    );
  },

  async ls(words, { json, quiet }) {
    expect('ls', words, 0, 0);
    if (quiet === true) {
      const { netnsNames } = await netns();
      writeText(
        STDOUT,
        netnsNames()
          .map((name) => `${name}\n`)
          .join(''),
      );
      return 0;
    }
    const { readNetnsViews } = await import('../netns/places.js');
    const { readNetnsids } = await import('../../explore/namespaces/index.js');
    const { holderText, table } = await import('../namespaces/columns.js');
    const views = await readNetnsViews();
    const nsids = await readNetnsids(views.flatMap(({ namespace }) => namespace ?? []));
    if (json === true) {
      printJson(
        views.map(({ inode, names, processes, container, isOurs, namespace }) => ({
          inode,
          names,
          nsid: nsids.get(inode),
          processes,
          holders: namespace?.holders ?? [],
          container,
          current: isOurs,
        })),
      );
      return 0;
    }
    const rows = views.map(({ inode, names, processes, container, namespace }) => [
      String(inode),
      names.join(',') || '-',
      nsids.has(inode) ? String(nsids.get(inode)) : '-',
      String(processes.length),
      container ?? '-',
      processes[0] === undefined
        ? (namespace?.holders.map(holderText).join('; ') ?? '')
        : `${processes[0]} ${namespace?.first?.command ?? ''}`,
    ]);
    writeText(STDOUT, table([['NS', 'NAME', 'NSID', 'PROCESSES', 'CONTAINER', 'HELD BY'], ...rows]));
    return 0;
  },

  async exec(words, _values, context) {
    const [target = '', ...given] = expect('exec', words, 2, Infinity, 'TARGET COMMAND');
    const command = given[0] === '--' ? given.slice(1) : given;
    const { enterCommand } = await import('./enter.js');
    return enterCommand.run({ values: { net: true }, operands: [target], afterDashes: command }, context);
  },

  async identify(words) {
    const [text = String(process.pid)] = expect('identify', words, 0, 1);
    const { identifyNetns } = await netns();
    writeText(
      STDOUT,
      identifyNetns(parsePid(text))
        .map((name) => `${name}\n`)
        .join(''),
    );
    return 0;
  },

  async pids(words) {
    const [name = ''] = expect('pids', words, 1, 1, 'NAME');
    const { netnsPids } = await netns();
    writeText(
      STDOUT,
      netnsPids(name)
        .map((pid) => `${pid}\n`)
        .join(''),
    );
    return 0;
  },

  async attach(words) {
    const [name = '', pid = ''] = expect('attach', words, 2, 2, 'NAME PID');
    const { attachNetns } = await netns();
    await unbroken(async () => attachNetns(name, parsePid(pid)));
    return 0;
  },

  async monitor(words, { json }) {
    expect('monitor', words, 0, 0);
    const { monitorNetns } = await netns();
    for await (const event of monitorNetns())
      writeText(STDOUT, json === true ? `${JSON.stringify(event)}\n` : `${event.change} ${event.name}\n`);
    return 0;
  },

  async show(words, { json }) {
    const [target = 'self'] = expect('show', words, 0, 1);
    const { readNetns } = await netns();
    const { findNetnsView, openView, readNetnsViews } = await import('../netns/places.js');
    const views = await readNetnsViews();
    const view = await findNetnsView(target, views);
    const { inode, names, container, processes } = view;
    const { peersOf } = await import('../netns/peers.js');
    const { parametersOf, parameterLine } = await import('../netns/parameters.js');
    const fd = openView(view);
    try {
      const snapshot = await readNetns({ fd }, processes);
      const peers = await peersOf(view, views);
      const parameters = await parametersOf(view, fd);
      if (json === true) {
        printJson({ inode, names, container, processes, peers, ...snapshot, parameters });
        return 0;
      }
      const { section, snapshotText, processLine } = await import('../netns/text.js');
      const texts = new Map(peers.map(({ ifindex, text }) => [ifindex, text]));
      writeText(
        STDOUT,
        [
          snapshotText(snapshot, texts),
          section('Parameters that differ from a fresh namespace', parameters.map(parameterLine)),
          section('Processes', processes.map(processLine)),
        ].join(''),
      );
      return 0;
    } finally {
      closeSync(fd);
    }
  },

  async peer(words, { json }) {
    const [target = ''] = expect('peer', words, 1, 1, 'TARGET');
    const { findNetnsView, readNetnsViews } = await import('../netns/places.js');
    const { peersOf } = await import('../netns/peers.js');
    const views = await readNetnsViews();
    const peers = await peersOf(await findNetnsView(target, views), views);
    if (json === true) printJson(peers);
    else writeText(STDOUT, peers.map(({ device, text }) => `${device} ↔ ${text}\n`).join(''));
    return 0;
  },

  async wire(words, values) {
    const [target = ''] = expect('wire', words, 1, 1, 'TARGET');
    if (values.plan === true) {
      const { steps } = await planFor(target, values);
      writeText(STDOUT, steps.map(({ command, why }) => `# ${why}\n${command}\n`).join(''));
      return 0;
    }
    const { carryOutWire, withWireLock } = await netns();
    const { openView } = await import('../netns/places.js');
    await unbroken(async (signal) =>
      withWireLock(async () => {
        const { steps, view } = await planFor(target, values);
        const fd = openView(view);
        try {
          await carryOutWire(steps, { fd }, { signal });
        } finally {
          closeSync(fd);
        }
      }),
    );
    return 0;
  },
};

async function planFor(target: string, values: Values) {
  const { netnsNames, planWire } = await netns();
  const { addressesIn, findNetnsView, readNetnsViews } = await import('../netns/places.js');
  const views = await readNetnsViews();
  const view = await findNetnsView(target, views);
  const { inode, place } = view;
  const path = place && 'path' in place ? place.path : undefined;
  if (values.plan === true && path === undefined) {
    throw invalid(
      'ERR_WIRE',
      `Cannot write commands for ${quote(target)}`,
      'only a socket keeps it: there is no file that ip(8) and nsenter(1) could enter it by',
      'leave out --plan',
    );
  }
  const { bridge, gateway, address, device, 'host-device': hostDevice, 'no-nat': noNat } = values;
  const steps = planWire({
    shownAs: netnsNames().includes(target) ? { name: target } : { path: path ?? '' },
    hostDevice: hostDevice ?? `wire${inode}`.slice(0, 15),
    nat: noNat !== true,
    ...(address === undefined ? { taken: await addressesIn(views) } : {}),
    ...(bridge === undefined ? {} : { bridge }),
    ...(gateway === undefined ? {} : { gateway }),
    ...(address === undefined ? {} : { address }),
    ...(device === undefined ? {} : { device }),
  });
  return { steps, view };
}

async function netns() {
  return import('../../network/netns/index.js');
}

function expect(
  action: Action,
  words: readonly string[],
  least: number,
  most: number,
  usage = '',
): readonly string[] {
  if (words.length >= least && words.length <= most) return words;
  throw invalid(
    'ERR_USAGE',
    `Cannot do: warren netns ${action}`,
    words.length < least ? `${usage} is missing` : `${quote(words[most] ?? '')} is too much`,
    'see warren netns --help',
  );
}

function parsePid(text: string): number {
  if (text === 'self') return process.pid;
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw invalid('ERR_OPTION_VALUE', `Cannot take ${quote(text)} for a process`, 'it is no process id');
}

function printJson(value: unknown): void {
  const text = JSON.stringify(
    value,
    (_, each: unknown) => (typeof each === 'bigint' ? Number(each) : each),
    2,
  );
  writeText(STDOUT, `${text}\n`);
}
