/** Ports of the host that the user's program is to bind. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { WarrenError, invalid } from '../../errors.js';
import { formatPort, parsePortSpec, type PublishRequest } from '../../kernel/port-spec.js';
import type { HostPort } from './arguments.js';
import { isUserNetwork } from './words.js';

/**
 * The options with every port of the host decided, and found free: for as long as the container is kept, it has the same ones.
 *
 * @throws {WarrenError} `ERR_PORT_IN_USE`, `ERR_PORT_DENIED`, `ERR_PORTS_EXHAUSTED`, `ERR_PORT_SPEC`.
 */
export async function choosePorts<
  Options extends { readonly network?: string; readonly publish?: readonly string[] },
>(options: Options): Promise<Options> {
  const { network, publish = [] } = options;
  if (!isUserNetwork(network) || publish.length === 0) return options;
  const chosen: string[] = [];
  for (const request of publish.flatMap(parsePortSpec)) {
    const hostPort = await freePort(request, chosen);
    chosen.push(formatPort({ ...request, hostPort }));
  }
  return { ...options, publish: chosen };
}

/** Those of options that `choosePorts()` has seen; others as they stand, which is for a plan that is only shown. */
export function decidedPorts(publish: readonly string[]): HostPort[] {
  return publish.flatMap(parsePortSpec).map((port) => {
    const { hostPorts = { first: port.containerPort, last: port.containerPort }, protocol } = port;
    if (protocol === 'sctp') {
      throw invalid(
        'ERR_PORT_SPEC',
        `Cannot publish port ${port.containerPort}/sctp`,
        'neither pasta nor slirp4netns passes SCTP on',
        'publish tcp or udp, or run as root in a network',
      );
    }
    return { ...port, hostPorts };
  });
}

async function freePort(request: PublishRequest, chosen: readonly string[]): Promise<number> {
  const { hostPorts, containerPort, protocol } = request;
  if (!hostPorts) return bind(request, 0);
  for (let port = hostPorts.first; port <= hostPorts.last; port++) {
    if (chosen.includes(formatPort({ ...request, hostPort: port }))) continue;
    try {
      return await bind(request, port);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EADDRINUSE' || hostPorts.first === hostPorts.last) throw bindError(request, port, error);
    }
  }
  throw new WarrenError('ERR_PORTS_EXHAUSTED', `Cannot publish port ${containerPort}/${protocol}`, {
    kind: 'resource-exhausted',
    why: `every port of the host from ${hostPorts.first} to ${hostPorts.last} is in use`,
    fix: 'name another range: -p 9000-9100:80',
  });
}

/** @returns The port that could be bound, and is let go again. `::` is IPv6 only: somebody's `0.0.0.0` is not in its way. */
async function bind({ hostIp, protocol }: PublishRequest, port: number): Promise<number> {
  const host = hostIp ?? '0.0.0.0';
  const ipv6Only = host.includes(':');
  if (protocol === 'udp') {
    const socket = ipv6Only ? createSocket({ type: 'udp6', ipv6Only }) : createSocket('udp4');
    try {
      socket.bind({ port, address: host, exclusive: true });
      await once(socket, 'listening');
      return socket.address().port;
    } finally {
      socket.close();
    }
  }
  const server = createServer();
  server.listen({ port, host, exclusive: true, ipv6Only });
  await once(server, 'listening');
  const { port: bound } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return bound;
}

function bindError(request: PublishRequest, port: number, cause: unknown): unknown {
  const { code } = cause as NodeJS.ErrnoException;
  const what = `Cannot publish ${formatPort({ ...request, hostPort: port })}`;
  if (code === 'EADDRINUSE') {
    return new WarrenError('ERR_PORT_IN_USE', what, {
      kind: 'conflict',
      why: 'a process of this host has that port',
      fix: 'take another port of the host, or none: write -p CONTAINER_PORT, and a free one is chosen',
      errno: code,
      cause,
    });
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT') {
    return new WarrenError('ERR_PORT_DENIED', what, {
      kind: code === 'EACCES' ? 'permission-denied' : 'invalid-argument',
      why:
        code === 'EACCES'
          ? 'an ordinary user may not bind ports below net.ipv4.ip_unprivileged_port_start'
          : 'this host has no such address',
      fix:
        code === 'EACCES'
          ? 'take a port from 1024 on, as in -p 8080:80; or as root: sysctl net.ipv4.ip_unprivileged_port_start=80'
          : 'leave the address out, or see those there are: ip address',
      errno: code,
      cause,
    });
  }
  return cause;
}
