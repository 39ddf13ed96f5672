import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Call } from './call.js';
import { planExec, type ExecConfig } from './exec.js';
import { lower } from './lower/index.js';

const config: ExecConfig = {
  argv: ['true'],
  execPaths: ['/bin/true'],
  env: [],
  cwd: '/',
  umask: 0o022,
  user: { uid: 0, gid: 0, additionalGids: [] },
  capabilities: { available: 0n, bounding: 0n, inheritable: 0n, ambient: 0n },
  noNewPrivileges: false,
  seccomp: undefined,
  rlimits: [],
  oomScoreAdj: undefined,
  terminal: undefined,
  callerTermios: undefined,
  kinds: ['mnt', 'pid'],
  cgroups: ['/sys/fs/cgroup/memory/a', '/sys/fs/cgroup/unified/a', '/sys/fs/cgroup/pids/a'],
  denySetgroups: false,
};

const joinsOf = (more: Partial<ExecConfig>): string[] =>
  planExec({ ...config, ...more }, { uid: 0, lastCapability: 40, cgroups: [] })
    .steps.flatMap((step): readonly Call[] => lower(step))
    .flatMap((each) => (each.op === 'call' && each.name === 'write' ? [JSON.stringify(each.args[0])] : []))
    .filter((text) => text.includes('join-'));

test('planExec() has the command born in the group of cgroup v2, and join the others itself', () => {
  assert.deepEqual(joinsOf({ unified: 1 }), ['{"slot":"join-0"}', '{"slot":"join-2"}']);
  assert.equal(joinsOf({}).length, 3);
  const { steps } = planExec({ ...config, unified: 1 }, { uid: 0, lastCapability: 40, cgroups: [] });
  assert.ok(steps.some((step) => step.op === 'clone' && step.into === 1));
});
