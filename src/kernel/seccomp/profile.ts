import { invalid, quote, WarrenError } from '../../errors.js';
import { isSyscallName } from '../syscalls/index.js';
import { checkFields, fail, integer, list, objectOf, text, type Path } from './json.js';
import { parseFilter, type SeccompFilter } from './profile-filter.js';
import {
  EPERM,
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_KILL_PROCESS,
  SECCOMP_RET_KILL_THREAD,
  SECCOMP_RET_LOG,
  SECCOMP_RET_TRACE,
  SECCOMP_RET_TRAP,
  SECCOMP_RET_USER_NOTIF,
  seccompFilterFlags,
  seccompOps,
  type SeccompCondition,
  type SeccompOp,
  type SeccompRule,
} from './policy.js';

export interface SeccompProfileRule extends SeccompRule {
  readonly includes: SeccompFilter | undefined;
  readonly excludes: SeccompFilter | undefined;
}

/** A checked profile, of OCI's (`linux.seccomp`) or docker's form. */
export interface SeccompProfile {
  readonly defaultAction: number;
  /** OCI's form: `SCMP_ARCH_*` names that are filtered in addition to the native one. */
  readonly architectures: readonly string[];
  /** docker's form: which names go with which native one. */
  readonly archMap: readonly {
    readonly architecture: string;
    readonly subArchitectures: readonly string[];
  }[];
  /** Bits for seccomp(2). */
  readonly flags: number;
  readonly rules: readonly SeccompProfileRule[];
  /** What was ignored, as docker, runc and libseccomp ignore it, though it may be a mistake. */
  readonly warnings: readonly string[];
}

export interface ParseSeccompOptions {
  /** Somebody will answer for SCMP_ACT_NOTIFY. Default false: the action is refused. */
  readonly hasListener?: boolean;
}

/**
 * Checks a profile: the parsed JSON of `--security-opt seccomp=FILE` or the `linux.seccomp` object of an OCI config.
 *
 * Fields and system calls nobody knows are ignored as elsewhere, but named in `warnings`.
 *
 * @throws {WarrenError} `ERR_SECCOMP_PROFILE` with the place in the JSON and the value found there;
 *   `ERR_SECCOMP_UNSUPPORTED` for SCMP_ACT_NOTIFY without a listener.
 * @see https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md#seccomp
 */
export function parseSeccompProfile(json: unknown, options: ParseSeccompOptions = {}): SeccompProfile {
  const warnings: string[] = [];
  const profile = objectOf(json, '');
  checkFields(profile, profileFields, '', warnings);
  const { architectures, archMap } = parseArchitectures(profile);
  const defaultAction = parseAction(
    profile['defaultAction'],
    profile['defaultErrnoRet'],
    'default',
    '',
    options,
  );
  if (defaultAction === SECCOMP_RET_USER_NOTIF) {
    fail(
      'defaultAction',
      profile['defaultAction'],
      'a listener cannot answer for every call, its own included',
    );
  }
  let flags = parseFlags(profile['flags']);
  const rules = list(profile['syscalls'], 'syscalls').map((rule, i) =>
    parseRule(rule, `syscalls[${String(i)}]`, options, warnings),
  );
  if (rules.some((rule) => rule.action === SECCOMP_RET_USER_NOTIF)) {
    flags |= seccompFilterFlags.SECCOMP_FILTER_FLAG_NEW_LISTENER;
  }
  return { defaultAction, architectures, archMap, flags, rules, warnings };
}

const profileFields = [
  'defaultAction',
  'defaultErrnoRet',
  'architectures',
  'archMap',
  'flags',
  'listenerPath',
  'listenerMetadata',
  'syscalls',
];

const ruleFields = ['names', 'name', 'action', 'errnoRet', 'args', 'includes', 'excludes', 'comment'];

/** Everything libseccomp has a name for; what a machine does not run is accepted and does nothing. */
const archNames = (
  'X86 X86_64 X32 ARM AARCH64 MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE RISCV64 S390 S390X ' +
  'PARISC PARISC64 LOONGARCH64 M68K SH SHEB'
).split(' ');

function parseArchitectures(
  profile: Record<string, unknown>,
): Pick<SeccompProfile, 'architectures' | 'archMap'> {
  const architectures = list(profile['architectures'], 'architectures').map((name, i) =>
    parseArch(name, `architectures[${String(i)}]`),
  );
  const archMap = list(profile['archMap'], 'archMap').map((entry, i) => {
    const at = `archMap[${String(i)}]`;
    const fields = objectOf(entry, at);
    return {
      architecture: parseArch(fields['architecture'], `${at}.architecture`),
      subArchitectures: list(fields['subArchitectures'], `${at}.subArchitectures`).map((name, j) =>
        parseArch(name, `${at}.subArchitectures[${String(j)}]`),
      ),
    };
  });
  if (architectures.length > 0 && archMap.length > 0) {
    throw invalid(
      'ERR_SECCOMP_PROFILE',
      'Cannot use the seccomp profile',
      'it has both "architectures" (OCI) and "archMap" (docker)',
      'remove one of the two',
    );
  }
  return { architectures, archMap };
}

function parseArch(value: unknown, at: Path): string {
  const name = text(value, at);
  const known = name.startsWith('SCMP_ARCH_') && archNames.includes(name.slice('SCMP_ARCH_'.length));
  return known ? name : fail(at, name, 'no such architecture', `use one of ${scmpNames('ARCH', archNames)}`);
}

const plainActions: Readonly<Record<string, number>> = {
  KILL: SECCOMP_RET_KILL_THREAD,
  KILL_THREAD: SECCOMP_RET_KILL_THREAD,
  KILL_PROCESS: SECCOMP_RET_KILL_PROCESS,
  TRAP: SECCOMP_RET_TRAP,
  ERRNO: SECCOMP_RET_ERRNO,
  TRACE: SECCOMP_RET_TRACE,
  NOTIFY: SECCOMP_RET_USER_NOTIF,
  LOG: SECCOMP_RET_LOG,
  ALLOW: SECCOMP_RET_ALLOW,
};

/** ERRNO and TRACE carry a number, EPERM unless the profile says otherwise. */
function parseAction(
  action: unknown,
  errnoRet: unknown,
  which: 'default' | 'rule',
  at: Path,
  options: ParseSeccompOptions,
): number {
  const prefix = at === '' ? '' : `${at}.`;
  const actionAt = which === 'default' ? 'defaultAction' : `${prefix}action`;
  const errnoAt = which === 'default' ? 'defaultErrnoRet' : `${prefix}errnoRet`;
  const name = text(action, actionAt);
  const short = name.startsWith('SCMP_ACT_') ? name.slice('SCMP_ACT_'.length) : '';
  if (!Object.hasOwn(plainActions, short)) {
    return fail(
      actionAt,
      name,
      'no such action',
      `use one of ${scmpNames('ACT', Object.keys(plainActions))}`,
    );
  }
  const kind = plainActions[short] as number;
  if (kind === SECCOMP_RET_USER_NOTIF && options.hasListener !== true) {
    throw new WarrenError(
      'ERR_SECCOMP_UNSUPPORTED',
      `Cannot use ${quote(name)} at ${actionAt} of the seccomp profile`,
      {
        kind: 'unsupported',
        why: 'there is no listener that would answer',
        fix: 'use SCMP_ACT_ERRNO or SCMP_ACT_ALLOW',
      },
    );
  }
  if (kind === SECCOMP_RET_ERRNO || kind === SECCOMP_RET_TRACE) {
    const most = kind === SECCOMP_RET_ERRNO ? maxErrno : 0xffff;
    const data =
      errnoRet === undefined || errnoRet === null ? EPERM : integer(errnoRet, errnoAt, BigInt(most));
    return (kind | Number(data)) >>> 0;
  }
  // OCI asks for an error; docker writes the number only beside actions that have one.
  if (errnoRet !== undefined && errnoRet !== null) fail(errnoAt, errnoRet, `${name} returns no number`);
  return kind;
}

/** MAX_ERRNO: the kernel would cut a larger one down to it. */
const maxErrno = 4095;

function parseFlags(value: unknown): number {
  // As in runc: no field at all is not the same as an empty list.
  if (value === undefined || value === null) return seccompFilterFlags.SECCOMP_FILTER_FLAG_SPEC_ALLOW;
  let flags = 0;
  for (const [i, item] of list(value, 'flags').entries()) {
    const at = `flags[${String(i)}]`;
    const name = text(item, at);
    // A listener follows from SCMP_ACT_NOTIFY; the launcher has one thread, so there is nothing to synchronise.
    if (name === 'SECCOMP_FILTER_FLAG_TSYNC') continue;
    if (!settableFlags.includes(name))
      fail(at, name, 'no such flag', `use one of ${settableFlags.join(', ')}`);
    flags |= seccompFilterFlags[name as keyof typeof seccompFilterFlags];
  }
  return flags;
}

const settableFlags: readonly string[] = [
  'SECCOMP_FILTER_FLAG_TSYNC',
  'SECCOMP_FILTER_FLAG_LOG',
  'SECCOMP_FILTER_FLAG_SPEC_ALLOW',
  'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV',
];

function parseRule(
  json: unknown,
  at: Path,
  options: ParseSeccompOptions,
  warnings: string[],
): SeccompProfileRule {
  const rule = objectOf(json, at);
  checkFields(rule, ruleFields, at, warnings);
  const names = parseNames(rule, at, warnings);
  const action = parseAction(rule['action'], rule['errnoRet'], 'rule', at, options);
  if (action === SECCOMP_RET_USER_NOTIF && names.includes('write')) {
    fail(`${at}.names`, 'write', 'the listener could not be handed over: that itself needs write');
  }
  return {
    names,
    action,
    conditions: list(rule['args'], `${at}.args`).map((arg, i) =>
      parseCondition(arg, `${at}.args[${String(i)}]`),
    ),
    includes: parseFilter(rule['includes'], `${at}.includes`, warnings),
    excludes: parseFilter(rule['excludes'], `${at}.excludes`, warnings),
  };
}

function parseNames(rule: Record<string, unknown>, at: Path, warnings: string[]): string[] {
  const single =
    rule['name'] === undefined || rule['name'] === '' ? undefined : text(rule['name'], `${at}.name`);
  const names = list(rule['names'], `${at}.names`).map((name, i) => text(name, `${at}.names[${String(i)}]`));
  if (single !== undefined) {
    if (names.length > 0) fail(`${at}.name`, single, 'a rule has either "name" or "names"');
    names.push(single);
  }
  if (names.length === 0) fail(`${at}.names`, rule['names'], 'a rule names at least one system call');
  for (const [i, name] of names.entries()) {
    if (name === '') fail(`${at}.names[${String(i)}]`, name, 'a system call has a name');
    if (!isSyscallName(name)) {
      warnings.push(`no architecture has a system call ${quote(name)} (${at}.names[${String(i)}]): ignored`);
    }
  }
  return names;
}

function parseCondition(json: unknown, at: Path): SeccompCondition {
  const arg = objectOf(json, at);
  const name = text(arg['op'], `${at}.op`);
  const op = name.startsWith('SCMP_CMP_') ? name.slice('SCMP_CMP_'.length) : '';
  if (!(seccompOps as readonly string[]).includes(op)) {
    fail(`${at}.op`, name, 'no such comparison', `use one of ${scmpNames('CMP', seccompOps)}`);
  }
  const valueTwo = arg['valueTwo'] ?? 0;
  return {
    index: Number(integer(arg['index'], `${at}.index`, 5n)),
    op: op as SeccompOp,
    value: integer(arg['value'], `${at}.value`, maxU64),
    valueTwo: integer(valueTwo, `${at}.valueTwo`, maxU64),
  };
}

const maxU64 = 0xffff_ffff_ffff_ffffn;

function scmpNames(family: 'ACT' | 'ARCH' | 'CMP', names: readonly string[]): string {
  return names.map((name) => `SCMP_${family}_${name}`).join(', ');
}
