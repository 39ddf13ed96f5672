import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { describeExtension } from './extensions.js';
import { layouts, parseTable } from './legacy.js';

test('parseTable() of arbitrary bytes reads them or throws ERR_NETLINK_MALFORMED', () => {
  const info = fc.uint8Array({ minLength: 84, maxLength: 84 });
  fc.assert(
    fc.property(
      fc.constantFrom(...layouts),
      info,
      fc.uint8Array({ maxLength: 600 }),
      fc.boolean(),
      (layout, head, raw, aim) => {
        const bytes = Buffer.from(raw);
        // Mostly lengths that fit, so that what is inside is looked at.
        if (aim && bytes.length >= layout.elements + 40) {
          bytes.writeUInt16LE(layout.elements, layout.targetOffset);
          bytes.writeUInt16LE(bytes.length, layout.targetOffset + 2);
          bytes.writeUInt16LE(40, layout.elements);
        }
        try {
          parseTable(layout, 'filter', Buffer.from(head), bytes);
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'ERR_NETLINK_MALFORMED', String(error));
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test('describeExtension() of a structure that is too short says nothing, of any other bytes some text', () => {
  const all = [
    [
      'match',
      [
        'addrtype 1',
        'conntrack 3',
        'state 0',
        'multiport 1',
        'comment 0',
        'mark 1',
        'tcp 0',
        'udp 0',
        'icmp 0',
        'limit 0',
        'owner 1',
      ],
    ],
    [
      'target',
      [
        'MASQUERADE 0',
        'REDIRECT 0',
        'DNAT 0',
        'DNAT 1',
        'DNAT 2',
        'SNAT 0',
        'SNAT 1',
        'REJECT 0',
        'LOG 0',
        'MARK 2',
      ],
    ],
  ] as const;
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      for (const [kind, names] of all) {
        for (const each of names) {
          const [name = '', revision] = each.split(' ');
          const text = describeExtension(kind, name, Number(revision), Buffer.from(bytes));
          assert.ok(text === undefined || typeof text.iptables === 'string');
          assert.equal(describeExtension(kind, name, Number(revision), Buffer.alloc(0)), undefined);
        }
      }
    }),
  );
});
