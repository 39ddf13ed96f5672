import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseProcStat, terminalName } from './proc-stat.js';

describe('parseProcStat()', () => {
  test('reads this process as the kernel shows it', () => {
    const stat = parseProcStat(readFileSync('/proc/self/stat', 'utf8'));
    assert.equal(stat?.pid, process.pid);
    assert.equal(stat.parentPid, process.ppid);
    assert.ok(stat.residentPages > 0 && stat.startTicks > 0 && stat.threads > 0);
  });

  test('is not misled by what a process calls itself', () => {
    const rest = `S 7 ${'1 '.repeat(40)}`;
    fc.assert(
      fc.property(fc.string({ maxLength: 15 }), (name) => {
        const stat = parseProcStat(`12 (${name}) ${rest}`);
        assert.deepEqual([stat?.pid, stat?.name, stat?.state, stat?.parentPid], [12, name, 'S', 7]);
      }),
    );
    assert.equal(parseProcStat('12 (a) Z 1 (b) S 7'), undefined);
    assert.equal(parseProcStat(''), undefined);
  });
});

test('terminalName() is what ps(1) prints', () => {
  const device = (major: number, minor: number): number =>
    ((minor & 0xfff00) << 12) | (major << 8) | (minor & 0xff);
  assert.equal(terminalName(0), '?');
  assert.equal(terminalName(device(136, 3)), 'pts/3');
  assert.equal(terminalName(device(136, 300)), 'pts/300');
  assert.equal(terminalName(device(4, 1)), 'tty1');
  assert.equal(terminalName(device(4, 64)), 'ttyS0');
  assert.equal(terminalName(device(5, 1)), 'console');
});
