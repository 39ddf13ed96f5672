import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { WarrenError } from '../errors.js';
import { parseProcStatus, readProcStatus } from './proc-status.js';

const sample = [
  'Name:\tbash',
  'Umask:\t0022',
  'State:\tS (sleeping)',
  'Uid:\t1000\t1001\t1002\t1003',
  'Gid:\t5\t6\t7\t8',
  'Groups:\t4 24 27 ',
  'NSpid:\t4711\t12\t1',
  'CapInh:\t0000000000000000',
  'CapPrm:\t00000000a80425fb',
  'CapEff:\t00000000a80425fa',
  'CapBnd:\t000001ffffffffff',
  'CapAmb:\t0000000000000001',
  'NoNewPrivs:\t1',
  'Seccomp:\t2',
  '',
].join('\n');

test('parseProcStatus() reads ids, groups, pids, the five sets, NoNewPrivs and Seccomp', () => {
  assert.deepEqual(parseProcStatus(sample), {
    name: 'bash',
    uid: { real: 1000, effective: 1001, saved: 1002, filesystem: 1003 },
    gid: { real: 5, effective: 6, saved: 7, filesystem: 8 },
    groups: [4, 24, 27],
    nsPids: [4711, 12, 1],
    capabilities: {
      inheritable: 0n,
      permitted: 0xa80425fbn,
      effective: 0xa80425fan,
      bounding: 0x1ffffffffffn,
      ambient: 1n,
    },
    noNewPrivileges: true,
    seccomp: 'filter',
  });
});

test('parseProcStatus() undoes the escapes in a name, which cannot add lines', () => {
  assert.equal(parseProcStatus(sample.replace('bash', String.raw`a\nUid:\\n b`)).name, 'a\nUid:\\n b');
});

test('parseProcStatus() takes no groups, and a kernel without pid namespaces or seccomp', () => {
  const text = sample.replace(/^Groups:.*$/m, 'Groups:\t ').replace(/^(NSpid|Seccomp):.*\n/gm, '');
  const { groups, nsPids, seccomp } = parseProcStatus(text);
  assert.deepEqual({ groups, nsPids, seccomp }, { groups: [], nsPids: [], seccomp: 'disabled' });
});

test('parseProcStatus() names the line that is missing or damaged', () => {
  assert.throws(() => parseProcStatus(sample.replace(/^CapEff.*\n/m, '')), {
    code: 'ERR_PROC_STATUS',
    message: /CapEff/,
  });
  assert.throws(() => parseProcStatus(sample.replace('1002', 'x')), {
    code: 'ERR_PROC_STATUS',
    message: /Uid/,
  });
  assert.throws(() => parseProcStatus(sample.replace('a80425fb', 'zz')), {
    code: 'ERR_PROC_STATUS',
    message: /CapPrm/,
  });
});

test('parseProcStatus() answers or throws a WarrenError, whatever the text', () => {
  fc.assert(
    fc.property(fc.nat(sample.length), fc.nat(40), fc.string(), (at, length, junk) => {
      try {
        parseProcStatus(sample.slice(0, at) + junk + sample.slice(at + length));
      } catch (error) {
        assert.ok(error instanceof WarrenError);
      }
    }),
  );
});

test('readProcStatus() of oneself agrees with process and with the file', async () => {
  const status = await readProcStatus('self');
  assert.equal(status.uid.effective, process.geteuid?.());
  assert.equal(status.gid.effective, process.getegid?.());
  assert.equal(status.nsPids[0], process.pid);
  const bounding = /^CapBnd:\t(\w+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  assert.equal(status.capabilities.bounding.toString(16).padStart(16, '0'), bounding);
});

test('parseProcStatus() reads a name that the kernel escaped', (t) => {
  // A process is called after the last part of the path it was started by.
  const directory = mkdtempSync(join(tmpdir(), 'warren-'));
  t.after(() => {
    rmSync(directory, { recursive: true });
  });
  const name = 'a\nb\\c';
  symlinkSync('/bin/cat', join(directory, name));
  const text = execFileSync(join(directory, name), ['/proc/self/status'], { encoding: 'utf8' });
  assert.equal(parseProcStatus(text).name, name);
});

test('readProcStatus() says that a process does not exist', async () => {
  await assert.rejects(readProcStatus(2 ** 31 - 1), { code: 'ERR_PROCESS_NOT_FOUND', kind: 'not-found' });
});
