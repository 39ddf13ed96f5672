/** `--dns`, `--dns-search`, `--dns-opt` and `--add-host` of a container that is in no network: only its own files say so. */
import { readFileSync } from 'node:fs';
import { invalid } from '../errors.js';
import { hostsFile, parseAddHost } from '../kernel/hosts-file.js';
import { checkResolverOptions, formatResolvConf, parseResolvConf } from '../kernel/resolv-conf.js';
import type { ContainerOptions } from './options.js';

export const nameOptions = ['dns', 'dnsSearch', 'dnsOptions', 'addHosts'] as const;

/** Texts of /etc/resolv.conf and /etc/hosts; absent: as they are without these options. */
export interface NameFiles {
  readonly resolv?: string;
  readonly hosts?: string;
}

/**
 * In the host's network its files are the ones to begin with, for what they name is reached.
 *
 * @throws {WarrenError} `ERR_NETWORK_REQUEST`, `ERR_ADD_HOST`.
 */
export function configureNames(options: ContainerOptions, hostname: string): NameFiles {
  const { dns, dnsSearch, dnsOptions, addHosts, network } = options;
  const isHost = network === 'host';
  const hosts =
    addHosts === undefined
      ? undefined
      : addHosts.map((text) => parseAddHost(text, isHost ? '127.0.0.1' : undefined));
  const asksResolver = dns !== undefined || dnsSearch !== undefined || dnsOptions !== undefined;
  return {
    ...(asksResolver ? { resolv: resolverText(options) } : {}),
    ...(hosts === undefined
      ? {}
      : {
          hosts: isHost
            ? withLines(readIfThere('/etc/hosts'), hosts)
            : hostsFile([{ address: '127.0.1.1', names: ownNames(options, hostname) }], hosts),
        }),
  };
}

/** What is not said is as on the host. @param ask Whom to ask in place of the host's name servers. */
export function resolverText(
  { dns, dnsSearch, dnsOptions }: ContainerOptions,
  ask?: readonly string[],
): string {
  checkResolverOptions({ dns, search: dnsSearch, options: dnsOptions });
  const theirs = parseResolvConf(readIfThere('/etc/resolv.conf'));
  const search = dnsSearch ?? theirs.search;
  return formatResolvConf({
    nameservers: dns ?? ask ?? theirs.nameservers,
    search: search.length === 1 && search[0] === '.' ? [] : search,
    options: dnsOptions ?? theirs.options,
  });
}

export function ownNames({ domainname }: ContainerOptions, hostname: string): string[] {
  return domainname === undefined ? [hostname] : [`${hostname}.${domainname}`, hostname];
}

/** @throws {WarrenError} `ERR_NETWORK_REQUEST` where one of these options is given, and the root has no place for it. */
export function refuseNames(options: ContainerOptions, why: string, fix: string): void {
  const given = nameOptions.find((name) => options[name] !== undefined);
  if (given === undefined) return;
  throw invalid('ERR_NETWORK_REQUEST', `Cannot use the option "${given}"`, why, fix);
}

function withLines(text: string, added: readonly { address: string; names: readonly string[] }[]): string {
  const lines = added.map(({ address, names }) => `${address}\t${names.join(' ')}\n`);
  return [text === '' || text.endsWith('\n') ? text : `${text}\n`, ...lines].join('');
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
