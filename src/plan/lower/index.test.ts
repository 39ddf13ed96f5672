import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { repositoryRoot } from '../../../test/support/cli.js';
import { everyStep } from '../../../test/support/every-step.js';
import { bindMount, everyConfig } from '../../../test/support/plan-config.js';
import type { Argument, Call, Data } from '../call.js';
import * as c from '../constants.js';
import { planContainer } from '../container.js';
import type { Step, StepOf } from '../step.js';
import { planSyscalls } from '../syscall.js';
import { lower } from './index.js';

type SystemCall = Extract<Call, { op: 'call' }>;

function callsOf(step: Step): SystemCall[] {
  return lower(step).filter((each): each is SystemCall => each.op === 'call');
}

/** The slots whose values a call uses. */
function uses(each: Call): string[] {
  switch (each.op) {
    case 'call':
      return each.args.flatMap(slotsOf);
    case 'set':
      return slotsOf(each.value);
    case 'mkpath':
      return [each.root.slot];
    case 'supervise':
      return [each.pid, each.pidfd, each.channel, each.children, each.terminal].flatMap(slotsOf);
    default:
      return [];
  }
}

function slotsOf(argument: Argument | Data): string[] {
  if (typeof argument !== 'object' || argument === null || argument instanceof Uint8Array) return [];
  if ('slot' in argument) return [argument.slot];
  if (!('struct' in argument)) return [];
  return argument.struct.flatMap((field) =>
    slotsOf('u16' in field ? null : 'u32' in field ? field.u32 : 'u64' in field ? field.u64 : field.pointer),
  );
}

describe('lower()', () => {
  test('is tested here for every kind of step', () => {
    const source = readFileSync(join(repositoryRoot, 'src/plan/step.ts'), 'utf8');
    const declared = [...source.matchAll(/readonly op: '([a-z-]+)'/g)].map(([, op]) => op);
    assert.ok(declared.length > 40);
    const covered = new Set<string>(everyStep().map(({ op }) => op));
    assert.deepEqual(
      declared.filter((op = '') => !covered.has(op)),
      [],
    );
  });

  test('turns every step into calls, of system calls that plans may use', () => {
    for (const step of everyStep()) {
      const calls = lower(step);

      assert.ok(calls.length > 0, step.op);
      for (const each of calls) {
        if (each.op === 'call') assert.ok(planSyscalls.includes(each.name), each.name);
      }
    }
  });

  test('gives a call six arguments at most, and lets four errors pass at most', () => {
    for (const each of everyStep().flatMap(lower)) {
      if (each.op !== 'call') continue;
      assert.ok(each.args.length <= 6, each.name);
      assert.ok((each.may?.length ?? 0) <= 4, each.name);
    }
  });

  test('uses no slot before a call has stored it, and jumps only to labels that follow, in every plan', () => {
    for (const { name, config, facts } of everyConfig()) {
      const calls = planContainer(config, facts).steps.flatMap(lower);
      const stored = new Set(['report', ...(config.callerTermios ? ['caller-terminal'] : [])]);
      for (const [index, each] of calls.entries()) {
        for (const used of uses(each)) assert.ok(stored.has(used), `${name}: ${used} in call ${index}`);
        if ('store' in each) stored.add(each.store);
        if (each.op !== 'call') continue;
        for (const label of [each.mayGoto, each.zeroGoto, each.thenGoto]) {
          if (label === undefined) continue;
          const later = calls
            .slice(index + 1)
            .filter((other) => other.op === 'label' && other.label === label);
          assert.equal(later.length, 1, `${name}: label ${label}`);
        }
      }
    }
  });

  test('opens close-on-exec: nothing of ours is the command’s', () => {
    for (const { name, args } of everyStep().flatMap(callsOf)) {
      const flags = args[name === 'socketpair' || name === 'socket' ? 1 : 2];
      if (['openat', 'open_tree', 'socket', 'socketpair'].includes(name)) {
        assert.ok(typeof flags === 'number' && (flags & c.O_CLOEXEC) !== 0, name);
      }
      if (name === 'fsopen' || name === 'fsmount') assert.equal(args[1], 1, name);
    }
  });

  test('opens what it hides by descriptor: below its own procfs, or in the new root with links kept inside', () => {
    for (const step of everyStep().filter(({ op }) => op === 'mask' || op === 'read-only-path')) {
      const open = callsOf(step).find(({ name }) => name === 'openat2') ?? assert.fail(step.op);
      const below = (open.args[0] as { slot: string }).slot;
      const how = open.args[2] as { struct: { u64: number }[] };
      const confined = below === 'proc' ? c.RESOLVE_BENEATH : c.RESOLVE_IN_ROOT;
      assert.equal(how.struct[2]?.u64, confined | c.RESOLVE_NO_MAGICLINKS, below);
      const path = open.args[1] as string;
      assert.ok(below === 'root' ? path.startsWith('/') : !path.startsWith('/'), path);
    }
  });

  test('writes a sysctl through the container’s own procfs, below it and across no mount (CVE-2025-52881)', () => {
    const [open, write] = callsOf({ op: 'sysctl', path: 'net/core/somaxconn', value: '1024' });
    assert.deepEqual(open!.args.slice(0, 2), [{ slot: 'proc' }, 'sys/net/core/somaxconn']);
    const how = open!.args[2] as { struct: { u64: number }[] };
    assert.equal(how.struct[2]?.u64, c.RESOLVE_BENEATH | c.RESOLVE_NO_XDEV | c.RESOLVE_NO_MAGICLINKS);
    assert.deepEqual(write!.args.slice(1), ['1024', 4]);
  });

  test('locks a volume recursively, and only its top with recursiveReadOnly false', () => {
    const attributes = (recursiveReadOnly: boolean): [set: number, recursive: boolean][] =>
      callsOf({ op: 'open-source', mount: bindMount({ readOnly: true, recursiveReadOnly }), index: 0 })
        .filter(({ name }) => name === 'mount_setattr')
        .map(({ args }) => [
          (args[3] as { struct: { u64: number }[] }).struct[0]!.u64,
          ((args[2] as number) & c.AT_RECURSIVE) !== 0,
        ]);
    assert.deepEqual(attributes(true), [[c.MOUNT_ATTR_RDONLY, true]]);
    assert.deepEqual(attributes(false), [
      [0, true],
      [c.MOUNT_ATTR_RDONLY, false],
    ]);
  });

  test('changes the ids of a volume by the user namespace, with what is mounted below it unless that is left out', () => {
    for (const recursive of [true, false]) {
      const calls = callsOf({
        op: 'map-volume',
        mount: bindMount({ idMapped: true, recursive }),
        index: 3,
      });
      assert.equal(calls.length, 1);
      const [mount, , flags, attributes] = calls[0]!.args;
      assert.deepEqual(mount, { slot: 'source-3' });
      assert.equal(((flags as number) & c.AT_RECURSIVE) !== 0, recursive);
      const { struct } = attributes as { struct: { u64: unknown }[] };
      assert.deepEqual([struct[0]?.u64, struct[3]?.u64], [c.MOUNT_ATTR_IDMAP, { slot: 'user-namespace' }]);
    }
  });

  test('gives each propagation its bit, recursive by its "r"', () => {
    const call = (propagation: StepOf<'bind'>['mount']['propagation']): SystemCall =>
      callsOf({ op: 'open-source', mount: bindMount({ propagation }), index: 0 })[1]!;
    const seen = (['rprivate', 'slave', 'rslave', 'rshared'] as const).map((propagation) => {
      const { args } = call(propagation);
      return [
        (args[3] as { struct: { u64: number }[] }).struct[2]?.u64,
        ((args[2] as number) & c.AT_RECURSIVE) !== 0,
      ];
    });
    assert.deepEqual(seen, [
      [c.MS_PRIVATE, true],
      [c.MS_SLAVE, false],
      [c.MS_SLAVE, true],
      [c.MS_SHARED, true],
    ]);
  });

  test('maps groups before users, and denies setgroups before either where it must', () => {
    const range = [{ inside: 0, outside: 1000, length: 1 }];
    const files = (denySetgroups: boolean): unknown[] =>
      callsOf({ op: 'map-ids', uid: range, gid: range, denySetgroups })
        .filter(({ name }) => name === 'openat')
        .map(({ args }) => args[1])
        .filter((path) => typeof path === 'string');
    assert.deepEqual(files(true), ['setgroups', 'gid_map', 'uid_map']);
    assert.deepEqual(files(false), ['gid_map', 'uid_map']);
  });

  test('has newgidmap and newuidmap write maps, of the process inside by its number', () => {
    const uid = [
      { inside: 0, outside: 1000, length: 1 },
      { inside: 1, outside: 100_000, length: 65_536 },
    ];
    const calls = lower({
      op: 'map-ids',
      uid,
      gid: uid.slice(1),
      denySetgroups: false,
      uidHelper: '/usr/bin/newuidmap',
      gidHelper: '/usr/bin/newgidmap',
    });
    const child = { text: '', slot: 'child' };
    const gidmap = '/usr/bin/newgidmap';
    const uidmap = '/usr/bin/newuidmap';
    assert.deepEqual(
      calls.filter(({ op }) => op === 'helper'),
      [
        { op: 'helper', path: gidmap, argv: [gidmap, child, '1', '100000', '65536'] },
        { op: 'helper', path: uidmap, argv: [uidmap, child, '0', '1000', '1', '1', '100000', '65536'] },
      ],
    );
    assert.deepEqual(
      calls.filter(({ op }) => op === 'call').map((each) => each.op === 'call' && each.name),
      ['openat'],
    );
  });

  test('drops exactly the capabilities that are not to be kept', () => {
    const dropped = callsOf({ op: 'bounding', keep: 0b1010n, last: 4 }).map(({ args }) => args[1]);
    assert.deepEqual(dropped, [0, 2, 4]);
  });

  test('changes groups before the group id, and that before the user id, which would forbid both', () => {
    const names = callsOf({ op: 'user', uid: 1000, gid: 1000, additionalGids: [5] }).map(({ name }) => name);
    assert.deepEqual(names, ['prctl', 'setgroups', 'setresgid', 'setresuid']);
  });

  test('numbers devices as the kernel does, beyond eight bits too', () => {
    const node = (major: number, minor: number): unknown =>
      callsOf({
        op: 'devices',
        bind: false,
        devices: [{ path: 'd', type: 'block', major, minor, mode: 0o600, uid: 0, gid: 0, source: '/dev/d' }],
      }).find(({ name }) => name === 'mknodat')!.args[3];
    assert.equal(node(1, 3), 0x103);
    assert.equal(node(259, 300), (44 | (259 << 8) | (256 << 12)) >>> 0);
  });

  test('makes the directories of a device’s path', () => {
    const device = {
      path: 'net/deep/tun',
      type: 'char',
      major: 10,
      minor: 200,
      mode: 0o666,
      uid: 0,
      gid: 0,
      source: '/dev/net/tun',
    } as const;
    const made = callsOf({ op: 'devices', bind: false, devices: [device] }).flatMap(({ name, args }) =>
      name === 'mkdirat' ? [args[1] as string] : [],
    );
    assert.deepEqual(
      made.filter((path) => path.startsWith('net')),
      ['net', 'net/deep'],
    );
  });
});
