import { invalid, quote } from '../../errors.js';
import type { ExecutableFacts } from '../../explore/capabilities/exec-file.js';
import type { ProcessCapabilities } from '../../explore/capabilities/show.js';
import type { ProcessTarget } from '../../explore/target.js';
import type { ExecOutcome } from '../../kernel/exec-capabilities.js';
import { didYouMean } from '../../kernel/nearest.js';
import { defineCommand } from '../command.js';
import { parseOptions, type OptionValues } from '../options.js';
import { STDERR, STDOUT, writeText } from '../output.js';

const actions = ['show', 'decode', 'encode', 'explain', 'file', 'why'] as const;
type Action = (typeof actions)[number];

const options = {
  exec: {
    kind: 'value',
    placeholder: 'FILE',
    complete: 'file',
    help: 'show: also what the process would have after executing FILE',
    group: 'Options',
  },
  recursive: {
    kind: 'flag',
    short: 'r',
    help: 'file: the whole tree; set takes executable files only',
    group: 'Options',
  },
  rootid: {
    kind: 'value',
    short: 'n',
    placeholder: 'UID',
    help: 'file set: for user namespaces whose root is user UID here; file get always shows it',
    group: 'Options',
  },
  json: { kind: 'flag', help: 'print one JSON object', group: 'Options' },
} as const;

const helpOption = { kind: 'flag', help: 'print this text', group: 'Help' } as const;

type Values = OptionValues<typeof options>;

/** `warren caps show|decode|encode|explain|file|why`. */
export const capsCommand = defineCommand({
  name: 'caps',
  summary: 'Capabilities: of processes and files, what they are for, and which one a command lacks.',
  usage: [
    'show [OPTIONS] PID|CONTAINER|self',
    'decode MASK…',
    'encode NAME,…',
    'explain [NAME…]',
    'file get [OPTIONS] PATH…',
    'file set [OPTIONS] TEXT PATH…',
    'file rm [OPTIONS] PATH…',
    'why [OPTIONS of warren run] -- COMMAND [ARG…]',
  ],
  options,
  stopAtOperand: true,
  operands: actions,
  notes: `
Examples:
  warren caps show 1234 --exec /usr/bin/ping
  warren caps decode 0x00000000a80425fb
  warren caps file set cap_net_raw=ep ./ping
  warren caps why --cap-drop ALL -- ping -c1 127.0.0.1

TEXT is that of setcap: cap_net_raw=ep, cap_chown,cap_kill+eip; see cap_from_text(3).`,
  async run(parsed, { env }) {
    const [action, ...rest] = [...parsed.operands, ...(parsed.afterDashes ?? [])];
    if (action === undefined || !isAction(action)) throw unknownAction(action);
    if (action === 'why') {
      const { explainCommand } = await import('../capabilities/why.js');
      return explainCommand(rest, env, parsed.values.json === true);
    }
    const own = parseOptions({ ...options, help: helpOption }, rest, { command: `warren caps ${action}` });
    if (own.values.help === true) {
      const { commandHelp, helpWidth } = await import('../help.js');
      writeText(STDOUT, commandHelp(capsCommand, { width: await helpWidth(env), color: false }));
      return 0;
    }
    const words = [...own.operands, ...(own.afterDashes ?? [])];
    return handlers[action](words, { ...parsed.values, ...own.values }, env);
  },
});

type Handler = (words: readonly string[], values: Values, env: NodeJS.ProcessEnv) => Promise<number>;

const handlers: Readonly<Record<Exclude<Action, 'why'>, Handler>> = {
  async show(words, values, env) {
    const [target, ...more] = words;
    if (target === undefined || more.length > 0)
      throw usage('show capabilities', 'it takes one process or container');
    const { processTargetOf } = await import('../process-target.js');
    const { readProcessCapabilities } = await import('../../explore/capabilities/show.js');
    const process = await processTargetOf(target, 'look at');
    const found = await readProcessCapabilities(process);
    const exec = values.exec === undefined ? undefined : await lookAtExec(process, values.exec, found);
    if (values.json === true) {
      const { showJson } = await import('../capabilities/json.js');
      writeText(STDOUT, `${JSON.stringify(showJson(found, exec?.executable, exec?.outcome))}\n`);
      return 0;
    }
    const { execText, processText } = await import('../capabilities/text.js');
    const { helpWidth } = await import('../help.js');
    const width = await helpWidth(env);
    const all = await everyCapability();
    let text = processText(found, all, width);
    if (exec) text += execText(exec.executable, exec.outcome, found.securebits !== undefined, all, width);
    writeText(STDOUT, text);
    return 0;
  },

  async decode(words, values) {
    if (words.length === 0) throw usage('decode', 'no mask is given');
    const { decodeCapabilities, parseCapabilityMask } = await import('../../kernel/capabilities.js');
    const decoded = words.map((word) => {
      const mask = parseCapabilityMask(word);
      return { mask: hex(mask), names: decodeCapabilities(mask).map((name) => name.toLowerCase()) };
    });
    if (values.json === true) writeText(STDOUT, `${JSON.stringify(decoded)}\n`);
    else writeText(STDOUT, decoded.map(({ mask, names }) => `${mask}=${names.join(',')}\n`).join(''));
    return 0;
  },

  async encode(words, values) {
    const names = words.flatMap((word) => word.split(',')).filter((word) => word !== '');
    if (names.length === 0) throw usage('encode', 'no capability is named');
    const { encodeCapabilities } = await import('../../kernel/capabilities.js');
    const every = await everyCapability();
    const masks = names.map((name) => (name.toLowerCase() === 'all' ? every : encodeCapabilities([name])));
    const mask = hex(masks.reduce((sum, each) => sum | each, 0n));
    writeText(STDOUT, values.json === true ? `${JSON.stringify({ mask })}\n` : `${mask}\n`);
    return 0;
  },

  async explain(words, values, env) {
    const { capabilityNames } = await import('../../kernel/capabilities.js');
    const { explainCapability } = await import('../../explore/capabilities/explain.js');
    const found = (words.length === 0 ? capabilityNames : words).map(explainCapability);
    if (values.json === true) {
      writeText(STDOUT, `${JSON.stringify(found)}\n`);
      return 0;
    }
    const { explainText } = await import('../capabilities/text.js');
    const { helpWidth } = await import('../help.js');
    const width = await helpWidth(env);
    writeText(STDOUT, found.map((each) => explainText(each, width)).join('\n'));
    return 0;
  },

  async file(words, values) {
    const [action, ...rest] = words;
    const { getFiles, removeFiles, setFiles } = await import('../capabilities/files.js');
    const how = { recursive: values.recursive ?? false, json: values.json ?? false };
    const report = (path: string, error: unknown): void => {
      writeText(
        STDERR,
        `warren: ${quote(path)}: ${error instanceof Error ? error.message : String(error)}\n`,
      );
    };
    switch (action) {
      case 'get':
        return getFiles(paths(rest), how, report);
      case 'rm':
        return removeFiles(paths(rest), how, report);
      case 'set': {
        const [text, ...targets] = rest;
        if (text === undefined) throw usage('set file capabilities', 'no capabilities are given');
        return setFiles(text, values.rootid, paths(targets), how, report);
      }
      default:
        throw invalid(
          'ERR_USAGE',
          action === undefined
            ? 'Cannot tell what to do with files'
            : `Cannot ${quote(action)} file capabilities`,
          'the actions are get, set and rm',
          'see warren caps --help',
        );
    }
  },
};

async function lookAtExec(
  target: ProcessTarget,
  path: string,
  found: ProcessCapabilities,
): Promise<{ executable: ExecutableFacts; outcome: ExecOutcome }> {
  const { execProcessOf } = await import('../../explore/capabilities/show.js');
  const { readExecutable } = await import('../../explore/capabilities/exec-file.js');
  const { readUserNamespaces } = await import('../../explore/ids/levels.js');
  const { capabilitiesAfterExec } = await import('../../kernel/exec-capabilities.js');
  // Once more where they were refused: the error says why.
  const userNamespaces = found.userNamespaces ?? (await readUserNamespaces(target));
  const executable = await readExecutable(target, path, userNamespaces);
  return {
    executable,
    outcome: capabilitiesAfterExec(execProcessOf(found, userNamespaces), executable.file),
  };
}

function paths(words: readonly string[]): readonly string[] {
  if (words.length === 0) throw usage('look at file capabilities', 'no file is named');
  return words;
}

/** All that the running kernel has. */
async function everyCapability(): Promise<bigint> {
  const { readFile } = await import('node:fs/promises');
  return (1n << BigInt(Number(await readFile('/proc/sys/kernel/cap_last_cap', 'utf8')) + 1)) - 1n;
}

function hex(mask: bigint): string {
  return `0x${mask.toString(16).padStart(16, '0')}`;
}

function isAction(word: string): word is Action {
  return (actions as readonly string[]).includes(word);
}

function usage(action: string, why: string): Error {
  return invalid('ERR_USAGE', `Cannot ${action}`, why, 'see warren caps --help');
}

function unknownAction(word: string | undefined): Error {
  return invalid(
    'ERR_USAGE',
    word === undefined ? 'Cannot tell what to do' : `Cannot ${quote(word)} capabilities`,
    `the actions are ${actions.join(', ')}`,
    (word === undefined ? undefined : didYouMean(word, actions)) ?? 'see warren caps --help',
  );
}
