import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseSettingsFile } from './settings-file.js';

test('parseSettingsFile() reads the forms of sysctl.conf(5), with the numbers of the lines', () => {
  const text = `# comment
; another

net.ipv4.ip_forward = 1
  net/ipv4/conf/eth0.100/forwarding=0
-net.ipv4.no_such = 1
net.ipv4.conf.*.rp_filter = 2
kernel.domainname = a=b+c
`;
  assert.deepEqual(
    parseSettingsFile(text).map(({ line, key, value, optional }) => [line, key, value, optional]),
    [
      [4, 'net.ipv4.ip_forward', '1', false],
      [5, 'net/ipv4/conf/eth0.100/forwarding', '0', false],
      [6, 'net.ipv4.no_such', '1', true],
      [7, 'net.ipv4.conf.*.rp_filter', '2', false],
      [8, 'kernel.domainname', 'a=b+c', false],
    ],
  );
});

test('parseSettingsFile() tells of each line that it cannot use, and reads on', () => {
  const bad = [
    'net.ipv4.ip_forward',
    'net/../kernel/core_pattern = x',
    'net..ipv4 = 1',
    'a b = 1',
    'net.ipv4.ip_forward =',
    'net.core.x+y = 1',
    `net.core.x = ${'a'.repeat(5000)}`,
    'net.core.x\0y = 1',
  ];
  const lines = parseSettingsFile([...bad, 'net.core.somaxconn = 1'].join('\n'));
  assert.deepEqual(
    lines.map(({ error }) => error !== undefined),
    [...bad.map(() => true), false],
  );
});

test('parseSettingsFile() takes "-key" without a value for one that patterns pass over, as sysctl.d(5) has it', () => {
  assert.deepEqual(parseSettingsFile('-net.ipv4.conf.all.rp_filter\n-net.ipv4.conf.d*.rp_filter'), [
    { line: 1, key: 'net.ipv4.conf.all.rp_filter', value: '', optional: true, excluded: true },
    { line: 2, key: 'net.ipv4.conf.d*.rp_filter', value: '', optional: true, excluded: true },
  ]);
});

test('parseSettingsFile() returns lines or errors, whatever the text', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', '.', '/', '=', '\n', '#', '-', '*', '\0', ' ') }),
      (text) => {
        for (const { line, key, error } of parseSettingsFile(text)) {
          assert.ok(line >= 1 && line <= text.split('\n').length);
          assert.ok(error !== undefined || key !== '');
        }
      },
    ),
  );
});
