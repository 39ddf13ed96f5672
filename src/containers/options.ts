import type { ContainerOptions, LimitOptions } from '../runtime/options.js';
import type { NetworkMode } from './network-mode.js';
import type { NetworkRequest } from '../network/index.js';
import type { LogOptions, RestartPolicy } from './record.js';

/** What `create()` and `run()` take. */
export interface CreateOptions extends Omit<ContainerOptions, 'signal' | 'timeoutMs' | 'network'> {
  /** As for `run()`, or `container:NAME`. Default: `networks`, or `private`. What is said of ports and names is for either. */
  readonly network?: NetworkMode;
  /** Default: two words. */
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** docker's: `no`, `always`, `unless-stopped`, `on-failure[:N]`. Default `no`. */
  readonly restart?: RestartPolicy | string;
  /** Remove the container when it ends. Default false. */
  readonly autoRemove?: boolean;
  /** Its standard input can be written to, by those who attach. Default false. */
  readonly openStdin?: boolean;
  readonly log?: Partial<LogOptions>;
  /** Networks made with `createNetwork()`, instead of `network`. Text: docker's `NET[:ip=…,mac=…,alias=…]`. */
  readonly networks?: readonly (NetworkRequest | string)[];
  /** docker's `-p`: `[IP:]HOST:CONTAINER[/tcp|udp|sctp]`, ranges, or `CONTAINER` for a free port. */
  readonly publish?: readonly string[];
  /** In the first of its networks. */
  readonly ip?: string;
  readonly ip6?: string;
  readonly mac?: string;
  /** Names that it has in all of its networks, besides its own. */
  readonly aliases?: readonly string[];
  /** Default: the host's. */
  readonly dns?: readonly string[];
  readonly dnsSearch?: readonly string[];
  readonly dnsOptions?: readonly string[];
  /** docker's `--add-host`: `NAME:ADDRESS`, `NAME:host-gateway`. */
  readonly addHosts?: readonly string[];
}

export interface StartContainerOptions {
  /** Gives the start up; without effect once the command executes. */
  readonly signal?: AbortSignal;
  /** With `autoRemove`: it is not removed before this process has ended, so that its output can be read. Default false. */
  readonly attended?: boolean;
}

export interface StopOptions {
  /** Default: the container's own, else SIGTERM. */
  readonly signal?: string | number;
  /** After which SIGKILL is sent; -1 for never. Default: the container's own, else 10,000. */
  readonly timeoutMs?: number;
}

export interface RemoveOptions {
  /** Kill it first if it runs. Default false. */
  readonly force?: boolean;
}

export interface UpdateOptions {
  /** Kernel parameters for its next starts, added to those it has. */
  readonly sysctls?: ContainerOptions['sysctls'];
  readonly limits?: LimitOptions;
  readonly restart?: RestartPolicy | string;
}
