import assert from 'node:assert/strict';
import { chownSync, existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findCgroupHierarchies } from '../../src/kernel/cgroup/hierarchies.js';
import { assertFakeHost } from '../support/fake-host.js';
import type { CliResult } from '../support/cli.js';
import type { PlainUser } from '../support/plain-user.js';
import { rangedUser } from './support.js';

assertFakeHost();

const hierarchies = findCgroupHierarchies(
  readFileSync('/proc/self/mountinfo', 'utf8'),
  readFileSync('/proc/self/cgroup', 'utf8'),
);

interface Delegation extends Disposable {
  /** The group that is the user's. */
  readonly path: string;
  /** The command line of Warren, started from within it. */
  warren(args: readonly string[]): Promise<CliResult>;
}

/** A control group that root has given to the user, as systemd does with Delegate=yes, and a leaf of it to start from. */
function delegate(user: PlainUser, mountPoint: string): Delegation {
  const path = join(mountPoint, `rootless-${process.pid}`);
  const leaf = join(path, 'session');
  for (const each of [path, leaf]) {
    mkdirSync(each);
    for (const file of ['', 'cgroup.procs', 'tasks', 'cgroup.subtree_control', 'cgroup.threads'])
      if (existsSync(join(each, file))) chownSync(join(each, file), user.uid, user.gid);
  }
  return {
    path,
    // Root moves the shell there; from then on it is the user's.
    warren: async (args) => user.warren(args, { within: leaf }),
    [Symbol.dispose]() {
      for (const each of [leaf, path]) rmdirSync(each);
    },
  };
}

const groupsIn = (path: string): string[] => readdirSync(path).filter((name) => name.startsWith('warren-'));
