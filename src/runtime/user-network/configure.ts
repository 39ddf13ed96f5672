/** What connects an ordinary user's container, decided. */
import { accessSync, constants, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { WarrenError, invalid } from '../../errors.js';
import { hostsFile, parseAddHost } from '../../kernel/hosts-file.js';
import type { ContainerConfig, UserNetwork } from '../../plan/config.js';
import { configureNames, ownNames, resolverText, type NameFiles } from '../configure-names.js';
import type { Host } from '../host.js';
import type { ContainerOptions } from '../options.js';
import { pastaNetwork, slirpNetwork } from './arguments.js';
import { decidedPorts } from './choose-ports.js';
import { findProgram, ipv6PortFault, type Missing } from './find-program.js';
import { isUserNetwork, type UserNetworkWord } from './words.js';

export interface ConfiguredUserNetwork {
  /** undefined: loopback only, and a warning says so. */
  readonly network: UserNetwork | undefined;
  /** Texts of /etc/resolv.conf and /etc/hosts. */
  readonly files: NameFiles;
}

/**
 * @param warnings Gets a sentence where the container will have loopback only.
 * @throws {WarrenError} `ERR_USER_NETWORK`, `ERR_PORT_SPEC`, `ERR_NETWORK_REQUEST`, `ERR_ADD_HOST`.
 */
export function configureUserNetwork(
  options: ContainerOptions,
  { namespaces, hostname, id }: Pick<ContainerConfig, 'namespaces' | 'id'> & { readonly hostname: string },
  host: Host,
  warnings: string[],
): ConfiguredUserNetwork {
  const { network: word } = options;
  if (!isUserNetwork(word)) {
    refusePorts(options);
    return { network: undefined, files: configureNames(options, hostname) };
  }
  if (host.uid === 0) {
    throw refused(word, {
      why: 'it is for ordinary users: a program in their name passes packets on',
      fix: 'as root, use a network: warren network create lab; warren run --network lab …',
    });
  }
  if (namespaces.user.from !== 'new') {
    throw refused(word, {
      why: 'it needs a user namespace of the container’s own, which its program enters',
      fix: 'leave --userns out',
    });
  }
  const ports = decidedPorts(options.publish ?? []);
  const found = findProgram(word);
  if ('why' in found) {
    // Nobody would ever reach what is published; and who names a program wants that.
    if (ports.length > 0 || word !== 'user') throw refused(word, found);
    warnings.push(`the container has loopback only: ${found.why} (${found.fix})`);
    return { network: undefined, files: configureNames(options, hostname) };
  }
  const { program, path } = found;
  const fault = ports.some(({ hostIp }) => hostIp?.includes(':')) ? ipv6PortFault(program) : undefined;
  if (fault) throw refused(word, fault);
  const network =
    program === 'pasta' ? pastaNetwork(path, ports) : slirpNetwork(path, ports, controlPath(id));
  return { network, files: filesFor(options, network, hostname) };
}

function refusePorts({ publish }: ContainerOptions): void {
  if (publish === undefined) return;
  throw invalid(
    'ERR_NETWORK_REQUEST',
    'Cannot use the option "publish"',
    'the container is in no network',
    'as an ordinary user: --network user; as root: warren network create lab, and --network lab',
  );
}

function filesFor(options: ContainerOptions, { resolver }: UserNetwork, hostname: string): NameFiles {
  return {
    resolv: resolverText(options, [resolver]),
    hosts: hostsFile(
      [{ address: '127.0.1.1', names: ownNames(options, hostname) }],
      (options.addHosts ?? []).map((text) => parseAddHost(text)),
    ),
  };
}

/** Longer paths are no address of a socket: see unix(7). */
const MOST_PATH = 107;

/** For a moment only: whoever starts it removes it as soon as the ports are told. */
function controlPath(id: string): string {
  const name = `warren-${id.slice(0, 16)}.sock`;
  const folders = [process.env['XDG_RUNTIME_DIR'], tmpdir(), '/tmp'].filter((each) => each !== undefined);
  const usable = folders.find(
    (folder) => Buffer.byteLength(join(folder, name)) <= MOST_PATH && canMakeFilesIn(folder),
  );
  return join(usable ?? '/tmp', name);
}

/** A stale variable, such as root's after su(1), is no reason to fail. */
function canMakeFilesIn(folder: string): boolean {
  if (!isAbsolute(folder)) return false;
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return statSync(folder).isDirectory();
  } catch {
    return false;
  }
}

function refused(word: UserNetworkWord, { why, fix }: Missing): WarrenError {
  return new WarrenError(
    'ERR_USER_NETWORK',
    `Cannot connect the container by ${word === 'user' ? 'a program of the user’s' : word}`,
    {
      kind: 'unsupported',
      why,
      fix,
    },
  );
}
