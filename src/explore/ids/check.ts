/** Whether this user can have user namespaces, and ranges of ids in them; what stands in the way, one cause each. */
import { constants } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { FileCapabilities } from '../../kernel/file-capabilities.js';
import { parseProcStatus } from '../../kernel/proc-status.js';
import { subordinateIdsOf } from '../../kernel/subid.js';
import { readFileCapabilities } from '../capabilities/files.js';
import { errnoOf } from '../target.js';

/** A program that writes maps for others: newuidmap(1), newgidmap(1). */
export interface MapHelperFacts {
  readonly path: string;
  readonly mode: number;
  readonly ownerUid: number;
  readonly capabilities: FileCapabilities | undefined;
}

/** What was read from the machine. Undefined: the file is not there, or cannot be read. */
export interface IdFacts {
  readonly uid: number;
  readonly gid: number;
  readonly userName: string | undefined;
  readonly noNewPrivileges: boolean;
  readonly hasUserNamespaces: boolean;
  /** May make user namespaces whatever the switches say. */
  readonly privileged: boolean;
  /** user.max_user_namespaces */
  readonly maxUserNamespaces: number | undefined;
  /** kernel.unprivileged_userns_clone: a switch of Debian's and Ubuntu's kernels. */
  readonly unprivilegedUsernsClone: number | undefined;
  /** kernel.apparmor_restrict_unprivileged_userns: Ubuntu's, since 23.10. */
  readonly apparmorRestricts: number | undefined;
  readonly apparmorProfile: string | undefined;
  readonly subuid: string | undefined;
  readonly subgid: string | undefined;
  readonly newuidmap: MapHelperFacts | undefined;
  readonly newgidmap: MapHelperFacts | undefined;
}

export interface IdCheck {
  readonly name: string;
  /** `no` stands in the way; `note` does not, and is worth knowing. */
  readonly verdict: 'yes' | 'no' | 'note';
  /** What was found, and where. */
  readonly seen: string;
  readonly fix?: string;
}

/** @param env Where PATH is looked up. */
export async function readIdFacts(env: NodeJS.ProcessEnv): Promise<IdFacts> {
  const number = async (path: string): Promise<number | undefined> => {
    const text = await readOptional(path);
    return text === undefined ? undefined : Number(text);
  };
  const status = parseProcStatus(await readFile('/proc/self/status', 'utf8'));
  const uid = status.uid.effective;
  const SETUID = 1n << 7n;
  return {
    uid,
    gid: status.gid.effective,
    userName: nameOf(uid, (await readOptional('/etc/passwd')) ?? ''),
    noNewPrivileges: status.noNewPrivileges,
    hasUserNamespaces: (await readOptional('/proc/self/uid_map')) !== undefined,
    privileged: (status.capabilities.effective & SETUID) !== 0n,
    maxUserNamespaces: await number('/proc/sys/user/max_user_namespaces'),
    unprivilegedUsernsClone: await number('/proc/sys/kernel/unprivileged_userns_clone'),
    apparmorRestricts: await number('/proc/sys/kernel/apparmor_restrict_unprivileged_userns'),
    apparmorProfile: (await readOptional('/proc/self/attr/apparmor/current'))?.trim(),
    subuid: await readOptional('/etc/subuid'),
    subgid: await readOptional('/etc/subgid'),
    newuidmap: await findHelper('newuidmap', env),
    newgidmap: await findHelper('newgidmap', env),
  };
}

/** What the facts mean for having a user namespace, and ranges of ids in it. */
export function checkIds(facts: IdFacts): IdCheck[] {
  return [
    checkKernel(facts),
    checkCount(facts),
    ...checkSwitches(facts),
    ...(facts.privileged
      ? [
          yes(
            'ranges',
            'CAP_SETUID here: any ids of this user namespace can be mapped, without newuidmap and /etc/subuid',
          ),
        ]
      : [
          ...checkRanges('subuid', facts),
          ...checkRanges('subgid', facts),
          checkHelper('newuidmap', 'cap_setuid', 7n, facts),
          checkHelper('newgidmap', 'cap_setgid', 6n, facts),
          ...(facts.noNewPrivileges
            ? [
                no(
                  'no_new_privs',
                  'set for this process: newuidmap and newgidmap would get no privilege',
                  'start from a session without no_new_privs',
                ),
              ]
            : []),
        ]),
  ];
}

function checkKernel({ hasUserNamespaces }: IdFacts): IdCheck {
  return hasUserNamespaces
    ? yes('kernel', 'it has user namespaces (/proc/self/uid_map)')
    : no(
        'kernel',
        'there is no /proc/self/uid_map: it was built without user namespaces',
        'use a kernel with CONFIG_USER_NS',
      );
}

/** Root too is refused at 0, with ENOSPC. */
function checkCount({ maxUserNamespaces }: IdFacts): IdCheck {
  const name = 'user.max_user_namespaces';
  if (maxUserNamespaces === undefined) return note(name, 'not there: Linux < 4.9, no limit');
  return maxUserNamespaces > 0
    ? yes(name, String(maxUserNamespaces))
    : no(name, '0: none can be made, clone(2) fails with ENOSPC', `sysctl -w ${name}=15000`);
}

function checkSwitches(facts: IdFacts): IdCheck[] {
  const checks: IdCheck[] = [];
  const { unprivilegedUsernsClone: clone, apparmorRestricts, apparmorProfile, privileged } = facts;
  if (clone !== undefined) {
    const name = 'kernel.unprivileged_userns_clone';
    const off = '0: only root may make one, others get EPERM';
    if (clone !== 0) checks.push(yes(name, String(clone)));
    else checks.push(privileged ? note(name, off) : no(name, off, `sysctl -w ${name}=1`));
  }
  if (apparmorRestricts !== undefined) {
    const name = 'kernel.apparmor_restrict_unprivileged_userns';
    const free = apparmorProfile !== undefined && !/^unconfined\b/.test(apparmorProfile);
    const on = `${apparmorRestricts}: a program without an AppArmor profile that allows userns has no capability in the namespace it makes, so writing its maps fails with EPERM`;
    if (apparmorRestricts === 0) checks.push(yes(name, '0'));
    else if (privileged || free)
      checks.push(note(name, free ? `${on}; this process has the profile ${apparmorProfile}` : on));
    else {
      checks.push(
        no(name, on, `give the program a profile with "userns," in /etc/apparmor.d, or: sysctl -w ${name}=0`),
      );
    }
  }
  return checks;
}

function checkRanges(file: 'subuid' | 'subgid', facts: IdFacts): IdCheck[] {
  const path = `/etc/${file}`;
  const user = facts.userName ?? String(facts.uid);
  const fix = `as root: usermod --add-${file}s 100000-165535 ${user}`;
  const text = facts[file];
  if (text === undefined) return [no(path, 'it is not there, or cannot be read', fix)];
  const owners = [String(facts.uid), ...(facts.userName === undefined ? [] : [facts.userName])];
  const { ranges, overlaps, damaged } = subordinateIdsOf(owners, text);
  const total = ranges.reduce((sum, { count }) => sum + count, 0);
  const list = ranges.map(({ start, count }) => `${start}–${start + count - 1}`).join(', ');
  return [
    total === 0
      ? no(path, `no range for ${owners.join(' or ')}: only one id can be mapped, one’s own`, fix)
      : yes(path, `${total} ids: ${list}`),
    ...overlaps.map(({ mine, owner, theirs }) =>
      note(
        path,
        `lines ${mine.line} and ${theirs.line} give the same ids to ${user} and ${owner}: each can reach the other’s files`,
      ),
    ),
    ...(damaged.length === 0
      ? []
      : [note(path, `not understood, and passed over: line ${damaged.join(', ')}`)]),
  ];
}

function checkHelper(
  name: 'newuidmap' | 'newgidmap',
  capability: string,
  bit: bigint,
  facts: IdFacts,
): IdCheck {
  const helper = facts[name];
  if (helper === undefined) {
    return no(
      name,
      'not found in PATH: only one id can be mapped',
      'apt-get install uidmap (shadow-utils elsewhere)',
    );
  }
  const { path, mode, ownerUid, capabilities } = helper;
  const permitted = capabilities !== undefined && ((capabilities.permitted >> bit) & 1n) === 1n;
  if (permitted && capabilities.effective) return yes(name, `${path}, with ${capability}=ep`);
  if ((mode & 0o4000) !== 0 && ownerUid === 0) {
    // Capabilities of its own would count, and being root would not.
    if (capabilities === undefined) return yes(name, `${path}, set-user-ID root`);
    return no(
      name,
      `${path} is set-user-ID root and has capabilities without ${capability}: they count`,
      `setcap -r ${path}`,
    );
  }
  const wrong =
    (mode & 0o4000) !== 0
      ? `set-user-ID of user ${ownerUid}, not of root`
      : `neither set-user-ID root nor ${capability}=ep`;
  return no(
    name,
    `${path} is ${wrong}: writing a map of several ids fails with EPERM`,
    `as root: setcap ${capability}=ep ${path}`,
  );
}

async function findHelper(name: string, env: NodeJS.ProcessEnv): Promise<MapHelperFacts | undefined> {
  for (const folder of (env['PATH'] ?? '/usr/bin:/bin').split(delimiter)) {
    if (folder === '') continue;
    const path = join(folder, name);
    try {
      await access(path, constants.X_OK);
      const { mode, uid } = await stat(path);
      return { path, mode, ownerUid: uid, capabilities: await readFileCapabilities(path) };
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
    }
  }
  return undefined;
}

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}

function nameOf(uid: number, passwd: string): string | undefined {
  const entry = passwd.split('\n').find((line) => line.split(':')[2] === String(uid));
  return entry?.split(':')[0];
}

function yes(name: string, seen: string): IdCheck {
  return { name, verdict: 'yes', seen };
}

function no(name: string, seen: string, fix: string): IdCheck {
  return { name, verdict: 'no', seen, fix };
}

function note(name: string, seen: string): IdCheck {
  return { name, verdict: 'note', seen };
}
