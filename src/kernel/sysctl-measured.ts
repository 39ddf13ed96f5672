/** What the census found: see docs/sysctl.md. The lists are written by scripts/sysctl-measured.mjs. */
import type { Access } from './sysctl-reading.js';
import { measured6_1 } from './sysctl-measured-6.1.js';
import { measured6_12 } from './sysctl-measured-6.12.js';
import { measured6_18 } from './sysctl-measured-6.18.js';
import { measured7_2 } from './sysctl-measured-7.2.js';

/**
 * Where a new namespace takes a parameter's first value from.
 *
 * - `initial`: the initial namespace's value at that moment. - `creator`: that of the namespace of who makes it.
 * - `default`: the kernel's own, whatever the host has. - `computed`: memory, CPUs or a hash table's size.
 * - `conf-default`: the namespace's own `conf/default`, when the interface appears.
 * - `neigh-default`: the *machine's* `neigh/default`, when the interface appears.
 * - `shared`: it has none; the machine's shows. - `none`: there is nothing to read.
 */
export type SysctlOrigin =
  'initial' | 'creator' | 'default' | 'computed' | 'conf-default' | 'neigh-default' | 'shared' | 'none';

/** Keys of which the same was found, slashed below /proc/sys. */
export interface MeasuredGroup {
  readonly access: Access;
  readonly userAccess: Access;
  readonly origin: SysctlOrigin | 'default-or-computed' | undefined;
  readonly leaks: boolean | undefined;
  readonly keys: readonly string[];
}

export interface MeasuredKernel {
  /** As uname(2) says. */
  readonly release: string;
  /** `6.18` */
  readonly series: string;
  /** For people. */
  readonly name: string;
  readonly groups: readonly MeasuredGroup[];
  /** What the host has and a new network namespace lacks. */
  readonly absent: readonly string[];
  /** Where `conf/default` comes from, by net.core.devconf_inherit_init_net. */
  readonly inherit: readonly {
    readonly setting: number;
    readonly ipv4: string | undefined;
    readonly ipv6: string | undefined;
  }[];
}

export const measuredKernels: readonly MeasuredKernel[] = [
  measured6_1,
  measured6_12,
  measured6_18,
  measured7_2,
];

export type Measured = Omit<MeasuredGroup, 'keys'> & { readonly kernel: MeasuredKernel };

/**
 * What was measured of a key on a kernel of this series. An interface that was not there is answered for by `lo`.
 *
 * @param series `6.18`
 */
export function measuredOf(path: string, series: string): Measured | undefined {
  const index = (indexes[series] ??= indexOf(series));
  return index.get(path) ?? index.get(sysctlTemplate(path).replace('/*/', '/lo/'));
}

/** Made when the first key of a series is asked for. */
const indexes: Record<string, ReadonlyMap<string, Measured>> = {};

function indexOf(series: string): ReadonlyMap<string, Measured> {
  const kernel = measuredKernels.find((each) => each.series === series);
  return new Map(
    (kernel?.groups ?? []).flatMap(({ keys, ...found }) =>
      keys.map((key): [string, Measured] => [key, { ...found, kernel: kernel as MeasuredKernel }]),
    ),
  );
}

/** `6.18.3-arch1` → `6.18` */
export function seriesOf(release: string): string {
  return /^\d+\.\d+/.exec(release)?.[0] ?? release;
}

/** Whether a kernel is at least as new as a version: `6.18.3-arch1` than `4.15`. */
export function atLeast(release: string, since: string): boolean {
  const [a, b] = [numbersOf(release), numbersOf(since)];
  const at = [0, 1, 2].find((index) => a[index] !== b[index]);
  return at === undefined || (a[at] ?? 0) > (b[at] ?? 0);
}

/** Three of them; what is missing is 0. */
function numbersOf(version: string): number[] {
  const [, ...parts] = /^(\d+)(?:\.(\d+))?(?:\.(\d+))?/.exec(version) ?? [];
  return [0, 1, 2].map((index) => Number(parts[index] ?? 0));
}

/** One name for all interfaces: `net/ipv4/conf/eth0/rp_filter` with a star for `eth0`. Other keys as they are. */
export function sysctlTemplate(path: string): string {
  return path.replace(/^(net\/ipv[46]\/(?:conf|neigh)\/)[^/]+\//, '$1*/');
}
