import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type IdFacts, checkIds } from './check.js';

const good: IdFacts = {
  uid: 1000,
  gid: 1000,
  userName: 'alice',
  noNewPrivileges: false,
  hasUserNamespaces: true,
  privileged: false,
  maxUserNamespaces: 15000,
  unprivilegedUsernsClone: undefined,
  apparmorRestricts: undefined,
  apparmorProfile: undefined,
  subuid: 'alice:100000:65536\n',
  subgid: '1000:100000:65536\n',
  newuidmap: { path: '/usr/bin/newuidmap', mode: 0o104755, ownerUid: 0, capabilities: undefined },
  newgidmap: {
    path: '/usr/bin/newgidmap',
    mode: 0o100755,
    ownerUid: 0,
    capabilities: { permitted: 1n << 6n, inheritable: 0n, effective: true },
  },
};

/** The names of what stands in the way. */
function obstacles(changed: Partial<IdFacts>): string[] {
  return checkIds({ ...good, ...changed })
    .filter(({ verdict }) => verdict === 'no')
    .map(({ name }) => name);
}

test('checkIds() finds nothing in the way of a user with ranges and helpers, set-user-ID or with capabilities', () => {
  assert.deepEqual(obstacles({}), []);
});

test('checkIds() names the one cause', () => {
  const cases: [Partial<IdFacts>, string][] = [
    [{ hasUserNamespaces: false }, 'kernel'],
    [{ maxUserNamespaces: 0 }, 'user.max_user_namespaces'],
    [{ unprivilegedUsernsClone: 0 }, 'kernel.unprivileged_userns_clone'],
    [{ apparmorRestricts: 1, apparmorProfile: 'unconfined' }, 'kernel.apparmor_restrict_unprivileged_userns'],
    [{ subuid: undefined }, '/etc/subuid'],
    [{ subgid: 'bob:100000:65536\n' }, '/etc/subgid'],
    [{ newuidmap: undefined }, 'newuidmap'],
    [{ newuidmap: { ...good.newuidmap!, mode: 0o100755 } }, 'newuidmap'],
    [{ newuidmap: { ...good.newuidmap!, ownerUid: 5 } }, 'newuidmap'],
    [
      {
        newgidmap: {
          ...good.newgidmap!,
          capabilities: { permitted: 1n << 7n, inheritable: 0n, effective: true },
        },
      },
      'newgidmap',
    ],
    [{ noNewPrivileges: true }, 'no_new_privs'],
  ];
  for (const [changed, name] of cases) assert.deepEqual(obstacles(changed), [name]);
});

test('checkIds() takes switches that do not hold for root, or for a profile, as notes', () => {
  assert.deepEqual(
    obstacles({ privileged: true, unprivilegedUsernsClone: 0, apparmorRestricts: 1, subuid: '' }),
    [],
  );
  assert.deepEqual(obstacles({ apparmorRestricts: 1, apparmorProfile: 'warren (unconfined)' }), []);
});

test('checkIds() notes ranges that two users share, and lines that nobody reads', () => {
  const checks = checkIds({ ...good, subuid: 'bob:165535:10\nnonsense\nalice:100000:65536\n' });
  const notes = checks.filter(({ verdict }) => verdict === 'note').map(({ seen }) => seen);
  assert.equal(notes.length, 2);
  assert.match(notes.join('\n'), /lines 3 and 1 .*\n.*line 2/);
});
