import type { ExecutableFacts } from '../../explore/capabilities/exec-file.js';
import type { ProcessCapabilities } from '../../explore/capabilities/show.js';
import { decodeCapabilities } from '../../kernel/capabilities.js';
import type { ExecOutcome } from '../../kernel/exec-capabilities.js';
import { formatFileCapabilities } from '../../kernel/file-capabilities.js';
import type { CapabilitySets } from '../../kernel/proc-status.js';
import { decodeSecurebits } from '../../kernel/securebits.js';

/** `warren caps show --json`: masks as hexadecimal text and as names. */
export function showJson(
  { status, securebits, userNamespaces }: ProcessCapabilities,
  executable: ExecutableFacts | undefined,
  outcome: ExecOutcome | undefined,
): object {
  const { name, uid, gid, groups, nsPids, capabilities, noNewPrivileges, seccomp } = status;
  return {
    pid: nsPids[0] ?? null,
    name,
    uid,
    gid,
    groups,
    userNamespace: userNamespaces?.levels[0]?.inode ?? null,
    capabilities: setsJson(capabilities),
    securebits: securebits === undefined ? null : decodeSecurebits(securebits),
    noNewPrivileges,
    seccomp,
    ...(executable && outcome ? { exec: execJson(executable, outcome) } : {}),
  };
}

function execJson({ path, scripts, file }: ExecutableFacts, outcome: ExecOutcome): object {
  return {
    path,
    scripts,
    file: {
      setUid: file.setUid ?? null,
      setGid: file.setGid ?? null,
      nosuid: file.nosuid,
      capabilities: file.capabilities ? formatFileCapabilities(file.capabilities) : null,
      rootId: file.capabilities?.rootId ?? null,
    },
    refused: outcome.refused,
    effectiveUid: outcome.effectiveUid,
    effectiveGid: outcome.effectiveGid,
    capabilities: setsJson(outcome.capabilities),
    reasons: outcome.reasons,
  };
}

function setsJson(sets: CapabilitySets): object {
  const json = (mask: bigint): object => ({
    mask: `0x${mask.toString(16).padStart(16, '0')}`,
    names: decodeCapabilities(mask).map((each) => each.toLowerCase()),
  });
  return {
    effective: json(sets.effective),
    permitted: json(sets.permitted),
    inheritable: json(sets.inheritable),
    bounding: json(sets.bounding),
    ambient: json(sets.ambient),
  };
}
