/** What the probe and the table say, against an experiment with nothing but a shell, unshare and nsenter. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
import { ask } from '../../src/runtime/launch.js';
import { makeNamespace } from '../../src/runtime/throw-away.js';
import { repositoryRoot } from '../support/cli.js';
import { linesOf } from '../support/container.js';
import { assertFakeHost } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';

assertFakeHost();

const script = join(repositoryRoot, 'test/sysctl/experiment.sh');
const folder = mkdtempSync(join(tmpdir(), 'warren-accuracy-'));
after(() => rmSync(folder, { recursive: true }));

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
  const tools = { ask, makeNamespace };
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
  writeFileSync(join(folder, 'keys'), own.map((path) => `${path}\n`).join(''));
  const hostBefore = looks(oracle('sh', [script, 'look']).stdout);
  const fresh = looks(oracle('unshare', ['--net', 'sh', script, 'look']).stdout);
  const user = looks(oracle('unshare', ['--user', '--map-root-user', '--net', 'sh', script, 'look']).stdout);
  oracle('unshare', [
    ...['--net', 'sh', '-c'],
    `cd ${folder} && sh ${script} change <keys >changed && unshare --net sh ${script} look >child &&
     ip link add warren9 type bridge && sh ${script} look | grep /warren9/ >appeared &&
     nsenter --net=/proc/$PPID/ns/net unshare --net sh ${script} look >sibling`,
  ]);
  const file = (name: string): string => readFileSync(join(folder, name), 'utf8');
  experiment = {
    claims,
    hostBefore,
    hostAfter: looks(oracle('sh', [script, 'look']).stdout),
    fresh,
    user,
    changed: new Map(linesOf(file('changed')).map((line) => line.split('\t', 2) as [string, string])),
    child: looks(file('child')),
    sibling: looks(file('sibling')),
    appeared: looks(file('appeared')),
  };
});

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

test('the probe makes statements about at least 300 keys', () => {
  assert.ok(experiment.claims.size >= 300, String(experiment.claims.size));
  assert.ok(experiment.changed.size >= 300, String(experiment.changed.size));
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
    const probed = await probeSysctls({ ask, makeNamespace }, { release: release(), paths: [path] });
    const each = probed.get(path) ?? assert.fail('not probed');
    assert.deepEqual([each.host, each.fresh], [{ value: other }, { value: initial }]);
    assert.ok('undecided' in each.origin);
    assert.equal(concludeOrigin(each, sysctlKnowledge(path, release()).origin), 'initial');
  } finally {
    writeFileSync(file, own);
  }
});
