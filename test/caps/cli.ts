import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** Runs one command of the command line as main() does, in a process of its own. */
export function command(
  name: 'caps' | 'ids',
  ...args: readonly string[]
): { code: number | null; stdout: string; stderr: string } {
  const folder = join(import.meta.dirname, '../../src/cli');
  const script = `
    import { ${name}Command as command } from '${folder}/commands/${name}.js';
    import { parseOptions } from '${folder}/options.js';
    import { exitCodeFor, formatError } from '${folder}/errors.js';
    try {
      const { options, stopAtOperand = false } = command;
      const parsed = parseOptions(options, process.argv.slice(1), { command: 'warren ${name}', stopAtOperand });
      process.exitCode = await command.run(parsed, { env: process.env });
    } catch (error) {
      process.stderr.write(formatError(error, { json: true, color: false, debug: false }));
      process.exitCode = exitCodeFor(error, 'ordinary');
    }`;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', script, '--', ...args],
    { encoding: 'utf8' },
  );
  return { code: status, stdout, stderr };
}
