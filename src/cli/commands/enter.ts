import { WarrenError, invalid, quote } from '../../errors.js';
import type { NamespaceKind } from '../../plan/constants.js';
import type { EnterOptions, EnterTarget } from '../../runtime/enter/options.js';
import { defineCommand } from '../command.js';
import type { OptionValues } from '../options.js';
import { isTerminal, STDIN, STDOUT, writeText } from '../output.js';
import { pidOfContainer } from '../running-pid.js';
import { badValue, parseAssignment, parseInteger } from '../values.js';

const NAMESPACES = 'Namespaces (default: all of a process, or the one that a file names)';
const SURROUNDINGS = 'Root, identity, surroundings';

const options = {
  all: { kind: 'flag', short: 'a', help: 'all that differ from ours', group: NAMESPACES },
  net: { kind: 'flag', short: 'n', help: 'network', group: NAMESPACES },
  mount: { kind: 'flag', short: 'm', help: 'mount; root and working directory go along', group: NAMESPACES },
  pid: {
    kind: 'flag',
    short: 'p',
    help: 'PID; the command is in it, not only its children',
    group: NAMESPACES,
  },
  uts: { kind: 'flag', short: 'u', help: 'host name', group: NAMESPACES },
  ipc: { kind: 'flag', short: 'i', help: 'System V and POSIX queues', group: NAMESPACES },
  user: { kind: 'flag', short: 'U', help: 'user ids and capabilities', group: NAMESPACES },
  cgroup: { kind: 'flag', short: 'C', help: 'the view of control groups', group: NAMESPACES },
  time: { kind: 'flag', short: 'T', help: 'boot and monotonic clocks', group: NAMESPACES },
  tools: {
    kind: 'flag',
    help: 'bring the programs of this machine; the process’s own root is below /target. Nothing is written into it',
    group: 'A box of tools',
  },
  toolbox: {
    kind: 'value',
    placeholder: 'DIR',
    help: 'the same, with the programs below DIR',
    group: 'A box of tools',
    complete: 'directory',
  },
  'target-rw': { kind: 'flag', help: '/target can be written to', group: 'A box of tools' },
  root: {
    kind: 'value',
    short: 'r',
    placeholder: 'DIR',
    help: 'directory of this machine that becomes the root (default: the process’s, with --mount)',
    group: SURROUNDINGS,
    complete: 'directory',
  },
  wd: {
    kind: 'value',
    short: 'w',
    aliases: ['workdir'],
    placeholder: 'DIR',
    help: 'working directory, in the root that is entered (default: / where that is another one)',
    group: SURROUNDINGS,
  },
  env: {
    kind: 'list',
    short: 'e',
    placeholder: 'NAME=VALUE',
    help: 'set a variable; with --mount the others of this shell stay behind',
    group: SURROUNDINGS,
  },
  setuid: { kind: 'value', short: 'S', placeholder: 'UID', help: 'become this user', group: SURROUNDINGS },
  setgid: { kind: 'value', short: 'G', placeholder: 'GID', help: 'become this group', group: SURROUNDINGS },
  'preserve-credentials': {
    kind: 'flag',
    help: 'keep user and group in a user namespace (default: become its root)',
    group: SURROUNDINGS,
  },
  'like-container': {
    kind: 'flag',
    help: 'take the user, capabilities, no_new_privs, environment and control groups of the process',
    group: SURROUNDINGS,
  },
  tty: {
    kind: 'flag',
    help: 'give the command a terminal of its own (default: when standard input and output are one)',
    group: SURROUNDINGS,
  },
  plan: {
    kind: 'optional',
    placeholder: 'json',
    implied: 'text',
    help: 'print the steps and take none',
    group: SURROUNDINGS,
    complete: ['json'],
  },
} as const;

type Values = OptionValues<typeof options>;

/** `warren enter`. */
export const enterCommand = defineCommand({
  name: 'enter',
  summary:
    'Run a command in namespaces that exist: of a container, a process, a namespace file, a named network ' +
    'namespace. The exit code is that of the command; 125: Warren failed, 126: it cannot be run, 127: it is not there.',
  usage: ['TARGET [OPTIONS] [-- COMMAND [ARG…]]'],
  options,
  notes: `
TARGET is a process id, a container (its name or id), a namespace file, or a name below /run/netns. Without a command,
a shell runs.

  warren enter web --net -- ss -tln          the programs of this machine, the container's network
  warren enter web                           a shell inside
  warren enter web --tools -- strace -p 1    for a container without a shell
  warren enter blue -- ping 10.1.0.1         with the resolv.conf of /etc/netns/blue

Whoever is in a PID namespace sees the processes that enter it. With the mount namespace of the machine (no --mount,
or --tools), they have no way to its files unless they have as many capabilities as the command: do not lower them.`,
  async run({ values, operands, afterDashes = [] }, context) {
    const [word, ...rest] = operands;
    if (word === undefined)
      throw invalid(
        'ERR_USAGE',
        'Cannot enter',
        'no target is named',
        'write: warren enter TARGET -- COMMAND',
      );
    if (rest.length > 0) {
      throw invalid(
        'ERR_USAGE',
        `Cannot take ${quote(rest.join(' '))} after the target`,
        'the command stands after --',
        `write: warren enter ${word} [OPTIONS] -- ${rest.join(' ')}`,
      );
    }
    const argv = afterDashes.length === 0 ? [shellOf(values, context.env)] : afterDashes;
    const namespaces = kindsOf(values);
    const chosen = readOptions(values);
    const { enter, planOfEnter } = await import('../../runtime/enter/index.js');
    const target = await targetOf(word);
    if (values.plan !== undefined) {
      if (values.plan !== 'text' && values.plan !== 'json')
        throw badValue('plan', values.plan, 'it is no format', 'write --plan or --plan=json');
      const { planToJson, planToText } = await import('../../runtime/describe.js');
      const plan = await planOfEnter({ target, namespaces, argv, options: chosen });
      writeText(
        STDOUT,
        values.plan === 'json' ? `${JSON.stringify(planToJson(plan), undefined, 2)}\n` : planToText(plan),
      );
      return 0;
    }
    const { attend } = await import('../foreground.js');
    const tty = values.tty ?? ((await isTerminal(STDIN)) && (await isTerminal(STDOUT)));
    return attend(
      async (words, io) => enter(target, namespaces, words, { ...chosen, ...io }),
      argv,
      {},
      { interactive: true, tty },
    );
  },
});

const flagKinds = [
  ['net', 'net'],
  ['mount', 'mnt'],
  ['pid', 'pid'],
  ['uts', 'uts'],
  ['ipc', 'ipc'],
  ['user', 'user'],
  ['cgroup', 'cgroup'],
  ['time', 'time'],
] as const satisfies readonly (readonly [keyof Values, NamespaceKind])[];

function kindsOf(values: Values): NamespaceKind[] | undefined {
  const kinds = flagKinds.filter(([flag]) => values[flag] === true).map(([, kind]) => kind);
  if (values.all === true && kinds.length > 0)
    throw invalid(
      'ERR_USAGE',
      'Cannot join all namespaces and some',
      'both are asked for',
      'leave --all out',
    );
  return kinds.length === 0 ? undefined : kinds;
}

function readOptions(values: Values): EnterOptions {
  if (values.tools === true && values.toolbox !== undefined)
    throw invalid(
      'ERR_USAGE',
      'Cannot use --tools together with --toolbox',
      'each names the tools',
      'leave one out',
    );
  const tools = values.toolbox ?? (values.tools === true ? true : undefined);
  if (values['target-rw'] !== undefined && tools === undefined)
    throw invalid('ERR_USAGE', 'Cannot use --target-rw', 'there is no /target without --tools or --toolbox');
  return {
    ...(values.root === undefined ? {} : { root: values.root }),
    ...(values.wd === undefined ? {} : { workdir: values.wd }),
    ...(values.env === undefined
      ? {}
      : { env: Object.fromEntries(values.env.map((text) => parseAssignment('env', text))) }),
    ...(values.setuid === undefined ? {} : { uid: parseInteger('setuid', values.setuid) }),
    ...(values.setgid === undefined ? {} : { gid: parseInteger('setgid', values.setgid) }),
    ...(values['preserve-credentials'] === undefined ? {} : { keepIds: values['preserve-credentials'] }),
    ...(values['like-container'] === undefined ? {} : { likeContainer: values['like-container'] }),
    ...(tools === undefined ? {} : { tools }),
    ...(values['target-rw'] === undefined ? {} : { targetWritable: values['target-rw'] }),
  };
}

/** The caller's shell is a program of the caller's root. */
function shellOf(values: Values, env: NodeJS.ProcessEnv): string {
  const ownRoot = values.mount !== true && (values.tools === true || values.net === true);
  return (ownRoot ? env['SHELL'] : undefined) ?? '/bin/sh';
}

/** A container goes before a network namespace of the same name. */
async function targetOf(word: string): Promise<EnterTarget> {
  if (/^[1-9]\d{0,6}$/.test(word)) return Number(word);
  if (word.startsWith('/')) return { path: word };
  const pid = await pidOfContainer(word, 'enter');
  if (pid !== undefined) return pid;
  const { existsSync } = await import('node:fs');
  if (/^[^/\0]+$/.test(word) && existsSync(`/run/netns/${word}`)) return { netns: word };
  throw new WarrenError('ERR_NAMESPACE_NOT_FOUND', `Cannot enter ${quote(word)}`, {
    kind: 'not-found',
    why: 'there is neither a container nor a network namespace of that name',
    fix: 'see which there are: warren ps, warren ns ls --type net',
  });
}
