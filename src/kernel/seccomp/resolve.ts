import type { NativeSyscallArch, SyscallArch } from '../syscalls/index.js';
import type { SeccompPolicy, SeccompTarget } from './policy.js';
import type { SeccompFilter } from './profile-filter.js';
import type { SeccompProfile } from './profile.js';

/** Go's and libseccomp's names of the ABIs. */
const goArch: Readonly<Record<NativeSyscallArch, string>> = { x86_64: 'amd64', arm64: 'arm64' };

const scmpArchs: Readonly<Record<string, SyscallArch>> = {
  SCMP_ARCH_X86_64: 'x86_64',
  SCMP_ARCH_X86: 'x86',
  SCMP_ARCH_X32: 'x32',
  SCMP_ARCH_AARCH64: 'arm64',
  SCMP_ARCH_ARM: 'arm',
};

/**
 * Leaves the rules that apply to one container on one machine, as dockerd does: a rule is dropped when anything it
 * excludes is there (a capability, the architecture, a kernel at least that new) or anything it includes is not.
 * `arches` are compared with the native architecture only; a rule that stays holds for its sub-architectures too.
 */
export function resolveProfile(profile: SeccompProfile, target: SeccompTarget): SeccompPolicy {
  const capabilities = new Set(target.capabilities);
  const rules = profile.rules.filter(({ includes, excludes }) => {
    if (excludes !== undefined && touches(excludes, capabilities, target)) return false;
    return includes === undefined || fulfils(includes, capabilities, target);
  });
  return {
    native: target.arch,
    archs: archsOf(profile, target.arch),
    defaultAction: profile.defaultAction,
    rules,
  };
}

function touches(filter: SeccompFilter, capabilities: ReadonlySet<string>, target: SeccompTarget): boolean {
  return (
    filter.arches.includes(goArch[target.arch]) ||
    filter.caps.some((name) => capabilities.has(name)) ||
    (filter.minKernel !== undefined && isAtLeast(target.kernel, filter.minKernel))
  );
}

function fulfils(filter: SeccompFilter, capabilities: ReadonlySet<string>, target: SeccompTarget): boolean {
  return (
    (filter.arches.length === 0 || filter.arches.includes(goArch[target.arch])) &&
    filter.caps.every((name) => capabilities.has(name)) &&
    (filter.minKernel === undefined || isAtLeast(target.kernel, filter.minKernel))
  );
}

function isAtLeast(
  [major, minor]: SeccompTarget['kernel'],
  [needMajor, needMinor]: readonly [number, number],
): boolean {
  return major > needMajor || (major === needMajor && minor >= needMinor);
}

/** Native first, for libseccomp filters it whether it is listed or not; ABIs of other machines never call here. */
function archsOf(profile: SeccompProfile, native: NativeSyscallArch): SyscallArch[] {
  const mapped = profile.archMap.find((entry) => scmpArchs[entry.architecture] === native);
  const listed = [...profile.architectures, ...(mapped?.subArchitectures ?? [])];
  const archs = listed.map((name) => scmpArchs[name]).filter((arch) => arch !== undefined);
  return [...new Set<SyscallArch>([native, ...archs])];
}
