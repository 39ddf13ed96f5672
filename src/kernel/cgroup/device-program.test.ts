import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  bpf,
  compileDeviceRules,
  deviceInstructionBytes,
  deviceTypes,
  isDeviceAllowed,
  type DeviceRequest,
} from './device-program.js';
import { defaultDeviceRules, parseDeviceRule, type DeviceRule } from './device-rules.js';

/** Runs a program as the kernel would, in the subset that the compiler writes; every instruction it reaches must be there. */
function runProgram(program: Uint8Array, { type, major, minor, access }: DeviceRequest): boolean {
  const code = new DataView(program.buffer, program.byteOffset, program.byteLength);
  // Written out: the numbers are the kernel's, not the compiler's.
  const wanted = Object.entries({ m: 1, r: 2, w: 4 })
    .filter(([letter]) => access.includes(letter))
    .reduce((sum, [, bit]) => sum + bit, 0);
  const context = [(wanted << 16) | deviceTypes[type], major, minor];
  const registers = new Array<number>(11).fill(0);
  for (let at = 0; ; at += deviceInstructionBytes) {
    const dst = code.getUint8(at + 1) & 15;
    const off = code.getInt16(at + 2, true);
    const imm = code.getInt32(at + 4, true);
    const value = registers[dst] ?? 0;
    assert.ok(off >= 0, 'jumps go forward');
    switch (code.getUint8(at)) {
      case bpf.LDX_W:
        registers[dst] = context[off / 4] ?? assert.fail('loads outside the context');
        break;
      case bpf.AND32_K:
        registers[dst] = value & imm;
        break;
      case bpf.RSH32_K:
        registers[dst] = value >>> imm;
        break;
      case bpf.MOV64_K:
        registers[dst] = imm;
        break;
      case bpf.JA:
        at += off * deviceInstructionBytes;
        break;
      case bpf.JEQ_K:
        if (value === imm) at += off * deviceInstructionBytes;
        break;
      case bpf.JNE_K:
        if (value !== imm) at += off * deviceInstructionBytes;
        break;
      case bpf.JSET_K:
        if ((value & imm) !== 0) at += off * deviceInstructionBytes;
        break;
      case bpf.EXIT:
        return registers[0] === 1;
      default:
        assert.fail(`instruction ${at / deviceInstructionBytes}`);
    }
  }
}

const number = fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined });
const access = fc.subarray(['r', 'w', 'm'], { minLength: 1 }).map((letters) => letters.join(''));
const rule: fc.Arbitrary<DeviceRule> = fc.record({
  allow: fc.boolean(),
  type: fc.constantFrom('all', 'char', 'char', 'block', 'block'),
  major: number,
  minor: number,
  access,
});
const request: fc.Arbitrary<DeviceRequest> = fc.record({
  type: fc.constantFrom('char', 'block'),
  major: fc.integer({ min: 0, max: 3 }),
  minor: fc.integer({ min: 0, max: 3 }),
  access,
});

describe('compileDeviceRules()', () => {
  test('decides every request as the rules do', () => {
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 12 }), fc.array(request), (rules, requests) => {
        const program = compileDeviceRules(rules);
        for (const each of requests) assert.equal(runProgram(program, each), isDeviceAllowed(rules, each));
      }),
    );
  });

  test('tells large numbers apart, in both forms of the number', () => {
    const rules = [parseDeviceRule('b 4095:1048575 r'), parseDeviceRule('c 136:* rw')];
    const program = compileDeviceRules(rules);
    const ask = (type: 'char' | 'block', major: number, minor: number, wanted: string): boolean =>
      runProgram(program, { type, major, minor, access: wanted });
    assert.equal(ask('block', 4095, 1_048_575, 'r'), true);
    assert.equal(ask('block', 4095, 1_048_574, 'r'), false);
    assert.equal(ask('char', 136, 1_048_575, 'rw'), true);
    assert.equal(ask('char', 136, 0, 'm'), false);
  });
});

describe('isDeviceAllowed() of the default rules', () => {
  const allowed = (type: 'char' | 'block', major: number, minor: number, wanted: string): boolean =>
    isDeviceAllowed(defaultDeviceRules, { type, major, minor, access: wanted });

  test('lets a container use its standard devices and terminals', () => {
    for (const [major, minor] of [
      [1, 3],
      [1, 5],
      [1, 7],
      [1, 8],
      [1, 9],
      [5, 0],
      [5, 1],
      [5, 2],
      [136, 7],
    ] as const)
      assert.ok(allowed('char', major, minor, 'rw'), `${major}:${minor}`);
  });

  test('lets it make any node, and open none of the host’s disks, memory or kernel log', () => {
    assert.ok(allowed('block', 8, 0, 'm'));
    assert.ok(!allowed('block', 8, 0, 'r'));
    assert.ok(!allowed('block', 8, 0, 'rm'));
    assert.ok(!allowed('char', 1, 1, 'r'));
    assert.ok(!allowed('char', 1, 11, 'r'));
  });
});

describe('parseDeviceRule()', () => {
  test('reads docker’s text', () => {
    assert.deepEqual(parseDeviceRule('c 1:3 mr'), {
      allow: true,
      type: 'char',
      major: 1,
      minor: 3,
      access: 'mr',
    });
    assert.deepEqual(parseDeviceRule('b 7:* rwm').minor, undefined);
    assert.deepEqual(parseDeviceRule('a *:* rwm').type, 'all');
  });

  for (const text of [
    '',
    'c',
    'c 1:3',
    'x 1:3 r',
    'c 1 r',
    'c 1:3 x',
    'c 1:3 rr',
    'c 1:3 r w',
    'c -1:3 r',
    'c 99999:1 r',
    'c 1:3 r\n',
    'a 1:3 rwm',
  ])
    test(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseDeviceRule(text), { code: 'ERR_DEVICE_RULE' });
    });
});
