import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { WarrenError } from '../errors.js';
import { checkSysctlValue, parseSysctlName } from './sysctl-name.js';

test('parseSysctlName() lets the first separator decide, and swaps the other', () => {
  const vlan = { path: 'net/ipv4/conf/eth0.100/forwarding', name: 'net.ipv4.conf.eth0/100.forwarding' };
  assert.deepEqual(parseSysctlName('net/ipv4/conf/eth0.100/forwarding'), vlan);
  assert.deepEqual(parseSysctlName('net.ipv4.conf.eth0/100.forwarding'), vlan);
  assert.equal(parseSysctlName('net.ipv4/ip_forward').path, 'net/ipv4.ip_forward');
  assert.equal(parseSysctlName('kernel').path, 'kernel');
});

test('parseSysctlName() refuses "..", so a name cannot leave /proc/sys', () => {
  const wrong = [
    '../../etc/passwd',
    'net/../../etc',
    'net/..',
    '..',
    '.',
    './net',
    'net/./ipv4',
    'net.ipv4.//.x',
    '...',
  ];
  for (const name of wrong) assert.throws(() => parseSysctlName(name), { code: 'ERR_SYSCTL_NAME' }, name);
});

test('parseSysctlName() refuses what could be read as something else later', () => {
  const wrong = [
    '',
    '/net/ipv4',
    '.net',
    'net/',
    'net.',
    'net..ipv4',
    'net//ipv4',
    'a\nb',
    'a\0b',
    'a b',
    'a\tb',
    'net.*',
    'a?',
  ];
  for (const name of [...wrong, 'a[b', 'a=b', 'a+b', 'a\u007fb', 'a\u2028b', `net.${'a'.repeat(4096)}`]) {
    assert.throws(() => parseSysctlName(name), { code: 'ERR_SYSCTL_NAME' }, JSON.stringify(name));
  }
});

test('parseSysctlName() reads its own two forms back, whatever the components', () => {
  const component = fc.stringMatching(/^[a-z0-9_.-]{1,8}$/).filter((text) => text !== '.' && text !== '..');
  fc.assert(
    fc.property(fc.array(component, { minLength: 2, maxLength: 6 }), (components) => {
      // A first component with a dot cannot be written: the dot would be the separator.
      fc.pre(!components[0]?.includes('.'));
      const path = components.join('/');
      const parsed = parseSysctlName(path);
      assert.equal(parsed.path, path);
      assert.deepEqual(parseSysctlName(parsed.name), parsed);
    }),
  );
});

test('parseSysctlName() gives a path below /proc/sys or throws, whatever the text', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('.', '/', 'a', '\n', '\0', '*') }), (text) => {
      try {
        const { path } = parseSysctlName(text);
        assert.match(path, /^[^/]+(\/[^/]+)*$/);
        assert.ok(path.split('/').every((component) => component !== '..' && component !== '.'));
      } catch (error) {
        assert.ok(error instanceof WarrenError && error.code === 'ERR_SYSCTL_NAME');
      }
    }),
  );
});

test('parseSysctlName() names the keys of this machine as sysctl does', () => {
  const [device] = readdirSync('/proc/sys/net/ipv4/conf');
  for (const path of ['kernel/ostype', 'net/ipv4/ip_forward', `net/ipv4/conf/${device}/forwarding`]) {
    const printed = execFileSync('/usr/sbin/sysctl', ['-e', path], { encoding: 'utf8' });
    assert.equal(printed.split(' = ')[0], parseSysctlName(path).name);
    assert.equal(parseSysctlName(printed.split(' = ')[0] ?? '').path, path);
    assert.equal(printed.split(' = ')[1], readFileSync(`/proc/sys/${path}`, 'utf8'));
  }
});

test('checkSysctlValue() takes one line, several numbers, and integers', () => {
  for (const value of ['1', '4096 131072 6291456', '1024\t65535', 'bbr', 'a'.repeat(4096)]) {
    assert.equal(checkSysctlValue('k', value), value);
  }
  assert.equal(checkSysctlValue('k', -1), '-1');
});

test('checkSysctlValue() refuses nothing, NUL, line breaks, more than a page and numbers that are no integers', () => {
  for (const value of [
    '',
    'a\0b',
    'a\nb',
    '1\n',
    '1\r\n',
    'a'.repeat(4097),
    'é'.repeat(2049),
    1.5,
    NaN,
    Infinity,
    2 ** 60,
  ]) {
    assert.throws(() => checkSysctlValue('k', value), { code: 'ERR_SYSCTL_VALUE' });
  }
});
