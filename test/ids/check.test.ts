import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync, chmodSync } from 'node:fs';
import { after, test } from 'node:test';
import { checkIds, readIdFacts, type IdCheck, type IdFacts } from '../../src/explore/ids/check.js';
import { assertFakeHost } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';
import { asUser, holdUserNamespace } from './holder.js';

assertFakeHost();

const user = 12345;
const folder = `/run/warren-ids-${process.pid}`;
mkdirSync(folder, { mode: 0o755 });

/** A user that newuidmap(1) knows, with a range: for this fake host only. */
const files = {
  passwd: `${readFileSync('/etc/passwd', 'utf8')}plain:x:${user}:${user}::/:/bin/sh\n`,
  subuid: 'other:100000:65536\nplain:300000:65536\n',
  subgid: 'plain:300000:65536\n',
};
for (const [name, text] of Object.entries(files)) {
  writeFileSync(`${folder}/${name}`, text, { mode: 0o644 });
  oracle('mount', ['--bind', `${folder}/${name}`, `/etc/${name}`]);
}
after(() => {
  for (const name of Object.keys(files)) oracle('umount', [`/etc/${name}`]);
  rmSync(folder, { recursive: true });
});

async function factsOfUser(env: NodeJS.ProcessEnv = { PATH: '/usr/bin' }): Promise<IdFacts> {
  return { ...(await readIdFacts(env)), uid: user, gid: user, userName: 'plain', privileged: false };
}

function verdicts(checks: readonly IdCheck[]): Record<string, string> {
  return Object.fromEntries(checks.map(({ name, verdict }) => [name, verdict]));
}

/** What newuidmap(1) says when the user has it write a map for a namespace of theirs. */
async function newuidmap(
  program: string,
  range: readonly string[],
): Promise<{ code: number; stderr: string; map: string }> {
  await using held = await holdUserNamespace({ uid: user });
  const [, ...options] = asUser(user);
  const { code, stderr } = oracle('setpriv', [...options, program, String(held.pid), ...range], {
    allowFailure: true,
  });
  return { code, stderr, map: readFileSync(`/proc/${held.pid}/uid_map`, 'utf8').trim().replace(/ +/g, ' ') };
}

test('checkIds() finds nothing in the way where newuidmap(1) writes the map', async () => {
  const checks = checkIds(await factsOfUser());
  assert.deepEqual(
    checks.filter(({ verdict }) => verdict === 'no'),
    [],
  );
  assert.deepEqual(await newuidmap('/usr/bin/newuidmap', ['0', '300000', '65536']), {
    code: 0,
    stderr: '',
    map: '0 300000 65536',
  });
});

test('checkIds() names a range that is missing, where newuidmap(1) refuses', async () => {
  const facts = { ...(await factsOfUser()), subuid: 'other:100000:65536\n' };
  assert.equal(verdicts(checkIds(facts))['/etc/subuid'], 'no');
  const refused = await newuidmap('/usr/bin/newuidmap', ['0', '100000', '65536']);
  assert.match(refused.stderr, /not allowed/);
  assert.equal(refused.map, '');
});

test('checkIds() names a newuidmap without its bit, where the kernel refuses it', async () => {
  copyFileSync('/usr/bin/newuidmap', `${folder}/newuidmap`);
  chmodSync(`${folder}/newuidmap`, 0o755);
  const found = checkIds(await factsOfUser({ PATH: folder })).find(({ name }) => name === 'newuidmap');
  assert.equal(found?.verdict, 'no');
  assert.match(found.fix ?? '', /setcap cap_setuid=ep/);
  const refused = await newuidmap(`${folder}/newuidmap`, ['0', '300000', '65536']);
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /not permitted/);

  // The remedy cures it.
  oracle('setcap', ['cap_setuid=ep', `${folder}/newuidmap`]);
  assert.equal(verdicts(checkIds(await factsOfUser({ PATH: folder })))['newuidmap'], 'yes');
  assert.equal((await newuidmap(`${folder}/newuidmap`, ['0', '300000', '65536'])).code, 0);
});

test('checkIds() says that root needs none of it', async () => {
  const checks = verdicts(checkIds(await readIdFacts({ PATH: '' })));
  assert.equal(checks['ranges'], 'yes');
  assert.equal(checks['newuidmap'], undefined);
});
