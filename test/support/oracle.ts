import { spawnSync } from 'node:child_process';

export interface OracleResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface OracleOptions {
  /** Text for its standard input. Default: none. */
  readonly input?: string;
  /** Also return when it fails. Default false: a failing oracle fails the test. */
  readonly allowFailure?: boolean;
}

/** Runs a program that nobody here wrote, to compare with. One that is missing is a defect of the set-up, not a skip. */
export function oracle(
  file: string,
  args: readonly string[] = [],
  options: OracleOptions = {},
): OracleResult {
  const result = spawnSync(file, args, {
    encoding: 'utf8',
    input: options.input ?? '',
    env: { ...process.env, LC_ALL: 'C' },
    timeout: 30_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.error) {
    const missing = (result.error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new Error(
      missing
        ? `the oracle ${file} is missing: its Debian package belongs into scripts/debian-packages.txt`
        : `the oracle ${file} did not finish: ${result.error.message}`,
    );
  }
  const { stdout, stderr } = result;
  const code = result.status ?? 128;
  if (code !== 0 && options.allowFailure !== true) {
    throw new Error(`${[file, ...args].join(' ')} ended with ${result.signal ?? code}: ${stderr || stdout}`);
  }
  return { code, stdout, stderr };
}
