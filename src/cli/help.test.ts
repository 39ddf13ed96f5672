import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandEntries } from './commands/index.js';
import { commandHelp, overviewHelp, wrap } from './help.js';
import type { OptionTable } from './options.js';

const plain = { width: 90, color: false };

for (const entry of commandEntries) {
  test(`warren ${entry.name} --help names every option once, in at most the width of the screen`, async () => {
    const command = await entry.load();
    const text = commandHelp(command, plain);
    for (const name of Object.keys(command.options)) {
      assert.equal(
        text.split('\n').filter((line) => new RegExp(`^ {2}(-., |    )--${name}( |\\[|$)`).test(line)).length,
        1,
        name,
      );
    }
    const [body = ''] = text.split(command.notes?.trim() ?? '\0');
    for (const line of body.split('\n')) assert.ok(line.length <= plain.width, line);
  });

  test(`the option table of warren ${entry.name} uses no name and no letter twice`, async () => {
    const options: OptionTable = (await entry.load()).options;
    const names = Object.entries(options).flatMap(([name, spec]) => [
      name,
      ...(spec.aliases ?? []),
      ...(spec.short ? [spec.short] : []),
    ]);
    assert.deepEqual(names, [...new Set(names)]);
    assert.ok(!names.includes('help'));
  });
}

test('commandHelp() groups the options of warren run, and colours only headings', async () => {
  const run = await commandEntries.find(({ name }) => name === 'run')!.load();
  const text = commandHelp(run, plain);
  for (const group of [
    'Root file system:',
    'Namespaces:',
    'Identity:',
    'Privilege:',
    'Kernel parameters:',
    'Life:',
  ]) {
    assert.ok(text.includes(`\n${group}\n`), group);
  }
  assert.match(text, /^Usage: warren run \[OPTIONS\] -- COMMAND/);
  assert.match(text, /--plan\[=text\|json\]/);
  const colored = commandHelp(run, { ...plain, color: true });
  assert.equal(colored.replace(/\u001b\[\d+m/g, ''), text);
});

test('overviewHelp() lists every command with its summary', () => {
  const text = overviewHelp(commandEntries, plain);
  for (const { name, summary } of commandEntries)
    assert.match(text, new RegExp(`^ {2}${name} +${summary.slice(0, 20)}`, 'm'));
});

test('wrap() breaks at spaces, and leaves a word that is too long alone', () => {
  assert.deepEqual(wrap('aa bb cc', 5), ['aa bb', 'cc']);
  assert.deepEqual(wrap('abcdefgh i', 4), ['abcdefgh', 'i']);
});
