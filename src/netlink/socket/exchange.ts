/** Answers, sorted by the message they are for. */
import { WarrenError } from '../../errors.js';
import {
  type Acknowledgement,
  align,
  type Envelope,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_NOOP,
  NLMSG_OVERRUN,
  readAcknowledgement,
  readEnvelopes,
} from '../codec/index.js';
import { NetlinkError } from './error.js';
import { type NetlinkRequest } from './request.js';

/** What has come back for one message. */
export interface Answer {
  replies: Envelope[];
  acknowledgement?: Acknowledgement;
  interrupted: boolean;
}

/** What one send(2) carried, and what has come back. */
export interface Exchange {
  readonly answers: Map<number, Answer>;
  readonly isComplete: () => boolean;
  /** The kernel had to drop answers. */
  overrun: boolean;
}

/** @param first The sequence number of the first of `count` messages. */
export function expecting(
  count: number,
  first: number,
  isComplete: (answers: readonly Answer[]) => boolean,
): Exchange {
  const all: Answer[] = Array.from({ length: count }, () => ({ replies: [], interrupted: false }));
  return {
    answers: new Map(all.map((answer, index) => [first + index, answer])),
    isComplete: () => isComplete(all),
    overrun: false,
  };
}

/** Sorts what came by the request it answers. What answers none was for one that was given up. */
export function take(exchange: Exchange, received: Buffer): void {
  for (const message of readEnvelopes(received)) {
    if (message.type === NLMSG_OVERRUN) exchange.overrun = true;
    const answer = exchange.answers.get(message.sequence);
    if (!answer || message.type === NLMSG_NOOP || message.type === NLMSG_OVERRUN) continue;
    if ((message.flags & NLM_F_DUMP_INTR) !== 0) answer.interrupted = true;
    if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) {
      answer.acknowledgement = readAcknowledgement(message);
    } else {
      answer.replies.push(message);
    }
  }
}

/** What went wrong with one message; undefined for nothing, or when no answer was asked for. */
export function errorOf(
  request: NetlinkRequest,
  answer: Answer,
  sent: Buffer,
  place: number,
  overrun: boolean,
): WarrenError | undefined {
  const { acknowledgement } = answer;
  if (acknowledgement === undefined) {
    if (!overrun) return undefined;
    return new WarrenError('ERR_NETLINK_OVERRUN', `Cannot tell whether the kernel did ${request.what}`, {
      kind: 'resource-exhausted',
      why: 'its answers did not fit into the socket’s receive buffer (ENOBUFS)',
      fix: 'raise net.core.rmem_max, or send fewer requests at once',
      errno: 'ENOBUFS',
    });
  }
  if (acknowledgement.errno === 0) return undefined;
  return new NetlinkError(request.what, acknowledgement, blamed(request, acknowledgement, sent, place));
}

/** The name of the attribute that the kernel pointed at, by its place in what was sent. */
function blamed(
  request: NetlinkRequest,
  { offset }: Acknowledgement,
  sent: Buffer,
  place: number,
): string | undefined {
  if (offset === undefined) return undefined;
  const { form } = request;
  const end = place + sent.readUInt32LE(place);
  const start = place + 16 + align(form.header.size);
  return form.attributes.locate?.(sent, start, end, place + offset);
}
