import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/** A process in a user namespace of its own, whose maps are not written yet. It ends with us. */
export interface HeldUserNamespace {
  readonly pid: number;
  /** Lets it go on with its script, now that its ids are mapped, and waits until that is at work. */
  proceed(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface HolderOptions {
  /** Who makes it. Default 0. */
  readonly uid?: number;
  readonly gid?: number;
  /** Put before `unshare`: setpriv(1) and its options. */
  readonly prefix?: readonly string[];
  /** For sh(1), carried out after `proceed()`; the process then stays. */
  readonly script?: string;
}

export async function holdUserNamespace(options: HolderOptions = {}): Promise<HeldUserNamespace> {
  const { uid = 0, gid = uid, prefix = [], script = ':' } = options;
  const inside = `echo ready; read go || exit; exec sh -ec '${script}; echo ready; exec cat'`;
  const [file = '', ...args] = [
    ...prefix,
    ...['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'],
    ...['unshare', '--user', 'sh', '-c', inside],
  ];
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'], cwd: '/' });
  const exited = once(child, 'exit');
  const ready = async (): Promise<void> => {
    await Promise.race([
      once(child.stdout, 'data'),
      exited.then(([code]) => assert.fail(`unshare --user ended with ${String(code)}`)),
    ]);
  };
  await ready();
  const pid = child.pid ?? assert.fail('no pid');
  return {
    pid,
    async proceed() {
      const going = ready();
      child.stdin.write('go\n');
      await going;
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await exited;
    },
  };
}

/** One open(2) and one write(2); prints the errno, or nothing. */
const writer = `
import errno, os, sys
try:
    fd = os.open(sys.argv[1], os.O_WRONLY)
    os.write(fd, sys.stdin.buffer.read())
except OSError as error:
    print(errno.errorcode[error.errno])
`;

/**
 * Writes a file of /proc as a certain user.
 *
 * @param prefix What comes before the program: setpriv(1), nsenter(1). Default: as we are.
 * @returns The errno, undefined where the kernel took it.
 */
export function writeAs(path: string, text: string, prefix: readonly string[] = []): string | undefined {
  const command = [...prefix, '/usr/bin/python3', '-c', writer, path];
  const result = spawnSync(command[0] ?? '', command.slice(1), { input: text, encoding: 'utf8', cwd: '/' });
  assert.equal(result.status, 0, `${command.join(' ')}: ${result.stderr}`);
  return result.stdout.trim() || undefined;
}

/** setpriv(1) for an ordinary user. */
export function asUser(uid: number, gid = uid): string[] {
  return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--inh-caps=-all'];
}
