import { readFileSync } from 'node:fs';
import { defineCommand } from '../command.js';
import { STDERR, STDOUT, writeText } from '../output.js';
import { commandOf } from './run.js';
import { runOptionTable } from './run-options.js';
import { readRunRequest } from './run-request.js';

/** What is about the run itself. */
const notOfCreate = new Set<string>(['detach', 'plan', 'timeout', 'detach-keys', 'sig-proxy']);
type CreateTable = Omit<typeof runOptionTable, 'detach' | 'plan' | 'timeout' | 'detach-keys' | 'sig-proxy'>;
const createOptions = Object.fromEntries(
  Object.entries(runOptionTable).filter(([name]) => !notOfCreate.has(name)),
) as CreateTable;

/** `warren create`: the options of `run` but those about the run itself. */
export const createCommand = defineCommand({
  name: 'create',
  summary: 'Make a container and do not start it; prints its id.',
  usage: ['[OPTIONS] -- COMMAND [ARG…]'],
  options: createOptions,
  stopAtOperand: true,
  notes: `
Everything that can be seen to be wrong is refused now. To start it: warren start NAME`,
  async run(parsed, context) {
    const command = commandOf(parsed, 'create');
    const request = readRunRequest(parsed.values, {
      env: context.env,
      readFile: (path) => readFileSync(path, 'utf8'),
    });
    for (const warning of request.warnings) writeText(STDERR, `warren: note: ${warning}\n`);
    const { createKept } = await import('../kept.js');
    const container = await createKept(command, request, { ...parsed.values, rm: parsed.values.rm ?? false });
    writeText(STDOUT, `${container.id}\n`);
    return 0;
  },
});
