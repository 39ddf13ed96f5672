import { readFileSync } from 'node:fs';
import { invalid } from '../../errors.js';
import { defineCommand } from '../command.js';
import { containerStore } from './each-container.js';
import { readEnv } from './run-request.js';

const group = 'Options';

/** `warren exec`. */
export const execCommand = defineCommand({
  name: 'exec',
  summary: 'Run one more command in a container that runs. The exit code is that of the command.',
  usage: ['[OPTIONS] CONTAINER COMMAND [ARG…]'],
  options: {
    interactive: { kind: 'flag', short: 'i', help: 'pass standard input on to the command', group },
    tty: { kind: 'flag', short: 't', help: 'give the command a terminal of its own', group },
    detach: { kind: 'flag', short: 'd', help: 'leave it running, its output going nowhere', group },
    env: {
      kind: 'list',
      short: 'e',
      placeholder: 'KEY[=VALUE]',
      help: 'add to the container’s environment',
      group,
    },
    'env-file': { kind: 'list', placeholder: 'FILE', complete: 'file', help: 'the same, one a line', group },
    user: {
      kind: 'value',
      short: 'u',
      placeholder: 'USER[:GROUP]',
      complete: 'user',
      help: 'names or numbers, looked up in the container (default: its own)',
      group,
    },
    workdir: {
      kind: 'value',
      short: 'w',
      placeholder: 'DIR',
      help: 'where it starts (default: the container’s)',
      group,
    },
    privileged: { kind: 'flag', help: 'all capabilities, and no filter of system calls', group },
  },
  stopAtOperand: true,
  notes: `
It joins the container's namespaces and control groups, and has its capabilities, its filter and its limits.

Examples:
  warren exec -it web sh
  warren exec -u nobody -e LANG=C web ls /srv`,
  async run({ values, operands: given, afterDashes = [] }, context) {
    const [name, ...rest] = [...given, ...afterDashes];
    const command = rest[0] === '--' ? rest.slice(1) : rest;
    if (name === undefined || command.length === 0) {
      throw invalid(
        'ERR_USAGE',
        'Cannot run a command',
        name === undefined ? 'no container was named' : 'there is no command',
        'write: warren exec [OPTIONS] CONTAINER COMMAND [ARG…]',
      );
    }
    const { interactive = false, tty = false, detach = false, user, workdir, privileged } = values;
    const env = readEnv(values, { env: context.env, readFile: (path) => readFileSync(path, 'utf8') });
    const options = {
      ...(env === undefined ? {} : { env }),
      ...(user === undefined ? {} : { user }),
      ...(workdir === undefined ? {} : { workdir }),
      ...(privileged === undefined ? {} : { privileged }),
    };
    const container = await (await containerStore()).find(name);
    if (detach) {
      await container.spawnDetached(command, options);
      return 0;
    }
    const { attend } = await import('../foreground.js');
    return attend(
      async (argv, { tty: hasTty, ttySize, callerTerminal, startSignal, stdin, stdout, stderr }) =>
        container.spawn(argv, {
          ...options,
          ...(hasTty === undefined ? {} : { tty: hasTty }),
          ...(ttySize === undefined ? {} : { ttySize }),
          ...(callerTerminal === undefined ? {} : { callerTerminal }),
          ...(startSignal === undefined ? {} : { startSignal }),
          ...(stdin === undefined ? {} : { stdin }),
          ...(stdout === undefined ? {} : { stdout }),
          ...(stderr === undefined ? {} : { stderr }),
        }),
      command,
      {},
      { interactive, tty },
    );
  },
});
