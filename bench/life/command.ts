import { spawn } from 'node:child_process';
import { openSync, closeSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { find } from '../start/subjects.js';

/**
 * Runs a program to its end, in the same manner for all, so that they pay the same for it. What it prints goes to a file: whoever
 * it leaves running must not keep a pipe of ours open.
 */
export function makeCommand(
  program: string,
  fixed: readonly string[],
  scratch: string,
): (...args: readonly string[]) => Promise<void> {
  // Looked up once: Node's spawn would try every directory of PATH each time.
  const path = program.includes('/') ? program : (find(program) ?? program);
  const complaints = join(scratch, `${program.replaceAll('/', '-')}.err`);
  return async (...args) => {
    const fd = openSync(complaints, 'w');
    try {
      await new Promise<void>((resolve, reject) => {
        const child = spawn(path, [...fixed, ...args], { stdio: ['ignore', 'ignore', fd] });
        child.once('error', reject);
        child.once('exit', (code, signal) => {
          if (code === 0) resolve();
          else
            reject(
              new Error(
                `${program} ${args.join(' ')}: ${code ?? signal ?? ''}: ${readFileSync(complaints, 'utf8').trim()}`,
              ),
            );
        });
      });
    } finally {
      closeSync(fd);
    }
  };
}
