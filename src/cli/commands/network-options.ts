import { invalid, quote } from '../../errors.js';
import type { CreateOptions } from '../../containers/options.js';
import type { NetworkMode } from '../../containers/network-mode.js';
import { parseExposed } from '../../kernel/port-spec.js';
import { isUserNetwork } from '../../runtime/user-network/words.js';
import type { ContainerOptions } from '../../runtime/options.js';
import type { OptionTable, OptionValues } from '../options.js';

const group = 'Network';

/** The options of `run` and `create` that are about networks. docker's names and meanings. */
export const networkOptionTable = {
  network: {
    kind: 'list',
    aliases: ['net'],
    placeholder: 'NET',
    complete: ['none', 'host', 'private', 'user', 'pasta', 'slirp4netns', 'container:', 'ns:', 'pid:'],
    help: 'a network (warren network ls), with NET:ip=…,ip6=…,mac=…,alias=…; or none (which is private), host, container:NAME, ns:NAME or ns:PATH, pid:N; for an ordinary user: user, which is pasta or slirp4netns',
    group,
  },
  publish: {
    kind: 'list',
    short: 'p',
    placeholder: '[IP:]HOST:PORT[/PROTO]',
    help: 'publish a port of the container on the host; PORT alone: on a free one',
    group,
  },
  'publish-all': {
    kind: 'flag',
    short: 'P',
    help: 'publish every --expose on a free port of the host',
    group,
  },
  expose: { kind: 'list', placeholder: 'PORT[/PROTO]', help: 'a port that -P publishes', group },
  ip: { kind: 'value', placeholder: 'ADDRESS', help: 'its IPv4 address in the first network', group },
  ip6: { kind: 'value', placeholder: 'ADDRESS', help: 'its IPv6 address in the first network', group },
  'mac-address': { kind: 'value', placeholder: 'MAC', help: 'of its interface in the first network', group },
  'network-alias': {
    kind: 'list',
    aliases: ['net-alias'],
    placeholder: 'NAME',
    help: 'another name that it has in its networks',
    group,
  },
  dns: { kind: 'list', placeholder: 'ADDRESS', help: 'a name server (default: the host’s)', group },
  'dns-search': { kind: 'list', placeholder: 'DOMAIN', help: 'a domain to look in; . for none', group },
  'dns-opt': {
    kind: 'list',
    aliases: ['dns-option'],
    placeholder: 'OPTION',
    help: 'an option of resolv.conf(5)',
    group,
  },
  'add-host': {
    kind: 'list',
    placeholder: 'NAME:ADDRESS',
    help: 'a line of /etc/hosts; host-gateway stands for the host',
    group,
  },
} as const satisfies OptionTable;

export type NetworkValues = OptionValues<typeof networkOptionTable>;

/** Whose network namespace it is to have, as far as that is not a network's. */
function isMode(text: string): boolean {
  return /^(none|private|host)$|^(ns|pid|container):/.test(text) || isUserNetwork(text);
}

/** What a program of the user's can give as well as a network. */
const ofUsers = ['publish', 'publish-all', 'expose', 'dns', 'dns-search', 'dns-opt', 'add-host'] as const;

/**
 * @param uid Who asks: an ordinary user's container that is to publish something, or to have resolvers, is in no network of root's.
 * @throws {WarrenError} `ERR_NETWORK_REQUEST`.
 */
export function networkModeOf(
  values: NetworkValues,
  uid: number = process.geteuid?.() ?? 0,
): NetworkMode | undefined {
  const { network = [] } = values;
  const [mode, ...more] = network.filter(isMode);
  if (mode === undefined) {
    const isImplied = uid !== 0 && network.length === 0 && ofUsers.some((name) => values[name] !== undefined);
    return isImplied ? 'user' : undefined;
  }
  if (more.length > 0 || network.length > 1) {
    throw invalid(
      'ERR_NETWORK_REQUEST',
      `Cannot use several of --network ${network.join(' --network ')}`,
      'none, host, private, user, pasta, slirp4netns, container:, ns: and pid: each stand alone',
      'give one of them, or networks only',
    );
  }
  return mode as NetworkMode;
}

/** What a container without a network can have too: they are about its own files; and what is only checked. */
const ofAnyone: readonly string[] = ['dns', 'dns-search', 'dns-opt', 'add-host', 'expose'];

/** Whether what is asked for of networks needs a container that is kept. */
export function isNetworked(values: NetworkValues): boolean {
  const { network = [] } = values;
  if (isUserNetwork(networkModeOf(values))) return false;
  const others = Object.keys(networkOptionTable).filter(
    (name) => name !== 'network' && !ofAnyone.includes(name),
  ) as (keyof NetworkValues)[];
  return (
    network.some((text) => !isMode(text) || text.startsWith('container:')) ||
    others.some((name) => values[name] !== undefined)
  );
}

/** Of a run that is not kept: it is in no network, or a program of the user's connects it. */
export function readUserNetworking(
  values: NetworkValues,
): Pick<ContainerOptions, 'publish' | 'dns' | 'dnsSearch' | 'dnsOptions' | 'addHosts'> {
  const { networks, ip, ip6, mac, aliases, publish, ...names } = readNetworking(values);
  if (!isUserNetwork(networkModeOf(values))) return networks === undefined ? names : {};
  const options = publish === undefined ? names : { publish, ...names };
  const [more] = Object.entries({ ip, ip6, mac, aliases }).flatMap(([name, value]) =>
    value === undefined ? [] : [name],
  );
  if (more === undefined) return options;
  throw invalid(
    'ERR_NETWORK_REQUEST',
    `Cannot use the option ${quote(more)}`,
    'the program that connects it decides that itself',
    'leave it out',
  );
}

export function readNetworking(values: NetworkValues): Partial<CreateOptions> {
  const networks = (values.network ?? []).filter((text) => !isMode(text));
  // Also where nothing publishes them: a mistake is told when it is made.
  const exposed = (values.expose ?? []).flatMap(parseExposed);
  const publish = [...(values.publish ?? []), ...(values['publish-all'] === true ? exposed : [])];
  const options = {
    networks: networks.length === 0 ? undefined : networks,
    publish: publish.length === 0 ? undefined : publish,
    ip: values.ip,
    ip6: values.ip6,
    mac: values['mac-address'],
    aliases: values['network-alias'],
    dns: values.dns,
    dnsSearch: values['dns-search'],
    dnsOptions: values['dns-opt'],
    addHosts: values['add-host'],
  };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
