import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Capability } from '../../kernel/capabilities.js';
import type { RefusedCall } from './refused-calls.js';
import { containedCapabilities, explainRefusals, type TracedRun, type WhyOptions } from './why.js';

const every = containedCapabilities({ network: false, pid: false, ipc: false, uts: false });
const options: WhyOptions = { ownUserNamespace: false, available: every, mayTry: every };

const call = (syscall: string, capabilities: Capability[], more: Partial<RefusedCall> = {}): RefusedCall => ({
  program: 'program',
  syscall,
  arguments: '',
  errno: 'EPERM',
  capabilities,
  namespace: 'first',
  by: 'capability check',
  times: 1,
  ...more,
});

/** A command that makes these calls, and goes on after one that was refused; each needs one of its capabilities. */
function command(
  ...calls: (RefusedCall & { needs: Capability })[]
): (added: readonly Capability[]) => Promise<TracedRun> {
  return async (added) => {
    const refused = calls.filter(({ needs }) => !added.includes(needs));
    return { added, exitCode: refused.length, refused, lost: 0 };
  };
}

test('explainRefusals() adds what was asked for until nothing is refused, and says what cured which call', async () => {
  const found = await explainRefusals(
    command(
      { ...call('chown', ['CAP_CHOWN']), needs: 'CAP_CHOWN' },
      { ...call('openat', ['CAP_DAC_READ_SEARCH', 'CAP_DAC_OVERRIDE']), needs: 'CAP_DAC_OVERRIDE' },
    ),
    options,
  );
  assert.deepEqual(
    found.diagnoses.map(({ syscall, cure }) => [syscall, cure]),
    [
      ['chown', 'CAP_CHOWN'],
      ['openat', 'CAP_DAC_OVERRIDE'],
    ],
  );
  assert.deepEqual(found.added, ['CAP_CHOWN', 'CAP_DAC_OVERRIDE']);
  assert.equal(found.runs.at(-1)?.exitCode, 0);
});

test('explainRefusals() never tries what reaches beyond the container', async () => {
  const given: Capability[] = [];
  const trace = command({ ...call('settimeofday', ['CAP_SYS_TIME']), needs: 'CAP_SYS_TIME' });
  const found = await explainRefusals(
    async (added) => {
      given.push(...added);
      return trace(added);
    },
    { ...options, available: new Set([...every, 'CAP_SYS_TIME']) },
  );
  assert.deepEqual(given, []);
  assert.deepEqual(found.diagnoses[0]?.notTried, ['CAP_SYS_TIME']);
  assert.equal(found.diagnoses[0].cure, undefined);
});

test('containedCapabilities() has nothing that the namespaces of a container do not keep inside', () => {
  for (const name of [
    'CAP_SYS_TIME',
    'CAP_SYS_BOOT',
    'CAP_SYS_MODULE',
    'CAP_SYS_RAWIO',
    'CAP_SYSLOG',
    'CAP_BPF',
  ] as const) {
    assert.equal(every.has(name), false, name);
  }
  const shared = { network: false, pid: false, ipc: false, uts: false };
  for (const [kind, name] of [
    ['network', 'CAP_NET_ADMIN'],
    ['pid', 'CAP_KILL'],
    ['ipc', 'CAP_IPC_OWNER'],
    ['uts', 'CAP_SYS_ADMIN'],
  ] as const) {
    const names = containedCapabilities({ ...shared, [kind]: true });
    assert.equal(every.has(name), true);
    assert.equal(names.has(name), false);
    assert.equal(names.has('CAP_SYS_ADMIN'), false);
  }
});

test('explainRefusals() says what no capability can cure', async () => {
  const calls = [
    call('mknod', ['CAP_MKNOD']),
    call('keyctl', [], { by: 'seccomp filter', namespace: undefined }),
  ];
  const found = await explainRefusals(async (added) => ({ added, exitCode: 1, refused: calls, lost: 0 }), {
    ...options,
    ownUserNamespace: true,
  });
  assert.equal(found.runs.length, 1);
  for (const { hopeless } of found.diagnoses) assert.notEqual(hopeless, undefined);
});

test('explainRefusals() does not take a filter that lets through for a cure, where a check then refuses', async () => {
  const blocked = call('syslog', ['CAP_SYS_ADMIN'], { by: 'seccomp filter', namespace: undefined });
  const found = await explainRefusals(
    async (added) => ({
      added,
      exitCode: 1,
      refused: [added.length === 0 ? blocked : call('syslog', ['CAP_SYSLOG'])],
      lost: 0,
    }),
    { ...options, available: new Set([...every, 'CAP_SYSLOG']) },
  );
  assert.deepEqual(
    found.diagnoses.map(({ cure }) => cure),
    [undefined, undefined],
  );
});

test('explainRefusals() stops at its limit of runs', async () => {
  let runs = 0;
  const trace = async (added: readonly Capability[]): Promise<TracedRun> => {
    runs += 1;
    return { added, exitCode: 1, refused: [call('chown', [...every])], lost: 0 };
  };
  await explainRefusals(trace, { ...options, maxRuns: 3 });
  assert.equal(runs, 3);
});
