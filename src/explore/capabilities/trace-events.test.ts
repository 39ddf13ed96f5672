import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseTraceLine } from './trace-events.js';

const stamp = (comm: string, task: number): string =>
  `${comm.padStart(16)}-${String(task).padEnd(7)} [001] ..... 13667.119133: `;

test('parseTraceLine() reads the four events as the kernel prints them', () => {
  const lines = [
    ['sys_enter: NR 262 (ffffff9c, 7ffe1078af27, 0, 0, 7, 1)', 'enter'],
    ['sys_exit: NR 262 = -13', 'exit'],
    [
      'cap_capable: cred ffff88816d2c3180, target_ns ffffffff8306fe60, capable_ns 0000000000000000, cap 2, ret -1',
      'check',
    ],
    ['sched_process_fork: comm=sh pid=7 child_comm=sh child_pid=8', 'fork'],
  ] as const;
  for (const [text, type] of lines) assert.equal(parseTraceLine(stamp('sh', 7) + text)?.type, type);
  assert.deepEqual(parseTraceLine(stamp('sh', 7) + lines[1][0]), {
    type: 'exit',
    task: 7,
    comm: 'sh',
    nr: 262,
    result: -13,
  });
  assert.deepEqual(parseTraceLine(stamp('sh', 7) + lines[2][0]), {
    type: 'check',
    task: 7,
    comm: 'sh',
    capability: 2,
    namespace: 'ffffffff8306fe60',
    passed: false,
  });
  assert.equal(parseTraceLine(''), undefined);
  assert.equal(parseTraceLine('CPU:1 [LOST 12 EVENTS]'), undefined);
});

test('parseTraceLine() is not fooled by what a task calls itself', () => {
  // At most 15 bytes, as prctl(PR_SET_NAME) keeps.
  const name = fc.string({ unit: 'binary-ascii', maxLength: 15 });
  fc.assert(
    fc.property(fc.oneof(name, fc.constantFrom('-1 [0] . 1.0: x', 'a-99   [000] ..')), (comm) => {
      const event = parseTraceLine(`${stamp(comm, 4242)}sys_exit: NR 1 = -1`);
      // A name with a newline makes two lines, and neither is an event.
      if (!comm.includes('\n')) assert.equal(event?.task, 4242);
    }),
  );
});
