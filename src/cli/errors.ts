import { inspect } from 'node:util';
import { WarrenError, type ErrorKind } from '../errors.js';

/** Exit codes of commands that run nothing of the user's: 2 for a mistake in the command line, as in util-linux. */
const ordinaryExitCodes: Readonly<Record<ErrorKind, number>> = {
  'invalid-argument': 2,
  'not-found': 1,
  'already-exists': 1,
  conflict: 1,
  'permission-denied': 1,
  'not-executable': 1,
  unsupported: 1,
  'resource-exhausted': 1,
  cancelled: 1,
  timeout: 1,
  'command-failed': 1,
  kernel: 1,
  internal: 1,
};

/** docker's, and the shells': Warren's own failure, a command that cannot be run, a command that is not there. */
const FAILED = 125;
const NOT_EXECUTABLE = 126;
const NOT_FOUND = 127;

/**
 * The exit code for an error.
 *
 * @param style `container` where the exit code is otherwise that of the container's command, as in `warren run`. Only an
 *   error about that command itself (its code begins with `ERR_COMMAND_`) is 126 or 127: a missing volume is not.
 */
export function exitCodeFor(error: unknown, style: 'ordinary' | 'container'): number {
  if (style === 'ordinary') return ordinaryExitCodes[error instanceof WarrenError ? error.kind : 'internal'];
  if (error instanceof WarrenError && error.code.startsWith('ERR_COMMAND_')) {
    if (error.kind === 'not-executable') return NOT_EXECUTABLE;
    if (error.kind === 'not-found') return NOT_FOUND;
  }
  return FAILED;
}

export interface ErrorStyle {
  readonly json: boolean;
  readonly color: boolean;
  /** Also where the error was made and what caused it. */
  readonly debug: boolean;
}

/** What the environment asks for: `WARREN_JSON`, `WARREN_DEBUG`. */
export function wantedStyle(env: NodeJS.ProcessEnv): Pick<ErrorStyle, 'json' | 'debug'> {
  const isSet = (text = ''): boolean => text !== '' && text !== '0';
  return { json: isSet(env['WARREN_JSON']), debug: isSet(env['WARREN_DEBUG']) };
}

/** What to print on standard error for an error, with its final newline. */
export function formatError(error: unknown, style: ErrorStyle): string {
  if (style.json) return `${JSON.stringify(errorFields(error, style.debug))}\n`;
  const lines = [`${paint('warren:', '31', style)} ${messageOf(error)}`];
  const fix = fixFor(error);
  if (fix !== undefined) lines.push(`  ${paint('fix:', '36', style)} ${fix}`);
  if (error instanceof AggregateError) {
    for (const each of error.errors as unknown[]) lines.push(`  also: ${messageOf(each)}`);
  }
  if (style.debug) lines.push(inspect(error, { colors: style.color, depth: 8 }));
  return `${lines.join('\n')}\n`;
}

/** Undefined fields are left out by JSON.stringify. */
function errorFields(error: unknown, debug: boolean): object {
  const known = error instanceof WarrenError ? error : undefined;
  const all = error instanceof AggregateError ? (error.errors as unknown[]) : undefined;
  return {
    code: known?.code ?? 'ERR_INTERNAL',
    kind: known?.kind ?? 'internal',
    message: messageOf(error),
    fix: fixFor(error),
    syscall: known?.syscall,
    errno: known?.errno,
    errors: all?.map((each) => errorFields(each, debug)),
    stack: debug && error instanceof Error ? error.stack : undefined,
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function fixFor(error: unknown): string | undefined {
  if (error instanceof WarrenError) return error.fix;
  return 'this is likely a defect in Warren; WARREN_DEBUG=1 shows where';
}

function paint(text: string, color: string, style: ErrorStyle): string {
  return style.color ? `\u001b[${color}m${text}\u001b[39m` : text;
}
