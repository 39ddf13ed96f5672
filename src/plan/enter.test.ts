import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planEnter, type EnterConfig } from './enter.js';
import type { HostFacts } from './config.js';
import type { StepOp } from './step.js';

const root: HostFacts = { uid: 0, lastCapability: 40, cgroups: [] };

const config: EnterConfig = {
  argv: ['true'],
  execPaths: ['/bin/true'],
  env: [],
  umask: 0o022,
  noNewPrivileges: false,
  terminal: undefined,
  callerTermios: undefined,
  kinds: ['net'],
  files: [],
  becomeRoot: false,
  root: undefined,
  cwd: undefined,
  covers: [],
  freshSysfs: false,
  tools: undefined,
  cgroups: [],
  user: undefined,
  denySetgroups: false,
  capabilities: undefined,
};

const opsOf = (more: Partial<EnterConfig>, facts = root): StepOp[] =>
  planEnter({ ...config, ...more }, facts).steps.map(({ op }) => op);

function assertOrder(ops: readonly StepOp[], ...expected: StepOp[]): void {
  const positions = expected.map((op) => ops.indexOf(op));
  assert.ok(
    positions.every((at, index) => at >= 0 && at > (positions[index - 1] ?? -1)),
    `${expected.join(' < ')} in ${ops.join(' ')}`,
  );
}

describe('planEnter()', () => {
  it('for the network alone joins it, and does nothing else to the process', () => {
    assert.deepEqual(opsOf({}), [
      'clone',
      'supervise',
      'enter',
      'join-process',
      'umask',
      'die-with-parent',
      'close-rest',
      'unblock-signals',
      'exec',
    ]);
  });

  it('joins the PID namespace before the clone, so that the command itself is in it', () => {
    const { steps } = planEnter({ ...config, kinds: ['mnt', 'pid', 'net'] }, root);
    const joins = steps.flatMap((step, at) =>
      step.op === 'join-process' ? [{ kinds: step.kinds, at }] : [],
    );
    const clone = steps.findIndex(({ op }) => op === 'clone');
    assert.deepEqual(
      joins.map(({ kinds, at }) => [kinds, at < clone]),
      [
        [['pid'], true],
        [['mnt', 'net'], false],
      ],
    );
  });

  it('joins the user namespace first as an ordinary user, who gets the right to the others by it', () => {
    const { steps } = planEnter({ ...config, kinds: ['user', 'net'] }, { ...root, uid: 1000 });
    assert.deepEqual(
      steps.flatMap((step) => (step.op === 'join-process' ? [step.kinds] : [])),
      [['user'], ['net']],
    );
  });

  it('opens the root before it joins a mount namespace, and enters it afterwards', () => {
    assertOrder(
      opsOf({ kinds: ['mnt'], root: '/proc/7/root', cwd: '/' }),
      'open-root',
      'clone',
      'join-process',
      'enter-root',
      'working-directory',
      'exec',
    );
  });

  it('covers files in a mount table of its own, after the network is joined', () => {
    assertOrder(
      opsOf({
        kinds: [],
        files: [{ kind: 'net', path: '/run/netns/blue' }],
        freshSysfs: true,
        covers: [{ source: '/etc/netns/blue/hosts', target: '/etc/hosts' }],
      }),
      'open-namespace',
      'clone',
      'join-namespace',
      'own-mounts',
      'fresh-sysfs',
      'cover',
      'exec',
    );
  });

  it('copies the process’s root, joins, builds a root of tools around the copy, and lets the host’s go', () => {
    const ops = opsOf({
      kinds: ['pid', 'net'],
      root: '/proc/7/root',
      tools: { entries: [], binds: [], target: 'target', targetReadOnly: true, fileSystems: [] },
    });
    assertOrder(
      ops,
      'open-root',
      'clone',
      'own-mounts',
      'take-target',
      'skeleton',
      'attach-root',
      'attach-target',
      'pivot',
      'exec',
    );
    assert.ok(!ops.includes('enter-root'));
  });

  it('lowers capabilities last, and takes them on only after the ids are changed', () => {
    assertOrder(
      opsOf({
        user: { uid: 1000, gid: 1000, additionalGids: [] },
        capabilities: { available: 1n, bounding: 1n, inheritable: 0n, ambient: 0n },
        noNewPrivileges: true,
        cgroups: ['/sys/fs/cgroup/a'],
      }),
      'open-cgroup',
      'join-members',
      'join-process',
      'bounding',
      'user',
      'capabilities',
      'no-new-privileges',
      'exec',
    );
  });
});
