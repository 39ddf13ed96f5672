import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSeccompProgram } from './interpret.js';

/** Instructions as [code, jt, jf, k]. */
function program(...instructions: readonly (readonly [number, number, number, number])[]): Uint8Array {
  const bytes = Buffer.alloc(instructions.length * 8);
  for (const [i, [code, jt, jf, k]] of instructions.entries()) {
    bytes.writeUInt16LE(code, 8 * i);
    bytes.writeUInt8(jt, 8 * i + 2);
    bytes.writeUInt8(jf, 8 * i + 3);
    bytes.writeUInt32LE(k, 8 * i + 4);
  }
  return bytes;
}

test('runSeccompProgram() reads both words of an argument and of the instruction pointer', () => {
  const call = { arch: 7, nr: 3, args: [0n, 0x1_0000_0002n], instructionPointer: 0x5_0000_0006n };
  const word = (offset: number): number => {
    const found = [0, 1, 2, 3, 5, 6, 7].find(
      (value) =>
        runSeccompProgram(
          program([0x20, 0, 0, offset], [0x15, 0, 1, value], [0x06, 0, 0, 1], [0x06, 0, 0, 0]),
          call,
        ).action === 1,
    );
    return found ?? -1;
  };
  assert.deepEqual([0, 4, 8, 12, 16, 24, 28, 56].map(word), [3, 7, 6, 5, 0, 2, 1, 0]);
});

test('runSeccompProgram() compares without sign and counts the instructions that ran', () => {
  const greater = program([0x20, 0, 0, 0], [0x25, 0, 1, 0x7fffffff], [0x06, 0, 0, 1], [0x06, 0, 0, 2]);
  assert.deepEqual(runSeccompProgram(greater, { arch: 0, nr: 0xffffffff }), { action: 1, steps: 3 });
  const masked = program(
    [0x20, 0, 0, 0],
    [0x54, 0, 0, 0xf0000000],
    [0x15, 1, 0, 0x80000000],
    [0x06, 0, 0, 2],
    [0x06, 0, 0, 1],
  );
  assert.equal(runSeccompProgram(masked, { arch: 0, nr: 0x8fffffff }).action, 1);
});

test('runSeccompProgram() refuses what the kernel would not have loaded', () => {
  const call = { arch: 0, nr: 0 };
  const code = 'ERR_SECCOMP_PROGRAM';
  assert.throws(() => runSeccompProgram(program(), call), { code });
  assert.throws(() => runSeccompProgram(program([0x05, 0, 0, 9], [0x06, 0, 0, 0]), call), { code });
  assert.throws(() => runSeccompProgram(program([0x20, 0, 0, 64], [0x06, 0, 0, 0]), call), { code });
  assert.throws(() => runSeccompProgram(program([0x07, 0, 0, 0], [0x06, 0, 0, 0]), call), { code });
});
