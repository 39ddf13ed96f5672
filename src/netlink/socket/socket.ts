/**
 * Requests to the kernel and its answers.
 *
 * Measured on the reference machine (one RTM_GETLINK): sending and at once reading on the calling thread takes 11 µs,
 * waiting in the event loop for the answer 20 µs, sending from libuv's pool 75 µs; the kernel has answered before send(2)
 * returns. So every request is first tried the first way, and only what is still missing then is waited for.
 */
import { closeSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { WarrenError } from '../../errors.js';
import { type NetlinkAddon, netlinkAddon } from '../../native/index.js';
import {
  type Body,
  type Envelope,
  type Fields,
  type MessageForm,
  NLM_F_ACK,
  NLM_F_DUMP,
  readBody,
  Writer,
} from '../codec/index.js';
import { errnoName, socketError } from './error.js';
import { type Answer, errorOf, type Exchange, expecting, take } from './exchange.js';
import { type NetworkNamespace, withNamespace } from './namespace.js';
import { AF_NETLINK, prepareSocket, protocols, SOCK_RAW } from './options.js';
import { type NetlinkRequest, transactionFrame, writeRequest } from './request.js';

export interface NetlinkOptions {
  /** Default: the namespace that this process is in. */
  readonly namespace?: NetworkNamespace | undefined;
  /**
   * Whether the kernel checks the requests of dumps strictly and filters by what they say (NETLINK_GET_STRICT_CHK, 4.20).
   * Default true.
   */
  readonly strict?: boolean;
}

export interface RequestOptions {
  /** Stops waiting. What the kernel was asked for may have been done. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Sends from another thread, so that the event loop goes on while the kernel works. Default false: it costs some 60 µs,
   * and pays for what takes milliseconds, such as deleting a veth.
   */
  readonly background?: boolean | undefined;
}

/** The answer to one request of a batch. */
export interface BatchResult {
  readonly replies: readonly Envelope[];
  readonly error: WarrenError | undefined;
}

/** Acknowledgements wait in the socket's receive buffer: as many as surely fit into the smallest usual one. */
const BATCH_MESSAGES = 128;
const BATCH_BYTES = 64 * 1024;
const DRAIN_BYTES = 1024 * 1024;
const DUMP_TRIES = 20;

/**
 * Opens a netlink socket, in any network namespace.
 *
 * @throws {WarrenError} `ERR_NETLINK_SOCKET`, `ERR_NAMESPACE_NOT_FOUND`
 * @see netlink(7)
 */
export function openNetlink(
  protocol: keyof typeof protocols | number,
  options: NetlinkOptions = {},
): NetlinkSocket {
  const addon = netlinkAddon();
  const number = typeof protocol === 'number' ? protocol : protocols[protocol];
  const fd = withNamespace(options.namespace, (namespace) => {
    try {
      return addon.socketIn(namespace, AF_NETLINK, SOCK_RAW, number);
    } catch (cause) {
      throw socketError(`Cannot open a netlink socket (${protocol})`, cause);
    }
  });
  prepareSocket(addon, fd, options.strict ?? true);
  return new NetlinkSocket(addon, fd);
}

/** An open socket. Requests made at the same time are sent one after another. */
export class NetlinkSocket {
  readonly #addon: NetlinkAddon;
  readonly #fd: number;
  readonly #writer = new Writer(4096);
  #sequence = 0;
  #open = true;
  #last: Promise<unknown> | undefined;

  /** @internal Use {@link openNetlink}. */
  constructor(addon: NetlinkAddon, fd: number) {
    this.#addon = addon;
    this.#fd = fd;
  }

  /**
   * Sends one request, and waits for its acknowledgement.
   *
   * @returns What the kernel answered beside it, read by `form`.
   * @throws {NetlinkError} `ERR_NETLINK`
   */
  async request(request: NetlinkRequest, options?: RequestOptions): Promise<void>;
  async request<H, HIn, F extends Fields>(
    request: NetlinkRequest,
    form: MessageForm<H, HIn, F>,
    options?: RequestOptions,
  ): Promise<Body<H, F>[]>;
  async request<H, HIn, F extends Fields>(
    request: NetlinkRequest,
    formOrOptions: MessageForm<H, HIn, F> | RequestOptions = {},
    options: RequestOptions = {},
  ): Promise<Body<H, F>[] | void> {
    const form = 'header' in formOrOptions ? formOrOptions : undefined;
    const [result] = await this.batch([request], form ? options : (formOrOptions as RequestOptions));
    if (result?.error) throw result.error;
    return form && result?.replies.map((reply) => readBody(form, reply));
  }

  /**
   * Sends many requests at once; the kernel works through them in order, and one that fails does not stop the others.
   *
   * @returns One result a request, in their order.
   */
  async batch(requests: readonly NetlinkRequest[], options: RequestOptions = {}): Promise<BatchResult[]> {
    return this.#queue(async () => {
      const results: BatchResult[] = [];
      let from = 0;
      while (from < requests.length) {
        const out = this.#writer;
        out.clear();
        const places: number[] = [];
        let to = from;
        while (
          to < requests.length &&
          places.length < BATCH_MESSAGES &&
          (out.length < BATCH_BYTES || to === from)
        ) {
          places.push(out.length);
          writeRequest(out, requests[to] as NetlinkRequest, NLM_F_ACK, this.#nextSequence());
          to++;
        }
        const first = this.#sequence - places.length + 1;
        const sent = out.bytes;
        const exchange = expecting(places.length, first, (answers) =>
          answers.every((answer) => answer.acknowledgement !== undefined),
        );
        await this.#exchange(sent, exchange, options);
        places.forEach((place, index) => {
          const answer = exchange.answers.get(first + index) as Answer;
          const request = requests[from + index] as NetlinkRequest;
          results.push({
            replies: answer.replies,
            error: errorOf(request, answer, sent, place, exchange.overrun),
          });
        });
        from = to;
      }
      return results;
    });
  }

  /**
   * Asks for all objects of a kind. Something may change while the kernel lists them; then the list is asked for again.
   *
   * @throws {NetlinkError} `ERR_NETLINK`
   * @throws {WarrenError} `ERR_NETLINK_INTERRUPTED`: every one of 20 lists was changed underneath.
   */
  async dump<H, HIn, F extends Fields>(
    request: NetlinkRequest,
    form: MessageForm<H, HIn, F>,
    options: RequestOptions = {},
  ): Promise<Body<H, F>[]> {
    const replies = await this.dumpMessages(request, options);
    return replies.map((reply) => readBody(form, reply));
  }

  /** As {@link dump}, the messages as they are. */
  async dumpMessages(request: NetlinkRequest, options: RequestOptions = {}): Promise<Envelope[]> {
    return this.#queue(async () => {
      for (let tries = 0; tries < DUMP_TRIES; tries++) {
        const out = this.#writer;
        out.clear();
        const sequence = this.#nextSequence();
        writeRequest(out, request, NLM_F_DUMP, sequence);
        const sent = out.bytes;
        const exchange = expecting(1, sequence, ([answer]) => answer?.acknowledgement !== undefined);
        await this.#exchange(sent, exchange, options);
        const answer = exchange.answers.get(sequence) as Answer;
        const error = errorOf(request, answer, sent, 0, exchange.overrun);
        if (error) throw error;
        if (!answer.interrupted) return answer.replies;
      }
      throw new WarrenError('ERR_NETLINK_INTERRUPTED', `Cannot ${request.what}`, {
        kind: 'conflict',
        why: `the kernel's list changed while it was read, ${DUMP_TRIES} times in a row`,
        fix: 'try again when fewer changes are being made',
      });
    });
  }

  /**
   * Sends requests as one transaction of an nfnetlink subsystem: all of them are done, or none.
   *
   * @param generation The table generation that the requests are based on: if it has changed since, they fail (ERESTART).
   * @throws {NetlinkError} The first refusal; where there are several, an `AggregateError` of them is its `cause`.
   */
  async transaction(
    subsystem: number,
    requests: readonly NetlinkRequest[],
    options: RequestOptions & { readonly generation?: number | undefined } = {},
  ): Promise<Envelope[]> {
    return this.#queue(async () => {
      if (requests.length === 0) return [];
      const out = this.#writer;
      out.clear();
      const first = this.#sequence + 1;
      const begin = transactionFrame('begin', subsystem, options.generation);
      const end = transactionFrame('end', subsystem);
      const all = [begin, ...requests, end];
      const places = all.map((request, index) => {
        const place = out.length;
        // Errors come unasked. One acknowledgement, of the last request, says that the kernel is through.
        writeRequest(out, request, index === requests.length ? NLM_F_ACK : 0, this.#nextSequence());
        return place;
      });
      const sent = out.bytes;
      const exchange = expecting(
        all.length,
        first,
        (answers) =>
          answers[0]?.acknowledgement !== undefined ||
          answers[requests.length]?.acknowledgement !== undefined,
      );
      await this.#exchange(sent, exchange, options);
      const errors = all.flatMap((request, index) => {
        const answer = exchange.answers.get(first + index) as Answer;
        const silent = index !== requests.length && answer.acknowledgement === undefined;
        const named = index === 0 ? { ...request, what: (requests[0] as NetlinkRequest).what } : request;
        const error = silent
          ? undefined
          : errorOf(named, answer, sent, places[index] as number, exchange.overrun);
        return error ? [error] : [];
      });
      const [error] = errors;
      if (error) {
        if (errors.length > 1) error.cause = new AggregateError(errors.slice(1));
        throw error;
      }
      return [...exchange.answers.values()].flatMap(({ replies }) => replies);
    });
  }

  /** Idempotent. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#fd);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  #nextSequence(): number {
    this.#sequence = this.#sequence >= 0x7fff_0000 ? 1 : this.#sequence + 1;
    return this.#sequence;
  }

  /** One exchange at a time: the kernel has one dump a socket, and answers are told apart by the exchange they belong to. */
  async #queue<T>(operation: () => Promise<T>): Promise<T> {
    const before = this.#last;
    const run = before === undefined ? operation() : before.then(operation);
    const settled = run.then(
      () => undefined,
      () => undefined,
    );
    this.#last = settled;
    try {
      return await run;
    } finally {
      if (this.#last === settled) this.#last = undefined;
    }
  }

  async #exchange(bytes: Buffer, exchange: Exchange, options: RequestOptions): Promise<void> {
    const { signal } = options;
    if (!this.#open)
      throw new WarrenError('ERR_NETLINK_CLOSED', 'Cannot use the netlink socket', {
        kind: 'conflict',
        why: 'it is closed',
      });
    if (signal?.aborted) throw cancelled(signal);
    let received: Buffer | null;
    if (options.background === true) {
      const errno = await this.#addon.netlinkSendInBackground(this.#fd, bytes);
      if (errno !== 0)
        throw socketError('Cannot send to the kernel', { code: errnoName(errno), syscall: 'sendto' });
      received = this.#receive(null);
    } else {
      received = this.#receive(bytes);
    }
    for (;;) {
      if (received) take(exchange, received);
      if (exchange.overrun || exchange.isComplete()) return;
      if (signal?.aborted) throw cancelled(signal);
      // A long dump: let others have the event loop between its parts.
      if (received) await setImmediate();
      else await this.#readable(signal);
      received = this.#receive(null);
    }
  }

  #receive(bytes: Buffer | null): Buffer | null {
    if (!this.#open)
      throw new WarrenError('ERR_NETLINK_CLOSED', 'Cannot read from the netlink socket', {
        kind: 'cancelled',
        why: 'it was closed meanwhile',
      });
    try {
      return this.#addon.netlinkExchange(this.#fd, bytes, DRAIN_BYTES);
    } catch (cause) {
      throw socketError('Cannot talk to the kernel', cause);
    }
  }

  async #readable(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#addon.unwatch(watch);
        signal?.removeEventListener('abort', abort);
      };
      const abort = (): void => {
        end();
        reject(cancelled(signal as AbortSignal));
      };
      const watch = this.#addon.watchReadable(this.#fd, () => {
        end();
        resolve();
      });
      signal?.addEventListener('abort', abort);
    });
  }
}

function cancelled(signal: AbortSignal): WarrenError {
  return new WarrenError('ERR_CANCELLED', 'Cannot finish the netlink request', {
    kind: 'cancelled',
    why: 'its signal was aborted',
    cause: signal.reason,
  });
}
