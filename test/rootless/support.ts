import { appendFileSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { oracle } from '../support/oracle.js';
import { plainUser, type PlainUser } from '../support/plain-user.js';

export const START = 300_000;
export const COUNT = 65_536;

export interface UserOptions {
  /** Lines for /etc/subuid and /etc/subgid. Default: `START` and `COUNT`. */
  readonly subuid?: string;
  readonly subgid?: string;
  /** Of their account. Default: the one they have. */
  readonly gid?: number;
}

/** An ordinary user with an account, and with ranges of ids; the files are mounted over the fake host's. */
export function rangedUser({
  subuid = `warrenuser:${START}:${COUNT}\n`,
  subgid = subuid,
  gid,
}: UserOptions = {}): PlainUser {
  const user = plainUser();
  const files = mkdtempSync(join(tmpdir(), 'warren-accounts-'));
  const mounted: string[] = [];
  const over = (name: string, write: (path: string) => void): void => {
    const path = join(files, name);
    write(path);
    oracle('mount', ['--bind', path, `/etc/${name}`]);
    mounted.unshift(`/etc/${name}`);
  };
  over('passwd', (path) => {
    copyFileSync('/etc/passwd', path);
    appendFileSync(path, `warrenuser:x:${user.uid}:${gid ?? user.gid}::${user.home}:/bin/sh\n`);
  });
  over('subuid', (path) => {
    writeFileSync(path, subuid);
  });
  over('subgid', (path) => {
    writeFileSync(path, subgid);
  });
  return {
    ...user,
    [Symbol.dispose]() {
      for (const path of mounted) oracle('umount', [path]);
      rmSync(files, { recursive: true });
      user[Symbol.dispose]();
    },
  };
}
