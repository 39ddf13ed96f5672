import { readFileSync } from 'node:fs';
import { invalid, quote } from '../errors.js';
import { didYouMean } from '../kernel/nearest.js';
import type { Command } from './command.js';
import { commandEntries } from './commands/index.js';
import { exitCodeFor, formatError, wantedStyle } from './errors.js';
import { parseOptions } from './options.js';
import { hasColor, STDERR, STDOUT, writeText } from './output.js';

/** The command line's entry: runs a command, prints what went wrong, and ends the process with its exit code. */
export async function main(argv: readonly string[]): Promise<never> {
  let code: number;
  try {
    code = await dispatch(argv);
  } catch (error) {
    code = await fail(error, argv);
  }
  process.exit(code);
}

/** @returns The exit code. */
export async function dispatch(argv: readonly string[]): Promise<number> {
  const [word, ...args] = argv;
  switch (word) {
    case '--version':
    case '-v':
      writeText(STDOUT, `warren ${version()}\n`);
      return 0;
    case undefined:
      await printOverview(STDERR);
      return 2;
    case '--help':
    case '-h':
      await printOverview(STDOUT);
      return 0;
    case 'help':
      if (args[0] === undefined) await printOverview(STDOUT);
      else await printHelp(await loadCommand(args[0]));
      return 0;
    default:
      return runCommand(await loadCommand(word), args);
  }
}

async function runCommand(command: Command, args: readonly string[]): Promise<number> {
  const { options, stopAtOperand = false } = command;
  const parsed = parseOptions({ ...options, help: helpOption }, args, {
    command: `warren ${command.name}`,
    stopAtOperand,
  });
  if (parsed.values.help === true || (stopAtOperand && asksForHelp(command, parsed.operands))) {
    await printHelp(command);
    return 0;
  }
  return command.run(parsed, { env: process.env });
}

/** `warren netns wire --help`: what stands behind an action is the action's. */
function asksForHelp({ operands = [] }: Command, [action, next]: readonly string[]): boolean {
  return action !== undefined && operands.includes(action) && (next === '--help' || next === '-h');
}

const helpOption = { kind: 'flag', help: 'print this text', group: 'Help' } as const;

async function loadCommand(name: string): Promise<Command> {
  const entry = commandEntries.find((each) => each.name === name);
  if (entry !== undefined) return entry.load();
  const names = commandEntries.map((each) => each.name);
  throw invalid(
    'ERR_SUBCOMMAND_UNKNOWN',
    `Cannot run ${quote(`warren ${name}`)}`,
    name.startsWith('-') ? 'there is no such option' : 'there is no such command',
    didYouMean(name, names) ?? 'see: warren --help',
  );
}

async function printOverview(fd: number): Promise<void> {
  const { helpWidth, overviewHelp } = await import('./help.js');
  writeText(
    fd,
    overviewHelp(commandEntries, { width: await helpWidth(process.env), color: await hasColor(fd) }),
  );
}

async function printHelp(command: Command): Promise<void> {
  const { commandHelp, helpWidth } = await import('./help.js');
  const style = { width: await helpWidth(process.env), color: await hasColor(STDOUT) };
  writeText(STDOUT, commandHelp(command, style));
}

/** Prints an error as the command's own options and the environment ask for; returns the exit code. */
async function fail(error: unknown, argv: readonly string[]): Promise<number> {
  const { json, debug } = wantedStyle(process.env);
  const style = { json: json || asksForJson(argv), debug, color: await hasColor(STDERR) };
  writeText(STDERR, formatError(error, style));
  const command = commandEntries.find(({ name }) => name === argv[0]);
  const action = argv.slice(1).find((word) => !word.startsWith('-')) ?? '';
  const runsCommand = command?.commandActions?.includes(action) === true;
  return exitCodeFor(error, runsCommand ? 'container' : (command?.exitCodes ?? 'ordinary'));
}

/** `--json` may not have been parsed yet when the error is one about the options. What follows `--` is not ours. */
function asksForJson(argv: readonly string[]): boolean {
  const dashes = argv.indexOf('--');
  return (dashes < 0 ? argv : argv.slice(0, dashes)).includes('--json');
}

/** As package.json has it, which the package always ships. */
function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
