import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  bindMount,
  containerConfig,
  everyConfig,
  facts,
  namespaces,
} from '../../test/support/plan-config.js';
import type { CgroupGroup, ContainerConfig, HostFacts } from './config.js';
import { planContainer } from './container.js';
import { lower } from './lower/index.js';
import type { Step, StepOf, StepOp } from './step.js';

function stepsOf(changes: Partial<ContainerConfig>, host: HostFacts = facts): readonly Step[] {
  return planContainer(containerConfig(changes), host).steps;
}

function find<Op extends StepOp>(steps: readonly Step[], op: Op): StepOf<Op> {
  const found = steps.find((step): step is StepOf<Op> => step.op === op);
  return found ?? assert.fail(`no step ${op} in: ${steps.map((step) => step.op).join(' ')}`);
}

/** Each of these stands in the plan, and all of one stand before all of the next. */
function assertOrder(steps: readonly Step[], ...wanted: ((step: Step) => boolean)[]): void {
  let after = -1;
  for (const [position, matches] of wanted.entries()) {
    const places = steps.flatMap((step, index) => (matches(step) ? [index] : []));
    assert.ok(places.length > 0, `number ${position + 1} of the wanted steps is not in the plan`);
    assert.ok(
      places[0]! > after,
      `number ${position + 1} of the wanted steps is too early: ${steps.map(({ op }) => op).join(' ')}`,
    );
    after = places.at(-1)!;
  }
}

const is =
  (...ops: StepOp[]) =>
  (step: Step): boolean =>
    ops.includes(step.op);
const mounts = (target: string) => (step: Step) => step.op === 'mount' && step.mount.target === target;
const readOnly = (path: string) => (step: Step) => step.op === 'read-only-path' && step.path === path;

describe('planContainer()', () => {
  test('is pure: the same configuration and facts give the same plan, and change neither', () => {
    for (const { name, config, facts: host } of everyConfig()) {
      const before = structuredClone({ config, host });
      assert.deepEqual(planContainer(config, host), planContainer(config, host), name);
      assert.deepEqual({ config, host }, before, name);
    }
  });

  test('writes sysctls after the clone and the mount of /proc, and before /proc/sys turns read-only and the root is entered', () => {
    const steps = stepsOf({ sysctls: [{ path: 'net/ipv4/tcp_keepalive_time', value: '600' }] });
    assertOrder(
      steps,
      is('clone'),
      mounts('proc'),
      is('sysctl'),
      readOnly('/proc/sys'),
      is('pivot'),
      is('seccomp'),
      is('exec'),
    );
  });

  test('writes sysctls in the order given', () => {
    const sysctls = ['net/ipv4/tcp_rmem', 'net/core/somaxconn', 'kernel/msgmax'].map((path) => ({
      path,
      value: '1',
    }));
    const written = stepsOf({ sysctls }).flatMap((step) => (step.op === 'sysctl' ? [step.path] : []));
    assert.deepEqual(
      written,
      sysctls.map(({ path }) => path),
    );
  });

  test('brings loopback up in a new network namespace, before parameters that depend on it', () => {
    const sysctls = [{ path: 'net/ipv4/conf/lo/forwarding', value: '1' }];
    assertOrder(stepsOf({ sysctls }), is('clone'), is('loopback'), is('sysctl'));
    const host = stepsOf({ namespaces: namespaces({ net: { from: 'host' } }) });
    assert.ok(!host.some(is('loopback')), 'the host’s loopback is the host’s affair');
  });

  test('opens the sources of volumes before it mounts anything, and mounts them before the pivot', () => {
    const steps = stepsOf({ mounts: [bindMount(), bindMount({ source: '/srv/b', target: 'b' })] });
    assertOrder(
      steps,
      is('enter'),
      is('open-source'),
      is('propagation'),
      is('attach-root'),
      is('bind'),
      is('pivot'),
    );
    assert.equal(steps.filter(is('open-source')).length, 2);
  });

  test('mounts volumes in the order of the configuration, each with its own source', () => {
    const steps = stepsOf({
      mounts: [bindMount({ source: '/srv/a', target: 'a' }), bindMount({ source: '/srv/b', target: 'a/b' })],
    });
    const bound = steps.flatMap((step) => (step.op === 'bind' ? [step] : []));
    assert.deepEqual(
      bound.map(({ mount }) => mount.target),
      ['a', 'a/b'],
    );
    for (const { index, mount } of bound) {
      const opened = steps.find((step) => step.op === 'open-source' && step.index === index);
      assert.equal(opened?.op === 'open-source' && opened.mount.source, mount.source);
    }
  });

  test('hides and locks paths after volumes, which may bring new things to hide', () => {
    assertOrder(
      stepsOf({ mounts: [bindMount()] }),
      is('bind'),
      is('read-only-path'),
      is('mask'),
      is('pivot'),
    );
  });

  test('makes the empty directory that masks are clones of once, before the first', () => {
    const steps = stepsOf({ maskedPaths: ['/proc/kcore', '/sys/firmware'] });
    assertOrder(steps, is('empty-directory'), is('mask'));
    assert.equal(steps.filter(is('empty-directory')).length, 1);
    assert.ok(!stepsOf({ maskedPaths: [] }).some(is('empty-directory')));
  });

  test('makes the root read-only after the last mount point in it', () => {
    assertOrder(
      stepsOf({ readOnlyRoot: true, mounts: [bindMount()], terminal: { rows: 24, columns: 80 } }),
      is('mount', 'bind', 'terminal', 'mask', 'devices'),
      is('read-only-root'),
      is('pivot'),
    );
  });

  test('gives privilege up last: limits, bounding set, ids, capabilities, descriptors, filter, exec', () => {
    assertOrder(
      stepsOf({ noNewPrivileges: true }),
      is('pivot'),
      is('hostname', 'working-directory'),
      is('rlimit'),
      is('bounding'),
      is('user'),
      is('capabilities'),
      is('no-new-privileges'),
      is('die-with-parent'),
      is('close-rest'),
      is('unblock-signals'),
      is('seccomp'),
      is('exec'),
    );
  });

  test('ends with the filter and the exec, whatever the configuration', () => {
    for (const { name, config, facts: host } of everyConfig()) {
      const ops = planContainer(config, host).steps.map(({ op }) => op);
      assert.equal(ops.at(-1), 'exec', name);
      assert.equal(ops.filter((op) => op === 'exec').length, 1, name);
      assert.equal(ops.indexOf('seccomp'), config.seccomp ? ops.length - 2 : -1, name);
    }
  });

  test('sets the parent-death signal after the last change of ids, which would clear it', () => {
    const steps = stepsOf({ user: { uid: 1000, gid: 1000, additionalGids: [] } });
    assertOrder(steps, is('user'), is('die-with-parent'), is('exec'));
  });

  test('forks the small init after privileges are dropped, and before the filter of the command', () => {
    assertOrder(stepsOf({ init: true }), is('capabilities'), is('close-rest'), is('init'), is('seccomp'));
    assert.ok(!stepsOf({}).some(is('init')));
  });

  test('lets the init keep CAP_KILL only, and only where the command may have it', () => {
    assert.equal(find(stepsOf({ init: true }), 'init').keep, 0x20n);
    const capabilities = { ...containerConfig().capabilities, bounding: 0n };
    assert.equal(find(stepsOf({ init: true, capabilities }), 'init').keep, 0n);
  });

  describe('namespaces', () => {
    test('clones into those that are new, and no others', () => {
      assert.deepEqual(find(stepsOf({}), 'clone').kinds, ['mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup']);
      const some = namespaces({ net: { from: 'host' }, ipc: { from: 'path', path: '/proc/7/ns/ipc' } });
      assert.deepEqual(find(stepsOf({ namespaces: some }), 'clone').kinds, ['mnt', 'pid', 'uts', 'cgroup']);
    });

    test('opens all that are joined before it joins the first, and joins before it clones', () => {
      const joined = namespaces({
        net: { from: 'path', path: '/run/netns/blue' },
        ipc: { from: 'path', path: '/proc/7/ns/ipc' },
      });
      const steps = stepsOf({ namespaces: joined });
      assertOrder(steps, is('open-namespace'), is('join-namespace'), is('clone'));
      assert.equal(steps.filter(is('open-namespace')).length, 2);
      assert.equal(steps.filter(is('join-namespace')).length, 2);
    });

    test('joins a user namespace last as root, who needs the host’s rights for the others, and first as anybody else', () => {
      const joined = namespaces({
        user: { from: 'path', path: '/proc/7/ns/user' },
        net: { from: 'path', path: '/proc/7/ns/net' },
      });
      const order = (host: HostFacts): string[] =>
        stepsOf({ namespaces: joined }, host).flatMap((step) =>
          step.op === 'join-namespace' ? [step.kind] : [],
        );
      assert.deepEqual(order(facts), ['net', 'user']);
      assert.deepEqual(order({ ...facts, uid: 1000 }), ['user', 'net']);
    });

    test('makes the process undumpable where it joins others, who could trace it (CVE-2016-9962)', () => {
      const joined = namespaces({ pid: { from: 'path', path: '/proc/7/ns/pid' } });
      assert.equal(find(stepsOf({ namespaces: joined }), 'clone').undumpable, true);
      assert.equal(find(stepsOf({}), 'clone').undumpable, false);
    });

    test('adopts orphans where no new PID namespace ends them', () => {
      const shared = stepsOf({ namespaces: namespaces({ pid: { from: 'host' } }) });
      assertOrder(shared, is('adopt-orphans'), is('clone'));
      assert.equal(find(shared, 'supervise').orphans, true);
      assert.ok(!stepsOf({}).some(is('adopt-orphans')));
      assert.equal(find(stepsOf({}), 'supervise').orphans, false);
    });

    test('sets time offsets before anybody is in the namespace, which clone3 does not make', () => {
      const steps = stepsOf({
        namespaces: namespaces({ time: { from: 'new' } }),
        timeOffsets: { boottimeSec: 60, monotonicSec: 0 },
      });
      assertOrder(steps, is('time-offsets'), is('clone'));
      assert.ok(!find(steps, 'clone').kinds.includes('time'));
    });

    test('sets no host name in a UTS namespace that is not the container’s own', () => {
      assert.ok(!stepsOf({ hostname: undefined }).some(is('hostname')));
    });
  });

  test('makes control groups first, and joins them before the cgroup namespace and anything that costs memory', () => {
    const { config, facts: host } = everyConfig().find(({ name }) => name === 'limits')!;
    const { steps } = planContainer(config, host);
    assertOrder(
      steps,
      is('cgroup-parent'),
      is('cgroup'),
      is('clone'),
      is('enter'),
      is('join-cgroups'),
      is('propagation'),
      is('scratch'),
    );
    assert.ok(!find(steps, 'clone').kinds.includes('cgroup'));
    assert.equal(find(steps, 'join-cgroups').namespace, true);
    assert.ok(!stepsOf({}).some(is('cgroup-parent', 'cgroup', 'join-cgroups')));
  });

  test('clones into the group of cgroup v2, ruled before, and joins those of v1 inside', () => {
    const group = (version: 1 | 2): CgroupGroup => ({
      version,
      parent: `/sys/fs/cgroup/${version}`,
      writes: [],
      events: undefined,
      deviceProgram: version === 2 ? new Uint8Array(8) : undefined,
      mount: { path: String(version), own: '/' },
    });
    const cgroupOf = (...versions: (1 | 2)[]): readonly Step[] =>
      stepsOf({ cgroup: { name: 'warren-a', parents: [], groups: versions.map(group) } });
    const hybrid = cgroupOf(1, 2, 1);
    assertOrder(cgroupOf(1, 2), is('cgroup'), is('device-program'), is('clone'));
    assert.equal(find(hybrid, 'clone').into, 1);
    const joins = lower(find(hybrid, 'join-cgroups')).filter(
      (each) => each.op === 'call' && each.name === 'write',
    );
    assert.equal(joins.length, 2);
    assert.equal(find(cgroupOf(1), 'clone').into, undefined);
  });

  describe('with a new user namespace', () => {
    const range = { inside: 0, outside: 100_000, length: 65_536 };
    const mapped: Partial<ContainerConfig> = {
      namespaces: namespaces({ user: { from: 'new' } }),
      idMap: { uid: [range], gid: [range], denySetgroups: false },
    };

    test('maps the ids, then lets the process go on, then makes the root outside and hands it over', () => {
      assertOrder(
        stepsOf(mapped),
        is('own-mounts'),
        is('clone'),
        is('map-ids'),
        is('open-user-namespace'),
        is('release'),
        is('scratch'),
        is('layer'),
        is('overlay'),
        is('hand-over-root'),
        is('supervise'),
        is('enter'),
        is('receive-root'),
        is('pivot'),
      );
      assert.equal(find(stepsOf(mapped), 'enter').userNamespace, 'new');
    });

    test('changes the ids of volumes once the map is written, and before the process goes on and mounts them', () => {
      const steps = stepsOf({
        ...mapped,
        mounts: [bindMount(), bindMount({ target: 'b', idMapped: true })],
      });
      assertOrder(
        steps,
        is('open-source'),
        is('clone'),
        is('map-ids'),
        is('open-user-namespace'),
        is('map-volume'),
        is('release'),
        is('bind'),
      );
      assert.deepEqual(
        steps.flatMap((step) => (step.op === 'map-volume' ? [step.index] : [])),
        [1],
      );
    });

    test('changes the ids of volumes before a user namespace that exists is joined, which takes the right to', () => {
      assertOrder(
        stepsOf({
          ...mapped,
          namespaces: namespaces({ user: { from: 'path', path: '/proc/1/ns/user' } }),
          mounts: [bindMount({ idMapped: true })],
        }),
        is('open-namespace'),
        is('open-source'),
        is('own-mounts'),
        is('map-volume'),
        is('join-namespace'),
        is('clone'),
        is('bind'),
      );
    });

    test('gives the layer’s files to the outer id of their owner, and what is not mapped to nobody', () => {
      const root = containerConfig().root as Extract<ContainerConfig['root'], { kind: 'layers' }>;
      const file = { path: 'etc/shadow', content: '', uid: 0, gid: 70_000, mode: 0o640 };
      const layers = [{ ...root.layers[0]!, files: [file] }];
      const made = find(stepsOf({ ...mapped, root: { ...root, layers } }), 'layer-file');
      assert.equal(made.file.uid, 100_000);
      assert.equal(made.file.gid, 65_534);
    });

    test('binds device nodes, which may not be made there', () => {
      assert.equal(find(stepsOf(mapped), 'devices').bind, true);
      assert.equal(find(stepsOf({}), 'devices').bind, false);
    });

    test('gives devpts a group only if it is mapped', () => {
      const data = (steps: readonly Step[]): unknown =>
        (steps.find(mounts('dev/pts')) as StepOf<'mount'>).mount.data.find(([key]) => key === 'gid');
      assert.deepEqual(data(stepsOf(mapped)), ['gid', '5']);
      const one = [{ inside: 0, outside: 1000, length: 1 }];
      assert.equal(
        data(stepsOf({ ...mapped, idMap: { uid: one, gid: one, denySetgroups: true } })),
        undefined,
      );
    });

    test('lets an ordinary user’s process make its root itself, and leaves groups alone where setgroups is denied', () => {
      const one = [{ inside: 0, outside: 1000, length: 1 }];
      const steps = stepsOf(
        { ...mapped, idMap: { uid: one, gid: one, denySetgroups: true } },
        { ...facts, uid: 1000 },
      );
      assertOrder(
        steps,
        is('map-ids'),
        is('release'),
        is('enter'),
        is('scratch'),
        is('overlay'),
        is('pivot'),
      );
      assert.ok(!steps.some(is('hand-over-root', 'receive-root', 'own-mounts')));
      assert.equal(find(steps, 'overlay').userXattr, true);
      assert.equal(find(steps, 'user').additionalGids, undefined);
    });
  });

  describe('the root', () => {
    test('is filled before the overlay that shows it, and the tmpfs below it is attached in between', () => {
      assertOrder(
        stepsOf({}),
        is('scratch'),
        is('layer'),
        is('layer-directory'),
        is('layer-file'),
        is('attach-scratch'),
        is('overlay'),
        is('attach-root'),
        mounts('proc'),
      );
    });

    test('is a directory as it is: no scratch space, no overlay', () => {
      const steps = stepsOf({ root: { kind: 'directory', path: '/srv/root' } });
      assert.equal(find(steps, 'directory-root').path, '/srv/root');
      assert.ok(!steps.some(is('scratch', 'layer', 'overlay')));
    });

    test('in pieces: a skeleton first, then every overlay at its place', () => {
      const { config, facts: host } = everyConfig().find(({ name }) => name.includes('pieces'))!;
      const { steps } = planContainer(config, host);
      assertOrder(steps, is('skeleton'), is('attach-root'), is('overlay'), is('attach-layer'), is('pivot'));
      assert.equal(find(steps, 'attach-layer').at, 'etc');
      assert.equal(find(steps, 'layer-file').at, 'etc');
    });
  });

  describe('/sys', () => {
    test('is read-only, and writable where privileged', () => {
      const sys = (changes: Partial<ContainerConfig>): unknown =>
        (stepsOf(changes).find(mounts('sys')) as StepOf<'mount'>).mount.readOnly;
      assert.equal(sys({}), true);
      assert.equal(sys({ writableSystem: true }), false);
    });

    test('of a network namespace that belongs to another user namespace is bound, not mounted', () => {
      const { config, facts: host } = everyConfig().find(({ name }) => name.includes('ordinary user'))!;
      const { steps } = planContainer(config, host);
      assert.equal(find(steps, 'bind-system').source, '/sys');
      assert.ok(!steps.some(mounts('sys')));
    });

    test('shows the container’s own group where it has one', () => {
      const { config, facts: host } = everyConfig().find(({ name }) => name === 'limits')!;
      const shown = find(planContainer(config, host).steps, 'cgroups').hierarchies;
      assert.deepEqual(shown, [{ path: '', own: '/batch/warren-aaaaaaaaaaaa' }]);
    });

    test('has the cgroups below it, read-only unless privileged', () => {
      assertOrder(stepsOf({}), mounts('sys'), is('cgroups'));
      assert.equal(find(stepsOf({}), 'cgroups').readOnly, true);
      assert.equal(find(stepsOf({ writableSystem: true }), 'cgroups').readOnly, false);
      assert.ok(!stepsOf({}, { ...facts, cgroups: [] }).some(is('cgroups')));
    });
  });

  test('takes the terminal from the container’s own devpts, after that is mounted', () => {
    assertOrder(
      stepsOf({ terminal: { rows: 24, columns: 80 } }),
      mounts('dev/pts'),
      is('terminal'),
      is('pivot'),
    );
    assert.ok(!stepsOf({}).some(is('terminal')));
  });
});
