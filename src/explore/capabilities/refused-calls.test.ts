import assert from 'node:assert/strict';
import { test } from 'node:test';
import { syscallNumber } from '../../kernel/syscalls/index.js';
import { RefusedCalls, capabilitiesThatOpen } from './refused-calls.js';
import type { TraceEvent } from './trace-events.js';

const nr = (name: string): number => syscallNumber('x86_64', name) ?? assert.fail(name);
const comm = 'program';
const enter = (task: number, name: string, ...args: bigint[]): TraceEvent => ({
  type: 'enter',
  task,
  comm,
  nr: nr(name),
  args,
});
const exit = (task: number, name: string, result: number): TraceEvent => ({
  type: 'exit',
  task,
  comm,
  nr: nr(name),
  result,
});
const check = (task: number, capability: number, namespace: string, passed = false): TraceEvent => ({
  type: 'check',
  task,
  comm,
  capability,
  namespace,
  passed,
});
const [CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, NET_ADMIN, SYS_ADMIN] = [0, 1, 2, 12, 21];

/** Warren (10) starts the launcher (11), it the container's first process (12), which executes the command. */
function started(): RefusedCalls {
  const calls = new RefusedCalls('x86_64', 10);
  const events: TraceEvent[] = [
    { type: 'fork', task: 10, comm, child: 11 },
    enter(11, 'execveat'),
    exit(11, 'execveat', 0),
    { type: 'fork', task: 11, comm, child: 12 },
    enter(12, 'chown', 0n, 1n, 1n),
    check(12, CHOWN, 'aa'),
    exit(12, 'chown', -1),
    enter(12, 'execve'),
    exit(12, 'execve', -2),
    enter(12, 'execve'),
    exit(12, 'execve', 0),
    enter(12, 'mmap'),
    check(12, SYS_ADMIN, 'aa'),
    exit(12, 'mmap', 4096),
  ];
  for (const event of events) calls.add(event);
  return calls;
}

test('RefusedCalls counts nothing before the command is executed, and no check whose call succeeded', () => {
  const calls = started();
  assert.equal(calls.started, true);
  assert.deepEqual(calls.list(), []);
});

test('RefusedCalls names the call, its numbers, the alternatives and the user namespace that was asked', () => {
  const calls = started();
  for (const event of [
    enter(12, 'fchownat', 3n, 0n, 1n, 0xffff_ffffn),
    check(12, CHOWN, 'bb'),
    exit(12, 'fchownat', -1),
    enter(12, 'openat'),
    check(12, DAC_READ_SEARCH, 'aa'),
    check(12, DAC_OVERRIDE, 'aa'),
    check(12, DAC_READ_SEARCH, 'aa'),
    exit(12, 'openat', -13),
  ]) {
    calls.add(event);
  }
  const [chown, open] = calls.list();
  assert.deepEqual(chown, {
    program: comm,
    syscall: 'fchownat',
    arguments: '…, 1, -1',
    errno: 'EPERM',
    capabilities: ['CAP_CHOWN'],
    namespace: 'other',
    by: 'capability check',
    times: 1,
  });
  assert.deepEqual(open?.capabilities, ['CAP_DAC_READ_SEARCH', 'CAP_DAC_OVERRIDE']);
  assert.equal(open.namespace, 'first');
});

test('RefusedCalls keeps threads apart, and follows children', () => {
  const calls = started();
  for (const event of [
    { type: 'fork', task: 12, comm, child: 13 } as const,
    enter(12, 'openat'),
    enter(13, 'setuid', 5n),
    check(13, 7, 'aa'),
    exit(12, 'openat', -13),
    exit(13, 'setuid', -1),
  ]) {
    calls.add(event);
  }
  assert.deepEqual(
    calls.list().map(({ syscall }) => syscall),
    ['setuid'],
  );
});

test('RefusedCalls takes an end without a beginning for the seccomp filter’s refusal', () => {
  const calls = started();
  calls.add(exit(12, 'mount', -1));
  calls.add(exit(12, 'mount', -1));
  assert.deepEqual(calls.list(), [
    {
      program: comm,
      syscall: 'mount',
      arguments: '',
      errno: 'EPERM',
      capabilities: ['CAP_SYS_ADMIN'],
      namespace: undefined,
      by: 'seccomp filter',
      times: 2,
    },
  ]);
});

test('RefusedCalls sees that netlink refuses in its answer, the call itself succeeding', () => {
  const calls = started();
  for (const event of [enter(12, 'sendmsg'), check(12, NET_ADMIN, 'aa'), exit(12, 'sendmsg', 40)])
    calls.add(event);
  assert.deepEqual(
    calls.list().map(({ errno, capabilities }) => [errno, ...capabilities]),
    [['EPERM in the answer', 'CAP_NET_ADMIN']],
  );
});

test('RefusedCalls leaves out a check that was passed', () => {
  const calls = started();
  for (const event of [enter(12, 'mount'), check(12, SYS_ADMIN, 'aa', true), exit(12, 'mount', -1)])
    calls.add(event);
  assert.deepEqual(calls.list(), []);
});

test('capabilitiesThatOpen() knows with which capability the default filter lets a call through', () => {
  assert.deepEqual(capabilitiesThatOpen('syslog', 'x86_64'), ['CAP_SYSLOG', 'CAP_SYS_ADMIN']);
  assert.deepEqual(capabilitiesThatOpen('unshare', 'x86_64'), ['CAP_SYS_ADMIN']);
  assert.deepEqual(capabilitiesThatOpen('openat', 'x86_64'), []);
  assert.deepEqual(capabilitiesThatOpen('swapon', 'x86_64'), []);
});
