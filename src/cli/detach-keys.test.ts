import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DetachKeys, parseDetachKeys } from './detach-keys.js';

/** What comes through, and whether somebody left. */
async function typed(
  keys: readonly number[],
  chunks: readonly (readonly number[])[],
): Promise<{ passed: number[]; left: boolean }> {
  const seen = { left: false };
  const filter = new DetachKeys(keys, () => (seen.left = true));
  const passed: number[] = [];
  filter.on('data', (chunk: Buffer) => passed.push(...chunk));
  for (const chunk of chunks) {
    filter.write(Buffer.from(chunk));
    if (seen.left) return { passed, left: true };
  }
  filter.end();
  await new Promise((resolve) => filter.once('end', resolve));
  return { passed, left: false };
}

test('parseDetachKeys() reads docker’s notation, and defaults to ctrl-p,ctrl-q', () => {
  assert.deepEqual(parseDetachKeys(), [0x10, 0x11]);
  assert.deepEqual(parseDetachKeys('ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_'), [0, 27, 28, 29, 30, 31]);
  assert.deepEqual(parseDetachKeys('CTRL-A,a, '), [1, 97, 32]);
  assert.deepEqual(parseDetachKeys(''), []);
  for (const text of ['enter', 'ctrl-1', 'a,,b', 'ctrl-', 'é'])
    assert.throws(() => parseDetachKeys(text), { code: 'ERR_OPTION_VALUE' }, text);
});

test('DetachKeys passes on what comes before the sequence, and leaves at its first whole one, however it comes', async () => {
  const byte = fc.integer({ min: 0, max: 3 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(byte, { minLength: 1, maxLength: 4 }),
      fc.array(fc.array(byte, { maxLength: 5 }), { maxLength: 8 }),
      async (keys, chunks) => {
        const text = chunks.flat().join('');
        const at = text.indexOf(keys.join(''));
        const { passed, left } = await typed(keys, chunks);
        assert.equal(left, at >= 0);
        assert.equal(passed.join(''), at < 0 ? text : text.slice(0, at));
      },
    ),
  );
});

test('DetachKeys without keys passes everything on', async () => {
  assert.deepEqual(await typed([], [[16, 17], [3]]), { passed: [16, 17, 3], left: false });
});
