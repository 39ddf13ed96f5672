import { spawnSync } from 'node:child_process';

/** Runs a program to its end. @throws What it complained of. */
export function runProgram(file: string, args: readonly string[], input = ''): string {
  const { status, stdout, stderr, error } = spawnSync(file, args, {
    input,
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (status !== 0) throw error ?? new Error(`${file} ${args.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}
