import assert from 'node:assert/strict';
import { readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertFakeHost } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';
import type { PlainUser } from '../support/plain-user.js';
import { waitFor } from '../support/wait.js';
import { START, rangedUser } from './support.js';

assertFakeHost();

/** In a layer that is kept. Deep, with names and modes that stand in the way, and with other owners at every level. */
const litter = [
  'mkdir -p /usr/a/b/c "/usr/a/with space"',
  'touch /usr/a/b/c/file "/usr/a/with space/$(printf \'new\\nline\')"',
  'ln -s /nowhere /usr/a/b/link',
  'chown -R 33:44 /usr/a',
  'chown 1000:1000 /usr/a/b',
  'chmod 0 /usr/a/b/c',
  'chmod 555 /usr/a',
].join('; ');

const parts = ['containers', 'removing', 'making', 'names'];
const stateOf = (user: PlainUser): string => join(user.home, '.local/share/warren');
const left = (user: PlainUser): string[] =>
  parts.flatMap((part) => readdirSync(join(stateOf(user), part)).map((name) => `${part}/${name}`));
const ownedBy = (user: PlainUser, uid: number): string =>
  oracle('find', [stateOf(user), '-uid', String(uid)]).stdout;

async function make(user: PlainUser, options: readonly string[], command: string): Promise<string> {
  const { code, stdout, stderr } = await user.warren(['run', '-d', ...options, '--', 'sh', '-c', command]);
  assert.equal(code, 0, stderr);
  return stdout.trim();
}

test('rm removes what other users of an ordinary user’s container have written', async () => {
  using user = rangedUser();
  const id = await make(user, [], `${litter}; id -u > /usr/ready; exec sleep 1000`);
  const inside = await waitFor('the files', async () => {
    const { stdout } = await user.warren(['exec', '--user', '1000', id, 'cat', '/usr/ready']);
    return stdout === '' ? undefined : stdout;
  });
  assert.equal(inside, '0\n');
  assert.notEqual(ownedBy(user, START + 32), '');
  const { code, stderr } = await user.warren(['rm', '-f', id]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(left(user), []);
});

test('--rm removes them too, without anybody who waits for it', async () => {
  using user = rangedUser();
  await make(user, ['--rm'], litter);
  await waitFor('the container to be gone', () => (left(user).length === 0 ? true : undefined));
  assert.equal(ownedBy(user, START + 32), '');
});

test('--rm of a run that is attached removes them when it returns', async () => {
  using user = rangedUser();
  const { code, stderr } = await user.warren(['run', '--rm', '--', 'sh', '-c', litter]);
  assert.equal(code, 0, stderr);
});

test('gc removes what a removal has left half-way', async () => {
  using user = rangedUser();
  const id = await make(user, [], litter);
  await user.warren(['wait', id]);
  assert.notEqual(ownedBy(user, START + 32), '');
  renameSync(join(stateOf(user), 'containers', id), join(stateOf(user), 'removing', id));
  const { code, stdout, stderr } = await user.warren(['gc']);
  assert.equal(code, 0, stderr);
  assert.match(stdout, new RegExp(`removed .*/removing/${id}`));
  assert.deepEqual(left(user), []);
});

test('files of ids that are no longer the user’s are told of, and do not keep others from starting', async () => {
  using first = rangedUser();
  const id = await make(first, [], litter);
  await first.warren(['wait', id]);
  oracle('sh', ['-c', ': > /etc/subuid']);
  const refused = await first.warren(['rm', id]);
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /not yours/);
  const next = await first.warren(['run', '-d', '--rm', '--', 'true']);
  assert.equal(next.code, 0, next.stderr);
  const collected = await first.warren(['gc']);
  assert.notEqual(collected.code, 0);
  assert.match(collected.stdout, new RegExp(`cannot remove .*${id}`));
  await waitFor('the other to be gone', () => (left(first).length <= 1 ? true : undefined));
});
