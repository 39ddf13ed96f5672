import assert from 'node:assert/strict';
import {
  accessSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { oracle } from './oracle.js';

export interface TestRootfs {
  readonly path: string;
  /** Removes it. */
  [Symbol.dispose](): void;
}

/** A root file system of busybox with all its applets, a root and a `guest` (1000:1000), in a temporary directory. */
export function busyboxRootfs(): TestRootfs {
  // bin/busybox of the static package: the dynamic one would want libraries.
  const busybox = '/bin/busybox';
  assert.doesNotThrow(() => {
    accessSync(busybox);
  }, 'busybox-static is missing: see scripts/debian-packages.txt');
  const path = mkdtempSync(join(tmpdir(), 'warren-rootfs-'));
  // Users other than root must get through it.
  chmodSync(path, 0o755);
  for (const dir of [
    'bin',
    'sbin',
    'usr/bin',
    'etc',
    'proc',
    'sys',
    'dev',
    'root',
    'home/guest',
    'var',
    'run',
  ]) {
    mkdirSync(join(path, dir), { recursive: true });
  }
  mkdirSync(join(path, 'tmp'), { mode: 0o1777 });
  copyFileSync(busybox, join(path, 'bin/busybox'));
  for (const applet of oracle(busybox, ['--list']).stdout.trim().split('\n')) {
    if (applet !== 'busybox') symlinkSync('/bin/busybox', join(path, 'bin', applet));
  }
  writeFileSync(
    join(path, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nguest:x:1000:1000::/home/guest:/bin/sh\n',
  );
  writeFileSync(join(path, 'etc/group'), 'root:x:0:\nguest:x:1000:\naudio:x:29:guest\n');
  return {
    path,
    [Symbol.dispose]() {
      rmSync(path, { recursive: true, force: true });
    },
  };
}
