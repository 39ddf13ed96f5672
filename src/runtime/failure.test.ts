import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, test } from 'node:test';
import { bindMount } from '../../test/support/plan-config.js';
import { everyStep } from '../../test/support/every-step.js';
import type { WarrenError } from '../errors.js';
import type { Call } from '../plan/call.js';
import type { Encoded } from '../plan/encode.js';
import { lower } from '../plan/lower/index.js';
import type { Step } from '../plan/step.js';
import { describeFailure } from './failure.js';

type Errno = keyof typeof constants.errno;

/** As if the plan were one step's calls, an op each. */
function encoded(step: number, calls: readonly Call[]): Encoded {
  const locate: Encoded['locate'] = (op) => {
    const call = calls[op];
    return call && { step, call };
  };
  return { bytes: new Uint8Array(), opCount: calls.length, locate };
}

/** Steps are looked at one by one here, and a step alone need not be a plan that can be encoded. */
function encodedAs(step: number, calls: readonly Call[]): Encoded {
  return {
    bytes: new Uint8Array(),
    opCount: calls.length,
    locate: (op) => (calls[op] ? { step, call: calls[op] } : undefined),
  };
}

/** What a failure of a step reads like. */
function failing(step: Step, errno: Errno, syscall?: string): Error & Record<string, unknown> {
  const calls = lower(step);
  const op = calls.findIndex((call) => call.op === 'call' && call.name === syscall);
  const failure = { op: Math.max(0, op), errno: constants.errno[errno] };
  return describeFailure({ steps: [{ op: 'pivot' }, step] }, encodedAs(1, calls), failure) as never;
}

const exec = (command: string, paths = [command]): Step => ({ op: 'exec', paths, argv: [command], env: [] });

describe('describeFailure()', () => {
  test('names the step, its place, the system call and the errno', () => {
    const error = failing({ op: 'hostname', name: 'box' }, 'EPERM', 'sethostname');
    assert.equal(error['code'], 'ERR_STEP');
    assert.equal(error['kind'], 'permission-denied');
    assert.equal(error['syscall'], 'sethostname');
    assert.equal(error['errno'], 'EPERM');
    assert.match(
      error.message,
      /step 2 of 2, set the host name to box: sethostname failed with EPERM \(operation not permitted\)/,
    );
  });

  test('has words for every step and every errno that Linux knows', () => {
    const own = ['exec', 'user-network', 'map-volume'];
    for (const step of everyStep().filter(({ op }) => !own.includes(op))) {
      for (const errno of ['EPERM', 'ENOENT', 'EINVAL', 'ENOSYS', 'ENOSPC', 'EIO', 'ENOTDIR'] as const) {
        const failure = { op: 0, errno: constants.errno[errno] };
        const error = describeFailure({ steps: [step] }, encodedAs(0, lower(step)), failure);
        assert.equal(error.code, 'ERR_STEP');
        assert.match(error.message, new RegExp(`step 1 of 1, .+${errno} \\(.+\\)$`));
        assert.doesNotMatch(`${error.message} ${error.fix ?? ''}`, /undefined|\[object|NaN/);
      }
    }
  });

  test('tells why the ids of a volume are not changed: the file system, or the rights over it', () => {
    const step = everyStep().find(({ op }) => op === 'map-volume') ?? assert.fail('there is none');
    for (const [errno, kind, why] of [
      ['EINVAL', 'unsupported', /its file system.* cannot be mounted with ids changed/],
      ['EPERM', 'permission-denied', /no rights over its file system/],
      ['ENOSYS', 'unsupported', /ENOSYS/],
    ] as const) {
      const error = failing(step, errno, 'mount_setattr');
      assert.deepEqual([error['code'], error['kind'], error['errno']], ['ERR_MOUNT_IDMAP', kind, errno]);
      assert.match(error.message, why);
    }
  });

  test('quotes the last line of a program that does not connect the network, and tells a port that is taken', () => {
    const steps = everyStep().filter(({ op }) => op === 'user-network');
    const calls = steps.flatMap(lower);
    const at = (op: string, errno: number, note?: string): WarrenError =>
      describeFailure(
        { steps },
        encodedAs(
          0,
          calls.filter((call) => call.op === op),
        ),
        { op: 0, errno, note },
      );
    const quoted = at('companion', constants.errno.EPERM, 'starting\nno way out\n');
    assert.equal(quoted.code, 'ERR_USER_NETWORK');
    assert.match(quoted.message, /slirp4netns ended: "no way out"$/);
    assert.match(at('companion', constants.errno.ETIMEDOUT).message, /not ready in time/);
    assert.match(at('companion', constants.errno.ENOENT).message, /cannot be started: ENOENT/);
    assert.match(at('check', constants.errno.EADDRINUSE).message, /something has it already/);
  });

  test('gives an errno without a name its number, and a step that is not in the plan no words', () => {
    const plan = { steps: [{ op: 'umask', mask: 0 }] as const };
    const unknown = describeFailure(plan, encoded(0, []), { op: 9, errno: 4095 });
    assert.match(unknown.message, /an unknown step: errno 4095/);
  });

  test('makes a missing command ERR_COMMAND_NOT_FOUND, in the words that docker and Podman read', () => {
    const byName = failing(exec('nosuch', ['/usr/bin/nosuch', '/bin/nosuch']), 'ENOENT');
    assert.equal(byName['code'], 'ERR_COMMAND_NOT_FOUND');
    assert.equal(byName['kind'], 'not-found');
    assert.match(byName.message, /"nosuch".*\$PATH.*no such file or directory/);
    const byPath = failing(exec('/opt/nosuch'), 'ENOENT');
    assert.match(byPath.message, /no such file or directory.*interpreter/);
    assert.equal(failing(exec('/etc/passwd/x'), 'ENOTDIR')['code'], 'ERR_COMMAND_NOT_FOUND');
  });

  test('makes a command that cannot be executed ERR_COMMAND_NOT_EXECUTABLE', () => {
    const denied = failing(exec('/etc/passwd'), 'EACCES');
    assert.deepEqual([denied['code'], denied['kind']], ['ERR_COMMAND_NOT_EXECUTABLE', 'not-executable']);
    assert.match(denied.message, /permission denied/);
    assert.match(failing(exec('/bin/data'), 'ENOEXEC').message, /exec format error/);
  });

  test('sorts errnos into kinds', () => {
    const kind = (errno: Errno): unknown => failing({ op: 'pivot' }, errno)['kind'];
    assert.deepEqual((['EACCES', 'ENOENT', 'ENOSYS', 'ENOSPC', 'EBUSY'] as const).map(kind), [
      'permission-denied',
      'not-found',
      'unsupported',
      'resource-exhausted',
      'kernel',
    ]);
  });

  test('says what to do where it is known', () => {
    const fix = (step: Step, errno: Errno): string => String(failing(step, errno)['fix']);
    assert.match(fix({ op: 'working-directory', path: '/nowhere' }, 'ENOENT'), /"\/nowhere".*-w/);
    assert.match(fix({ op: 'working-directory', path: '/x' }, 'EXDEV'), /outside/);
    assert.match(fix({ op: 'sysctl', path: 'net/ipv4/x', value: '1' }, 'EINVAL'), /value/);
    assert.match(
      fix({ op: 'clone', kinds: ['user'], undumpable: false, sibling: false }, 'EPERM'),
      /user namespaces/,
    );
    assert.match(fix({ op: 'clone', kinds: ['net'], undumpable: false, sibling: false }, 'ENOSPC'), /max_/);
    assert.match(fix({ op: 'join-namespace', kind: 'net' }, 'EINVAL'), /net namespace/);
    assert.match(fix({ op: 'bind', mount: bindMount(), index: 0 }, 'ENOTDIR'), /directory/);
    assert.match(fix({ op: 'pivot' }, 'ENOSYS'), /5\.12/);
  });

  test('tells what newuidmap has said, and where to look', () => {
    const step: Step = {
      op: 'map-ids',
      uid: [],
      gid: [],
      denySetgroups: false,
      uidHelper: '/usr/bin/newuidmap',
    };
    const calls = lower(step);
    const op = calls.findIndex((call) => call.op === 'helper');
    const tell = (errno: Errno, note?: string): Error & Record<string, unknown> =>
      describeFailure({ steps: [step] }, encodedAs(0, calls), {
        op,
        errno: constants.errno[errno],
        note,
      }) as never;
    const refused = tell('EPERM', 'newuidmap: uid range [0-1) -> [0-1) not allowed\n');
    assert.equal(refused['code'], 'ERR_IDMAP_HELPER');
    assert.match(refused.message, /newuidmap refused: "newuidmap: uid range .* not allowed"$/);
    assert.match(String(refused['fix']), /warren ids check/);
    assert.match(tell('EPERM').message, /does not say why/);
    assert.match(tell('ENOENT').message, /cannot be executed: ENOENT/);
  });

  test('sends whoever may not write a map to the check of ids', () => {
    const step: Step = { op: 'map-ids', uid: [], gid: [], denySetgroups: true };
    assert.match(String(failing(step, 'EPERM', 'write')['fix']), /warren ids check/);
  });
});
