/** Runs one of the commands for networks: cli COMMAND ARG… */
import type { Command } from '../../src/cli/command.js';
import { formatError } from '../../src/cli/errors.js';
import { parseOptions } from '../../src/cli/options.js';
import { netnsCommand } from '../../src/cli/commands/netns.js';
import { networkCommand } from '../../src/cli/commands/network.js';
import { portCommand } from '../../src/cli/commands/network-port.js';
import { vethCommand } from '../../src/cli/commands/veth.js';

const commands: Readonly<Record<string, Command>> = {
  netns: netnsCommand,
  network: networkCommand,
  port: portCommand,
  veth: vethCommand,
};
const [name = '', ...args] = process.argv.slice(2);
const command = commands[name];
if (!command) throw new Error(`no command ${name}`);
try {
  process.exitCode = await command.run(parseOptions(command.options, args, { command: `warren ${name}` }), {
    env: process.env,
  });
} catch (error) {
  process.stderr.write(formatError(error, { json: false, color: false, debug: false }));
  process.exitCode = 1;
}
