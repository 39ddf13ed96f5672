import { nativeSyscallArch, type NativeSyscallArch } from '../syscalls/index.js';
import { compileSeccompPolicy } from './compile.js';
import { runningKernel } from './default-filter.js';
import { parseSeccompProfile, type ParseSeccompOptions } from './profile.js';
import { resolveProfile } from './resolve.js';

export { compileSeccompPolicy } from './compile.js';
export { defaultSeccompFilter, runningKernel, type DefaultSeccompOptions } from './default-filter.js';
export { defaultSeccompPolicy } from './default-policy.js';
export { runSeccompProgram, type SeccompCall, type SeccompRun } from './interpret.js';
export { parseSeccompText } from './json.js';
export * from './policy.js';
export {
  parseSeccompProfile,
  type ParseSeccompOptions,
  type SeccompProfile,
  type SeccompProfileRule,
} from './profile.js';
export type { SeccompFilter } from './profile-filter.js';
export { resolveProfile } from './resolve.js';

export interface CompileSeccompOptions extends ParseSeccompOptions {
  /** The bounding set: `CAP_SYS_ADMIN`, … */
  readonly capabilities: ReadonlySet<string> | readonly string[];
  /** Default: the running process's. */
  readonly arch?: NativeSyscallArch;
  /** Major and minor. Default: the running kernel's. */
  readonly kernel?: readonly [major: number, minor: number];
}

export interface CompiledSeccomp {
  /** `struct sock_filter[]`. */
  readonly program: Uint8Array;
  /** What the profile says that was ignored, one sentence each. */
  readonly warnings: readonly string[];
  /** For `seccomp(SECCOMP_SET_MODE_FILTER, flags, …)`. */
  readonly flags: number;
}

/**
 * Checks, resolves and compiles a profile.
 *
 * @param json Parsed: with `parseSeccompText()`, if it comes from a file; `JSON.parse` rounds 64-bit numbers.
 * @throws {WarrenError} `ERR_SECCOMP_PROFILE`, `ERR_SECCOMP_UNSUPPORTED`, `ERR_SECCOMP_TOO_LARGE`,
 *   `ERR_ARCH_UNSUPPORTED`.
 */
export function compileSeccompProfile(json: unknown, options: CompileSeccompOptions): CompiledSeccomp {
  const profile = parseSeccompProfile(json, options);
  const policy = resolveProfile(profile, {
    capabilities: options.capabilities,
    arch: options.arch ?? nativeSyscallArch(process.arch),
    kernel: options.kernel ?? runningKernel(),
  });
  return { program: compileSeccompPolicy(policy), warnings: profile.warnings, flags: profile.flags };
}
