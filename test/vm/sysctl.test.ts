/**
 * What only a machine's first network namespace shows, in a virtual one, whose values may be changed: npm run test:vm. The origins
 * that the probe, the censuses and the table state, against an experiment by a shell (test/sysctl/experiment.sh).
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname, release } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import {
  concludeOrigin,
  interfaceOf,
  probeSysctls,
  sysctlKnowledge,
  whySysctl,
} from '../../src/explore/sysctl/index.js';
import { hostFiles, takeCensus } from '../../src/explore/sysctl/census/census.js';
import {
  readJournal,
  removeJournal,
  restore,
  writeJournal,
} from '../../src/explore/sysctl/census/journal.js';
import { run } from '../../src/index.js';
import { NetworkSysctls } from '../../src/kernel/sysctl-files.js';
import { sysctlTools as tools } from '../../src/runtime/throw-away.js';
import { repositoryRoot } from '../support/cli.js';
import { busyboxRootfs } from '../support/rootfs.js';

// As scripts/vm-init.sh names it: these tests change every parameter of the machine.
assert.equal(hostname(), 'warren-vm');

const script = join(repositoryRoot, 'test/sysctl/experiment.sh');
const shell = (command: string, input = ''): string =>
  execFileSync('sh', ['-c', command], { input, encoding: 'utf8', maxBuffer: 1 << 26 });

before(() => {
  for (const module of ['ipv6', 'nf_conntrack', 'br_netfilter', 'tcp_bbr'])
    shell(`busybox modprobe ${module}`);
});

const path = (name: string): string => `net/ipv4/tcp_${name}`;
const look = (prefix = ''): ReadonlyMap<string, string> =>
  new Map(
    shell(`${prefix} sh ${script} look`)
      .trimEnd()
      .split('\n')
      .map((line) => {
        const [key = '', , value = ''] = line.split('\t');
        return [key, value];
      }),
  );
const values = (): ReadonlyMap<string, string> => look();
/** Of namespaces that belong to the host's user namespace, and of a user namespace what that has. */
const freshValues = (): ReadonlyMap<string, string> => {
  const ofUsers = look('unshare --user --map-root-user');
  return new Map(
    [...look('unshare --net --ipc --uts')].map(([key, value]) => [
      key,
      key.startsWith('user/') ? (ofUsers.get(key) ?? '') : value,
    ]),
  );
};

const wanted = {
  congestion_control: 'bbr',
  keepalive_time: '600',
  keepalive_intvl: '10',
  keepalive_probes: '6',
};
const names = Object.keys(wanted);
const read = (name: string): string => readFileSync(`/proc/sys/${path(name)}`, 'utf8').trim();

/** With the host as the articles have it. */
async function withStory(body: (root: string) => Promise<void>): Promise<void> {
  const before = names.map(read);
  const root = busyboxRootfs();
  try {
    for (const [name, value] of Object.entries(wanted)) writeFileSync(`/proc/sys/${path(name)}`, value);
    await body(root.path);
  } finally {
    root[Symbol.dispose]();
    for (const [index, name] of names.entries())
      writeFileSync(`/proc/sys/${path(name)}`, before[index] ?? '');
  }
}

const show = ['cat', ...names.map((name) => `/proc/sys/${path(name)}`)];

test('MISSION 1.2: the articles’ experiment on a host of its own: bbr is copied, the keepalives are the kernel’s', async () => {
  await withStory(async (rootfs) => {
    const { stdout } = await run(show, { rootfs });
    assert.deepEqual(stdout.split('\n'), ['bbr', '7200', '75', '9']);
    assert.deepEqual(names.map(read), Object.values(wanted));
  });
});

test('MISSION 1.2: why explains it, and names what it rests on', async () => {
  await withStory(async () => {
    const reports = await Promise.all(
      names.map(async (name) => whySysctl(path(name), tools, { release: release() })),
    );
    assert.deepEqual(
      reports.map(({ verdict }) => verdict),
      ['copied', 'reset', 'reset', 'reset'],
    );
    const [, time] = reports;
    assert.deepEqual(
      (time?.values ?? []).map(({ reading }) => ('value' in reading ? reading.value : undefined)),
      ['600', '7200'],
    );
    assert.match(time?.statements[0]?.evidence ?? '', /600 here, 7200 there/);
  });
});

test('inheritSysctls makes of it what many expected from the start', async () => {
  await withStory(async (rootfs) => {
    const { stdout } = await run(show, { rootfs, inheritSysctls: true });
    assert.deepEqual(stdout.split('\n'), Object.values(wanted));
  });
});

test('a census puts every value back, also one that was killed in the middle, and says where first values come from', async () => {
  const journal = '/run/census-test.json';
  const before = values();
  const stable = (all: ReadonlyMap<string, string>): string[] =>
    [...all].filter(([key]) => !key.includes('nf_conntrack_count')).map((pair) => pair.join('='));
  const killed = new AbortController();
  await assert.rejects(
    takeCensus(
      {
        ...tools,
        // Half-way through, nothing more works: as good as dead, but for what restores.
        makeNamespace: async (...args) => {
          if (killed.signal.aborted) throw new Error('killed');
          return tools.makeNamespace(...args);
        },
      },
      { kernel: release(), journal, onProgress: () => killed.abort() },
    ),
    /killed/,
  );
  assert.deepEqual(stable(values()), stable(before));
  // Killed for good: the values are still changed, and only the journal knows.
  writeJournal(journal, new Map([[path('keepalive_time'), read('keepalive_time')]]));
  writeFileSync(`/proc/sys/${path('keepalive_time')}`, '4321');
  assert.deepEqual(restore(readJournal(journal), hostFiles(new NetworkSysctls())), []);
  removeJournal(journal);
  assert.deepEqual(stable(values()), stable(before));

  const { entries, unrestored } = await takeCensus(tools, { kernel: release(), journal });
  assert.deepEqual(unrestored, []);
  assert.equal(existsSync(journal), false);
  assert.deepEqual(stable(values()), stable(before));
  assert.equal(entries.get(path('congestion_control'))?.origin, 'initial');
  assert.equal(entries.get(path('keepalive_time'))?.origin, 'default-or-computed');
  for (const [key, origin] of [
    ['kernel/msgmax', 'default-or-computed'],
    ['fs/mqueue/msg_max', 'default-or-computed'],
    ['kernel/hostname', 'creator'],
    ['user/max_net_namespaces', 'default-or-computed'],
  ] as const) {
    const entry = entries.get(key);
    assert.deepEqual([entry?.origin, entry?.leaks, entry?.access], [origin, false, 'writable'], key);
  }
  // User 0 of the machine alone may write the names by way of /proc/sys.
  assert.equal(entries.get('kernel/hostname')?.userAccess, 'read-only');
});

/** Never the same twice, or not to be changed without consequences. */
const leftOut =
  /nf_conntrack_count|disable_ipv6|addr_gen_mode|stable_secret|\/mtu$|lwtunnel|flush|_child_|_entries$|_next_id$/;

test('of at least 300 keys none has another first value than is said, with all the host’s values changed; one in twenty at most is undecided', async () => {
  const probed = await probeSysctls(tools, { release: release() });
  const baseline = freshValues();
  const hostBefore = values();
  // Not what only the host has: some of it decides what namespaces copy.
  const keys = [...hostBefore.keys()].filter(
    (key) => !leftOut.test(key) && (baseline.has(key) || key.includes('/neigh/default/')),
  );
  // What writes over others first, so that each has its own value in the end.
  const order = (key: string): number => {
    const device = interfaceOf(key);
    return device === undefined
      ? key.endsWith('/ip_forward')
        ? 0
        : 4
      : device === 'all'
        ? 1
        : device === 'default'
          ? 2
          : 3;
  };
  shell(
    `sh ${script} change`,
    keys
      .sort((a, b) => order(a) - order(b))
      .map((key) => `${key}\n`)
      .join(''),
  );
  const host = values();
  const fresh = freshValues();
  const wrong: string[] = [];
  const undecided: string[] = [];
  let checked = 0;
  for (const [key, first] of baseline) {
    const each = probed.get(key);
    const origin = each && concludeOrigin(each, sysctlKnowledge(key, release()).origin);
    if (origin === undefined) undecided.push(key);
    if (leftOut.test(key)) continue;
    const group = key.split('/').slice(0, 3).join('/');
    const name = key.split('/').at(-1) ?? '';
    const source = {
      initial: host.get(key),
      shared: host.get(key),
      'neigh-default': host.get(`${group}/default/${name}`),
      'conf-default': fresh.get(`${group}/default/${name}`),
      default: first,
      computed: first,
      creator: host.get(key),
      none: fresh.get(key),
    };
    // A value that nobody changed would prove nothing.
    const mover = origin === 'neigh-default' || origin === 'conf-default' ? `${group}/default/${name}` : key;
    if (origin === undefined || host.get(mover) === hostBefore.get(mover)) continue;
    checked += 1;
    if (fresh.get(key) !== source[origin])
      wrong.push(`${key}: ${String(fresh.get(key))}, and ${origin} would be ${String(source[origin])}`);
  }
  assert.deepEqual(wrong, []);
  assert.ok(checked >= 300, String(checked));
  assert.ok(undecided.length <= baseline.size / 20, undecided.join(', '));
});
