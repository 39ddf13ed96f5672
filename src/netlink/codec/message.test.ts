import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NLM_F_ACK_TLVS, NLM_F_CAPPED, NLMSG_DONE, NLMSG_ERROR } from './message.js';
import { readAcknowledgement, readEnvelopes, writeEnvelope, Writer } from './index.js';

function message(type: number, flags: number, payload: Buffer): Buffer {
  const out = new Writer();
  writeEnvelope(out, type, flags, 7, () => out.append(payload));
  return out.bytes;
}

test('readEnvelopes() takes a row of messages apart, each aligned', () => {
  const row = Buffer.concat([message(20, 2, Buffer.from('abc')), message(21, 0, Buffer.alloc(0))]);
  assert.deepEqual(
    readEnvelopes(row).map(({ type, flags, sequence, start, end }) => [type, flags, sequence, end - start]),
    [
      [20, 2, 7, 3],
      [21, 0, 7, 0],
    ],
  );
});

test('readEnvelopes() refuses lengths that do not fit, and zero, which would never end', () => {
  for (const length of [0, 15, 17, 4096, 0xffff_ffff]) {
    const bytes = message(20, 0, Buffer.alloc(0));
    bytes.writeUInt32LE(length);
    assert.throws(() => readEnvelopes(bytes), { code: 'ERR_NETLINK_MALFORMED' }, String(length));
  }
});

test('readAcknowledgement() reads the kernel’s words, whole or capped', () => {
  const words = Buffer.from('0800010062616400' + '0800020014000000', 'hex');
  const errno = Buffer.alloc(4);
  errno.writeInt32LE(-22);
  const request = message(16, 5, Buffer.from('abcd'));
  const whole = Buffer.concat([errno, request, words]);
  const capped = Buffer.concat([errno, request.subarray(0, 16), words]);
  const expected = { errno: 22, text: 'bad', offset: 20 };
  const read = (flags: number, payload: Buffer) =>
    readAcknowledgement(readEnvelopes(message(NLMSG_ERROR, flags, payload))[0]!);
  assert.deepEqual(read(NLM_F_ACK_TLVS, whole), expected);
  assert.deepEqual(read(NLM_F_ACK_TLVS | NLM_F_CAPPED, capped), expected);
  assert.deepEqual(read(0, whole), { errno: 22 });
});

test('readEnvelopes() and readAcknowledgement() of arbitrary bytes read them or throw ERR_NETLINK_MALFORMED', () => {
  const flags = fc.constantFrom(0, NLM_F_ACK_TLVS, NLM_F_CAPPED | NLM_F_ACK_TLVS);
  const type = fc.constantFrom(NLMSG_ERROR, NLMSG_DONE);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), flags, type, (bytes, some, kind) => {
      for (const raw of [Buffer.from(bytes), message(kind, some, Buffer.from(bytes))]) {
        try {
          for (const each of readEnvelopes(raw)) readAcknowledgement({ ...each, type: kind, flags: some });
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'ERR_NETLINK_MALFORMED');
        }
      }
    }),
    { numRuns: 3000 },
  );
});
