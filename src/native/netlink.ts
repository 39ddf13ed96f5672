/** Opaque: a descriptor that the event loop watches. */
export interface WatchHandle {
  readonly __watch: never;
}

/** The part of the addon (native/addon/netlink.c) that src/netlink is made of. Each throws the system error it met. */
export interface NetlinkAddon {
  /**
   * A socket in the namespace `namespaceFd` (-1: ours), close-on-exec and non-blocking; a netlink socket is bound too.
   * A short-lived thread enters the namespace: none of Node's does.
   */
  socketIn(namespaceFd: number, family: number, type: number, protocol: number): number;
  /** Opens a file of a namespace's /proc/thread-self/net or /proc/sys/net. `flags` are those of open(2). */
  openIn(namespaceFd: number, path: string, flags: number): number;
  /** Reads such files whole, all in one thread; where one cannot be read its errno stands instead. */
  readIn(namespaceFd: number, paths: readonly string[]): (string | number)[];
  /** A tun or tap device in a namespace: the descriptor that holds it. `flags` are those of TUNSETIFF. */
  tunIn(namespaceFd: number, name: string, flags: number, persist: 0 | 1): number;
  /** Sends (unless null), and takes up to about `limit` bytes of what is there to read; null for nothing. */
  netlinkExchange(fd: number, bytes: Uint8Array | null, limit: number): Buffer | null;
  /** Sends from libuv's pool: for what keeps the kernel busy for milliseconds. Resolves with an errno, 0 for success. */
  netlinkSendInBackground(fd: number, bytes: Uint8Array): Promise<number>;
  /** Calls as long as there is something to read. Unwatch before closing the descriptor. */
  watchReadable(fd: number, callback: () => void): WatchHandle;
  unwatch(handle: WatchHandle): void;
  /** @param address A struct sockaddr_in or sockaddr_in6, as bind(2) takes it. */
  bindSocket(fd: number, address: Uint8Array): void;
  setSocketOption(fd: number, level: number, name: number, value: Uint8Array): void;
  /** Reads and fills `value`; returns how many bytes of it the kernel filled. */
  getSocketOption(fd: number, level: number, name: number, value: Uint8Array): number;
}
