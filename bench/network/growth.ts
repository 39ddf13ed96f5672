/** What does not become dearer: the container after many, the port after many. */
import { closeSync } from 'node:fs';
import { newNetworkNamespace } from '../../src/native/index.js';
import {
  addPorts,
  attachAll,
  createNetwork,
  detachAll,
  parsePortSpec,
  prepareNetworks,
  removePorts,
} from '../../src/network/index.js';
import { summarize } from '../start/measure.js';
import { newId } from './box.js';

export interface Growth {
  /** How many were there already. */
  readonly counts: readonly number[];
  /** Milliseconds, medians. */
  readonly medians: readonly number[];
}

const around = 20;

/** Attach only, to namespaces without a process: nine hundred containers would measure their processes. */
export async function measureMembers(most: number): Promise<Growth> {
  await createNetwork('crowd', { subnets: ['10.102.0.0/20'] });
  const held: { fd: number; id: string }[] = [];
  const times: number[] = [];
  try {
    for (let index = 0; index < most + around / 2; index++) {
      const made = { fd: newNetworkNamespace(), id: newId() };
      held.push(made);
      const began = performance.now();
      await attachAll(await prepareNetworks([{ network: 'crowd' }]), { fd: made.fd }, made.id);
      times.push(performance.now() - began);
    }
  } finally {
    for (const { fd, id } of held) {
      closeSync(fd);
      await detachAll(id);
    }
  }
  const medianAt = (at: number): number =>
    summarize('', times.slice(Math.max(1, at - around / 2), at + around / 2)).medianMs;
  return { counts: [10, most], medians: [medianAt(10), medianAt(most)] };
}

/** One more port of one container, while ten others publish what is there already. */
export async function measurePorts(most: number): Promise<Growth> {
  await createNetwork('ports', { subnets: ['10.103.0.0/20'] });
  const held: { fd: number; id: string }[] = [];
  const attach = async (publish: string[]): Promise<string> => {
    const made = { fd: newNetworkNamespace(), id: newId() };
    held.push(made);
    const plan = await prepareNetworks([{ network: 'ports' }], { publish: publish.flatMap(parsePortSpec) });
    await attachAll(plan, { fd: made.fd }, made.id);
    return made.id;
  };
  try {
    const id = await attach([]);
    const publishOne = async (): Promise<number> => {
      const times: number[] = [];
      for (let round = 0; round < around; round++) {
        const began = performance.now();
        await addPorts(id, parsePortSpec('9000:80'));
        times.push(performance.now() - began);
        await removePorts(id, [{ hostPort: 9000, protocol: 'tcp' }]);
      }
      return summarize('', times).medianMs;
    };
    const first = await publishOne();
    const each = most / 10;
    for (let index = 0; index < 10; index++) {
      const from = 10_000 + index * each;
      await attach([`${from}-${from + each - 1}:${from}-${from + each - 1}`]);
    }
    return { counts: [1, most + 1], medians: [first, await publishOne()] };
  } finally {
    for (const { fd, id } of held) {
      closeSync(fd);
      await detachAll(id);
    }
  }
}
