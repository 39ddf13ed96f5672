import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeName, readQuery, writeAnswer } from './message.js';

function query(name: string, type: number, ednsBytes?: number): Buffer {
  const header = Buffer.from([0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, ednsBytes === undefined ? 0 : 1]);
  const edns =
    ednsBytes === undefined
      ? Buffer.alloc(0)
      : Buffer.from([0, 0, 41, ednsBytes >> 8, ednsBytes & 255, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([header, encodeName(name), Buffer.from([0, type, 0, 1]), edns]);
}

function read(message: Buffer) {
  const found = readQuery(message);
  assert.ok(typeof found === 'object');
  return found;
}

test('readQuery() reads name, type and the size that EDNS tells', () => {
  const { id, name, type, isInternet, ednsBytes } = read(query('Web.Lab', 28, 1232));
  assert.deepEqual([id, name, type, isInternet, ednsBytes], [0x1234, 'web.lab', 28, true, 1232]);
  assert.equal(read(query('', 1)).ednsBytes, undefined);
});

test('readQuery() takes no bytes for more than they are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
      const found = readQuery(Buffer.from(bytes));
      if (typeof found === 'object') assert.ok(found.name.length <= 4 * 255);
    }),
  );
  fc.assert(
    fc.property(fc.nat(40), (length) => {
      const found = readQuery(query('a.name.of.some.length', 1, 512).subarray(0, length));
      assert.ok(found === undefined || found === 'FORMERR' || length >= 39);
    }),
  );
});

test('readQuery() answers no answer, and refuses pointers, other operations and several questions', () => {
  const message = query('web', 1);
  const changed = (at: number, value: number) => {
    const copy = Buffer.from(message);
    copy[at] = value;
    return readQuery(copy);
  };
  assert.equal(changed(2, 0x81), undefined);
  assert.equal(changed(2, 0x29), 'NOTIMP');
  assert.equal(changed(5, 2), 'FORMERR');
  assert.equal(changed(12, 0xc0), 'FORMERR');
});

test('readQuery() keeps a dot within a label apart from one between labels', () => {
  const message = query('a.b', 1);
  // One label of three bytes.
  message[12] = 3;
  message[14] = 0x2e;
  assert.equal(read(message).name, 'a\\.b');
});

test('writeAnswer() repeats the question as it was spelt, and says what is left out over UDP', () => {
  const asked = read(query('WeB', 1));
  const few = writeAnswer(asked, 'NOERROR', [{ type: 'A', address: '10.0.0.2' }], { overUdp: true });
  assert.ok(few.includes(encodeName('WeB')));
  assert.equal(few.readUInt16BE(6), 1);
  assert.deepEqual([...few.subarray(-4)], [10, 0, 0, 2]);
  const many = Array.from(
    { length: 200 },
    (_, index) => ({ type: 'A', address: `10.0.0.${index + 1}` }) as const,
  );
  const cut = writeAnswer(asked, 'NOERROR', many, { overUdp: true });
  assert.ok(cut.length <= 512);
  assert.notEqual(cut.readUInt16BE(2) & 0x0200, 0);
  const larger = writeAnswer(read(query('WeB', 1, 4096)), 'NOERROR', many, { overUdp: true });
  assert.equal(larger.readUInt16BE(6), 200);
  assert.equal(larger.readUInt16BE(2) & 0x0200, 0);
  assert.equal(larger.readUInt16BE(10), 1, 'EDNS is answered with EDNS');
});
