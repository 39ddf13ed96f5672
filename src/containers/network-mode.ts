import type { NamespaceChoice } from '../runtime/options.js';
import type { UserNetworkWord } from '../runtime/user-network/words.js';
import type { StoredOptions } from './record.js';

/** Besides what `run()` takes, the network namespace of another container: its name or id. */
export type NetworkMode = NamespaceChoice | 'none' | UserNetworkWord | `container:${string}`;

/** The container whose network it shares, if it does. */
export function sharedContainer({ network }: StoredOptions): string | undefined {
  return network?.startsWith('container:') === true ? network.slice('container:'.length) : undefined;
}

/** For what knows nothing of other containers: a network namespace that is not the caller's. */
export function withoutSharing(options: StoredOptions): Omit<StoredOptions, 'network'> & {
  readonly network?: Exclude<NetworkMode, `container:${string}`>;
} {
  const { network, ...others } = options;
  if (network === undefined) return others;
  return { ...others, network: isSharing(network) ? 'private' : network };
}

function isSharing(network: NetworkMode): network is `container:${string}` {
  return network.startsWith('container:');
}
