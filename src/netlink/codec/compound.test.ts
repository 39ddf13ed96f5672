import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  array,
  attributes,
  be16,
  be32,
  be64,
  binary,
  bits,
  bool,
  choice,
  enumeration,
  flag,
  growingStruct,
  headed,
  ip,
  ipv4,
  ipv6,
  list,
  lladdr,
  multi,
  pad,
  s32,
  string,
  struct,
  type Type,
  u16,
  u32,
  u64,
  u8,
  Writer,
} from './index.js';

const inner = attributes({ id: [1, u16], label: [2, string] });
const everything = attributes({
  small: [1, u8],
  medium: [2, u16],
  large: [3, u32],
  huge: [4, u64],
  negative: [5, s32],
  name: [6, string],
  blob: [7, binary],
  v4: [8, ipv4],
  v6: [9, ipv6],
  either: [10, ip],
  mac: [11, lladdr],
  port: [12, be16],
  handle: [13, be64],
  register: [14, be32],
  present: [15, flag],
  state: [16, enumeration(u8, { down: 0, up: 1 })],
  flags: [17, bits(u32, { UP: 1, LOOPBACK: 8 })],
  on: [18, bool],
  nested: [19, inner],
  items: [20, list(inner)],
  names: [21, multi(string)],
  numbers: [22, array(u32)],
  pair: [23, struct({ low: be16, _: pad(2), high: u32 })],
  kind: [24, string],
  data: [25, choice('kind', { one: inner, two: attributes({ value: [1, u32] }) })],
  head: [26, headed(struct({ index: s32 }), { label: [1, string] })],
});

function encode<T, In>(type: Type<T, In>, value: In): Buffer {
  const out = new Writer(8);
  type.write(out, value);
  return out.bytes;
}

function decode<T>(type: Type<T, never>, bytes: Buffer): T {
  return type.read(bytes, 0, bytes.length);
}

const word = fc.string({ maxLength: 20 }).map((text) => text.replaceAll('\0', ''));
const arbitraryInner = fc.record(
  { id: fc.nat(0xffff), label: word },
  { requiredKeys: [], noNullPrototype: true },
);
const arbitraryMac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes) =>
  Buffer.from(bytes)
    .toString('hex')
    .replace(/..(?!$)/g, '$&:'),
);
const arbitraryBuffer = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
const arbitraryWide = fc
  .bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn })
  .map((number) => (number <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(number) : number));
const arbitraryValue = fc.record(
  {
    small: fc.nat(255),
    medium: fc.nat(0xffff),
    large: fc.nat(0x7fff_ffff).map((number) => number * 2),
    huge: arbitraryWide,
    negative: fc.integer(),
    name: word,
    blob: arbitraryBuffer,
    v4: fc.ipV4(),
    mac: arbitraryMac,
    port: fc.nat(0xffff),
    handle: arbitraryWide,
    register: fc.nat(0x7fff_ffff),
    present: fc.constant(true as const),
    state: fc.constantFrom('down' as const, 'up' as const, 7),
    flags: fc.constantFrom(
      ['UP'] as const,
      ['UP', 'LOOPBACK'] as const,
      ['UP', '0x80000000'] as const,
      [] as const,
    ),
    on: fc.boolean(),
    nested: arbitraryInner,
    items: fc.array(arbitraryInner, { maxLength: 5 }),
    names: fc.array(word, { minLength: 1, maxLength: 4 }),
    numbers: fc.array(fc.nat(), { maxLength: 6 }),
    pair: fc.record({ low: fc.nat(0xffff), high: fc.nat() }, { noNullPrototype: true }),
    head: fc.record(
      {
        header: fc.record({ index: fc.integer() }, { noNullPrototype: true }),
        attributes: fc.record({ label: word }, { noNullPrototype: true }),
      },
      { noNullPrototype: true },
    ),
    unknown: fc.array(
      fc.record(
        { type: fc.integer({ min: 100, max: 0x3fff }), data: arbitraryBuffer },
        { noNullPrototype: true },
      ),
      { minLength: 1, maxLength: 4 },
    ),
  },
  { requiredKeys: [], noNullPrototype: true },
);

test('attributes() reads what it wrote, unknown attributes included', () => {
  fc.assert(
    fc.property(arbitraryValue, (value) => {
      assert.deepEqual(decode(everything, encode(everything, value)), value);
    }),
    { numRuns: 500 },
  );
});

test('attributes() writes again, byte for byte, what it has read and does not know', () => {
  const bytes = Buffer.from('0800810101020304' + '06004001aabb0000', 'hex');
  const value = decode(everything, bytes);
  assert.deepEqual(
    value.unknown?.map(({ type }) => type),
    [0x0181, 0x0140],
  );
  assert.deepEqual(encode(everything, value), bytes);
});

test('attributes() of arbitrary bytes reads them or throws ERR_NETLINK_MALFORMED', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      readsOrRefuses(() => decode(everything, Buffer.from(bytes)));
    }),
    { numRuns: 3000 },
  );
});

test('attributes() that were whole, with one byte changed or the end cut, are read or refused', () => {
  fc.assert(
    fc.property(arbitraryValue, fc.nat(), fc.nat(255), fc.nat(), (value, place, byte, cut) => {
      const bytes = Buffer.from(encode(everything, value));
      if (bytes.length === 0) return;
      bytes[place % bytes.length] = byte;
      readsOrRefuses(() => decode(everything, bytes));
      readsOrRefuses(() => decode(everything, bytes.subarray(0, cut % bytes.length)));
    }),
    { numRuns: 1000 },
  );
});

function readsOrRefuses(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'ERR_NETLINK_MALFORMED');
  }
}

test('attributes() does not read past its end, even where the buffer goes on', () => {
  // An attribute of 8 bytes of which only 6 belong to the set.
  const bytes = Buffer.from('0800030001020304', 'hex');
  assert.throws(() => everything.read(bytes, 0, 6), { code: 'ERR_NETLINK_MALFORMED' });
});

test('attributes() refuses an integer of another length than its own', () => {
  assert.throws(() => decode(everything, Buffer.from('0600030001020000', 'hex')), {
    code: 'ERR_NETLINK_MALFORMED',
  });
});

test('choice() takes its form from a sibling that comes later, and keeps the bytes of a kind it does not know', () => {
  const out = new Writer();
  out.attribute(25, () => encodeInto(out, inner, { id: 5 }));
  out.attribute(24, () => encodeInto(out, string, 'one'));
  assert.deepEqual(decode(everything, out.bytes), { kind: 'one', data: { id: 5 } });
  assert.deepEqual(decode(everything, encode(everything, { kind: 'three', data: Buffer.from('abcd') })), {
    kind: 'three',
    data: Buffer.from('abcd'),
  });
  assert.throws(() => encode(everything, { kind: 'three', data: { id: 1 } }), { code: 'ERR_NETLINK_VALUE' });
});

function encodeInto<T, In>(out: Writer, type: Type<T, In>, value: In): void {
  type.write(out, value);
}

test('attributes() locates an attribute by its place in the bytes, through what holds it', () => {
  const bytes = encode(everything, {
    kind: 'one',
    data: { id: 1, label: 'x' },
    items: [{ id: 1 }, { id: 2 }],
  });
  const at = (needle: string): number => bytes.indexOf(Buffer.from(needle, 'hex'));
  assert.equal(locate(bytes, 0, bytes.length, at('060002007800')), 'data.label');
  assert.equal(locate(bytes, 0, bytes.length, at('060001000200')), 'items.[1].id');
  assert.equal(locate(bytes, 0, bytes.length, 0), 'kind');
  assert.equal(locate(bytes, 0, bytes.length, 4096), undefined);
});

function locate(bytes: Buffer, start: number, end: number, offset: number): string | undefined {
  return everything.locate?.(bytes, start, end, offset);
}

test('integers refuse what does not fit', () => {
  for (const [type, value] of [
    [u8, 256],
    [u8, -1],
    [u16, 65_536],
    [u32, 2 ** 32],
    [u32, 1.5],
    [s32, 2 ** 31],
    [u64, 2 ** 53],
    [u64, -1n],
    [u64, 2n ** 64n],
  ] as [Type<unknown, unknown>, unknown][]) {
    assert.throws(() => encode(type, value), { code: 'ERR_NETLINK_VALUE' }, String(value));
  }
});

test('u64 is a number up to 2^53 - 1, beyond a bigint', () => {
  assert.equal(decode(u64, encode(u64, 2 ** 53 - 1)), 2 ** 53 - 1);
  assert.equal(decode(u64, encode(u64, 2n ** 53n)), 2n ** 53n);
});

test('string refuses a NUL, which would cut it, and reads up to the first', () => {
  assert.throws(() => encode(string, 'a\0b'), { code: 'ERR_NETLINK_VALUE' });
  assert.equal(decode(string, Buffer.from('ab\0cd')), 'ab');
  assert.equal(decode(string, Buffer.from('ab')), 'ab');
});

test('enumeration() and bits() name what they know, and keep the rest as numbers', () => {
  const kind = enumeration(u8, { a: 1 });
  assert.equal(decode(kind, Buffer.from([1])), 'a');
  assert.equal(decode(kind, Buffer.from([9])), 9);
  assert.throws(() => encode(kind, 'b' as never), { code: 'ERR_NETLINK_VALUE' });
  assert.throws(() => encode(bits(u8, { a: 1 }), ['b' as never]), { code: 'ERR_NETLINK_VALUE' });
});

test('struct() takes a longer one of a newer kernel, growingStruct() a shorter one of an older', () => {
  const fields = { a: u32, b: u32 };
  assert.deepEqual(decode(struct(fields), Buffer.from('010000000200000003000000', 'hex')), { a: 1, b: 2 });
  assert.throws(() => decode(struct(fields), Buffer.alloc(4)), { code: 'ERR_NETLINK_MALFORMED' });
  assert.deepEqual(decode(growingStruct(fields), Buffer.from('01000000', 'hex')), { a: 1 });
});

test('an attribute of more than 65535 bytes is refused, since its length has 16 bits', () => {
  assert.throws(() => encode(everything, { blob: Buffer.alloc(65_532) }), { code: 'ERR_NETLINK_VALUE' });
  assert.equal(encode(everything, { blob: Buffer.alloc(65_531) }).length, 65_536);
});
