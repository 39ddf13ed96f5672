import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import {
  readFileCapabilities,
  removeFileCapabilities,
  setFileCapabilities,
  walkFiles,
} from '../../src/explore/capabilities/files.js';
import { capabilityNames } from '../../src/kernel/capabilities.js';
import { formatFileCapabilities, parseFileCapabilities } from '../../src/kernel/file-capabilities.js';
import { assertFakeHost } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';

assertFakeHost();

const folder = mkdtempSync(join(tmpdir(), 'warren-filecaps-'));
chmodSync(folder, 0o755);
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'program');
copyFileSync('/bin/true', file);

/** What getcap(8) prints behind the name. */
function getcap(path = file): string {
  return oracle('getcap', ['-n', path])
    .stdout.trimEnd()
    .slice(path.length + 1);
}

test('MISSION 4.2: file capabilities that we set are those that getcap shows, and the other way round', async () => {
  for (const text of [
    'cap_chown=eip',
    'cap_net_raw,cap_net_admin=ep',
    'cap_kill=i',
    'all=p',
    '=',
    'cap_bpf=p',
  ]) {
    await setFileCapabilities(file, parseFileCapabilities(text));
    const shown = getcap();
    assert.equal(shown, formatFileCapabilities(parseFileCapabilities(text)));
    oracle('setcap', ['-r', file]);
    assert.equal(await readFileCapabilities(file), undefined);
    oracle('setcap', [text, file]);
    assert.deepEqual(await readFileCapabilities(file), parseFileCapabilities(text));
  }
  assert.equal(await removeFileCapabilities(file), true);
  assert.equal(getcap(), '');
  assert.equal(await removeFileCapabilities(file), false);
});

test('MISSION 4.2: any set that a file can hold comes back from getcap as it was', async () => {
  const subset = fc.subarray([...capabilityNames], { maxLength: 6 });
  const texts = fc
    .sample(fc.tuple(subset, fc.constantFrom('=p', '=ep', '=i', '=ei', '=eip', '=ip')), 40)
    .map(([names, action]) => (names.length === 0 ? '=' : names.join(',').toLowerCase() + action));
  for (const text of texts) {
    await setFileCapabilities(file, parseFileCapabilities(text));
    assert.equal(getcap(), formatFileCapabilities(parseFileCapabilities(text)), text);
  }
});

test('MISSION 4.2: version 3 with a root id, as setcap -n sets it', async () => {
  await setFileCapabilities(file, parseFileCapabilities('cap_chown=eip', 100000));
  assert.equal(getcap(), 'cap_chown=eip [rootid=100000]');
  oracle('setcap', ['-n', '200000', 'cap_kill=p', file]);
  assert.deepEqual(await readFileCapabilities(file), parseFileCapabilities('cap_kill=p', 200000));
});

test('MISSION 4.2: what set, getcap and the kernel make of it: the capability is there after execve', async () => {
  const cat = join(folder, 'cat');
  copyFileSync('/bin/cat', cat);
  await setFileCapabilities(cat, parseFileCapabilities('cap_chown=eip'));
  const status = oracle('setpriv', ['--reuid=12345', '--clear-groups', cat, '/proc/self/status']).stdout;
  assert.match(status, /^CapEff:\t0000000000000001$/m);
  await removeFileCapabilities(cat);
  const without = oracle('setpriv', ['--reuid=12345', '--clear-groups', cat, '/proc/self/status']).stdout;
  assert.match(without, /^CapEff:\t0000000000000000$/m);
});

test('file capabilities: a link is followed for reading and refused for writing; directories have none', async () => {
  await setFileCapabilities(file, parseFileCapabilities('cap_kill=p'));
  const link = join(folder, 'link');
  symlinkSync('program', link);
  assert.deepEqual(await readFileCapabilities(link), parseFileCapabilities('cap_kill=p'));
  await assert.rejects(setFileCapabilities(link, parseFileCapabilities('=')), {
    code: 'ERR_FILE_NOT_REGULAR',
  });
  await assert.rejects(removeFileCapabilities(link), { code: 'ERR_FILE_NOT_REGULAR' });
  await assert.rejects(removeFileCapabilities(folder), { code: 'ERR_FILE_NOT_REGULAR' });
  await assert.rejects(readFileCapabilities(join(folder, 'none')), { code: 'ERR_FILE_NOT_FOUND' });
  await assert.rejects(readFileCapabilities(join(file, 'below')), { code: 'ERR_FILE_NOT_FOUND' });
  rmSync(link);
});

test('walkFiles() finds what getcap -r finds, whatever the names', async () => {
  const tree = join(folder, 'tree');
  mkdirSync(join(tree, 'a b', 'deep'), { recursive: true });
  const paths = ['one', 'a b/two\nlines', 'a b/deep/three', 'a b/deep/none'].map((name) => join(tree, name));
  for (const path of paths) writeFileSync(path, '', { mode: 0o755 });
  symlinkSync(file, join(tree, 'link'));
  for (const path of paths.slice(0, 3)) oracle('setcap', ['cap_kill=p', path]);
  const found: string[] = [];
  for await (const { path, capabilities } of walkFiles(tree, (path) => assert.fail(path))) {
    if (capabilities) found.push(path);
  }
  const lines = oracle('getcap', ['-r', tree]).stdout.split(' cap_kill=p\n');
  assert.deepEqual(found.sort(), lines.slice(0, -1).sort());
  assert.equal(found.length, 3);
});

test('walkFiles() does not go into what the kernel makes up, and goes on after what it cannot read', async () => {
  for await (const { path } of walkFiles('/proc', () => undefined)) assert.fail(path);
  const failed: string[] = [];
  for await (const { path } of walkFiles(join(folder, 'nothing'), (each) => failed.push(each)))
    assert.fail(path);
  assert.deepEqual(failed, [join(folder, 'nothing')]);
});

test('setting file capabilities without CAP_SETFCAP is refused, and says what it needs', async () => {
  const { spawnSync } = await import('node:child_process');
  const script = `
    import { setFileCapabilities } from ${JSON.stringify(join(import.meta.dirname, '../../src/explore/capabilities/files.js'))};
    setFileCapabilities(${JSON.stringify(file)}, { permitted: 1n, inheritable: 0n, effective: true }).then(
      () => console.log('set'),
      (error) => console.log(error.code, error.message),
    );`;
  chownSync(file, 0, 0);
  const { stdout } = spawnSync(
    'setpriv',
    ['--bounding-set=-setfcap', process.execPath, '--input-type=module', '-e', script],
    { encoding: 'utf8' },
  );
  assert.match(stdout, /^ERR_FILE_CAPABILITIES_DENIED .*CAP_SETFCAP/);
});
