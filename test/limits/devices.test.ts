/** Device rules: by v1's controller, and by a program on cgroup2, which a hybrid machine takes as well. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { run, type ContainerOptions } from '../../src/index.js';
import { planContainer } from '../../src/plan/container.js';
import { configure } from '../../src/runtime/configure.js';
import { configureLimits } from '../../src/runtime/configure-limits.js';
import { readCgroupHierarchies, readHost } from '../../src/runtime/host.js';
import { execute } from '../../src/runtime/start.js';
import { linesOf } from '../support/container.js';
import { assertFakeHost } from '../support/fake-host.js';
import { leavesNothing } from '../support/leaks.js';
import { busyboxRootfs } from '../support/rootfs.js';

assertFakeHost();

const small = busyboxRootfs();
process.on('exit', () => {
  small[Symbol.dispose]();
});
const rootfs = small.path;
const hierarchies = readCgroupHierarchies();
const unified = hierarchies.filter(({ version }) => version === 2);
assert.ok(unified.length > 0, 'these tests need a cgroup2 mount');

/**
 * Nothing has this number (it is for local use): who may open it is told "no such device", who may not "not permitted". The
 * null device is one that everybody may use.
 */
const script = `
  mknod /dev/local c 60 7
  for how in '<' '>>'; do sh -c "true $how /dev/local" 2>&1 | sed 's/.*: //'; done
  echo > /dev/null; head -c 1 /dev/zero | wc -c`;
const [DENIED, ALLOWED] = ['Operation not permitted', 'No such device or address'];

const cases: readonly [name: string, options: ContainerOptions, answers: readonly string[]][] = [
  ['the default rules', {}, [DENIED, DENIED, '1']],
  ['a rule to read it', { deviceCgroupRules: ['c 60:7 r'] }, [ALLOWED, DENIED, '1']],
  ['a rule for all of its kind', { deviceCgroupRules: ['c 60:* rw'] }, [ALLOWED, ALLOWED, '1']],
  ['a rule for another', { deviceCgroupRules: ['b 60:7 rw', 'c 60:8 rw'] }, [DENIED, DENIED, '1']],
  ['a rule for all devices', { deviceCgroupRules: ['a *:* rwm'] }, [ALLOWED, ALLOWED, '1']],
  ['a privileged container', { privileged: true }, [ALLOWED, ALLOWED, '1']],
];

/** In a group of cgroup2 alone, as on a machine that has nothing else. */
async function runUnified(options: ContainerOptions): Promise<string> {
  const host = readHost();
  const { config } = await configure(['sh', '-c', script], { rootfs, ...options }, host);
  const cgroup = configureLimits(options, config.id, { groups: 'all', hierarchies: unified, host });
  const plan = planContainer({ ...config, cgroup }, host);
  const container = await execute(plan, { id: config.id, options: { stdout: 'pipe' }, warnings: [] });
  const lines: string[] = [];
  for await (const line of container.lines()) lines.push(line);
  await container.wait();
  return lines.join('\n');
}

// Start what only the first start needs, so that it is no trace.
await run(['true'], { rootfs, limits: { pids: 10 } });

describe('device rules of cgroup v1', () => {
  for (const [name, options, answers] of cases) {
    test(`${name}: ${answers.slice(0, 2).join(', ')}`, async () => {
      await leavesNothing(async () => {
        const { stdout } = await run(['sh', '-c', script], { rootfs, limits: { pids: 20 }, ...options });
        assert.deepEqual(linesOf(stdout), answers);
      });
    });
  }
});

describe('device rules of cgroup v2', () => {
  for (const [name, options, answers] of cases) {
    test(`${name}: ${answers.slice(0, 2).join(', ')}`, async () => {
      await leavesNothing(async () => {
        assert.deepEqual(linesOf(await runUnified(options)), answers);
      });
    });
  }
});

test('a container in a group of cgroup2 is born there', async () => {
  const host = readHost();
  const { config } = await configure(['cat'], { rootfs }, host);
  const cgroup = configureLimits({}, config.id, { groups: 'all', hierarchies: unified, host });
  const plan = planContainer({ ...config, cgroup }, host);
  const options = { stdin: 'pipe' } as const;
  const container = await execute(plan, { id: config.id, options, warnings: [] });
  try {
    const shown = readFileSync(`/proc/${container.pid}/cgroup`, 'utf8');
    assert.match(shown, new RegExp(`^0::.*/warren-${config.id.slice(0, 12)}$`, 'm'));
    const joined = plan.steps.find(({ op }) => op === 'join-cgroups');
    assert.deepEqual(joined, { op: 'join-cgroups', count: 1, into: 0, namespace: true });
  } finally {
    await container[Symbol.asyncDispose]();
  }
});

test('--device gives the access that it names, and no other', async () => {
  const look = 'for how in "<" ">"; do sh -c "true $how /dev/mine" 2>/dev/null && echo yes || echo no; done';
  for (const [device, answers] of [
    ['/dev/kmsg:/dev/mine:w', ['no', 'yes']],
    ['/dev/kmsg:/dev/mine', ['yes', 'yes']],
  ] as const) {
    const { stdout } = await run(['sh', '-c', look], {
      rootfs,
      limits: { pids: 20 },
      devices: [device],
      caps: { add: ['SYSLOG'] },
    });
    assert.deepEqual(linesOf(stdout), answers, device);
  }
});
