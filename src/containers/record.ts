/**
 * What is kept of a container, and how it stands. One directory a container below the state directory (`WARREN_STATE`,
 * else `/var/lib/warren` for root and `~/.local/share/warren` for others), mode 0700:
 *
 *   containers/ID/config.json   ContainerRecord: written to a temporary name, synced, renamed
 *   containers/ID/status        by the monitor, in place (status.ts); it holds a lock on it for as long as it lives
 *   containers/ID/lock          held by whoever starts, removes, renames or updates
 *   containers/ID/socket        the monitor's: attach, resize, signal, pause, stop
 *   containers/ID/log           frames (log/frame.ts); log.1, log.2, … are older
 *   containers/ID/layer         the copy-on-write layer
 *   making/ID, removing/ID      not in the list yet, or no more; collected when nobody holds their lock
 *   names/NAME                  symbolic link to ID: whoever makes it has the name
 *   events                      one line an event, appended
 */
import type { NetworkMode } from './network-mode.js';
import type { NetworkRequest } from '../network/index.js';
import type { ContainerOptions } from '../runtime/options.js';

/** docker's `--restart`. Kept by the monitor, with a pause that doubles from 100 ms to a minute. */
export interface RestartPolicy {
  readonly name: 'no' | 'on-failure' | 'always';
  /** `on-failure` only; 0 for no limit. */
  readonly maximumRetries: number;
}

export interface LogOptions {
  /** Bytes after which a new file is begun. Default 20 MiB. */
  readonly maxSizeBytes: number;
  /** Files kept, the present one included. Default 5. */
  readonly maxFiles: number;
}

/** Options that can be kept: neither signals nor time limits of the caller's process. */
export interface StoredOptions extends Omit<ContainerOptions, 'signal' | 'timeoutMs' | 'network'> {
  readonly network?: NetworkMode;
}

/** What it has of networks, where it is in any. */
export interface StoredNetworking {
  readonly networks: readonly NetworkRequest[];
  /** docker's `-p`. */
  readonly publish?: readonly string[];
  /** In the first of them. */
  readonly ip?: string;
  readonly ip6?: string;
  readonly mac?: string;
  /** In all of them. */
  readonly aliases?: readonly string[];
  readonly dns?: readonly string[];
  readonly dnsSearch?: readonly string[];
  readonly dnsOptions?: readonly string[];
  /** docker's `--add-host`. */
  readonly addHosts?: readonly string[];
}

/** config.json: what the container was made with. */
export interface ContainerRecord {
  readonly version: 1;
  /** 64 hexadecimal digits. */
  readonly id: string;
  readonly name: string;
  /** ISO 8601 with nanoseconds, UTC. */
  readonly createdAt: string;
  readonly command: readonly string[];
  readonly options: StoredOptions;
  readonly labels: Readonly<Record<string, string>>;
  readonly restart: RestartPolicy;
  /** Removed when it ends (`--rm`). */
  readonly autoRemove: boolean;
  /** Its standard input can be written to (`-i`). */
  readonly openStdin: boolean;
  readonly log: LogOptions;
  readonly networking?: StoredNetworking;
}

/**
 * - `created`: never started. - `running`, `paused`. - `restarting`: waiting to be started again by its restart policy. -
 * `exited`. - `dead`: its monitor was killed, and the container with it; how it ended is not known.
 */
export type ContainerState = 'created' | 'running' | 'paused' | 'restarting' | 'exited' | 'dead';

export interface ContainerStatus {
  readonly state: ContainerState;
  /** On the host; 0 when it does not run. */
  readonly pid: number;
  /** 0 when there is none. */
  readonly monitorPid: number;
  /** ISO 8601 with nanoseconds, UTC; empty when it never was. */
  readonly startedAt: string;
  readonly finishedAt: string;
  /** Of the last run; 128 + n when signal n ended it, 137 where nobody saw the end. */
  readonly exitCode: number;
  /** The signal's number, 0 for none. */
  readonly signal: number;
  readonly oomKilled: boolean;
  /** By the restart policy, since it was last started by hand. */
  readonly restartCount: number;
  /** Why the last start failed; empty otherwise. */
  readonly error: string;
}

/** What `ps` and `inspect` look at. */
export interface ContainerSnapshot {
  readonly record: ContainerRecord;
  readonly status: ContainerStatus;
  /** Absolute, on the host. */
  readonly directory: string;
}
