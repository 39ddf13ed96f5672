import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { test } from 'node:test';
import { decodeWaitStatus, exitCodeOf } from './wait-status.js';

/** The raw status, from an oracle that calls waitpid(2) itself. */
function waited(script: string): number {
  const program = `import os,sys
pid = os.fork()
if pid == 0:
    os.execv("/bin/sh", ["sh", "-c", sys.argv[1]])
print(os.waitpid(pid, 0)[1])`;
  return Number(spawnSync('python3', ['-c', program, script], { encoding: 'utf8' }).stdout);
}

test('decodeWaitStatus() tells exit codes and signals apart, as waitpid(2) gives them', () => {
  assert.deepEqual(decodeWaitStatus(waited('exit 0')), { code: 0, signal: 0 });
  assert.deepEqual(decodeWaitStatus(waited('exit 255')), { code: 255, signal: 0 });
  assert.deepEqual(decodeWaitStatus(waited('kill -KILL $$')), {
    code: undefined,
    signal: constants.signals.SIGKILL,
  });
  // With a core dump (0x80) or without.
  assert.deepEqual(decodeWaitStatus(waited('kill -ABRT $$') | 0x80), {
    code: undefined,
    signal: constants.signals.SIGABRT,
  });
});

test('exitCodeOf() gives 128 and the signal, as shells do', () => {
  assert.equal(exitCodeOf({ code: 7, signal: 0 }), 7);
  assert.equal(exitCodeOf({ code: undefined, signal: 15 }), 143);
});
