import assert from 'node:assert/strict';
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** How long a session may be silent while something is expected of it. */
const DEADLINE_MS = 15_000;

/** The checkout: the nearest directory above with a package.json. */
export const repositoryRoot = findRoot(import.meta.dirname);

/** The launcher script, as users start it. */
export const warrenPath = join(repositoryRoot, 'warren');

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  /** Text for standard input, which then ends. Default: it ends at once. */
  readonly input?: string;
  /** Default: this process's. */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** Runs the built command line to its end. */
export async function warren(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const child = startWarren(args, options);
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  return finish(child);
}

/** Starts it, for tests that talk to it while it runs. */
export function startWarren(
  args: readonly string[],
  options: Omit<CliOptions, 'input'> = {},
): ChildProcessWithoutNullStreams {
  assert.ok(existsSync(join(repositoryRoot, 'dist/start.sh')), 'not built: npm run build');
  return spawn(warrenPath, args, { env: options.env ?? process.env, cwd: options.cwd });
}

/** Collects what a process prints until it has ended and closed its streams. */
export async function finish(child: ChildProcessWithoutNullStreams): Promise<CliResult> {
  const out = collect(child.stdout);
  const err = collect(child.stderr);
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout: out(), stderr: err() };
}

/** A program under a terminal, by script(1). */
export interface TerminalSession {
  /** The pid of script(1). */
  readonly pid: number;
  /** What has been shown so far, with the line ends of a terminal. */
  readonly screen: () => string;
  /** Types: `\r` is Return, `\u0003` Ctrl-C. */
  type(keys: string): void;
  /** Resolves when `pattern` has been shown since the last call; throws when the session ends before, or is silent for long. */
  expect(pattern: RegExp): Promise<string>;
  /** Waits for the end; the exit code is the program's. */
  end(): Promise<number>;
}

/** Runs `warren ARGS` on a terminal of its own. */
export function warrenOnTerminal(
  args: readonly string[],
  options: Omit<CliOptions, 'input'> = {},
): TerminalSession {
  return onTerminal([warrenPath, ...args], options);
}

/** Runs any command line on a terminal of its own. */
export function onTerminal(
  command: readonly string[],
  options: Omit<CliOptions, 'input'> = {},
): TerminalSession {
  const line = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  const child = spawn('script', ['--quiet', '--return', '--echo', 'never', '--command', line, '/dev/null'], {
    env: { ...(options.env ?? process.env), TERM: 'xterm', SHELL: '/bin/sh' },
    cwd: options.cwd,
  });
  const screen = collect(child.stdout);
  const closed = once(child, 'close') as Promise<[number | null]>;
  let seen = 0;
  child.stdin.on('error', () => undefined);
  return {
    pid: child.pid ?? assert.fail('no pid'),
    screen,
    type: (keys) => void child.stdin.write(keys),
    async expect(pattern) {
      const ended = closed.then(() => 'ended' as const);
      for (;;) {
        const text = screen().slice(seen);
        const match = pattern.exec(text);
        if (match) {
          seen += match.index + match[0].length;
          return match[0];
        }
        const patience = new AbortController();
        const late = delay(DEADLINE_MS, 'late' as const, { signal: patience.signal }).catch(() => undefined);
        const event = await Promise.race([once(child.stdout, 'data'), ended, late]);
        patience.abort();
        if ((event === 'ended' || event === 'late') && !pattern.test(screen().slice(seen))) {
          child.kill('SIGKILL');
          const how = event === 'late' ? 'has not shown' : 'ended without showing';
          assert.fail(`${command.join(' ')} ${how} ${String(pattern)}: ${JSON.stringify(screen())}`);
        }
      }
    },
    async end() {
      const [code] = await closed;
      return code ?? 128;
    },
  };
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
}

function findRoot(start: string): string {
  let dir = start;
  while (!existsSync(join(dir, 'package.json'))) dir = dirname(dir);
  return dir;
}
