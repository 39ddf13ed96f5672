/** A DNS server for one container: its sockets are in the container's network namespace, itself it is not. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { codec, type NetworkNamespace, nft, openNetlink, openNetworkNamespace } from '../../netlink/index.js';
import { netlinkAddon } from '../../native/index.js';
import { forward, type ForwardOptions, framed } from './forward.js';
import { readQuery, type Query, writeAnswer, writeRefusal } from './message.js';
import { answerFrom, type DnsZone } from './zone.js';

export interface DnsOptions extends ForwardOptions {
  readonly namespace: NetworkNamespace;
  /** Asked at each question: it may be another then. */
  readonly zone: () => DnsZone;
}

export interface DnsResponder {
  /** What belongs into resolv.conf. */
  readonly address: string;
  /** Idempotent. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Docker's address, which clients of its images know. */
export const DNS_ADDRESS = '127.0.0.11';

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const DNS_PORT = 53;
/** At a time, of one container: more are refused, not kept. */
const MOST_FORWARDED = 256;
const MOST_CONNECTIONS = 64;
const IDLE_MS = 10_000;
const table = { family: 'ip', table: 'warren_dns' } as const;

/**
 * Answers at 127.0.0.11:53 in a namespace, for UDP and TCP. The sockets have ports that the kernel chooses, to which two rules in
 * the namespace lead, so that 53 stays free for a name server of the container's own.
 *
 * @throws {WarrenError} `ERR_NAMESPACE_NOT_FOUND`, `ERR_NETLINK`
 */
export async function startDns(options: DnsOptions): Promise<DnsResponder> {
  const fd = openNetworkNamespace(options.namespace);
  const state: State = { options, turn: 0, forwarded: 0, connections: new Set() };
  const open: { close: () => Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    for (const each of open.splice(0)) await each.close();
  };
  try {
    const udp = createSocket('udp4');
    udp.on('message', (message, peer) => void answerUdp(state, udp, message, peer));
    // A client that has gone: the kernel tells of it, and nobody cares.
    udp.on('error', () => undefined);
    await new Promise<void>((resolve, reject) => {
      udp.once('error', reject);
      udp.bind({ fd: boundSocket(fd, SOCK_DGRAM) }, () => {
        udp.off('error', reject);
        resolve();
      });
    });
    open.push({ close: async () => new Promise((resolve) => udp.close(() => resolve())) });
    const tcp = createServer((socket) => serveTcp(state, socket));
    tcp.maxConnections = MOST_CONNECTIONS;
    tcp.listen({ fd: boundSocket(fd, SOCK_STREAM) });
    await once(tcp, 'listening');
    open.push({ close: async () => closeServer(tcp, state) });
    await redirect(fd, udp.address().port, (tcp.address() as { port: number }).port);
  } catch (error) {
    await close();
    throw error;
  } finally {
    if (!('fd' in options.namespace)) closeSync(fd);
  }
  return { address: DNS_ADDRESS, close, [Symbol.asyncDispose]: close };
}

interface State {
  readonly options: DnsOptions;
  turn: number;
  forwarded: number;
  readonly connections: Set<Socket>;
}

function boundSocket(namespace: number, type: number): number {
  const addon = netlinkAddon();
  const fd = addon.socketIn(namespace, AF_INET, type, 0);
  try {
    // struct sockaddr_in; port 0: the kernel chooses.
    const address = Buffer.alloc(16);
    address.writeUInt16LE(AF_INET, 0);
    codec.parseIp(DNS_ADDRESS)?.copy(address, 4);
    addon.bindSocket(fd, address);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** From port 53 to the sockets'. Made anew each time: whoever had the namespace before may have left its own. */
async function redirect(namespace: number, udpPort: number, tcpPort: number): Promise<void> {
  const socket = openNetlink('netfilter', { namespace: { fd: namespace } });
  const lead = (protocol: 'udp' | 'tcp', port: number) =>
    nft.addRule({
      ...table,
      chain: 'output',
      expressions: [
        ...nft.match('ip daddr', DNS_ADDRESS),
        ...nft.matchField('ip', `${protocol} dport`, DNS_PORT),
        ...nft.nat('dnat', DNS_ADDRESS, { port }),
      ],
    });
  try {
    await nft.commit(socket, [
      nft.addTable(table),
      nft.deleteTable(table),
      nft.addTable(table),
      nft.addChain({
        ...table,
        chain: 'output',
        hook: 'output',
        type: 'nat',
        priority: nft.priorities.dstnat,
      }),
      lead('udp', udpPort),
      lead('tcp', tcpPort),
    ]);
  } finally {
    socket.close();
  }
}

async function closeServer(server: Server, state: State): Promise<void> {
  for (const connection of state.connections) connection.destroy();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

async function answerUdp(
  state: State,
  socket: UdpSocket,
  message: Buffer,
  peer: { address: string; port: number },
): Promise<void> {
  const answer = await answerTo(state, message, true);
  if (!answer) return;
  try {
    socket.send(answer, peer.port, peer.address, () => undefined);
  } catch {
    // Closed meanwhile.
  }
}

function serveTcp(state: State, socket: Socket): void {
  state.connections.add(socket);
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('close', () => state.connections.delete(socket));
  let received = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      const message = received.subarray(2, end);
      received = received.subarray(end);
      void answerTo(state, message, false).then((answer) => {
        if (answer && !socket.destroyed) socket.write(framed(answer));
      });
    }
  });
}

/** @returns Undefined: no answer is due. */
async function answerTo(state: State, message: Buffer, overUdp: boolean): Promise<Buffer | undefined> {
  const query = readQuery(message);
  if (query === undefined) return undefined;
  if (query === 'FORMERR' || query === 'NOTIMP') return writeRefusal(message, query);
  const found = query.isInternet
    ? answerFrom(state.options.zone(), query.name, query.type, state.turn++)
    : undefined;
  if (found) return writeAnswer(query, found.code, found.answers, { overUdp });
  return (await forwardLimited(state, message, overUdp)) ?? failure(query, state, overUdp);
}

async function forwardLimited(state: State, message: Buffer, overUdp: boolean): Promise<Buffer | undefined> {
  if (state.forwarded >= MOST_FORWARDED) return undefined;
  state.forwarded++;
  try {
    return await forward(message, overUdp, state.options);
  } finally {
    state.forwarded--;
  }
}

/** Without resolvers, as in an internal network, there is nobody to ask. */
function failure(query: Query, state: State, overUdp: boolean): Buffer {
  return writeAnswer(query, state.options.upstreams.length === 0 ? 'REFUSED' : 'SERVFAIL', [], { overUdp });
}
