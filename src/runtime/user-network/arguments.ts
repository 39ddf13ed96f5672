/** What the programs are started with. Pure. See pasta(1), slirp4netns(1). */
import type { PublishRequest } from '../../kernel/port-spec.js';
import type { UserNetwork } from '../../plan/config.js';

/** A published port whose number on the host is decided. */
export type HostPort = Required<Pick<PublishRequest, 'hostPorts'>> & PublishRequest;

/** Where the container's resolver asks; passed on to the host's own. Link-local, so that it hides nobody. */
export const PASTA_RESOLVER = '169.254.1.1';
export const SLIRP_RESOLVER = '10.0.2.3';

/**
 * Nothing of the host's loopback is in reach of the container, which pasta's defaults would have otherwise: neither the gateway's
 * address as another name of the host, nor ports that are bound on the host's loopback.
 */
export function pastaNetwork(path: string, ports: readonly HostPort[]): UserNetwork {
  const forwards = (protocol: string): string[] => {
    const option = `--${protocol}-ports`;
    const mine = joinFamilies(ports.filter((port) => port.protocol === protocol));
    return mine.length === 0 ? [option, 'none'] : mergePorts(mine).flatMap((text) => [option, text]);
  };
  return {
    program: 'pasta',
    path,
    // In the foreground it writes its pid when the interface is there: that is how it says that it is ready.
    arguments: [
      ...['--foreground', '--quiet', '--config-net', '--ns-ifname', 'eth0', '--pid', '/proc/self/fd/1'],
      // An address of its own, that of slirp4netns: by default it has the host's, and then the host cannot reach it there.
      ...['--address', '10.0.2.100', '--netmask', '255.255.255.0', '--gateway', '10.0.2.2'],
      ...['--no-map-gw', '--dns-forward', PASTA_RESOLVER],
      ...forwards('tcp'),
      ...forwards('udp'),
      ...['--tcp-ns', 'none', '--udp-ns', 'none'],
    ],
    after: [],
    ready: 1,
    resolver: PASTA_RESOLVER,
    control: undefined,
    forwards: [],
  };
}

/** `0.0.0.0:8080:80` and `[::]:8080:80` as `8080:80`: pasta takes a port of the host once only. */
function joinFamilies(ports: readonly HostPort[]): HostPort[] {
  const twin = ({ hostIp, hostPorts, containerPort }: HostPort): HostPort | undefined => {
    const other = hostIp === '0.0.0.0' ? '::' : hostIp === '::' ? '0.0.0.0' : undefined;
    return ports.find(
      (port) =>
        other !== undefined &&
        port.hostIp === other &&
        port.hostPorts.first === hostPorts.first &&
        port.containerPort === containerPort,
    );
  };
  return ports.flatMap((port) => {
    if (!twin(port)) return [port];
    const { hostIp, ...everywhere } = port;
    return hostIp === '::' ? [] : [everywhere];
  });
}

/** pasta's `ADDRESS/FIRST-LAST:FIRST-LAST`: those in a row as one. */
function mergePorts(ports: readonly HostPort[]): string[] {
  const rows: { address: string; host: number; inside: number; count: number }[] = [];
  for (const { hostIp, hostPorts, containerPort } of ports) {
    const address = hostIp === undefined ? '' : `${hostIp}/`;
    const last = rows.at(-1);
    const follows =
      last?.address === address &&
      last.host + last.count === hostPorts.first &&
      last.inside + last.count === containerPort;
    if (follows) last.count++;
    else rows.push({ address, host: hostPorts.first, inside: containerPort, count: 1 });
  }
  return rows.map(({ address, host, inside, count }) => {
    const range = (first: number): string => (count === 1 ? `${first}` : `${first}-${first + count - 1}`);
    return `${address}${range(host)}:${range(inside)}`;
  });
}

/**
 * @param control Where its control socket may be for a moment: it takes ports by that only.
 */
export function slirpNetwork(path: string, ports: readonly HostPort[], control: string): UserNetwork {
  return {
    program: 'slirp4netns',
    path,
    arguments: [
      ...['--configure', '--mtu=65520', '--disable-host-loopback', '--enable-sandbox', '--enable-seccomp'],
      '--ready-fd=3',
      ...(ports.length === 0 ? [] : [`--api-socket=${control}`]),
    ],
    after: ['eth0'],
    ready: 3,
    resolver: SLIRP_RESOLVER,
    control: ports.length === 0 ? undefined : control,
    forwards: ports.map(({ protocol, hostIp = '0.0.0.0', hostPorts, containerPort }) =>
      JSON.stringify({
        execute: 'add_hostfwd',
        arguments: {
          proto: protocol,
          host_addr: hostIp,
          host_port: hostPorts.first,
          guest_port: containerPort,
        },
      }),
    ),
  };
}
