import { spawn } from 'node:child_process';
import { chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { finish, repositoryRoot, type CliOptions, type CliResult } from './cli.js';
import { oracle } from './oracle.js';

/** An ordinary user, who has no entry in /etc/passwd: 12345:23456, with no other groups. */
export interface PlainUser {
  readonly uid: number;
  readonly gid: number;
  /** A directory of their own. */
  readonly home: string;
  /** The built command line, as they can execute it. */
  readonly command: string;
  /** Runs any command as them. */
  run(command: readonly string[], options?: CliOptions): Promise<CliResult>;
  /** Runs the built command line as them. */
  warren(args: readonly string[], options?: CliOptions): Promise<CliResult>;
  [Symbol.dispose](): void;
}

/**
 * Only in a fake host: the checkout and Node.js are mounted below its /run, for either may lie where only root may go.
 */
export function plainUser(): PlainUser {
  const [uid, gid] = [12345, 23456];
  const base = `/run/plain-user-${process.pid}`;
  const [checkout, bin, home] = [`${base}/checkout`, `${base}/bin`, `${base}/home`];
  for (const path of [checkout, bin, home]) mkdirSync(path, { recursive: true, mode: 0o755 });
  chownSync(home, uid, gid);
  writeFileSync(`${bin}/node`, '');
  oracle('mount', ['--bind', repositoryRoot, checkout]);
  oracle('mount', ['--bind', process.execPath, `${bin}/node`]);

  const run = async (command: readonly string[], options: CliOptions = {}): Promise<CliResult> => {
    const [file = '', ...args] = command;
    const env = { PATH: `${bin}:/usr/sbin:/usr/bin:/sbin:/bin`, HOME: home, ...options.env };
    const child = spawn(file, args, { uid, gid, env, cwd: options.cwd ?? home });
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    return finish(child);
  };
  return {
    uid,
    gid,
    home,
    command: `${checkout}/warren`,
    run,
    warren: async (args, options) => run([`${checkout}/warren`, ...args], options),
    [Symbol.dispose]() {
      oracle('umount', [checkout]);
      oracle('umount', [`${bin}/node`]);
      rmSync(base, { recursive: true });
    },
  };
}
