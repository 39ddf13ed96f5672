/** How `warren caps` shows what it found. */
import { quote } from '../../errors.js';
import type { ExecutableFacts } from '../../explore/capabilities/exec-file.js';
import type { CapabilityExplanation } from '../../explore/capabilities/explain.js';
import type { ProcessCapabilities } from '../../explore/capabilities/show.js';
import type { UserNamespaceChain } from '../../explore/ids/levels.js';
import { decodeCapabilities } from '../../kernel/capabilities.js';
import type { ExecOutcome } from '../../kernel/exec-capabilities.js';
import { formatFileCapabilities } from '../../kernel/file-capabilities.js';
import type { CapabilitySets } from '../../kernel/proc-status.js';
import { decodeSecurebits } from '../../kernel/securebits.js';
import { wrap } from '../help.js';

const setNames = ['effective', 'permitted', 'inheritable', 'bounding', 'ambient'] as const;
const COLUMN = 14;

/** `warren caps show`, without `--exec`. */
export function processText(found: ProcessCapabilities, all: bigint, width: number): string {
  const { status, securebits, userNamespaces } = found;
  const { uid, gid } = status;
  const ids = uid.real === uid.effective ? `${uid.real}` : `${uid.real}, effective ${uid.effective}`;
  return [
    line('process', `${status.nsPids[0] ?? ''} ${quote(status.name)}`, width),
    line('user', `${ids}; group ${gid.effective}`, width),
    line('namespace', namespaceText(userNamespaces), width),
    setsText(status.capabilities, all, width),
    line('securebits', securebitsText(securebits), width),
    line('no_new_privs', status.noNewPrivileges ? 'yes' : 'no', width),
    line('seccomp', status.seccomp, width),
  ].join('');
}

function namespaceText(chain: UserNamespaceChain | undefined): string {
  const [own] = chain?.levels ?? [];
  if (chain === undefined || own === undefined)
    return 'not shown to you: it needs the right to trace the process';
  const isFirst = chain.readerIsInitial && chain.levels.length === 1;
  return `user:[${own.inode}], ${isFirst ? 'the first one' : 'not the first one: capabilities hold there and below'}`;
}

function securebitsText(securebits: number | undefined): string {
  if (securebits === undefined)
    return 'not known: a process can only ask for its own (prctl PR_GET_SECUREBITS)';
  return securebits === 0 ? 'none' : decodeSecurebits(securebits).join(', ');
}

function setsText(sets: CapabilitySets, all: bigint, width: number): string {
  return setNames.map((name) => line(name, setText(sets[name], all), width)).join('');
}

/** Names; what is missing, where that is shorter. */
export function setText(mask: bigint, all: bigint): string {
  const hex = `0x${mask.toString(16).padStart(16, '0')}`;
  const names = (bits: bigint): string => decodeCapabilities(bits).join(',').toLowerCase();
  if (mask === 0n) return `${hex} none`;
  if (mask === all) return `${hex} all ${decodeCapabilities(all).length}`;
  const missing = all & ~mask;
  if ((mask & ~all) === 0n && decodeCapabilities(missing).length <= 10)
    return `${hex} all but ${names(missing)}`;
  return `${hex} ${names(mask)}`;
}

/** What `--exec FILE` adds. */
export function execText(
  { path, scripts, file }: ExecutableFacts,
  outcome: ExecOutcome,
  securebitsKnown: boolean,
  all: bigint,
  width: number,
): string {
  const bits = [
    ...(file.setUid === undefined ? [] : [`set-user-ID ${file.setUid}`]),
    ...(file.setGid === undefined ? [] : [`set-group-ID ${file.setGid}`]),
    ...(file.capabilities === undefined
      ? []
      : [
          formatFileCapabilities(file.capabilities) +
            (file.capabilities.rootId === undefined ? '' : ` [rootid=${file.capabilities.rootId}]`),
        ]),
    ...(file.nosuid ? ['on a nosuid mount'] : []),
  ];
  const sets = outcome.refused
    ? line('outcome', 'refused: execve(2) fails with EPERM', width)
    : line('user', `${outcome.effectiveUid}; group ${outcome.effectiveGid}`, width) +
      setsText(outcome.capabilities, all, width);
  return [
    '\n',
    line('after execve', quote(path), width),
    ...scripts.map((script) => line('by script', quote(script), width)),
    line('file', bits.length === 0 ? 'no set-ID bits, no capabilities' : bits.join(', '), width),
    sets,
    ...outcome.reasons.map((reason, index) => line(index === 0 ? 'because' : '', reason, width)),
    ...(securebitsKnown ? [] : [line('provided', 'its securebits are none, as they usually are', width)]),
  ].join('');
}

/** `warren caps explain NAME`. */
export function explainText(found: CapabilityExplanation, width: number): string {
  return [
    line(found.name.toLowerCase(), `bit ${found.bit}, since Linux ${found.since}`, width),
    line('allows', found.allows, width),
    line('risks', found.risks, width),
    line('reach', found.reach, width),
    line('looked for', scopeText[found.scope], width),
    line(
      'by default',
      found.inDefaultsOf.length === 0 ? 'in none of the customary sets' : found.inDefaultsOf.join(', '),
      width,
    ),
  ].join('');
}

const scopeText: Readonly<Record<CapabilityExplanation['scope'], string>> = {
  namespaced: 'in the user namespace that the resource belongs to',
  'partly namespaced':
    'in the user namespace that the resource belongs to, and for some uses in the first one',
  'first user namespace only': 'in the first user namespace only: no other root has any use of it',
};

function line(label: string, text: string, width: number): string {
  const [first = '', ...rest] = wrap(text.replaceAll(',cap_', ', cap_'), Math.max(30, width - COLUMN));
  return [
    `${label.length < COLUMN ? label.padEnd(COLUMN) : `${label}\n${' '.repeat(COLUMN)}`}${first}`,
    ...rest.map((each) => ' '.repeat(COLUMN) + each),
  ]
    .join('\n')
    .concat('\n');
}
