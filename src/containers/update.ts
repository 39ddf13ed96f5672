/** Changing what a kept container was made with. */
import { join } from 'node:path';
import { WarrenError, invalid, quote } from '../errors.js';
import * as c from '../plan/constants.js';
import { planContainer } from '../plan/container.js';
import { readHost } from '../runtime/host.js';
import { findContainerCgroups } from './cgroups.js';
import { parseRestartPolicy } from './checked-options.js';
import { configureKept } from './configure-kept.js';
import { requestError } from './connection.js';
import { writeWhole } from './files.js';
import { updateLimits } from './limits.js';
import type { Liveness } from './liveness.js';
import type { UpdateOptions } from './options.js';
import type { ContainerRecord, ContainerSnapshot } from './record.js';

/**
 * The caller holds the container's lock.
 *
 * @param root The state directory.
 * @param write Writes the record.
 * @throws {WarrenError} see `DetachedContainer.update()`; nothing is changed then.
 */
export async function updateContainer(
  container: Liveness,
  root: string,
  { limits: change, restart, sysctls }: UpdateOptions,
  snapshot: ContainerSnapshot,
  write: (record: ContainerRecord) => void,
): Promise<void> {
  const policy = typeof restart === 'string' ? parseRestartPolicy(restart) : restart;
  const { record } = snapshot;
  if (policy && policy.name !== 'no' && record.autoRemove) throw removedAtItsEnd(record.name);
  const { options } = record;
  const groups = change ? findContainerCgroups(snapshot) : [];
  const updated = change && updateLimits(groups, options.limits ?? {}, change);
  const groupless = change !== undefined && Object.keys(change).length > 0 && groups.length === 0;
  try {
    const next: ContainerRecord = {
      ...record,
      restart: policy ?? record.restart,
      options: {
        ...options,
        ...(updated ? { limits: updated.limits } : {}),
        ...(sysctls ? { sysctls: { ...options.sysctls, ...sysctls } } : {}),
      },
    };
    // Refuses what no start could have.
    if (sysctls || groupless) await configureKept(root, next);
    if (groupless && container.status().pid > 0) throw withoutGroup(record.name);
    write(next);
    if (policy || record.restart.name !== 'no') await tellMonitor(container, root, next);
  } catch (error) {
    updated?.undo();
    write(record);
    throw error;
  }
}

/** For the runs that its restart policy begins: the monitor knows nothing of records. */
async function tellMonitor(container: Liveness, root: string, record: ContainerRecord): Promise<void> {
  const connection = await container.connect();
  if (!connection) return;
  try {
    const made = await configureKept(root, record);
    const isNetworked = made.config.monitor?.network === true;
    const { filesOf, joinNetwork } = await import('./network.js');
    const config = isNetworked ? joinNetwork(made.config, filesOf(container.directory)) : made.config;
    const { encodeSteps } = await import('../plan/encode.js');
    const plan = encodeSteps(planContainer(config, readHost()).steps).bytes;
    writeWhole(join(container.directory, 'plan'), plan);
    const errno = await connection.request(c.MSG_PLAN);
    // It is ending: what was changed is for its next start.
    if (errno !== undefined && errno !== 'ESRCH')
      throw requestError(`Cannot update the container ${quote(record.name)}`, errno);
  } finally {
    connection.close();
  }
}

/** An ordinary user's container has none unless it was made with limits. */
function withoutGroup(name: string): WarrenError {
  return new WarrenError(
    'ERR_CGROUP_UNAVAILABLE',
    `Cannot change the limits of the container ${quote(name)}`,
    {
      kind: 'unsupported',
      why: 'it runs without a control group of its own',
      fix: 'stop it first: the limits then hold from its next start',
    },
  );
}

function removedAtItsEnd(name: string): WarrenError {
  return invalid(
    'ERR_RESTART_POLICY',
    `Cannot change the restart policy of ${quote(name)}`,
    'the container is removed when it ends',
    'make it without --rm',
  );
}
