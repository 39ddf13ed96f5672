/** From what `create()` is given to what is kept. */
import { resolve } from 'node:path';
import { invalid, quote } from '../errors.js';
import { parseSize } from '../kernel/size.js';
import { readHost } from '../runtime/host.js';
import { isUserNetwork } from '../runtime/user-network/words.js';
import { checkName } from './names.js';
import { sharedContainer } from './network-mode.js';
import type { CreateOptions } from './options.js';
import type {
  ContainerRecord,
  LogOptions,
  RestartPolicy,
  StoredNetworking,
  StoredOptions,
} from './record.js';
// Not by its index: who makes a container without a network has no need of netlink.
import { parseAddHost } from '../kernel/hosts-file.js';
import { parseNetworkSpec } from '../network/network-spec.js';
import { parsePortSpec } from '../kernel/port-spec.js';
import { checkResolverOptions } from '../kernel/resolv-conf.js';
import type { NetworkRequest } from '../network/prepare.js';

type Checked = Pick<
  ContainerRecord,
  'options' | 'labels' | 'restart' | 'autoRemove' | 'openStdin' | 'log' | 'networking'
> & { readonly name: string | undefined };

/** @throws {WarrenError} `ERR_CONTAINER_NAME`, `ERR_LABEL`, `ERR_RESTART_POLICY`, `ERR_LOG_OPTION`. */
export function checkCreateOptions(given: CreateOptions): Checked {
  const {
    name,
    labels = {},
    restart = 'no',
    autoRemove = false,
    openStdin = false,
    log = {},
    ...others
  } = given;
  const {
    networks = [],
    publish,
    ip,
    ip6,
    mac,
    aliases,
    dns,
    dnsSearch,
    dnsOptions,
    addHosts,
    ...rest
  } = others;
  // In no network, and by a program of the user's, these are the run's own options.
  const isUser = isUserNetwork(rest.network);
  const hasOwnFiles = networks.length === 0 && sharedContainer(rest) === undefined;
  const names = { dns, dnsSearch, dnsOptions, addHosts };
  const ofRun = withoutUndefined({ ...(isUser ? { publish } : {}), ...(hasOwnFiles ? names : {}) });
  const networking = checkNetworking(
    networks,
    withoutUndefined({
      ...{ ip, ip6, mac, aliases },
      ...(isUser ? {} : { publish }),
      ...(hasOwnFiles ? {} : names),
    }),
    rest.network,
  );
  const policy = typeof restart === 'string' ? parseRestartPolicy(restart) : restart;
  if (autoRemove && policy.name !== 'no') {
    throw invalid(
      'ERR_RESTART_POLICY',
      'Cannot both remove the container when it ends and start it again',
      'each rules out the other',
      'leave out --rm, or --restart',
    );
  }
  for (const key of Object.keys(labels)) {
    if (key === '' || key.includes('\0')) {
      throw invalid(
        'ERR_LABEL',
        `Cannot set the label ${quote(key)}`,
        'its name is empty or has a NUL byte',
        'write KEY or KEY=VALUE',
      );
    }
  }
  return {
    name: name === undefined ? undefined : checkName(name),
    labels,
    restart: policy,
    autoRemove,
    openStdin,
    log: checkLog(log),
    options: withoutCaller({ ...rest, ...ofRun }),
    ...(networking === undefined ? {} : { networking }),
  };
}

function readNetwork(text: string): NetworkRequest {
  const choice = parseNetworkSpec(text);
  if (choice.mode === 'network') return choice.request;
  throw invalid(
    'ERR_NETWORK_REQUEST',
    `Cannot use the network ${quote(text)}`,
    'it is the name of a mode',
    'name a network, or give the mode instead of networks',
  );
}

/** @throws {WarrenError} `ERR_NETWORK_REQUEST`, `ERR_PORT_SPEC`, `ERR_ADD_HOST`. */
function checkNetworking(
  networks: readonly (NetworkRequest | string)[],
  others: Omit<StoredNetworking, 'networks'>,
  mode: string | undefined,
): StoredNetworking | undefined {
  const given = Object.entries<unknown>(others).filter(([, value]) => value !== undefined);
  if (networks.length === 0) {
    const [first] = given;
    if (!first) return undefined;
    if (mode?.startsWith('container:') === true)
      throw invalid(
        'ERR_NETWORK_REQUEST',
        `Cannot use the option ${quote(first[0])}`,
        `addresses, ports, names and resolvers are those of the container whose network it shares, ${quote(mode)}`,
        'leave it out, or give it to that container',
      );
    throw invalid(
      'ERR_NETWORK_REQUEST',
      `Cannot use the option ${quote(first[0])}`,
      isUserNetwork(mode) ? `${mode} decides that itself` : 'the container is in no network',
      readHost().uid === 0
        ? 'name one with --network; make one with: warren network create NAME'
        : isUserNetwork(mode)
          ? 'leave it out'
          : 'as an ordinary user: --network user',
    );
  }
  if (mode !== undefined && mode !== 'private') {
    throw invalid(
      'ERR_NETWORK_REQUEST',
      `Cannot put the container into a network and give it ${quote(mode)} as well`,
      'it has one network namespace',
      'choose one of the two',
    );
  }
  const requests = networks.map((each) => (typeof each === 'string' ? readNetwork(each) : each));
  checkFirst(requests[0], others);
  for (const spec of others.publish ?? []) parsePortSpec(spec);
  checkResolverOptions({ dns: others.dns, search: others.dnsSearch, options: others.dnsOptions });
  for (const host of others.addHosts ?? []) parseAddHost(host, '0.0.0.0');
  return {
    networks: requests,
    ...(Object.fromEntries(given) as Omit<StoredNetworking, 'networks'>),
  };
}

/** Those without a network of their own are for the first one, as in docker: not what is given there too. Aliases add up. */
function checkFirst(first: NetworkRequest | undefined, others: Omit<StoredNetworking, 'networks'>): void {
  for (const [name, option] of [
    ['ip', '--ip'],
    ['ip6', '--ip6'],
    ['mac', '--mac-address'],
  ] as const) {
    const [own, general] = [first?.[name], others[name]];
    if (first === undefined || own === undefined || general === undefined) continue;
    throw invalid(
      'ERR_NETWORK_REQUEST',
      `Cannot use both ${option} ${general} and ${name}=${own} of the network ${quote(first.network)}`,
      `${option} is for the first network, which has its own`,
      'leave one of the two out',
    );
  }
}

const callersOwn = ['signal', 'timeoutMs', 'startSignal', 'stdin', 'stdout', 'stderr', 'callerTerminal'];

/** Paths are kept as the caller meant them; what belongs to the caller's process is not kept. */
function withoutCaller(options: Omit<CreateOptions, 'name'>): StoredOptions {
  const kept: Record<string, unknown> = { ...options };
  for (const name of callersOwn) Reflect.deleteProperty(kept, name);
  const rootfs = kept['rootfs'];
  if (typeof rootfs === 'string' && rootfs !== '') kept['rootfs'] = resolve(rootfs);
  return kept;
}

/** docker's text; without a daemon, `unless-stopped` is `always`. */
export function parseRestartPolicy(text: string): RestartPolicy {
  const [name = '', retries, ...more] = text.split(':');
  const refuse = (why: string): Error =>
    invalid(
      'ERR_RESTART_POLICY',
      `Cannot use the restart policy ${quote(text)}`,
      why,
      'write no, always, on-failure or on-failure:3',
    );
  if (more.length > 0) throw refuse('it has more than one colon');
  if (name === 'on-failure') {
    if (retries !== undefined && !/^\d{1,9}$/.test(retries)) throw refuse('the number of retries is none');
    return { name, maximumRetries: Number(retries ?? 0) };
  }
  if (retries !== undefined) throw refuse('only on-failure takes a number of retries');
  if (name === 'no' || name === '') return { name: 'no', maximumRetries: 0 };
  if (name === 'always' || name === 'unless-stopped') return { name: 'always', maximumRetries: 0 };
  throw refuse('there is no such policy');
}

const defaultLog: LogOptions = { maxSizeBytes: 20 * 1024 * 1024, maxFiles: 5 };
/** A file must have room for some frames. */
const leastLogBytes = 4096;
const mostLogFiles = 1000;

function checkLog({
  maxSizeBytes = defaultLog.maxSizeBytes,
  maxFiles = defaultLog.maxFiles,
}: Partial<LogOptions>): LogOptions {
  if (!(maxSizeBytes >= leastLogBytes) || !Number.isSafeInteger(maxSizeBytes)) {
    throw invalid(
      'ERR_LOG_OPTION',
      `Cannot begin a new log file after ${maxSizeBytes} bytes`,
      `the least is ${leastLogBytes}`,
      'give more: max-size=10m',
    );
  }
  if (!Number.isInteger(maxFiles) || maxFiles < 1 || maxFiles > mostLogFiles) {
    throw invalid(
      'ERR_LOG_OPTION',
      `Cannot keep ${maxFiles} log files`,
      `there are 1 … ${mostLogFiles}`,
      'write for example max-file=3',
    );
  }
  return { maxSizeBytes, maxFiles };
}

/** docker's `--log-opt`: `max-size=10m`, `max-file=3`. */
export function parseLogOptions(list: readonly string[]): Partial<LogOptions> {
  const log: { maxSizeBytes?: number; maxFiles?: number } = {};
  for (const each of list) {
    const [, key, value = ''] = /^([^=]*)=(.*)$/s.exec(each) ?? [];
    if (key === 'max-size') log.maxSizeBytes = parseSize(value, 'size of the log');
    else if (key === 'max-file' && /^\d{1,9}$/.test(value)) log.maxFiles = Number(value);
    else {
      throw invalid(
        'ERR_LOG_OPTION',
        `Cannot use the log option ${quote(each)}`,
        key === 'max-file' ? 'its value is no number' : 'there is no such option',
        'write max-size=10m or max-file=3',
      );
    }
  }
  return log;
}

type Present<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(object: T): Present<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Present<T>;
}
