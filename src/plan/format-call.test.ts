import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { everyStep } from '../../test/support/every-step.js';
import { call, slot } from './call.js';
import * as c from './constants.js';
import { flagText, flags } from './flags.js';
import { formatCall } from './format-call.js';
import { lower } from './lower/index.js';
import { openInRoot, setAttributes, mountAttributes } from './lower/mount-calls.js';
import type { Step } from './step.js';

const brief = { brief: true };
const shown = (step: Step): string[] => lower(step).flatMap((each) => formatCall(each, brief) ?? []);

describe('formatCall()', () => {
  test('shows flags by their names, and what has no name in hexadecimal', () => {
    assert.equal(
      formatCall(setAttributes(slot('root'), mountAttributes(c.MOUNT_ATTR_RDONLY), { recursive: true })),
      'mount_setattr(root, "", AT_EMPTY_PATH|AT_RECURSIVE, {attr_set=MOUNT_ATTR_RDONLY}, 32)',
    );
    assert.equal(formatCall(call('umount2', ['/x', 0x8002])), 'umount2("/x", MNT_DETACH|0x8000)');
    assert.equal(flagText(0x8000_0000 | 0, flags.umount), '0x80000000');
    assert.equal(flagText(0, flags.umount), '0');
  });

  test('shows modes in octal, devices by number, capabilities as masks', () => {
    assert.equal(formatCall(call('mkdirat', [slot('dev'), 'pts', 0o755])), 'mkdirat(dev, "pts", 0755)');
    assert.equal(
      formatCall(call('mknodat', [slot('dev'), 'null', 0o020666, 0x103])),
      'mknodat(dev, "null", S_IFCHR|0666, makedev(1, 3))',
    );
    const [capset] = shown({
      op: 'capabilities',
      available: 0x1_0000_0020n,
      inheritable: 0x20n,
      ambient: 0n,
    });
    assert.match(capset!, /effective=0x100000020, permitted=0x100000020, inheritable=0x20/);
  });

  test('leaves what every call has out of the brief form only', () => {
    const open = openInRoot('/proc/sys', c.O_PATH, 'at');
    assert.match(formatCall(open)!, /O_CLOEXEC.*, 24\) = at$/);
    assert.doesNotMatch(formatCall(open, brief)!, /CLOEXEC|24/);
    assert.match(formatCall(open, brief)!, /^openat2\(root, "\/proc\/sys", \{flags=O_PATH, resolve=RESOLVE_/);
  });

  test('says what prctl(2) is asked for', () => {
    assert.deepEqual(shown({ op: 'die-with-parent' })[0], 'prctl(PR_SET_PDEATHSIG, SIGKILL)');
    assert.deepEqual(shown({ op: 'bounding', keep: 0n, last: 0 }), ['prctl(PR_CAPBSET_DROP, 0)']);
    assert.ok(
      shown({ op: 'capabilities', available: 0n, inheritable: 0n, ambient: 1n }).includes(
        'prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE)',
      ),
    );
  });

  test('names the namespaces of clone3, unshare and setns', () => {
    assert.match(
      shown({ op: 'clone', kinds: ['mnt', 'net'], undumpable: false, sibling: false }).join('\n'),
      /flags=CLONE_NEWNS\|CLONE_NEWNET\|CLONE_PIDFD/,
    );
    assert.match(
      shown({ op: 'clone', kinds: ['net'], undumpable: false, sibling: false, into: 2 }).join('\n'),
      /flags=CLONE_NEWNET\|CLONE_PIDFD\|CLONE_INTO_CGROUP.*cgroup=cgroup-2/,
    );
    assert.equal(shown({ op: 'join-namespace', kind: 'net' })[0], 'setns(ns-net, CLONE_NEWNET)');
  });

  test('says which descriptor rides along', () => {
    assert.ok(shown({ op: 'hand-over-root' }).some((text) => text.includes('{SCM_RIGHTS: tree}')));
  });

  test('has a line for every call of every step, with nothing undefined in it', () => {
    for (const step of everyStep()) {
      for (const each of lower(step)) {
        for (const text of [formatCall(each), formatCall(each, brief)]) {
          if (each.op === 'call') assert.ok(text?.startsWith(`${each.name}(`), step.op);
          assert.doesNotMatch(text ?? '', /undefined|\[object|NaN/, step.op);
        }
      }
    }
  });

  test('cuts long text in the brief form only', () => {
    const write = call('write', [slot('file'), 'x'.repeat(100), 100]);
    assert.ok(formatCall(write)!.includes('x'.repeat(100)));
    assert.match(formatCall(write, brief)!, /"x{60}"…, 100/);
  });
});
