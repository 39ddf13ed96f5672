import type { OptionTable, ParsedOptions } from './options.js';

/** What a command sees of its surroundings, so that tests can hand it others. */
export interface CommandContext {
  readonly env: NodeJS.ProcessEnv;
}

/** One subcommand: the table that its parsing, its help text and the shells' completion are made from, and what it does. */
export interface Command<T extends OptionTable = OptionTable> {
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** What follows `warren NAME`, one line for each form: `[OPTIONS] -- COMMAND [ARG…]`. */
  readonly usage: readonly string[];
  readonly options: T;
  /** Paragraphs and examples below the options, printed as they are. */
  readonly notes?: string;
  /** Take the first operand and all that follows it as operands. Default false. */
  readonly stopAtOperand?: boolean;
  /** For completion: what an operand may be. */
  readonly operands?: readonly string[];
  /** For completion: names of what there is that an operand may be; by its action where only some take them. */
  readonly names?: readonly CompletedNames[] | Readonly<Record<string, readonly CompletedNames[]>>;
  /** @returns The exit code. */
  run(parsed: ParsedOptions<T>, context: CommandContext): Promise<number>;
}

/** What is kept by name: where the shell finds it is known to completion.ts. */
export type CompletedNames = 'network' | 'container' | 'netns' | 'device';

/** Keeps the types of the option table, which an annotation `: Command` would widen. */
export function defineCommand<const T extends OptionTable>(command: Command<T>): Command<T> {
  return command;
}
