import { isIP } from 'node:net';
import { WarrenError, invalid, quote } from '../../errors.js';
import type { NetworkPlace } from '../../containers/inspect-network.js';
import type { PortProtocol, PublishedPort } from '../../network/endpoint.js';
import { canonicalAddress } from '../../kernel/ip-address.js';
import { defineCommand } from '../command.js';
import { STDOUT, writeText } from '../output.js';
import { unbroken } from '../unbroken.js';

/** `warren port CONTAINER`, `warren port add|rm CONTAINER PORT…`. */
export const portCommand = defineCommand({
  name: 'port',
  summary: 'Show, add and take back published ports of a container, also while it runs.',
  usage: [
    '[OPTIONS] CONTAINER [PORT[/PROTOCOL]]',
    'add CONTAINER SPEC…',
    'rm CONTAINER [IP:]HOSTPORT[/PROTOCOL]…',
  ],
  options: { json: { kind: 'flag', help: 'print one JSON array', group: 'Options' } },
  operands: ['add', 'rm'],
  names: ['container'],
  notes: `
SPEC is that of run's -p: [IP:]HOST:CONTAINER[/tcp|udp|sctp], ranges, or CONTAINER alone for a free port. What is added and
taken back is so at the next starts too.

  warren port web
  warren port add web 8080:80 127.0.0.1:8443:443
  warren port rm web 8080

Connections that exist when a port is taken back go on until they end.`,
  async run({ values, operands, afterDashes = [] }) {
    const [first, ...rest] = [...operands, ...afterDashes];
    if (first === undefined)
      throw invalid('ERR_USAGE', 'Cannot tell what to do', 'no container is named', 'see warren port --help');
    const network = await import('../../network/index.js');
    let ports: readonly PublishedPort[];
    let lines: readonly string[];
    if (first === 'add' || first === 'rm') {
      const [word, ...specs] = rest;
      if (word === undefined || specs.length === 0)
        throw invalid(
          'ERR_USAGE',
          `Cannot ${first} ports`,
          'a container and a port are to be named',
          'see warren port --help',
        );
      const { id, user } = await containerOf(word);
      if (user) throw fixedPorts(word, user.network);
      const { publishContainerPorts, unpublishContainerPorts } =
        await import('../../containers/connect-network.js');
      const { stateRoot } = await import('../../state-root.js');
      const before = network.portBindingsOf(id);
      ports = await unbroken(async () =>
        first === 'add'
          ? publishContainerPorts(stateRoot(), word, specs.flatMap(network.parsePortSpec))
          : unpublishContainerPorts(stateRoot(), word, specs.map(parseHostPort)),
      );
      const now = network.portBindingsOf(id);
      lines = first === 'add' ? without(now, before) : without(before, now);
    } else {
      const { id, user } = await containerOf(first);
      const isAsked = (port: PublishedPort): boolean =>
        rest.length === 0 || rest.some((text) => fits(port, text));
      ports = (user?.ports ?? network.portsOf(id)).filter(isAsked);
      lines = (user?.ports ?? network.portBindingsOf(id)).filter(isAsked).map(line);
      if (rest.length > 0 && ports.length === 0)
        throw invalid(
          'ERR_PORT_NOT_PUBLISHED',
          `Cannot show where ${rest.join(' ')} is published`,
          'it is not',
        );
    }
    writeText(STDOUT, values.json === true ? `${JSON.stringify(ports)}\n` : lines.join(''));
    return 0;
  },
});

/** As docker prints them. */
function line({ hostIp = '0.0.0.0', hostPort, containerPort, protocol }: PublishedPort): string {
  const address = hostIp.includes(':') ? `[${hostIp}]` : hostIp;
  return `${containerPort}/${protocol} -> ${address}:${hostPort}\n`;
}

/** Those of a list that are not in the other. */
function without(all: readonly PublishedPort[], others: readonly PublishedPort[]): string[] {
  const there = new Set(others.map(line));
  return all.map(line).filter((each) => !there.has(each));
}

function fits({ containerPort, protocol }: PublishedPort, text: string): boolean {
  const [port, wanted = protocol] = text.split('/');
  return Number(port) === containerPort && wanted === protocol;
}

function parseHostPort(text: string): Pick<PublishedPort, 'hostIp' | 'hostPort' | 'protocol'> {
  const match = /^(?:\[?([0-9a-f.:]+?)\]?:)?(\d{1,5})(?:\/(tcp|udp|sctp))?$/i.exec(text);
  const [, hostIp, hostPort, protocol = 'tcp'] = match ?? [];
  if (!match || (hostIp !== undefined && isIP(hostIp) === 0))
    throw invalid(
      'ERR_PORT_SPEC',
      `Cannot take back ${quote(text)}`,
      'it is not [IP:]HOSTPORT[/PROTOCOL]',
      'write 8080, 127.0.0.1:8080 or [::1]:8080/udp: what stands behind the arrow of warren port',
    );
  return {
    ...(hostIp === undefined ? {} : { hostIp: canonicalAddress(hostIp) }),
    hostPort: Number(hostPort),
    protocol: protocol.toLowerCase() as PortProtocol,
  };
}

/** `user`: it runs, and a program of the user's publishes its ports. */
async function containerOf(
  word: string,
): Promise<{ readonly id: string; readonly user: NetworkPlace | undefined }> {
  const { openContainers } = await import('../../containers/store.js');
  const { userPlaceOf } = await import('../../containers/inspect-network.js');
  const { record, status } = (await openContainers().find(word)).snapshot();
  return { id: record.id, user: status.pid > 0 ? userPlaceOf(record) : undefined };
}

function fixedPorts(name: string, program: string): WarrenError {
  return new WarrenError('ERR_USER_NETWORK', `Cannot change the ports of ${quote(name)}`, {
    kind: 'unsupported',
    why: `${program === 'user' ? 'the program that connects it' : program} is told them when it starts`,
    fix: 'make the container with -p',
  });
}
