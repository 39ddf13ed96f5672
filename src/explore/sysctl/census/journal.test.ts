import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readJournal, removeJournal, restore, writeJournal, type HostFiles } from './journal.js';

const folder = mkdtempSync(join(tmpdir(), 'warren-journal-'));
after(() => rmSync(folder, { recursive: true }));

/** A host in which a write to conf/all sets every interface, as the kernel does for some keys. */
function host(values: Map<string, string>): HostFiles {
  return {
    read: (path) => values.get(path),
    write: (path, value) => {
      if (path === 'net/ipv4/stubborn') return 'EINVAL';
      values.set(path, value);
      if (path === 'net/ipv4/conf/all/forwarding') values.set('net/ipv4/conf/eth0/forwarding', value);
      return undefined;
    },
  };
}

test('a journal reads as it was written, and a second one is refused: the first was not put back', () => {
  const file = join(folder, 'journal');
  const values = new Map([
    ['net/ipv4/ip_forward', '1'],
    ['net/ipv4/ip_local_port_range', '32768\t60999'],
  ]);
  writeJournal(file, values);
  assert.deepEqual(readJournal(file), values);
  assert.throws(() => writeJournal(file, values), { code: 'ERR_SYSCTL_CENSUS', kind: 'conflict' });
  removeJournal(file);
  assert.throws(() => readJournal(file), { code: 'ERR_SYSCTL_CENSUS', kind: 'not-found' });
});

test('readJournal() refuses what no census wrote', () => {
  const file = join(folder, 'damaged');
  writeFileSync(file, '{"net/ipv4/ip_f');
  assert.throws(() => readJournal(file), { code: 'ERR_SYSCTL_CENSUS' });
});

test('restore() puts interfaces back after conf.all, which writes over them', () => {
  const before = new Map([
    ['net/ipv4/conf/eth0/forwarding', '1'],
    ['net/ipv4/conf/all/forwarding', '0'],
    ['net/ipv4/tcp_sack', '1'],
  ]);
  const now = new Map([
    ['net/ipv4/conf/eth0/forwarding', '1'],
    ['net/ipv4/conf/all/forwarding', '1'],
    ['net/ipv4/tcp_sack', '0'],
  ]);
  assert.deepEqual(restore(before, host(now)), []);
  assert.deepEqual(now, before);
});

test('restore() names what would not go back', () => {
  const left = restore(new Map([['net/ipv4/stubborn', '1']]), host(new Map([['net/ipv4/stubborn', '2']])));
  assert.deepEqual(left, [{ path: 'net/ipv4/stubborn', wanted: '1', found: '2' }]);
});
