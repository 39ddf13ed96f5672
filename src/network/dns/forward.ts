/** Passes questions on to the host's resolvers. */
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { randomBytes } from '../../native/index.js';

export interface ForwardOptions {
  /** Addresses, tried in their order. */
  readonly upstreams: readonly string[];
  /** Default 53. */
  readonly port?: number | undefined;
  /** For each try. Default 2000. */
  readonly timeoutMs?: number | undefined;
}

/** How long one resolver is waited for (resolv.conf(5) has 5 s, which clients do not wait for us). */
const TIMEOUT_MS = 2000;

/** @returns The answer as it came, with the question's number; undefined where no resolver answers in time. */
export async function forward(
  message: Buffer,
  overUdp: boolean,
  options: ForwardOptions,
): Promise<Buffer | undefined> {
  const { upstreams, port = 53, timeoutMs = TIMEOUT_MS } = options;
  for (const upstream of upstreams) {
    // Another number, and a port of its own each time: an answer cannot be guessed (RFC 5452).
    const id = randomBytes(2);
    const question = Buffer.concat([id, message.subarray(2)]);
    const answer = await (overUdp ? askUdp : askTcp)(question, upstream, port, timeoutMs);
    if (answer) return Buffer.concat([message.subarray(0, 2), answer.subarray(2)]);
  }
  return undefined;
}

async function askUdp(
  question: Buffer,
  upstream: string,
  port: number,
  timeoutMs: number,
): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(upstream) ? 'udp6' : 'udp4');
    const end = (answer?: Buffer): void => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(end, timeoutMs);
    // Refused, unreachable: the next one.
    socket.on('error', () => end());
    socket.on('message', (answer) => {
      if (isAnswer(answer, question)) end(answer);
    });
    // Connected: the kernel takes packets of this resolver only.
    socket.connect(port, upstream, () => socket.send(question));
  });
}

async function askTcp(
  question: Buffer,
  upstream: string,
  port: number,
  timeoutMs: number,
): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, upstream);
    let received = Buffer.alloc(0);
    const end = (answer?: Buffer): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(end, timeoutMs);
    socket.on('error', () => end());
    socket.on('close', () => end());
    socket.on('connect', () => socket.write(framed(question)));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      const answer = received.subarray(2, 2 + received.readUInt16BE(0));
      end(isAnswer(answer, question) ? answer : undefined);
    });
  });
}

function isAnswer(answer: Buffer, question: Buffer): boolean {
  return (
    answer.length >= 12 &&
    answer.subarray(0, 2).equals(question.subarray(0, 2)) &&
    (answer.readUInt16BE(2) & 0x8000) !== 0
  );
}

/** Over TCP a message has its length before it (RFC 1035, 4.2.2). */
export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length, 0);
  return Buffer.concat([length, message]);
}
