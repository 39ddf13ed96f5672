/** What somebody has set in a network namespace: where it differs from one that is made now. */
import { Place, diffPlaces, type Difference } from '../../explore/sysctl/index.js';
import { sysctlTools } from '../commands/sysctl-target.js';
import type { NetnsView } from './places.js';

export interface ChangedParameter {
  /** Dotted, or slashed where an interface's name has a dot. */
  readonly name: string;
  readonly value: string;
  /** In a fresh namespace. Keys that it lacks, those of its interfaces, are not compared. */
  readonly fresh: string;
}

/**
 * Empty where no namespace can be made to compare with.
 *
 * @param fd Of the namespace.
 */
export async function parametersOf({ isOurs }: NetnsView, fd: number): Promise<ChangedParameter[]> {
  const tools = await sysctlTools();
  const there = isOurs ? Place.own(tools) : await Place.open(`/proc/self/fd/${fd}`, tools);
  try {
    const fresh = await Place.freshOfCaller(tools);
    try {
      const isNetwork = (key: string): boolean => key.startsWith('net/');
      const differences = await diffPlaces(there, fresh, isNetwork);
      return differences.flatMap(changed);
    } finally {
      fresh.close();
    }
  } catch {
    return [];
  } finally {
    there.close();
  }
}

function changed({ path, a, b }: Difference): ChangedParameter[] {
  if (a === undefined || !('value' in a) || b === undefined || !('value' in b)) return [];
  return [{ name: path.includes('.') ? path : path.replaceAll('/', '.'), value: a.value, fresh: b.value }];
}

export function parameterLine({ name, value, fresh }: ChangedParameter): string {
  return `${name} = ${value} (fresh: ${fresh})`;
}
