import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Capability } from '../../kernel/capabilities.js';
import { experiment, type ExperimentOptions, type Observe } from './experiment.js';
import type { TracedCall } from './trace-records.js';
import { containedCapabilities } from './why.js';

const mayTry = containedCapabilities({ network: false, pid: false, ipc: false, uts: false });
const options: ExperimentOptions = { held: new Set(), mayTry, opens: () => 'always' };

const call = (syscall: string, errno?: 'EPERM' | 'EACCES', identity = ''): TracedCall => ({
  program: 'program',
  syscall,
  arguments: identity,
  identity,
  errno,
});

/** A command that makes these calls; each needs all of its capabilities. */
function command(
  given: (readonly Capability[])[],
  ...calls: readonly (readonly [syscall: string, ...needs: Capability[]])[]
): Observe {
  return async (added, watched) => {
    given.push(added);
    const made = calls.map(([syscall, ...needs]) =>
      call(syscall, needs.every((name) => added.includes(name)) ? undefined : 'EPERM'),
    );
    return {
      exitCode: made.filter(({ errno }) => errno !== undefined).length,
      calls: made.filter(({ errno, syscall }) => errno !== undefined || watched.has(syscall)),
    };
  };
}

test('experiment() tries first what is likely for the call, and keeps what cured', async () => {
  const given: (readonly Capability[])[] = [];
  const found = await experiment(command(given, ['chown', 'CAP_CHOWN'], ['kill', 'CAP_KILL']), options);
  assert.deepEqual(
    found.diagnoses.map(({ syscall, cure }) => [syscall, cure]),
    [
      ['chown', ['CAP_CHOWN']],
      ['kill', ['CAP_KILL']],
    ],
  );
  assert.deepEqual(given, [[], ['CAP_CHOWN'], ['CAP_CHOWN', 'CAP_KILL']]);
  assert.deepEqual([found.exitCodes, found.whole], [{ without: 2, with: 0 }, undefined]);
});

test('experiment() finds what no table foresees, and two that are needed together, by halves', async () => {
  const found = await experiment(command([], ['getpid', 'CAP_LEASE']), options);
  assert.deepEqual(found.diagnoses[0]?.cure, ['CAP_LEASE']);
  const two = await experiment(command([], ['getpid', 'CAP_CHOWN', 'CAP_SYS_RESOURCE']), options);
  assert.deepEqual(new Set(two.diagnoses[0]?.cure), new Set(['CAP_CHOWN', 'CAP_SYS_RESOURCE']));
});

test('experiment() never gives what reaches beyond the container', async () => {
  const given: (readonly Capability[])[] = [];
  const found = await experiment(command(given, ['clock_settime', 'CAP_SYS_TIME']), options);
  assert.ok(given.every((added) => added.every((name) => mayTry.has(name))));
  assert.deepEqual(found.diagnoses[0]?.notTried, ['CAP_SYS_TIME']);
});

test('experiment() takes a call that was not made again for no cure', async () => {
  const found = await experiment(
    async (added) => ({ exitCode: 1, calls: added.length === 0 ? [call('chown', 'EPERM')] : [] }),
    options,
  );
  assert.equal(found.diagnoses[0]?.cure, undefined);
  assert.match(found.diagnoses[0]?.because ?? '', /another way/);
});

test('experiment() stops at its limits of runs and of calls', async () => {
  let runs = 0;
  const calls = Array.from({ length: 100 }, (_, index) => call('openat', 'EACCES', `"/${index}"`));
  const found = await experiment(
    async () => {
      runs += 1;
      return { exitCode: 1, calls };
    },
    { ...options, maxRuns: 3 },
  );
  assert.equal(runs, 3);
  assert.equal(found.diagnoses.length, 16);
});
