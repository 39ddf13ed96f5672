/** Kernel parameters, read, set, compared and explained in any namespace: what `warren sysctl` does, as calls that return data. */
import { release } from 'node:os';
import {
  Place,
  applySettings,
  diffPlaces,
  explainSysctl as explain,
  keyPattern,
  machineKeys,
  parseSettingsFile,
  probeSysctls as probe,
  whySysctl as why,
  type AppliedLine,
  type PlaceTarget,
  type Probed,
  type SysctlExplanation,
  type WhyReport,
} from './explore/sysctl/index.js';
import type { Reading } from './kernel/sysctl-reading.js';
import { parseSysctlName } from './kernel/sysctl-name.js';
import { sysctlTools as tools } from './runtime/throw-away.js';

export { WarrenError, type ErrorCode, type ErrorKind } from './errors.js';
export { readSysctl, writeSysctl, type SysctlOptions } from './runtime/sysctl-access.js';
export { measuredKernels, type MeasuredKernel } from './kernel/sysctl-measured.js';
export type {
  AppliedLine,
  Combination,
  Finding,
  Origin,
  PlaceTarget,
  Probed,
  Remedy,
  Statement,
  SysctlExplanation,
  Use,
  Verdict,
  WhyReport,
} from './explore/sysctl/index.js';
export type { Access, Reading } from './kernel/sysctl-reading.js';
export type { SysctlScope } from './kernel/sysctl-scope.js';

/** Whose parameters: `host` (this process's), `fresh` (those of namespaces made now), a process id, or the file of one namespace. */
export type SysctlPlace = PlaceTarget;

export interface ListOptions {
  /** Default: this process's own namespaces, and then also what no namespace isolates. */
  readonly in?: SysctlPlace;
  /** Keys, folders, or either with `*`: `net.ipv4.tcp_*`. Default: all. */
  readonly patterns?: readonly string[];
}

/** A difference of two places, the key dotted; undefined where one does not have it. */
export interface SysctlDifference {
  readonly key: string;
  readonly a: Reading | undefined;
  readonly b: Reading | undefined;
}

/**
 * Many parameters at once.
 *
 * @returns Dotted keys, sorted, with their values; without those that cannot be read.
 * @throws {WarrenError} `ERR_SYSCTL_PATTERN`, `ERR_NAMESPACE_NOT_FOUND`, `ERR_STEP` where a namespace cannot be made or entered.
 */
export async function listSysctls(options: ListOptions = {}): Promise<Map<string, string>> {
  const matches = matcher(options.patterns);
  return withPlace(options.in ?? 'host', async (place) => {
    const keys = options.in === undefined ? machineKeys() : await place.keys();
    const readings = await place.readMany(keys.filter(matches));
    return new Map(
      [...readings].flatMap(([path, reading]): [string, string][] =>
        'value' in reading ? [[parseSysctlName(path).name, reading.value]] : [],
      ),
    );
  });
}

/**
 * What two places answer differently, of all that namespaces isolate.
 *
 * @throws {WarrenError} As `listSysctls()`.
 */
export async function diffSysctls(
  a: SysctlPlace,
  b: SysctlPlace,
  { patterns }: { readonly patterns?: readonly string[] } = {},
): Promise<SysctlDifference[]> {
  const matches = matcher(patterns);
  return withPlace(a, async (first) =>
    withPlace(b, async (second) => {
      const both = (path: string): boolean => first.has(path) && second.has(path) && matches(path);
      const differences = await diffPlaces(first, second, both);
      return differences.map(({ path, ...readings }) => ({ key: parseSysctlName(path).name, ...readings }));
    }),
  );
}

/**
 * Applies a file in the form of sysctl.conf(5): as far as it can, in its order.
 *
 * @param text What is in the file.
 * @returns What came of each line, `problem` being undefined where it is set.
 * @throws {WarrenError} As `listSysctls()`; a line that cannot be applied is no reason.
 */
export async function applySysctls(
  text: string,
  { in: place = 'host' }: { readonly in?: PlaceTarget } = {},
): Promise<AppliedLine[]> {
  return withPlace(place, async (opened) => applySettings(parseSettingsFile(text), opened));
}

/**
 * What is known of a key, and what the running kernel says of it: no value of the host is changed.
 *
 * @param name Dotted or slashed.
 * @throws {WarrenError} `ERR_SYSCTL_NAME`, `ERR_SYSCTL_NOT_FOUND` for a folder.
 */
export async function explainSysctl(name: string): Promise<SysctlExplanation> {
  return (await explain(name, tools, release())).explanation;
}

/**
 * Why a change on the host does not take effect in a container: values, verdict, statements with their evidence, and what to do.
 *
 * @param options.in A process in the container, or the file of its namespace. Default: a container that is to be started.
 * @param options.label What sentences and commands call it.
 * @throws {WarrenError} As `explainSysctl()`, and `ERR_NAMESPACE_NOT_FOUND`.
 */
export async function whySysctl(
  name: string,
  options: { readonly in?: PlaceTarget; readonly label?: string } = {},
): Promise<WhyReport> {
  return why(name, tools, { release: release(), ...options });
}

/**
 * Asks the running kernel about parameters in throw-away namespaces.
 *
 * @param names Default: all that a namespace isolates.
 * @returns By slashed key.
 * @throws {WarrenError} `ERR_SYSCTL_NAME`, `ERR_STEP` where namespaces cannot be made.
 */
export async function probeSysctls(names?: readonly string[]): Promise<Map<string, Probed>> {
  const paths = names?.map((name) => parseSysctlName(name).path);
  return probe(tools, { release: release(), ...(paths === undefined ? {} : { paths }) });
}

function matcher(patterns: readonly string[] = []): (path: string) => boolean {
  const tests = patterns.map((pattern) => keyPattern(pattern));
  return (path) => tests.length === 0 || tests.some((matches) => matches(path));
}

async function withPlace<T>(which: SysctlPlace, use: (place: Place) => Promise<T>): Promise<T> {
  const place =
    which === 'host'
      ? Place.own(tools)
      : which === 'fresh'
        ? await Place.freshOfCaller(tools)
        : await Place.open(which, tools);
  try {
    return await use(place);
  } finally {
    place.close();
  }
}
