/** What the probe and the table say, against an experiment with nothing but a shell, unshare, setpriv and nsenter. */
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  concludeIsolated,
  concludeOrigin,
  probeSysctls,
  sysctlKnowledge,
  type Access,
  type Origin,
  type Probed,
} from '../../src/explore/sysctl/index.js';
import { sysctlTools as tools } from '../../src/runtime/throw-away.js';
import { repositoryRoot } from '../support/cli.js';
import { linesOf } from '../support/container.js';
import { assertFakeHost } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';

assertFakeHost();

const folder = mkdtempSync(join(tmpdir(), 'warren-accuracy-'));
after(() => rmSync(folder, { recursive: true }));
// Where an ordinary user can read it.
chmodSync(folder, 0o755);
const script = join(folder, 'experiment.sh');
copyFileSync(join(repositoryRoot, 'test/sysctl/experiment.sh'), script);

interface Look {
  readonly writable: boolean;
  readonly value: string;
}
type Looks = ReadonlyMap<string, Look>;

interface Claim {
  readonly probed: Probed;
  readonly origin: Origin | undefined;
  readonly isolated: boolean | undefined;
}

/** All of it, made once. */
interface Experiment {
  readonly claims: ReadonlyMap<string, Claim>;
  readonly hostBefore: Looks;
  readonly hostAfter: Looks;
  readonly fresh: Looks;
  readonly user: Looks;
  /** Where values were changed, and to what. */
  readonly changed: ReadonlyMap<string, string>;
  /** A namespace made inside that one, and one made elsewhere meanwhile. */
  readonly child: Looks;
  readonly sibling: Looks;
  /** An interface that appeared where values were changed. */
  readonly appeared: Looks;
}

let experiment: Experiment;

before(async () => {
  const probed = await probeSysctls(tools, { release: release() });
  const claims = new Map(
    [...probed].map(([path, each]): [string, Claim] => {
      const { origin } = sysctlKnowledge(path, release());
      return [
        path,
        { probed: each, origin: concludeOrigin(each, origin), isolated: concludeIsolated(each, origin) },
      ];
    }),
  );
  // Only what is claimed to stay in a namespace is changed there: were the claim wrong, the fake host would show it.
  const own = [...claims].flatMap(([path, { isolated }]) =>
    isolated === true && !/disable_ipv6|addr_gen_mode|stable_secret|\/mtu$|lwtunnel|flush/.test(path)
      ? [path]
      : [],
  );
  const list = (name: string, paths: readonly string[]): void =>
    writeFileSync(join(folder, name), paths.map((path) => `${path}\n`).join(''));
  list(
    'keys',
    own.filter((path) => !isOfUsers(path)),
  );
  list('keys-of-users', own.filter(isOfUsers));
  const lookIn = (...command: string[]): Looks =>
    looks(oracle(command[0] ?? '', [...command.slice(1), 'sh', script, 'look']).stdout);
  const asRoot = ['unshare', '--net', '--ipc', '--uts'];
  const asUser = ['unshare', '--user', '--map-root-user'];
  // Mapped to its own root, the machine's would still be user 0 of it.
  const asNobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', ...asUser];
  const hostBefore = lookIn('env');
  const fresh = ofBoth(lookIn(...asRoot), lookIn(...asUser));
  const user = lookIn(...asNobody, '--net', '--ipc', '--uts');
  const there = '--net=/proc/$PPID/ns/net --ipc=/proc/$PPID/ns/ipc --uts=/proc/$PPID/ns/uts';
  oracle(asRoot[0] ?? '', [
    ...[...asRoot.slice(1), 'sh', '-c'],
    `cd ${folder} && sh ${script} change <keys >changed && ${asRoot.join(' ')} sh ${script} look >child &&
     ip link add warren9 type bridge && sh ${script} look | grep /warren9/ >appeared &&
     nsenter ${there} ${asRoot.join(' ')} sh ${script} look >sibling`,
  ]);
  oracle(asUser[0] ?? '', [
    ...[...asUser.slice(1), 'sh', '-c'],
    `cd ${folder} && sh ${script} change <keys-of-users >changed-of-users && ${asUser.join(' ')} sh ${script} look >child-of-users`,
  ]);
  const siblingOfUsers = lookIn(...asUser);
  const file = (name: string): string => readFileSync(join(folder, name), 'utf8');
  experiment = {
    claims,
    hostBefore,
    hostAfter: lookIn('env'),
    fresh,
    user,
    changed: new Map(
      linesOf(file('changed') + file('changed-of-users')).map(
        (line) => line.split('\t', 2) as [string, string],
      ),
    ),
    child: ofBoth(looks(file('child')), looks(file('child-of-users'))),
    sibling: ofBoth(looks(file('sibling')), siblingOfUsers),
    appeared: looks(file('appeared')),
  };
});

function isOfUsers(path: string): boolean {
  return path.startsWith('user/');
}

/** What a user namespace has is seen in one; the rest in namespaces that belong to the host's. */
function ofBoth(others: Looks, ofUsers: Looks): Looks {
  return new Map(
    [...others].map(([path, look]): [string, Look] => [
      path,
      isOfUsers(path) ? (ofUsers.get(path) ?? look) : look,
    ]),
  );
}

function looks(text: string): Looks {
  return new Map(
    text
      .trimEnd()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [key = '', can, value = ''] = line.split('\t');
        return [key, { writable: can === 'w', value }];
      }),
  );
}

/** Counters and random values. */
const restless = /nf_conntrack_count|netdev_rss_key|tcp_fastopen_key|ip_local_reserved_ports/;

function accessOf(look: Look | undefined): Access {
  if (!look) return 'absent';
  return look.writable ? 'writable' : 'read-only';
}

test('the probe makes statements about at least 300 keys, of every kind of namespace that has some', () => {
  assert.ok(experiment.claims.size >= 300, String(experiment.claims.size));
  assert.ok(experiment.changed.size >= 300, String(experiment.changed.size));
  for (const path of [
    'net/core/somaxconn',
    'kernel/msgmax',
    'fs/mqueue/msg_max',
    'kernel/hostname',
    'user/max_net_namespaces',
  ]) {
    assert.ok(experiment.claims.has(path), path);
    assert.ok(experiment.changed.has(path), path);
  }
});

test('every statement on which keys a fresh namespace has, and who may write them, is what a shell finds', () => {
  const wrong: string[] = [];
  for (const [path, { probed }] of experiment.claims) {
    const [root, user] = [accessOf(experiment.fresh.get(path)), accessOf(experiment.user.get(path))];
    if (probed.access !== root) wrong.push(`${path}: root ${root}, said ${probed.access}`);
    if (probed.userAccess !== user)
      wrong.push(`${path}: root of a user namespace ${user}, said ${probed.userAccess}`);
  }
  for (const path of experiment.fresh.keys())
    if (!experiment.claims.has(path)) wrong.push(`${path}: not mentioned`);
  assert.deepEqual(wrong, []);
});

test('no key that is said to be a namespace’s own lets a write out of it, and what is not its own cannot be written', () => {
  const wrong: string[] = [];
  for (const [path, { isolated }] of experiment.claims) {
    const changed = experiment.changed.get(path);
    const inFresh = experiment.fresh.get(path);
    if (isolated === true && !inFresh) wrong.push(`${path}: said to be a namespace’s own, and is not there`);
    if (isolated === false && inFresh?.writable === true && !path.endsWith('lwtunnel'))
      wrong.push(`${path}: said not to be its own, and can be written`);
    if (isolated !== true || changed === undefined || restless.test(path)) continue;
    if (experiment.hostAfter.get(path)?.value !== experiment.hostBefore.get(path)?.value)
      wrong.push(`${path}: ${changed} reached the host`);
    if (experiment.sibling.get(path)?.value !== inFresh?.value)
      wrong.push(`${path}: ${changed} reached another namespace`);
  }
  assert.deepEqual(wrong, []);
});

test('where first values come from is what a namespace made inside a changed one, and a new interface there, show', () => {
  const wrong: string[] = [];
  for (const [path, { origin }] of experiment.claims) {
    const changed = experiment.changed.get(path);
    const [first, child] = [experiment.fresh.get(path)?.value, experiment.child.get(path)?.value];
    if (changed === undefined || restless.test(path)) continue;
    if (origin === 'creator' && child !== changed)
      wrong.push(`${path}: the creator has ${changed}, its child ${String(child)}`);
    // The size of its tables is what a namespace takes from its maker's *_child_* key.
    if (origin !== 'creator' && origin !== 'computed' && child !== first)
      wrong.push(`${path}: ${String(child)} in the child of one with ${changed}, elsewhere ${String(first)}`);
  }
  let taken = 0;
  for (const [path, { value }] of experiment.appeared) {
    const { origin } = sysctlKnowledge(path, release());
    const [net = '', family = '', group = '', , name = ''] = path.split('/');
    const byDefault = experiment.changed.get(`${net}/${family}/${group}/default/${name}`);
    if (origin !== 'conf-default' || byDefault === undefined) continue;
    taken += 1;
    if (value !== byDefault) wrong.push(`${path}: ${value}, and conf/default has ${byDefault}`);
  }
  assert.ok(taken > 50, String(taken));
  assert.deepEqual(wrong, []);
});

test('at most one key in twenty is left undecided', () => {
  const inFresh = [...experiment.claims].filter(([path]) => experiment.fresh.has(path));
  const open = inFresh.filter(([, { origin, isolated }]) => origin === undefined || isolated === undefined);
  assert.ok(
    open.length <= inFresh.length / 20,
    `${open.length} of ${inFresh.length}: ${open.map(([path]) => path).join(', ')}`,
  );
});

test('a namespace copies from the machine’s first one, not from this fake host, and the probe does not confuse them', async () => {
  const path = 'net/ipv4/tcp_congestion_control';
  const initial = experiment.fresh.get(path)?.value ?? assert.fail('no congestion control');
  const file = `/proc/sys/${path}`;
  const own = readFileSync(file, 'utf8').trim();
  const other = ['reno', 'cubic'].find((name) => name !== initial) ?? assert.fail('no other');
  try {
    writeFileSync(file, other);
    const probed = await probeSysctls(tools, { release: release(), paths: [path] });
    const each = probed.get(path) ?? assert.fail('not probed');
    assert.deepEqual([each.host, each.fresh], [{ value: other }, { value: initial }]);
    assert.ok('undecided' in each.origin);
    assert.equal(concludeOrigin(each, sysctlKnowledge(path, release()).origin), 'initial');
  } finally {
    writeFileSync(file, own);
  }
});
