import { release } from 'node:os';
import { nativeSyscallArch, type NativeSyscallArch } from '../syscalls/index.js';
import { compileSeccompPolicy } from './compile.js';
import { precompiledFilters } from './precompiled.js';
import { defaultSeccompPolicy, isTracingSafe, seccompCapabilities } from './default-policy.js';

export interface DefaultSeccompOptions {
  /** The bounding set: `CAP_SYS_ADMIN`, … */
  readonly capabilities: ReadonlySet<string> | readonly string[];
  /** Default: the running process's. */
  readonly arch?: NativeSyscallArch;
  /** Major and minor. Default: the running kernel's. */
  readonly kernel?: readonly [major: number, minor: number];
}

/**
 * The program of the default policy, to be loaded with `defaultSeccompFlags`.
 *
 * This is on the path of every start: a module of its own that loads nothing of the profile parser, and a filter is
 * compiled once for each set of the capabilities that matter. Do not write to the result.
 *
 * @throws {WarrenError} `ERR_ARCH_UNSUPPORTED`.
 */
export function defaultSeccompFilter(options: DefaultSeccompOptions): Uint8Array {
  const arch = options.arch ?? nativeSyscallArch(process.arch);
  const kernel = options.kernel ?? runningKernel();
  const given = new Set(options.capabilities);
  const capabilities = seccompCapabilities.filter((name) => given.has(name));
  const key = filterKey(arch, kernel, capabilities);
  let filter = filters.get(key);
  if (filter === undefined) {
    const precompiled = precompiledFilters[key];
    filter =
      precompiled === undefined
        ? compileSeccompPolicy(defaultSeccompPolicy({ capabilities, arch, kernel }))
        : Buffer.from(precompiled, 'base64');
    filters.set(key, filter);
  }
  return filter;
}

/** What of the arguments makes a difference, as text. */
export function filterKey(
  arch: NativeSyscallArch,
  kernel: readonly [major: number, minor: number],
  capabilities: readonly string[],
): string {
  return [arch, isTracingSafe(kernel), ...capabilities].join(' ');
}

/** At most one for each subset of the capabilities; in practice a handful of 4 KB. */
const filters = new Map<string, Uint8Array>();

/** Major and minor of the running kernel, from uname(2). */
export function runningKernel(): [major: number, minor: number] {
  const [major, minor] = release()
    .split('.', 2)
    .map((part) => Number.parseInt(part, 10));
  return [major ?? 0, minor ?? 0];
}
