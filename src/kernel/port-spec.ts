/** docker's `-p [IP:]HOST:CONTAINER[/PROTOCOL]`. Pure. */
import { isIP } from 'node:net';
import { invalid, quote } from '../errors.js';
import { canonicalAddress } from './ip-address.js';

export type PortProtocol = 'tcp' | 'udp' | 'sctp';

/** A port to be published; which one of the host may be open. */
export interface PublishRequest {
  /** `0.0.0.0` and `::`: every one of that family; absent: of both. */
  readonly hostIp?: string;
  /** Any of these, the first that is free; absent: the kernel's range for such (net.ipv4.ip_local_port_range). */
  readonly hostPorts?: { readonly first: number; readonly last: number };
  readonly containerPort: number;
  readonly protocol: PortProtocol;
}

const protocols: readonly string[] = ['tcp', 'udp', 'sctp'];

/**
 * Reads one `-p`. Ranges of the same length are published one to one; a range for one port means any of it.
 *
 * @throws {WarrenError} `ERR_PORT_SPEC`
 */
export function parsePortSpec(text: string): PublishRequest[] {
  const bad = (why: string) =>
    invalid(
      'ERR_PORT_SPEC',
      `Cannot publish ${quote(text)}`,
      why,
      'write 8080:80, 127.0.0.1:8080:80/udp, [::1]:8080:80 or 8000-8009:80-89',
    );
  const match = /^(?:(\[[^\]]*\]|[^:[\]]*):)?(?:([\d-]*):)?([\d-]+)(?:\/([A-Za-z]+))?$/.exec(text);
  // `8080:80` has no address: what stands before the only colon is the host's port.
  const split = match && splitParts(match);
  if (!split) throw bad('it is not [IP:]HOST:CONTAINER[/PROTOCOL]');
  const { ip, host, container, protocol } = split;
  if (!protocols.includes(protocol)) throw bad(`the protocols are ${protocols.join(', ')}`);
  if (ip !== '' && isIP(ip) === 0) throw bad(`${quote(ip)} is no IP address`);
  const inside = parseRange(container);
  const outside = host === '' ? undefined : parseRange(host);
  if (!inside || (host !== '' && !outside)) throw bad('ports are 1 to 65535, ranges FIRST-LAST');
  const count = inside.last - inside.first + 1;
  if (outside && count > 1 && outside.last - outside.first + 1 !== count)
    throw bad('its ranges are of different lengths');
  return Array.from({ length: count }, (_, index) => ({
    ...(ip === '' ? {} : { hostIp: canonicalAddress(ip) }),
    ...(outside
      ? {
          hostPorts:
            count > 1
              ? { first: outside.first + index, last: outside.first + index }
              : { first: outside.first, last: outside.last },
        }
      : {}),
    containerPort: inside.first + index,
    protocol: protocol as PortProtocol,
  }));
}

/**
 * Reads one `--expose PORT[-PORT][/PROTOCOL]`: no port or address of the host.
 *
 * @returns As {@link parsePortSpec} reads them, one each.
 * @throws {WarrenError} `ERR_PORT_SPEC`
 */
export function parseExposed(text: string): string[] {
  if (!text.includes(':')) {
    try {
      return parsePortSpec(text).map(formatPublishRequest);
    } catch {
      // Of what is published it says too much.
    }
  }
  throw invalid(
    'ERR_PORT_SPEC',
    `Cannot expose ${quote(text)}`,
    'it is not PORT[-PORT][/PROTOCOL]: ports are 1 to 65535, protocols tcp, udp and sctp',
    text.includes(':')
      ? 'write 80 or 53/udp; a port of the host is chosen with -p HOST:PORT'
      : 'write 80, 53/udp or 8000-8009',
  );
}

function splitParts(
  match: RegExpExecArray,
): { ip: string; host: string; container: string; protocol: string } | undefined {
  const [, first, second, container = '', protocol = 'tcp'] = match;
  const known = { container, protocol: protocol.toLowerCase() };
  if (first === undefined) return { ip: '', host: '', ...known };
  if (second === undefined) return first.startsWith('[') ? undefined : { ip: '', host: first, ...known };
  return { ip: first.replace(/^\[|\]$/g, ''), host: second, ...known };
}

function parseRange(text: string): { first: number; last: number } | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (!match) return undefined;
  const first = Number(match[1]);
  const last = match[2] === undefined ? first : Number(match[2]);
  return first >= 1 && last <= 65_535 && first <= last ? { first, last } : undefined;
}

/** Whether no single address of the host is meant, but every one of a family, or of both. */
export function isEveryAddress(hostIp: string | undefined): boolean {
  return hostIp === undefined || hostIp === '0.0.0.0' || hostIp === '::';
}

/** Whether an address of the host is meant by both. */
export function shareAddress(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined || a === b) return true;
  return a.includes(':') === b.includes(':') && (isEveryAddress(a) || isEveryAddress(b));
}

/** As {@link parsePortSpec} reads it. */
export function formatPublishRequest({ hostIp, hostPorts, containerPort, protocol }: PublishRequest): string {
  const ports =
    hostPorts === undefined
      ? ''
      : hostPorts.first === hostPorts.last
        ? String(hostPorts.first)
        : `${hostPorts.first}-${hostPorts.last}`;
  // With an address the host's port has its place, also where it is left open.
  const outside = hostIp === undefined && ports === '' ? '' : `${ports}:`;
  return `${addressPart(hostIp)}${outside}${containerPort}/${protocol}`;
}

function addressPart(hostIp: string | undefined): string {
  if (hostIp === undefined) return '';
  return hostIp.includes(':') ? `[${hostIp}]:` : `${hostIp}:`;
}

/** As it is written on the command line. */
export function formatPort(port: {
  hostIp?: string;
  hostPort: number;
  containerPort: number;
  protocol: PortProtocol;
}): string {
  return `${addressPart(port.hostIp)}${port.hostPort}:${port.containerPort}/${port.protocol}`;
}
