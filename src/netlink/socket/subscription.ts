/** What the kernel tells of by itself. */
import { closeSync } from 'node:fs';
import { WarrenError } from '../../errors.js';
import { type NetlinkAddon, netlinkAddon, type WatchHandle } from '../../native/index.js';
import { type Envelope, NLMSG_NOOP, NLMSG_OVERRUN, readEnvelopes } from '../codec/index.js';
import { socketError } from './error.js';
import { type NetworkNamespace, withNamespace } from './namespace.js';
import { AF_NETLINK, joinGroup, prepareSocket, protocols, SOCK_RAW } from './options.js';

export interface SubscribeOptions {
  /** Default: the namespace that this process is in. */
  readonly namespace?: NetworkNamespace | undefined;
  /** Ends the iteration, without an error. */
  readonly signal?: AbortSignal | undefined;
  /** How much may wait in the kernel to be read. Default 16 MiB; without CAP_NET_ADMIN at most net.core.rmem_max. */
  readonly receiveBufferBytes?: number | undefined;
}

/**
 * A change; or `overrun`: some were lost, since they were read more slowly than made, and what one knows is to be read
 * anew with a dump.
 */
export type Notification<T = Envelope> =
  { readonly kind: 'message'; readonly message: T } | { readonly kind: 'overrun' };

export interface Subscription<T = Envelope> extends AsyncIterableIterator<Notification<T>> {
  next(): Promise<IteratorResult<Notification<T>, undefined>>;
  /** Idempotent. Leaving a `for await` loop does it too. */
  close(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Joins multicast groups, at once: what happens after the call is not missed, even when it is iterated later. What waits
 * for a reader stays in the kernel, as much as the receive buffer takes.
 *
 * @param groups Numbers of groups (RTNLGRP_*, NFNLGRP_*).
 * @throws {WarrenError} `ERR_NETLINK_SOCKET`, `ERR_NAMESPACE_NOT_FOUND`
 */
export function subscribe(
  protocol: keyof typeof protocols | number,
  groups: readonly number[],
  options: SubscribeOptions = {},
): Subscription {
  const addon = netlinkAddon();
  const number = typeof protocol === 'number' ? protocol : protocols[protocol];
  const fd = withNamespace(options.namespace, (namespace) => {
    try {
      return addon.socketIn(namespace, AF_NETLINK, SOCK_RAW, number);
    } catch (cause) {
      throw socketError(`Cannot open a netlink socket (${protocol})`, cause);
    }
  });
  try {
    prepareSocket(addon, fd, false, options.receiveBufferBytes);
    for (const group of groups) joinGroup(addon, fd, group);
  } catch (cause) {
    closeSync(fd);
    throw socketError(`Cannot join the netlink groups ${groups.join(', ')} (${protocol})`, cause);
  }
  return new SocketSubscription(addon, fd, options.signal);
}

class SocketSubscription implements Subscription {
  readonly #addon: NetlinkAddon;
  readonly #fd: number;
  readonly #signal: AbortSignal | undefined;
  readonly #abort = (): void => {
    this.close();
  };
  #ready: Notification[] = [];
  #open = true;
  #waiting: { watch: WatchHandle; wake: () => void } | undefined;

  constructor(addon: NetlinkAddon, fd: number, signal: AbortSignal | undefined) {
    this.#addon = addon;
    this.#fd = fd;
    this.#signal = signal;
    if (signal?.aborted) this.close();
    else signal?.addEventListener('abort', this.#abort);
  }

  async next(): Promise<IteratorResult<Notification, undefined>> {
    for (;;) {
      const value = this.#ready.shift();
      if (value) return { done: false, value };
      if (!this.#open) return { done: true, value: undefined };
      if (this.#waiting) {
        throw new WarrenError('ERR_NETLINK_BUSY', 'Cannot read the subscription', {
          kind: 'conflict',
          why: 'another next() is still waiting',
        });
      }
      this.#ready = this.#receive();
      if (this.#ready.length === 0) await this.#readable();
    }
  }

  async return(): Promise<IteratorResult<Notification, undefined>> {
    this.close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#ready = [];
    this.#signal?.removeEventListener('abort', this.#abort);
    this.#waiting?.wake();
    closeSync(this.#fd);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  #receive(): Notification[] {
    let bytes: Buffer | null;
    try {
      bytes = this.#addon.netlinkExchange(this.#fd, null, 256 * 1024);
    } catch (cause) {
      throw socketError('Cannot read what the kernel tells', cause);
    }
    if (!bytes) return [];
    return readEnvelopes(bytes)
      .filter(({ type }) => type !== NLMSG_NOOP)
      .map((message) =>
        message.type === NLMSG_OVERRUN ? { kind: 'overrun' } : { kind: 'message', message },
      );
  }

  async #readable(): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        if (this.#waiting) this.#addon.unwatch(this.#waiting.watch);
        this.#waiting = undefined;
        resolve();
      };
      this.#waiting = { watch: this.#addon.watchReadable(this.#fd, wake), wake };
    });
  }
}

/** The same subscription, each message read by `read`; those for which it gives undefined are passed over. */
export function mapSubscription<T>(
  subscription: Subscription,
  read: (message: Envelope) => T | undefined,
): Subscription<T> {
  return {
    async next() {
      for (;;) {
        const next: IteratorResult<Notification, undefined> = await subscription.next();
        if (next.done === true) return { done: true, value: undefined };
        const { value } = next;
        if (value.kind === 'overrun') return { done: false, value };
        const message = read(value.message);
        if (message !== undefined) return { done: false, value: { kind: 'message', message } };
      }
    },
    async return() {
      subscription.close();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
    close: () => subscription.close(),
    [Symbol.asyncDispose]: async () => subscription[Symbol.asyncDispose](),
  };
}
