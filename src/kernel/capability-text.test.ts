import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { capabilityNames } from './capabilities.js';
import { type CapabilityState, formatCapabilityText, parseCapabilityText } from './capability-text.js';

/** libcap itself: each text as it writes it again, null where it refuses it. It ends a text at a NUL, as C does. */
const libcap = `
import ctypes, json, sys
cap = ctypes.CDLL('libcap.so.2')
cap.cap_from_text.restype = ctypes.c_void_p
cap.cap_from_text.argtypes = [ctypes.c_char_p]
cap.cap_to_text.restype = ctypes.c_char_p
cap.cap_to_text.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
def again(text):
    state = cap.cap_from_text(text.encode())
    return cap.cap_to_text(state, None).decode() if state else None
print(json.dumps([again(text) for text in json.load(sys.stdin)]))
`;

function askLibcap(texts: readonly string[]): (string | null)[] {
  const answer = execFileSync('/usr/bin/python3', ['-c', libcap], {
    input: JSON.stringify(texts),
    encoding: 'utf8',
  });
  return JSON.parse(answer) as (string | null)[];
}

function ours(text: string): string | null {
  try {
    return formatCapabilityText(parseCapabilityText(text));
  } catch (error) {
    assert.match(String((error as { code?: unknown }).code), /^ERR_CAPABILITY_(TEXT|UNKNOWN)$/);
    return null;
  }
}

const mask = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
/** Few bits, most bits, any bits: each makes another kind of text. */
const someMask = fc.oneof(
  mask,
  fc.constantFrom(0n, (1n << 41n) - 1n, 1n << 41n, 1n << 63n),
  fc.tuple(mask, mask, mask).map(([a, b, c]) => a & b & c & ((1n << 41n) - 1n)),
);
const state: fc.Arbitrary<CapabilityState> = fc.record(
  { effective: someMask, inheritable: someMask, permitted: someMask },
  { noNullPrototype: true },
);

test('parseCapabilityText() reads what formatCapabilityText() writes', () => {
  fc.assert(
    fc.property(state, (sets) => assert.deepEqual(parseCapabilityText(formatCapabilityText(sets)), sets)),
  );
});

test('formatCapabilityText() writes what cap_to_text(3) writes', () => {
  const texts = fc.sample(state, 400).map(formatCapabilityText);
  assert.deepEqual(askLibcap(texts), texts);
});

const name = fc.oneof(
  fc.constantFrom('cap_kill', 'CAP_CHOWN', 'chown', '', '0', '41', '63', '64', '0x2', '010', '-1'),
  fc.constantFrom(...capabilityNames).map((each) => each.toLowerCase()),
);
/** libcap forgets numbers without a name where they stand beside `all`. */
const names = fc.oneof(
  { weight: 3, arbitrary: fc.array(name, { maxLength: 3 }) },
  { weight: 1, arbitrary: fc.constantFrom(['all'], ['ALL'], ['all', 'cap_kill']) },
);
const action = fc.tuple(
  fc.constantFrom('=', '+', '-', ''),
  fc.constantFrom('', 'e', 'p', 'i', 'ep', 'pie', 'ee', 'x'),
);
const clause = fc
  .tuple(names, fc.array(action, { minLength: 0, maxLength: 3 }))
  .map(([list, actions]) => list.join(',') + actions.flat().join(''));
const text = fc
  .tuple(fc.array(clause, { maxLength: 4 }), fc.constantFrom(' ', '\t', '  ', '\n'))
  .map(([clauses, space]) => clauses.join(space));

test('parseCapabilityText() accepts, refuses and understands texts as cap_from_text(3) does', () => {
  const texts = [
    ...['', ' ', '=', '==', 'all=', '=ep', '+ep', '=p+e', 'cap_chown=ep=i', 'cap_chown=+ep', 'cap_chown=p-p'],
    ...[
      'cap_chown,,cap_kill=p',
      'cap_chown, cap_kill=p',
      'cap_chown=p;',
      '50=ep =',
      '1=ep 41=i 42=i',
      'cap_chown=EP',
    ],
    ...fc.sample(text, 1500),
  ];
  const answers = askLibcap(texts);
  for (const [index, each] of texts.entries()) assert.equal(ours(each), answers[index], JSON.stringify(each));
  assert.ok(answers.filter((answer) => answer !== null).length > 300);
});

test('parseCapabilityText() names the clause that is wrong, and the nearest capability', () => {
  assert.throws(() => parseCapabilityText('cap_kill=ep cap_chown'), {
    code: 'ERR_CAPABILITY_TEXT',
    message: /"cap_chown" is not/,
  });
  assert.throws(() => parseCapabilityText('cap_chwon=p'), {
    code: 'ERR_CAPABILITY_UNKNOWN',
    fix: /cap_chown/,
  });
});
