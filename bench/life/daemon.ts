/** Docker's server, with a directory and a socket of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { find } from '../start/subjects.js';

export interface Daemon {
  /** For `docker --host`. */
  readonly host: string;
  stop(): Promise<void>;
}

const PATIENCE_MS = 30_000;

/** @param networks Its bridge has this address, and it writes rules. Default: it touches neither devices nor rules. */
export async function startDaemon(scratch: string, networks?: string): Promise<Daemon> {
  const base = join(scratch, 'docker');
  mkdirSync(base);
  const socket = join(base, 'sock');
  const log = openSync(join(base, 'log'), 'w');
  const child = spawn(
    find('dockerd') ?? 'dockerd',
    [
      ...[
        '--data-root',
        join(base, 'data'),
        '--exec-root',
        join(base, 'exec'),
        '--pidfile',
        join(base, 'pid'),
      ],
      ...['--host', `unix://${socket}`, '--storage-driver', 'overlay2', '--log-level', 'error'],
      ...(networks === undefined
        ? ['--bridge', 'none', '--iptables=false', '--ip-forward=false', '--ip-masq=false']
        : ['--bip', networks]),
    ],
    { stdio: ['ignore', log, log] },
  );
  closeSync(log);
  const ended = once(child, 'exit').catch(() => undefined);
  const deadline = performance.now() + PATIENCE_MS;
  // The socket is there when it listens.
  while (!existsSync(socket)) {
    if (child.exitCode !== null || child.pid === undefined || performance.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(
        `dockerd does not start: ${readFileSync(join(base, 'log'), 'utf8').trim().split('\n').at(-1) ?? ''}`,
      );
    }
    await delay(50);
  }
  return {
    host: `unix://${socket}`,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
