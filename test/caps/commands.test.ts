import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertFakeHost } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';
import { command } from './cli.js';

assertFakeHost();

const caps = (...args: string[]): ReturnType<typeof command> => command('caps', ...args);
const codeOf = (stderr: string): unknown => (JSON.parse(stderr) as { code?: unknown }).code;

test('MISSION 4.1: warren caps decode prints what capsh --decode prints, and encode takes it back', () => {
  for (const mask of ['0x3fffffffff', '00000000a80425fb', '0', '0x1ffffffffff']) {
    const { stdout } = caps('decode', mask);
    assert.equal(stdout, oracle('capsh', [`--decode=${mask.replace('0x', '')}`]).stdout);
    const [hex = '', names = ''] = stdout.trim().split('=');
    if (names !== '') assert.equal(caps('encode', names).stdout.trim(), hex);
  }
  assert.equal(caps('encode', 'NET_ADMIN,chown').stdout, '0x0000000000001001\n');
});

test('MISSION 4.2: warren caps file set, get and rm, beside getcap', () => {
  const folder = mkdtempSync(join(tmpdir(), 'warren-caps-'));
  try {
    const file = join(folder, 'program');
    copyFileSync('/bin/true', file);
    symlinkSync(file, join(folder, 'link'));
    assert.equal(caps('file', 'set', 'cap_chown=eip', file).code, 0);
    assert.equal(caps('file', 'get', file).stdout, oracle('getcap', [file]).stdout);
    assert.equal(caps('file', 'get', '-r', folder).stdout, oracle('getcap', ['-r', folder]).stdout);
    assert.equal(caps('file', 'set', '-n', '1000', 'cap_kill=p', file).code, 0);
    assert.equal(caps('file', 'get', file).stdout, oracle('getcap', ['-n', file]).stdout);
    assert.deepEqual(JSON.parse(caps('file', 'get', '--json', file).stdout), [
      { path: file, capabilities: 'cap_kill=p', rootId: 1000 },
    ]);
    const refused = caps('file', 'set', '=', join(folder, 'link'));
    assert.deepEqual([refused.code, codeOf(refused.stderr)], [2, 'ERR_FILE_NOT_REGULAR']);
    assert.equal(caps('file', 'rm', '-r', folder).stdout, `${file}\n`);
    assert.equal(oracle('getcap', [file]).stdout, '');
    assert.equal(caps('file', 'set', '-r', 'cap_kill=p', folder).stdout, `${file} cap_kill=p\n`);
    const two = caps('file', 'rm', join(folder, 'none'), file);
    assert.deepEqual([two.code, two.stdout], [1, `${file}\n`]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('warren caps show tells the sets, and what they become with a file', () => {
  const shown = JSON.parse(caps('show', 'self', '--exec', '/bin/mount', '--json').stdout) as {
    pid: number;
    capabilities: { effective: { mask: string } };
    exec: { path: string; refused: boolean; effectiveUid: number };
  };
  assert.equal(shown.exec.effectiveUid, 0);
  assert.equal(shown.exec.refused, false);
  assert.match(shown.capabilities.effective.mask, /^0x[0-9a-f]{16}$/);
  assert.match(caps('show', 'self').stdout, /^bounding +0x[0-9a-f]{16} all/m);
});

test('warren caps explain tells of one capability, or of all', () => {
  assert.match(caps('explain', 'net_admin').stdout, /^cap_net_admin +bit 12, since Linux 2\.2$/m);
  assert.equal(caps('explain').stdout.match(/^risks /gm)?.length, 41);
});

test('MISSION 4.4: warren caps why names the capability and the option that cures it', () => {
  const found = caps('why', '--cap-drop', 'CHOWN', '--', 'chown', '1', '/tmp');
  assert.equal(found.code, 1);
  assert.match(
    found.stdout,
    /^chown: fchownat\(…, 1, -1\) EPERM: lacked cap_chown in the first user namespace$/m,
  );
  assert.match(found.stdout, /cured by --cap-add CHOWN: tried/);
  assert.match(found.stdout, /With it the command succeeded; without, it ended with exit code 1\./);
  assert.match(found.stderr, /Operation not permitted/);
  const user = caps('why', '--user', '1000', '--', 'cat', '/proc/1/environ', '/root/.bashrc');
  assert.match(user.stdout, /whom --cap-add gives nothing/);
  assert.equal(caps('why', '--', 'true').code, 0);
});

test('warren caps: bad input gets one clear message', () => {
  for (const [args, code] of [
    [[], 'ERR_USAGE'],
    [['shw'], 'ERR_USAGE'],
    [['show'], 'ERR_USAGE'],
    [['show', '1', '2'], 'ERR_USAGE'],
    [['show', '-1'], 'ERR_OPTION_UNKNOWN'],
    [['show', '0'], 'ERR_TARGET'],
    [['show', '4194304'], 'ERR_PROCESS_NOT_FOUND'],
    [['decode', 'xyz'], 'ERR_CAPABILITY_MASK'],
    [['encode', 'NET_ADMN'], 'ERR_CAPABILITY_UNKNOWN'],
    [['explain', 'x'], 'ERR_CAPABILITY_UNKNOWN'],
    [['file'], 'ERR_USAGE'],
    [['file', 'get'], 'ERR_USAGE'],
    [['file', 'set', 'cap_kill', '/bin/true'], 'ERR_CAPABILITY_TEXT'],
    [['file', 'set', '-n', 'x', '=', '/bin/true'], 'ERR_OPTION_VALUE'],
    [['why'], 'ERR_NO_COMMAND'],
    [['why', '-t', '--', 'true'], 'ERR_USAGE'],
  ] as const) {
    const { stderr, stdout } = caps(...args);
    assert.equal(codeOf(stderr), code, args.join(' '));
    assert.equal(stdout, '');
  }
});
