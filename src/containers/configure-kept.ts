/** From a kept container's record to the configuration of its runs. */
import { join } from 'node:path';
import { configure, type Configured, type Keeping } from '../runtime/configure.js';
import { readHost } from '../runtime/host.js';
import { sharedContainer, withoutSharing } from './network-mode.js';
import type { ContainerRecord } from './record.js';

/** Of a record, what its runs are made of. */
export type KeptParts = Omit<ContainerRecord, 'name' | 'labels' | 'createdAt' | 'version'>;

/**
 * @param root The state directory.
 * @throws {WarrenError} what no start could have.
 */
export async function configureKept(root: string, parts: KeptParts): Promise<Configured> {
  return configure(parts.command, withoutSharing(parts.options), readHost(), keepingOf(root, parts));
}

function keepingOf(
  root: string,
  { id, restart, openStdin, autoRemove, log, networking, options }: KeptParts,
): Keeping {
  return {
    id,
    layers: { store: join(root, 'containers', id, 'layer'), hidden: root },
    monitor: {
      restart: restart.name,
      mostRestarts: restart.maximumRetries,
      openInput: openStdin,
      remove: autoRemove,
      logBytes: log.maxSizeBytes,
      logFiles: log.maxFiles,
      attended: false,
      network: networking !== undefined || sharedContainer(options) !== undefined,
    },
    interfaces: networking?.networks.map((_, index) => `eth${index}`) ?? [],
  };
}
