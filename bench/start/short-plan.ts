import { closeSync, openSync } from 'node:fs';
import type { Plan } from '../../src/plan/step.js';
import { Launch } from '../../src/runtime/launch.js';

/** Six namespaces, `pivot_root`, a fresh `/proc`: what peers/minimal.c does, by Warren's launcher. */
export function shortPlan(rootfs: string): Plan {
  return {
    steps: [
      {
        op: 'clone',
        kinds: ['mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'],
        undumpable: false,
        sibling: false,
      },
      { op: 'supervise', orphans: false, termios: undefined },
      { op: 'enter', userNamespace: 'none' },
      { op: 'propagation' },
      { op: 'directory-root', path: rootfs },
      { op: 'attach-root' },
      {
        op: 'mount',
        mount: {
          kind: 'filesystem',
          type: 'proc',
          target: 'proc',
          data: [],
          readOnly: false,
          noexec: true,
          nosuid: true,
          nodev: true,
        },
        keep: undefined,
      },
      { op: 'pivot' },
      { op: 'close-rest' },
      { op: 'unblock-signals' },
      { op: 'exec', paths: ['/bin/true'], argv: ['true'], env: ['PATH=/bin'] },
    ],
  };
}

/** @returns The command's exit code. */
export async function carryOut(plan: Plan): Promise<number | undefined> {
  const nowhere = openSync('/dev/null', 'r+');
  try {
    const launched = new Launch(plan, { streams: [nowhere, nowhere, nowhere] });
    return (await launched.exited).code;
  } finally {
    closeSync(nowhere);
  }
}
