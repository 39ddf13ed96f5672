/** From what was asked for to a configuration for the planner. */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { invalid, quote } from '../../errors.js';
import { cgroupDirectory, findCgroupHierarchies } from '../../kernel/cgroup/hierarchies.js';
import { idToInside } from '../../kernel/idmap.js';
import type { ProcStatus } from '../../kernel/proc-status.js';
import type { NamespaceKind } from '../../plan/constants.js';
import type { EnterConfig } from '../../plan/enter.js';
import { DEFAULT_PATH, configureUser, execPaths } from '../configure-root.js';
import { checkCommand, checkWorkdir } from '../configure.js';
import { readHost, type Host } from '../host.js';
import type { EnterOptions, EnterRequest } from './options.js';
import { namespaceOfFile, type HeldProcess, type ProcessIdMaps } from './target.js';
import { configureTools } from './tools.js';

export interface ConfiguredEnter {
  readonly config: EnterConfig;
  /** What was asked for and has no effect here, one sentence each. */
  readonly warnings: readonly string[];
}

/** A process's namespaces. @throws {WarrenError} `ERR_ENTER_OPTIONS`, `ERR_COMMAND`, `ERR_WORKDIR`, `ERR_TOOLBOX`. */
export function configureProcess(
  held: HeldProcess,
  { namespaces, argv, options }: EnterRequest,
): ConfiguredEnter {
  checkCommand(argv);
  checkOptions(options);
  const host = readHost();
  const warnings: string[] = [];
  const wanted = kindsWanted({ namespaces, options });
  const kinds = held.others.filter((kind) => wanted?.includes(kind) ?? true);
  if (options.tools !== undefined && (namespaces?.includes('mnt') ?? false)) {
    throw contradiction('--tools', '--mount', 'the tools are the caller’s, and so is their mount namespace');
  }
  const joinsUser = kinds.includes('user');
  const movesRoot = kinds.includes('mnt');
  const tools =
    options.tools === undefined
      ? undefined
      : configureTools(options.tools === true ? '/' : options.tools, kinds, options.targetWritable ?? false);
  const like = options.likeContainer === true;
  const { status, ids } = held;
  const becomeRoot = joinsUser && ids !== undefined && mapsRoot(ids) && options.keepIds !== true;
  const root = options.root ?? (movesRoot || tools ? `/proc/${held.pid}/root` : undefined);
  if (kinds.includes('pid') && tools && joinsUser)
    warnings.push(
      'processes of that PID namespace with all capabilities of their user namespace may reach your files through the command (/proc/PID/root)',
    );
  else if (kinds.includes('pid') && !movesRoot && (status || joinsUser || (options.uid ?? 0) !== 0))
    warnings.push(
      'the processes of that PID namespace may reach files of this machine through the command (/proc/PID/root); join the mount namespace too',
    );
  if (status && status.seccomp !== 'disabled')
    warnings.push('the system-call filter of the process is not taken over');
  const user = status
    ? userOf(status, joinsUser ? ids : undefined)
    : (ownUser(options) ?? (becomeRoot ? rootUser : undefined));
  const env = configureEnv(options, {
    base: like ? readEnvironment(held.pid) : movesRoot ? undefined : process.env,
    home: movesRoot ? homeOf(user?.uid ?? (becomeRoot ? 0 : host.uid), root ?? '/') : undefined,
    toolbox: typeof options.tools === 'string',
  });
  return {
    warnings,
    config: {
      ...common(argv, options, env),
      kinds,
      files: [],
      becomeRoot,
      root,
      cwd:
        options.workdir === undefined
          ? root === undefined
            ? undefined
            : '/'
          : checkWorkdir(options.workdir),
      covers: [],
      freshSysfs: false,
      tools,
      cgroups: like ? cgroupsOf(held.pid) : [],
      user,
      denySetgroups: joinsUser && ids?.denySetgroups === true,
      capabilities: status ? capabilitiesOf(status, joinsUser, host) : undefined,
      noNewPrivileges: status?.noNewPrivileges ?? false,
    },
  };
}

/** Undefined: all that differ. Who is not root makes the mounts of tools as root of the user namespace that owns the others. */
export function kindsWanted({
  namespaces,
  options,
}: Pick<EnterRequest, 'namespaces' | 'options'>): readonly NamespaceKind[] | undefined {
  if (options.tools === undefined) return namespaces;
  const of = toolKinds.filter((kind) => namespaces?.includes(kind) ?? true);
  return readHost().uid === 0 ? of : ['user', ...of];
}

/**
 * What tools are brought into: the mount namespace stays the caller's, or they would not be there, and root's user namespace, or
 * they would not be root's.
 */
const toolKinds: readonly NamespaceKind[] = ['pid', 'net', 'ipc', 'uts', 'cgroup', 'time'];

/** One namespace, by its file. */
export async function configureFile(
  path: string,
  { namespaces, argv, options }: EnterRequest,
): Promise<ConfiguredEnter> {
  checkCommand(argv);
  checkOptions(options);
  if (options.likeContainer === true || options.tools !== undefined) {
    throw invalid(
      'ERR_ENTER_OPTIONS',
      `Cannot enter ${quote(path)} ${options.likeContainer === true ? 'like a container' : 'with tools'}`,
      'a file names one namespace, and no process to be like or to show the root of',
      'give a process id or a container',
    );
  }
  const { kind, inode } = await namespaceOfFile(path);
  if (namespaces && (namespaces.length !== 1 || namespaces[0] !== kind)) {
    throw invalid(
      'ERR_ENTER_OPTIONS',
      `Cannot enter other namespaces by ${quote(path)}`,
      `it is a namespace of the type ${kind}`,
      'leave the types out, or give a process id or a container',
    );
  }
  const shared = inode === statSync(`/proc/self/ns/${kind}`).ino;
  const covers = kind === 'net' ? netnsFiles(path) : undefined;
  const movesRoot = kind === 'mnt';
  const env = configureEnv(options, {
    base: movesRoot ? undefined : process.env,
    home: movesRoot ? '/' : undefined,
    toolbox: false,
  });
  return {
    warnings: [],
    config: {
      ...common(argv, options, env),
      kinds: [],
      files: shared ? [] : [{ kind, path }],
      becomeRoot: false,
      root: options.root,
      cwd:
        options.workdir === undefined
          ? movesRoot || options.root !== undefined
            ? '/'
            : undefined
          : checkWorkdir(options.workdir),
      covers: covers ?? [],
      freshSysfs: covers !== undefined && readHost().uid === 0,
      tools: undefined,
      cgroups: [],
      user: ownUser(options) ?? (kind === 'user' && options.keepIds !== true ? rootUser : undefined),
      denySetgroups: kind === 'user',
      capabilities: undefined,
      noNewPrivileges: false,
    },
  };
}

function common(
  argv: readonly string[],
  options: EnterOptions,
  env: ReadonlyMap<string, string>,
): Pick<EnterConfig, 'argv' | 'execPaths' | 'env' | 'umask' | 'terminal' | 'callerTermios'> {
  return {
    argv,
    execPaths: execPaths(argv[0] ?? '', env.get('PATH') ?? DEFAULT_PATH),
    env: [...env].map(([name, value]) => `${name}=${value}`),
    umask: ownUmask(),
    terminal: options.tty === true ? (options.ttySize ?? { rows: 24, columns: 80 }) : undefined,
    callerTermios: undefined,
  };
}

/** Not by process.umask(), which writes it to read it. */
function ownUmask(): number {
  const text = /^Umask:\s*([0-7]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
  return Number.parseInt(text ?? '022', 8);
}

function checkOptions(options: EnterOptions): void {
  const ids = options.uid !== undefined || options.gid !== undefined;
  if (options.likeContainer === true && options.tools !== undefined) {
    throw contradiction(
      '--tools',
      '--like-container',
      'with no more rights than theirs, the container’s processes could reach the caller’s files through the tools (/proc/PID/root)',
    );
  }
  if (options.tools !== undefined && (options.uid ?? 0) !== 0) {
    throw contradiction(
      '--tools',
      '--setuid',
      'with the rights of that user alone, the container’s processes could reach the caller’s files through the tools (/proc/PID/root)',
    );
  }
  if (options.likeContainer === true && ids)
    throw contradiction('--like-container', '--setuid or --setgid', 'the ids are those of the container');
  if (options.keepIds === true && ids)
    throw contradiction('--preserve-credentials', '--setuid or --setgid', 'ids are kept or changed');
  if (options.tools !== undefined && options.root !== undefined)
    throw contradiction('--tools', '--root', 'the tools have a root of their own');
  for (const [name, id] of [
    ['uid', options.uid],
    ['gid', options.gid],
  ] as const) {
    if (id === undefined || (Number.isInteger(id) && id >= 0 && id < 4_294_967_295)) continue;
    throw invalid(
      'ERR_ENTER_OPTIONS',
      `Cannot take the ${name} ${id}`,
      'it is no id',
      'write a whole number from 0',
    );
  }
}

function contradiction(one: string, other: string, why: string): Error {
  return invalid(
    'ERR_ENTER_OPTIONS',
    `Cannot use ${one} together with ${other}`,
    why,
    'leave one of them out',
  );
}

function mapsRoot({ uid, gid }: ProcessIdMaps): boolean {
  return [uid, gid].every((map) => map.some(({ inside }) => inside === 0));
}

function ownUser({ uid, gid }: EnterOptions): EnterConfig['user'] {
  if (uid === undefined && gid === undefined) return undefined;
  const group = gid ?? uid ?? 0;
  return { uid: uid ?? process.geteuid?.() ?? 0, gid: group, additionalGids: [group] };
}

const rootUser = { uid: 0, gid: 0, additionalGids: [0] };

/** Ids of the process, as the joined user namespace counts; /proc shows them as ours does. */
function userOf(status: ProcStatus, ids: ProcessIdMaps | undefined): EnterConfig['user'] {
  const [uid, gid] = [status.uid.effective, status.gid.effective];
  if (!ids) return { uid, gid, additionalGids: status.groups };
  return {
    uid: idToInside(ids.uid, uid) ?? OVERFLOW_ID,
    gid: idToInside(ids.gid, gid) ?? OVERFLOW_ID,
    additionalGids: status.groups.flatMap((group) => idToInside(ids.gid, group) ?? []),
  };
}

const OVERFLOW_ID = 65_534;

function capabilitiesOf(
  { capabilities }: ProcStatus,
  joinsUser: boolean,
  host: Host,
): EnterConfig['capabilities'] {
  const all = (1n << BigInt(host.lastCapability + 1)) - 1n;
  const available = joinsUser ? all : host.permitted;
  return {
    available,
    bounding: capabilities.bounding,
    inheritable: capabilities.inheritable & available,
    ambient: capabilities.ambient & available,
  };
}

/** The directories of its groups that are in sight from here, but for those that the caller is in already. */
function cgroupsOf(pid: number): string[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
  const groupsOf = (who: number | 'self'): string[] =>
    findCgroupHierarchies(mounts, readFileSync(`/proc/${who}/cgroup`, 'utf8')).flatMap(
      (hierarchy) => cgroupDirectory(hierarchy, hierarchy.own) ?? [],
    );
  // An ordinary user's container is in the caller's groups, which nobody but root may open.
  const ours = new Set(groupsOf('self'));
  return groupsOf(pid).filter((group) => !ours.has(group));
}

interface EnvironmentBase {
  readonly base: Readonly<Record<string, string | undefined>> | undefined;
  readonly home: string | undefined;
  readonly toolbox: boolean;
}

/**
 * In another root the caller's variables name things that are not there (or worse, that are: LD_PRELOAD): there the
 * command starts with few. Of the caller's root, it has the caller's.
 */
function configureEnv(options: EnterOptions, { base, home, toolbox }: EnvironmentBase): Map<string, string> {
  const env = new Map<string, string>();
  for (const [name, value] of Object.entries(base ?? {})) if (value !== undefined) env.set(name, value);
  if (base === undefined || toolbox) env.set('PATH', DEFAULT_PATH);
  if (home !== undefined) env.set('HOME', home);
  const terminal = process.env['TERM'];
  if (base === undefined && terminal !== undefined) env.set('TERM', terminal);
  for (const [name, value] of Object.entries(options.env ?? {})) {
    if (name === '' || name.includes('=') || name.includes('\0') || value.includes('\0')) {
      throw invalid(
        'ERR_ENV',
        `Cannot set the environment variable ${quote(name)}`,
        'a name is not empty and has no "=", and neither part has a NUL byte',
      );
    }
    env.set(name, value);
  }
  return env;
}

/** What its last execve was given; a program may have written over it. */
function readEnvironment(pid: number): Record<string, string> {
  const text = readFileSync(`/proc/${pid}/environ`, 'utf8');
  const pairs = text.split('\0').flatMap((word): [string, string][] => {
    const at = word.indexOf('=');
    return at > 0 ? [[word.slice(0, at), word.slice(at + 1)]] : [];
  });
  return Object.fromEntries(pairs);
}

function homeOf(uid: number, root: string): string {
  return configureUser({ user: String(Math.min(uid, 2_147_483_647)) }, root, undefined).home;
}

/**
 * As `ip netns exec` does: files of /etc/netns/NAME are shown in place of those in /etc. One that /etc has not, or has as
 * a directory, is left out: ip warns of it and goes on. Undefined: it has no name.
 */
function netnsFiles(path: string): { source: string; target: string }[] | undefined {
  if (!/^(?:\/var)?\/run\/netns\/[^/]+$/.test(path)) return undefined;
  const folder = join('/etc/netns', basename(path));
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  const isFolder = (file: string): boolean | undefined =>
    statSync(file, { throwIfNoEntry: false })?.isDirectory();
  return names
    .map((name) => ({ source: join(folder, name), target: join('/etc', name) }))
    .filter(({ source, target }) => {
      const there = isFolder(target);
      return there !== undefined && there === isFolder(source);
    });
}
