import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { repositoryRoot } from '../../test/support/cli.js';
import { everyConfig } from '../../test/support/plan-config.js';
import { nativeSyscallArch, syscallNumber } from '../kernel/syscalls/index.js';
import { buffer, call, fdPath, slot, type Argument, type Call } from './call.js';
import { planContainer } from './container.js';
import { commonSlots } from './fragment.js';
import { encodePlan } from './encode.js';
import { lower } from './lower/index.js';

/** One op, read as native/launcher/plan.h lays it out: written from that file, not from encode.ts. */
interface Op {
  readonly code: number;
  readonly nr: number;
  readonly kinds: readonly number[];
  readonly store: number;
  readonly may: readonly number[];
  readonly maySkip: number;
  readonly zeroSkip: number;
  readonly fineSkip: number;
  readonly args: readonly bigint[];
}

interface Decoded {
  readonly ops: readonly Op[];
  readonly relocations: readonly number[];
  readonly data: Buffer;
}

const OP = {
  call: 0,
  set: 1,
  poke32: 2,
  poke64: 3,
  pokeText: 4,
  peek32: 5,
  check: 6,
  mkpath: 7,
  exec: 8,
  exit: 11,
};
const KIND = { number: 0, data: 1, slot: 2 };
const NO_SLOT = 255;
const SLOTS = Number(
  /^#define PLAN_SLOTS (\d+)$/m.exec(
    readFileSync(join(repositoryRoot, 'native/launcher/plan.h'), 'utf8'),
  )?.[1],
);

function decode(bytes: Uint8Array): Decoded {
  const b = Buffer.from(bytes);
  const header = Array.from({ length: 8 }, (_, index) => b.readUInt32LE(index * 4));
  const [
    magic,
    opCount = 0,
    opsAt = 0,
    relocationCount = 0,
    relocationsAt = 0,
    dataAt = 0,
    dataLength = 0,
    reserved,
  ] = header;
  assert.equal(magic, 0x314c5057);
  assert.equal(b.toString('latin1', 0, 4), 'WPL1');
  assert.equal(reserved, 0);
  assert.equal(opsAt + opCount * 80, relocationsAt);
  assert.ok(relocationsAt + relocationCount * 4 <= dataAt && dataAt % 8 === 0);
  assert.equal(dataAt + dataLength, b.length);
  const ops = Array.from({ length: opCount }, (_, index): Op => {
    const at = opsAt + index * 80;
    const mayCount = b.readUInt8(at + 15);
    assert.ok(mayCount <= 4, 'may[] has four places');
    return {
      code: b.readUInt16LE(at),
      nr: b.readUInt32LE(at + 4),
      kinds: [...b.subarray(at + 8, at + 14)],
      store: b.readUInt8(at + 14),
      may: Array.from({ length: mayCount }, (_each, place) => b.readUInt16LE(at + 16 + place * 2)),
      maySkip: b.readInt16LE(at + 24),
      zeroSkip: b.readInt16LE(at + 26),
      fineSkip: b.readUInt16LE(at + 28),
      args: Array.from({ length: 6 }, (_each, place) => b.readBigUInt64LE(at + 32 + place * 8)),
    };
  });
  const relocations = Array.from({ length: relocationCount }, (_, index) =>
    b.readUInt32LE(relocationsAt + index * 4),
  );
  return { ops, relocations, data: b.subarray(dataAt) };
}

function encode(calls: readonly Call[], preset?: Record<string, number>): Decoded {
  return decode(encodePlan([{ calls }], preset).bytes);
}

function only(calls: readonly Call[]): Op & { data: Buffer; relocations: readonly number[] } {
  const { ops, data, relocations } = encode(calls);
  assert.equal(ops.length, 1);
  return { ...ops[0]!, data, relocations };
}

function textAt(data: Buffer, offset: bigint | number): string {
  const start = Number(offset);
  const end = data.indexOf(0, start);
  assert.ok(end >= start, 'the text ends in the data');
  return data.toString('utf8', start, end);
}

/** What the launcher relies on without looking: every index and offset within its bounds. */
function assertWithinBounds({ ops, relocations, data }: Decoded): void {
  for (const [index, op] of ops.entries()) {
    assert.ok(op.store === NO_SLOT || op.store < SLOTS, `op ${index}: slot ${op.store}`);
    for (const skip of [op.maySkip, op.zeroSkip, op.fineSkip]) {
      assert.ok(skip >= 0 && index + 1 + skip <= ops.length, `op ${index} skips ${skip}`);
    }
    for (const [place, kind] of op.kinds.entries()) {
      const value = op.args[place]!;
      assert.ok(kind <= KIND.slot, `op ${index}: kind ${kind}`);
      if (kind === KIND.slot) assert.ok(value < BigInt(SLOTS), `op ${index}: slot ${value}`);
      if (kind === KIND.data) assert.ok(value <= BigInt(data.length), `op ${index}: offset ${value}`);
    }
  }
  for (const at of relocations) {
    assert.ok(at % 8 === 0 && at + 8 <= data.length, `relocation at ${at}`);
    assert.ok(data.readBigUInt64LE(at) < BigInt(data.length), `relocation at ${at} leads out of the data`);
  }
}

describe('encodePlan()', () => {
  test('encodes a call: its number on this machine, and its arguments', () => {
    const { ops, data } = decode(
      encodePlan([{ calls: [call('umask', [0o22])] }, { calls: [call('sethostname', ['box', 3])] }]).bytes,
    );
    const number = (name: 'umask' | 'sethostname'): number =>
      syscallNumber(nativeSyscallArch(process.arch), name)!;
    assert.deepEqual(
      ops.map(({ code, nr, store }) => ({ code, nr, store })),
      [
        { code: OP.call, nr: number('umask'), store: NO_SLOT },
        { code: OP.call, nr: number('sethostname'), store: NO_SLOT },
      ],
    );
    assert.deepEqual([ops[0]!.kinds[0], ops[0]!.args[0]], [KIND.number, 0o22n]);
    assert.deepEqual(ops[1]!.kinds.slice(0, 2), [KIND.data, KIND.number]);
    assert.equal(textAt(data, ops[1]!.args[0]!), 'box');
  });

  test('encodes negative and 64-bit numbers as the kernel reads them, and null as 0', () => {
    const { args } = only([call('prlimit64', [-100, 0xffff_ffff, 0xffff_ffff_ffff_ffffn, null])]);
    assert.deepEqual(args.slice(0, 4), [0xffff_ffff_ffff_ff9cn, 0xffff_ffffn, 0xffff_ffff_ffff_ffffn, 0n]);
  });

  test('gives a result the slot that later calls read', () => {
    const { ops } = encode([
      call('fsopen', ['tmpfs', 1], { store: 'fs' }),
      call('fsmount', [slot('fs'), 1, 0], { store: 'mount' }),
      call('close', [slot('mount')]),
    ]);
    assert.deepEqual([ops[1]!.kinds[0], Number(ops[1]!.args[0])], [KIND.slot, ops[0]!.store]);
    assert.equal(Number(ops[2]!.args[0]), ops[1]!.store);
    assert.notEqual(ops[0]!.store, ops[1]!.store);
  });

  test('knows slot 0 as `report`, where failures go', () => {
    assert.equal(only([{ op: 'set', store: 'report', value: 7 }]).store, 0);
  });

  test('sets preset slots first, as part of step 0', () => {
    const { ops } = encode([call('close', [slot('caller-terminal')])], { 'caller-terminal': 5 });
    assert.deepEqual([ops[0]!.code, ops[0]!.args[0]], [OP.set, 5n]);
    assert.equal(Number(ops[1]!.args[0]), ops[0]!.store);
  });

  test('refuses more results than the launcher has slots, and takes as many as it has', () => {
    const storing = (count: number): Call[] =>
      Array.from({ length: count }, (_, index) => call('umask', [0], { store: `result-${index}` }));
    const free = SLOTS - commonSlots.size;
    assertWithinBounds(encode(storing(free)));
    assert.throws(() => encode(storing(free + 1)), RangeError);
  });

  test('turns labels into the number of ops to skip, for an expected error, a zero and a success', () => {
    const { ops } = encode([
      call('openat2', [0, 'x', null, 24], { may: ['ENOENT', 'EACCES'], mayGoto: 'end' }),
      call('clone3', [null, 64], { zeroGoto: 'inside' }),
      call('close', [3], { thenGoto: 'end' }),
      { op: 'label', label: 'inside' },
      call('close', [4]),
      { op: 'label', label: 'end' },
    ]);
    assert.equal(ops.length, 4);
    assert.deepEqual(ops[0]!.may, [constants.errno.ENOENT, constants.errno.EACCES]);
    assert.deepEqual([ops[0]!.maySkip, ops[1]!.zeroSkip, ops[2]!.fineSkip], [3, 1, 1]);
  });

  test('refuses a label that is missing, or that lies before its jump', () => {
    assert.throws(() => encode([call('close', [3], { thenGoto: 'nowhere' })]), /nowhere/);
    assert.throws(
      () => encode([{ op: 'label', label: 'back' }, call('close', [3], { thenGoto: 'back' })]),
      /back/,
    );
  });

  test('refuses an errno that does not exist', () => {
    assert.throws(() => encode([call('close', [3], { may: ['ENOSUCH'] })]), /ENOSUCH/);
  });

  test('puts a number that is known later into text by a poke before the call, with room for 20 digits', () => {
    const { ops, data } = encode([{ op: 'set', store: 'fd', value: 9 }, call('chdir', [fdPath('fd')])]);
    const [set, poke, chdir] = ops;
    assert.deepEqual([poke!.code, chdir!.code], [OP.pokeText, OP.call]);
    assert.deepEqual([poke!.kinds[0], poke!.kinds[1]], [KIND.data, KIND.slot]);
    assert.equal(Number(poke!.args[1]), set!.store);
    const start = Number(chdir!.args[0]);
    assert.equal(Number(poke!.args[0]), start + '/proc/self/fd/'.length);
    assert.equal(textAt(data, start), '/proc/self/fd/');
    assert.ok(data.length >= Number(poke!.args[0]) + 21);
  });

  test('pokes 32 and 64 bits of a struct, where the field is', () => {
    const { ops, data } = encode([
      { op: 'set', store: 'a', value: 1 },
      call('mount_setattr', [
        slot('a'),
        '',
        0,
        { struct: [{ u16: 0x1234 }, { u16: 0 }, { u32: slot('a') }, { u64: slot('a') }, { u64: 5n }] },
        24,
      ]),
    ]);
    const [, poke32, poke64, last] = ops;
    const start = Number(last!.args[3]);
    assert.deepEqual([poke32!.code, Number(poke32!.args[0]) - start], [OP.poke32, 4]);
    assert.deepEqual([poke64!.code, Number(poke64!.args[0]) - start], [OP.poke64, 8]);
    assert.equal(data.readUInt16LE(start), 0x1234);
    assert.equal(data.readBigUInt64LE(start + 16), 5n);
  });

  test('relocates pointers in structs and in argv and envp, and ends those with NULL', () => {
    const inner = only([
      call('seccomp', [
        1,
        0,
        { struct: [{ u64: 2 }, { pointer: new Uint8Array([7, 8]) }, { pointer: null }] },
      ]),
    ]);
    const start = Number(inner.args[2]);
    assert.deepEqual(inner.relocations, [start + 8]);
    assert.equal(inner.data[Number(inner.data.readBigUInt64LE(start + 8))], 7);
    assert.equal(inner.data.readBigUInt64LE(start + 16), 0n);

    const exec = only([{ op: 'exec', paths: ['/bin/a', '/b'], argv: ['a', 'ü'], envp: ['X=1'] }]);
    assert.equal(exec.code, OP.exec);
    const vector = (at: number): string[] => {
      const texts: string[] = [];
      for (; exec.data.readBigUInt64LE(at) !== 0n; at += 8) {
        assert.ok(exec.relocations.includes(at));
        texts.push(textAt(exec.data, exec.data.readBigUInt64LE(at)));
      }
      assert.ok(!exec.relocations.includes(at), 'the NULL stays NULL');
      return texts;
    };
    assert.deepEqual(vector(Number(exec.args[1])), ['a', 'ü']);
    assert.deepEqual(vector(Number(exec.args[2])), ['X=1']);
    const paths = Number(exec.args[0]);
    assert.equal(exec.data.toString('utf8', paths, paths + 11), '/bin/a\0/b\0\0');
  });

  test('gives a buffer one place, whoever names it', () => {
    const room = buffer('room', 16);
    const { ops } = encode([
      call('socketpair', [1, 5, 0, room]),
      { op: 'peek32', at: room, offset: 4, store: 'second' },
      { op: 'check', at: room, offset: 8, mask: 0xffn, equals: 1n, errno: 'EPIPE' },
      call('read', [0, buffer('other', 16), 16]),
    ]);
    const start = ops[0]!.args[3]!;
    assert.deepEqual([ops[1]!.code, ops[1]!.args[0]], [OP.peek32, start + 4n]);
    assert.deepEqual(
      [ops[2]!.code, ...ops[2]!.args.slice(0, 4)],
      [OP.check, start + 8n, 0xffn, 1n, BigInt(constants.errno.EPIPE)],
    );
    assert.ok(ops[3]!.args[1]! >= start + 16n || ops[3]!.args[1]! + 16n <= start);
  });

  test('encodes mkpath and exit', () => {
    const made = encode([
      { op: 'set', store: 'root', value: 3 },
      { op: 'mkpath', root: slot('root'), path: 'a/b', file: true, mode: 0o644, store: 'at' },
      { op: 'exit', code: 3 },
    ]);
    const [, mkpath, exit] = made.ops;
    assert.deepEqual([mkpath!.code, mkpath!.args[2], mkpath!.args[3]], [OP.mkpath, 1n, 0o644n]);
    assert.equal(textAt(made.data, mkpath!.args[1]!), 'a/b');
    assert.deepEqual([exit!.code, exit!.args[0]], [OP.exit, 3n]);
  });

  test('tells the call behind each op, pokes included', () => {
    const chdir = call('chdir', [fdPath('fd')]);
    const set: Call = { op: 'set', store: 'fd', value: 3 };
    const encoded = encodePlan([{ calls: [] }, { calls: [set, chdir] }], { preset: 1 });
    assert.equal(encoded.opCount, decode(encoded.bytes).ops.length);
    const found = [0, 1, 2, 3].map((op) => encoded.locate(op));
    assert.deepEqual(
      found.slice(1),
      [set, chdir, chdir].map((call) => ({ step: 1, call })),
    );
    assert.equal(encoded.locate(encoded.opCount), undefined);
  });

  test('stays within bounds for every configuration', () => {
    for (const { config, facts } of everyConfig()) {
      const { steps } = planContainer(config, facts);
      const encoded = encodePlan(
        steps.map((step) => ({ calls: lower(step) })),
        { 'caller-terminal': 5 },
      );
      const decoded = decode(encoded.bytes);
      assertWithinBounds(decoded);
      assert.equal(decoded.ops.at(-1)?.code, OP.exec);
      assert.equal(encoded.locate(decoded.ops.length - 1)?.step, steps.length - 1);
    }
  });

  test('stays within bounds for random calls, and keeps every text and byte', () => {
    const text = fc.string({ unit: 'binary', maxLength: 300 }).map((value) => value.replaceAll('\0', ''));
    const bytes = fc.uint8Array({ maxLength: 3000 });
    const name = fc.constantFrom('a', 'b', 'c', 'report');
    const leaf: fc.Arbitrary<Argument> = fc.oneof(
      fc.integer(),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.constant(null),
      text,
      bytes,
      name.map((slotName) => slot(slotName)),
      name.map((slotName) => fdPath(slotName)),
      fc.constant(buffer('room', 32)),
      fc
        .array(
          fc.oneof(
            fc.nat(0xffff).map((u16) => ({ u16 })),
            fc.nat(0x7fff_ffff).map((u32) => ({ u32 })),
            name.map((slotName) => ({ u64: slot(slotName) })),
            text.map((pointer) => ({ pointer })),
          ),
          { minLength: 1, maxLength: 8 },
        )
        // Pointers and 64-bit fields are aligned in every struct that the kernel takes.
        .map((fields) => [...fields].sort((x, y) => size(y) - size(x)))
        .map((struct) => ({ struct })),
    );
    const random: fc.Arbitrary<Call> = fc.oneof(
      fc.array(leaf, { maxLength: 6 }).map((args) => call('ioctl', args)),
      fc.tuple(fc.array(leaf, { maxLength: 6 }), name).map(([args, store]) => call('ioctl', args, { store })),
      fc
        .tuple(text, fc.array(text), fc.array(text))
        .map(([path, argv, envp]): Call => ({ op: 'exec', paths: [path], argv, envp })),
    );
    fc.assert(
      fc.property(fc.array(fc.array(random, { maxLength: 10 }), { maxLength: 40 }), (steps) => {
        const encoded = encodePlan(steps.map((calls) => ({ calls })));
        const decoded = decode(encoded.bytes);
        assertWithinBounds(decoded);
        for (const [index, op] of decoded.ops.entries()) {
          const behind = encoded.locate(index)!.call;
          if (op.code !== OP.call || behind.op !== 'call') continue;
          for (const [place, argument] of behind.args.entries()) {
            const at = Number(op.args[place]);
            if (typeof argument === 'string') assert.equal(textAt(decoded.data, at), wellFormed(argument));
            if (argument instanceof Uint8Array)
              assert.ok(decoded.data.subarray(at, at + argument.length).equals(argument));
          }
        }
      }),
      { numRuns: 150 },
    );
  });
});

function size(field: object): number {
  return 'u16' in field ? 2 : 'u32' in field ? 4 : 8;
}

/** As UTF-8 has it: a lone surrogate becomes U+FFFD. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString('utf8');
}
