/** One start of a kept container: its networks, its plan, its monitor. */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { planContainer } from '../plan/container.js';
import type { Configured } from '../runtime/configure.js';
import { readHost } from '../runtime/host.js';
import { configureKept } from './configure-kept.js';
import { launchMonitor, type LaunchedRun } from './launch.js';
import { leaveNetworks } from './leave-networks.js';
import type { Liveness } from './liveness.js';
import type { ReadyNetwork } from './network.js';
import { sharedContainer } from './network-mode.js';
import type { ContainerRecord } from './record.js';
import { bury } from './removal.js';
import { writeRunRecord } from './run-record.js';

export interface StartRequest {
  /** The state directory. */
  readonly root: string;
  /** Whoever starts it hears of its end before it is removed. */
  readonly attended: boolean;
  readonly signal: AbortSignal | undefined;
  /** Called once the container is this start's. */
  readonly readRecord: () => ContainerRecord;
  /** Of a container just made: nothing is looked up again. */
  readonly configured: Configured | undefined;
}

/**
 * The caller holds the container's lock.
 *
 * @returns undefined where it runs already.
 * @throws {WarrenError} `ERR_STEP` and what else a start is refused with; nothing of it is left then.
 */
export async function startRun(
  container: Liveness,
  { root, attended, signal, readRecord, configured }: StartRequest,
): Promise<LaunchedRun | undefined> {
  const { directory } = container;
  const status = openSync(join(directory, 'status'), 'r+');
  let directoryFd = -1;
  let network: ReadyNetwork | undefined;
  let record: ContainerRecord | undefined;
  try {
    if (!(await container.takeStatus(status))) return undefined;
    record = readRecord();
    await bury(directory);
    let { config } = configured ?? (await configureKept(root, record));
    network = await readyNetwork(root, directory, record);
    if (network) config = (await import('./network.js')).joinNetwork(config, network);
    if (attended && config.monitor) config = { ...config, monitor: { ...config.monitor, attended } };
    const plan = planContainer(config, readHost());
    writeRunRecord(directory, config);
    const { repairLog } = await import('./log/repair.js');
    repairLog(directory);
    directoryFd = openSync(directory, 'r');
    return await launchMonitor(plan, { directory: directoryFd, status, network: network?.fd }, signal);
  } catch (error) {
    if (network && record?.networking) await leaveNetworks(root, record.id);
    throw error;
  } finally {
    closeSync(status);
    if (directoryFd >= 0) closeSync(directoryFd);
    if (network) closeSync(network.fd);
  }
}

async function readyNetwork(
  root: string,
  directory: string,
  record: ContainerRecord,
): Promise<ReadyNetwork | undefined> {
  const shared = sharedContainer(record.options);
  if (!record.networking && shared === undefined) return undefined;
  const { setUpNetwork, shareNetwork } = await import('./network.js');
  return record.networking
    ? setUpNetwork(root, directory, record, record.networking)
    : shareNetwork(root, shared ?? '');
}
