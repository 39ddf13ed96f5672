import { invalid, quote } from '../../errors.js';
import { didYouMean } from '../../kernel/nearest.js';
import { defineCommand } from '../command.js';
import type { OptionValues } from '../options.js';
import { STDERR, STDOUT, writeText } from '../output.js';
import { unbroken } from '../unbroken.js';

const actions = ['create', 'ls', 'inspect', 'rm', 'prune', 'connect', 'disconnect'] as const;
type Action = (typeof actions)[number];

const CREATE = 'create';
const CONNECT = 'connect';
const LIST = 'ls, inspect, prune';

const options = {
  driver: {
    kind: 'value',
    short: 'd',
    placeholder: 'DRIVER',
    help: 'bridge (default), routed, macvlan',
    group: CREATE,
    complete: ['bridge', 'routed', 'macvlan'],
  },
  subnet: {
    kind: 'list',
    placeholder: 'SUBNET',
    help: '10.90.0.0/24, fd90::/64; one a family (default: a free one)',
    group: CREATE,
  },
  gateway: {
    kind: 'list',
    placeholder: 'ADDRESS',
    help: 'of a subnet (default: its first address)',
    group: CREATE,
  },
  'ip-range': {
    kind: 'list',
    placeholder: 'RANGE',
    help: 'choose addresses from this part of a subnet',
    group: CREATE,
  },
  ipv6: { kind: 'flag', help: 'also choose an IPv6 subnet', group: CREATE },
  internal: { kind: 'flag', help: 'no way to anywhere else', group: CREATE },
  opt: {
    kind: 'list',
    short: 'o',
    placeholder: 'KEY=VALUE',
    help: 'mtu, icc, masquerade, bridge (its name); macvlan: parent, mode',
    group: CREATE,
  },
  label: { kind: 'list', placeholder: 'KEY=VALUE', help: 'keep with the network', group: CREATE },
  ip: { kind: 'value', placeholder: 'ADDRESS', help: 'the container’s IPv4 address', group: CONNECT },
  ip6: { kind: 'value', placeholder: 'ADDRESS', help: 'its IPv6 address', group: CONNECT },
  'mac-address': { kind: 'value', placeholder: 'MAC', help: 'its link-layer address', group: CONNECT },
  alias: { kind: 'list', placeholder: 'NAME', help: 'another name of it in this network', group: CONNECT },
  quiet: { kind: 'flag', short: 'q', help: 'print ids only', group: LIST },
  json: { kind: 'flag', help: 'print JSON', group: LIST },
} as const;
type Values = OptionValues<typeof options>;

/** `warren network create|ls|inspect|rm|prune|connect|disconnect`. */
export const networkCommand = defineCommand({
  name: 'network',
  summary: 'Make, list and remove networks, and put running containers into them.',
  usage: [
    'create [OPTIONS] NAME',
    'ls [OPTIONS]',
    'inspect NETWORK…',
    'rm NETWORK…',
    'prune [OPTIONS]',
    'connect [OPTIONS] NETWORK CONTAINER',
    'disconnect NETWORK CONTAINER',
  ],
  options,
  operands: actions,
  names: {
    inspect: ['network'],
    rm: ['network'],
    connect: ['network', 'container'],
    disconnect: ['network', 'container'],
  },
  notes: `
bridge   a bridge on this machine; networks do not reach each other, and only published ports are reached from outside
routed   no bridge but a route for each container: not limited to the 1,023 ports of a bridge
macvlan  a part of the network that a device of this machine (--opt parent=eth0) is in; addresses are yours to give

  warren network create lab --subnet 10.90.0.0/24
  warren network create cell --internal --ipv6
  warren network connect --alias db lab web

Without --subnet, one is chosen that no route, address, rule or other network of this machine has. What a host
firewall drops of a new network is told on standard error, with the rule and what to do.`,
  async run({ values, operands, afterDashes = [] }) {
    const [action, ...words] = [...operands, ...afterDashes];
    if (action === undefined || !(actions as readonly string[]).includes(action)) {
      throw invalid(
        'ERR_USAGE',
        action === undefined ? 'Cannot tell what to do' : `Cannot ${quote(action)} a network`,
        `the actions are ${actions.join(', ')}`,
        (action === undefined ? undefined : didYouMean(action, actions)) ?? 'see warren network --help',
      );
    }
    const act = async () => handlers[action as Action](words, values);
    return action === 'ls' || action === 'inspect' ? act() : unbroken(act);
  },
});

const handlers: Readonly<Record<Action, (words: readonly string[], values: Values) => Promise<number>>> = {
  async create(words, values) {
    const [name = ''] = expect('create', words, 1, 1, 'NAME');
    const { createNetwork, findFirewallBlocks, networkDrivers } = await import('../../network/index.js');
    const driver = networkDrivers.find((each) => each === (values.driver ?? 'bridge'));
    if (driver === undefined)
      throw invalid(
        'ERR_OPTION_VALUE',
        `Cannot use the driver ${quote(values.driver ?? '')}`,
        `the drivers are ${networkDrivers.join(', ')}`,
      );
    const record = await createNetwork(name, {
      driver,
      subnets: values.subnet ?? [],
      gateways: values.gateway ?? [],
      ipRanges: values['ip-range'] ?? [],
      ipv6: values.ipv6 ?? false,
      internal: values.internal ?? false,
      options: assignments('opt', values.opt),
      labels: assignments('label', values.label),
    });
    writeText(STDOUT, `${record.id}\n`);
    for (const { where, what, owner, fix } of await findFirewallBlocks(record))
      writeText(
        STDERR,
        `warren: note: ${owner} drops what the network ${name} forwards: ${where}, ${what}\n  fix: ${fix}\n`,
      );
    return 0;
  },

  async ls(words, values) {
    expect('list', words, 0, 0);
    const { endpointsOf, listNetworks, networkToJson } = await import('../../network/index.js');
    const all = listNetworks();
    if (values.json === true) {
      printJson(all.map((record) => networkToJson(record, endpointsOf(record.name))));
    } else if (values.quiet === true) {
      writeText(STDOUT, all.map(({ id }) => `${id.slice(0, 12)}\n`).join(''));
    } else {
      const rows = all.map((record) => [
        record.id.slice(0, 12),
        record.name,
        record.internal ? `${record.driver}, internal` : record.driver,
        record.subnets.map(({ subnet }) => subnet).join(', '),
        record.device,
        String(endpointsOf(record.name).length),
      ]);
      writeText(STDOUT, table(['NETWORK ID', 'NAME', 'DRIVER', 'SUBNETS', 'DEVICE', 'CONTAINERS'], rows));
    }
    return 0;
  },

  async inspect(words) {
    const names = expect('inspect', words, 1, Infinity, 'NETWORK…');
    const { endpointsOf, getNetwork, networkToJson } = await import('../../network/index.js');
    const containers = await containerNames();
    printJson(
      names.map((name) => {
        const record = getNetwork(name);
        return networkToJson(record, endpointsOf(record.name), containers);
      }),
    );
    return 0;
  },

  async rm(words) {
    const names = expect('remove', words, 1, Infinity, 'NETWORK…');
    const { removeNetwork } = await import('../../network/index.js');
    const { eachOf } = await import('./each-container.js');
    await collectEnded();
    return eachOf(names, async (name) => (await removeNetwork(name)).name);
  },

  async prune(words, values) {
    expect('prune', words, 0, 0);
    const { pruneNetworks } = await import('../../network/index.js');
    await collectEnded();
    const removed = await pruneNetworks();
    if (values.json === true) printJson({ NetworksDeleted: removed });
    else writeText(STDOUT, removed.map((name) => `${name}\n`).join(''));
    return 0;
  },

  async connect(words, values) {
    const [name = '', word = ''] = expect('connect', words, 2, 2, 'NETWORK CONTAINER');
    const { connectNetwork } = await import('../../containers/connect-network.js');
    const { stateRoot } = await import('../../state-root.js');
    const { ip, ip6, 'mac-address': mac, alias } = values;
    const made = await connectNetwork(stateRoot(), word, {
      network: name,
      ...(ip === undefined ? {} : { ip }),
      ...(ip6 === undefined ? {} : { ip6 }),
      ...(mac === undefined ? {} : { mac }),
      ...(alias === undefined ? {} : { aliases: alias }),
    });
    if (values.json === true) printJson(made ?? null);
    // One that does not run has nothing to show yet.
    else if (made) writeText(STDOUT, `${made.interface} ${made.addresses.join(' ')}\n`);
    return 0;
  },

  async disconnect(words) {
    const [name = '', word = ''] = expect('disconnect', words, 2, 2, 'NETWORK CONTAINER');
    const { disconnectNetwork } = await import('../../containers/connect-network.js');
    const { stateRoot } = await import('../../state-root.js');
    await disconnectNetwork(stateRoot(), word, name);
    return 0;
  },
};

function expect(
  action: string,
  words: readonly string[],
  least: number,
  most: number,
  usage = '',
): readonly string[] {
  if (words.length >= least && words.length <= most) return words;
  throw invalid(
    'ERR_USAGE',
    `Cannot ${action} ${most === 0 ? 'networks' : 'a network'}`,
    words.length < least ? `${usage} is missing` : `${quote(words[most] ?? '')} is too much`,
    'see warren network --help',
  );
}

function assignments(option: string, texts: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf('=');
      if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
      throw invalid('ERR_OPTION_VALUE', `Cannot take --${option} ${quote(text)}`, 'it is not KEY=VALUE');
    }),
  );
}

async function containerNames(): Promise<ReadonlyMap<string, string>> {
  const { openContainers } = await import('../../containers/store.js');
  const containers = await openContainers().list();
  return new Map(containers.map((each) => [each.record.id, each.record.name]));
}

/** What has ended is in no network, though nobody may have noticed yet. */
async function collectEnded(): Promise<void> {
  const { collectNetworks } = await import('../../containers/network-garbage.js');
  const { stateRoot } = await import('../../state-root.js');
  await collectNetworks(stateRoot());
}

function printJson(value: unknown): void {
  writeText(STDOUT, `${JSON.stringify(value, undefined, 2)}\n`);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, at) =>
    Math.max(title.length, ...rows.map((row) => (row[at] ?? '').length)),
  );
  return [head, ...rows]
    .map(
      (row) =>
        `${row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0))).join('  ')}\n`,
    )
    .join('');
}
