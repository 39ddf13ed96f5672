import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AnyForm, readBody, readEnvelopes, writeBody, writeEnvelope, Writer } from './codec/index.js';
import { conntrackForm } from './conntrack/index.js';
import { inetReply, netlinkDiagReply, packetReply, unixReply } from './diag/forms.js';
import { chainForm, elementsForm, objectForm, ruleForm, setForm, tableForm } from './nftables/forms.js';
import { type NftRule, type NftSet } from './nftables/ruleset.js';
import { ruleText } from './nftables/rule-text.js';
import { addressForm } from './route/address.js';
import { linkForm, neighbourForm, qdiscForm, routeForm } from './route/index.js';
import { ruleForm as routingRuleForm } from './route/rule.js';

const forms: readonly AnyForm[] = [
  linkForm,
  addressForm,
  routeForm,
  routingRuleForm,
  neighbourForm,
  qdiscForm,
  conntrackForm,
  inetReply,
  unixReply,
  packetReply,
  netlinkDiagReply,
  tableForm,
  chainForm,
  ruleForm,
  setForm,
  elementsForm,
  objectForm,
];

/** Attributes that look like some: small numbers, lengths that mostly fit, some of them nested. */
const attribute: fc.Arbitrary<Buffer> = fc.letrec<{ one: Buffer; many: Buffer }>((tie) => ({
  one: fc
    .tuple(
      fc.nat(60),
      fc.boolean(),
      fc.oneof({ depthSize: 'small' }, fc.uint8Array({ maxLength: 24 }), names(), tie('many')),
    )
    .map(([type, nested, payload]) => {
      const bytes = Buffer.alloc(4 + ((payload.length + 3) & ~3));
      bytes.writeUInt16LE(4 + payload.length);
      bytes.writeUInt16LE(type | (nested ? 0x8000 : 0), 2);
      bytes.set(payload, 4);
      return bytes;
    }),
  many: fc.array(tie('one'), { maxLength: 6 }).map((parts) => Buffer.concat(parts)),
})).many;

/** Names that choose a form. */
function names(): fc.Arbitrary<Buffer> {
  const known = [
    'bridge',
    'veth',
    'vlan',
    'vxlan',
    'htb',
    'tbf',
    'netem',
    'cmp',
    'nat',
    'lookup',
    'payload',
    'match',
  ];
  return fc.constantFrom(...known).map((name) => Buffer.from(`${name}\0`));
}

function message(payload: Uint8Array) {
  const out = new Writer();
  writeEnvelope(out, 16, 0, 1, () => out.append(payload));
  return readEnvelopes(out.bytes)[0]!;
}

test('every form reads arbitrary attributes, or throws ERR_NETLINK_MALFORMED', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...forms),
      fc.uint8Array({ minLength: 80, maxLength: 80 }),
      attribute,
      (form, head, rest) => {
        const payload = Buffer.concat([head.subarray(0, (form.header.size + 3) & ~3), rest]);
        try {
          readBody(form, message(payload));
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'ERR_NETLINK_MALFORMED', String(error));
        }
      },
    ),
    { numRuns: 5000 },
  );
});

test('what a form has read it writes, and then reads the same', () => {
  fc.assert(
    fc.property(fc.constantFrom(...forms), attribute, (form, rest) => {
      const payload = Buffer.concat([Buffer.alloc((form.header.size + 3) & ~3), rest]);
      const first = readable(() => readBody(form, message(payload)));
      if (first === undefined) return;
      const out = new Writer();
      writeBody(out, form, first.header, first.attributes);
      assert.deepEqual(readBody(form, message(out.bytes)), first);
    }),
    { numRuns: 3000 },
  );
});

function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

test('ruleText() of any rule that can be read gives a text', () => {
  fc.assert(
    fc.property(attribute, (rest) => {
      const list = Buffer.alloc(4);
      list.writeUInt16LE(4 + rest.length);
      list.writeUInt16LE(4, 2);
      const body = readable(() => readBody(ruleForm, message(Buffer.concat([Buffer.alloc(4), list, rest]))));
      const rule: NftRule = {
        family: 'inet',
        table: 't',
        chain: 'c',
        handle: 1,
        expressions: body?.attributes.expressions ?? [],
      };
      assert.equal(typeof ruleText(rule, { sets: new Map<string, NftSet>() }), 'string');
    }),
    { numRuns: 3000 },
  );
});
