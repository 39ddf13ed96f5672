import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { netSysctlFact, netSysctlFacts } from './net-sysctls.js';
import { parseSysctlName } from './sysctl-name.js';
import { isSafeSysctl, matchSysctlPattern, safeSysctls, sysctlScope } from './sysctl-scope.js';

test('sysctlScope() names the namespace of a key', () => {
  const cases = {
    'net/ipv4/tcp_keepalive_time': 'network',
    'net/core/netdev_max_backlog': 'network',
    'kernel/msgmax': 'ipc',
    'kernel/sem': 'ipc',
    'kernel/shm_rmid_forced': 'ipc',
    'fs/mqueue/msg_max': 'ipc',
    'kernel/hostname': 'uts',
    'kernel/domainname': 'uts',
    'user/max_user_namespaces': 'user',
  };
  for (const [path, scope] of Object.entries(cases)) assert.equal(sysctlScope(path).scope, scope, path);
});

test('sysctlScope() calls everything else the host’s, and says why', () => {
  for (const path of [
    'vm/overcommit_memory',
    'kernel/pid_max',
    'kernel/core_pattern',
    'fs/file-max',
    'net',
    'kernel/shmfoo',
  ]) {
    const { scope, why } = sysctlScope(path);
    assert.equal(scope, 'host', path);
    assert.match(why, /\.$/);
  }
});

test('safeSysctls are isolated, and exist on this machine', () => {
  for (const { path } of safeSysctls) {
    assert.notEqual(sysctlScope(path).scope, 'host', path);
    assert.equal(netSysctlFact(path), undefined, path);
    assert.ok(existsSync(`/proc/sys/${path}`), path);
  }
  assert.equal(isSafeSysctl('net/core/somaxconn'), false);
  assert.equal(isSafeSysctl('net/ipv4/tcp_rmem'), true);
});

test('matchSysctlPattern() takes a "*" at the end only, as the kubelet does', () => {
  assert.equal(matchSysctlPattern('net.core.*', 'net.core.somaxconn'), true);
  assert.equal(matchSysctlPattern('net/core/*', 'net.core.somaxconn'), true);
  assert.equal(matchSysctlPattern('net.*', 'net/ipv4/conf/eth0.100/forwarding'), true);
  assert.equal(matchSysctlPattern('net.core.*', 'net.corex.a'), false);
  assert.equal(matchSysctlPattern('kernel.shm*', 'kernel.shmmax'), true);
  assert.equal(matchSysctlPattern('kernel.shm*', 'kernel.sem'), false);
  assert.equal(matchSysctlPattern('kernel.sem', 'kernel/sem'), true);
  assert.equal(matchSysctlPattern('kernel.sem', 'kernel.sem_next_id'), false);
  for (const pattern of ['', '*', 'net.*.x', '*.core', 'net.**', 'net..*', '../*', 'net.core.?', 'a b*']) {
    assert.throws(
      () => matchSysctlPattern(pattern, 'net.core.somaxconn'),
      { code: 'ERR_SYSCTL_PATTERN' },
      pattern,
    );
  }
});

test('matchSysctlPattern() matches a key by each of its own beginnings', () => {
  const key = 'net.ipv4.conf.eth0/100.forwarding';
  fc.assert(
    fc.property(fc.integer({ min: 1, max: key.length }), (length) => {
      const stem = key.slice(0, length);
      fc.pre(stem.includes('.') && !/[./][./]$/.test(stem));
      assert.equal(matchSysctlPattern(`${stem}*`, key), true);
    }),
  );
});

test('netSysctlFact() knows the keys of one interface whatever its name', () => {
  assert.equal(netSysctlFact('net/ipv4/conf/eth0.100/mc_forwarding')?.state, 'never-writable');
  assert.equal(netSysctlFact('net/ipv4/neigh/default/gc_thresh3')?.state, 'absent');
  assert.equal(netSysctlFact('net/ipv4/neigh/eth0/gc_stale_time'), undefined);
  assert.equal(netSysctlFact('net/ipv4/tcp_keepalive_time'), undefined);
  assert.equal(netSysctlFact('net/core/netdev_max_backlog')?.state, 'absent');
  assert.equal(netSysctlFact('net/core/rmem_max')?.state, 'read-only');
});

test('netSysctlFacts() has canonical names', () => {
  for (const [path] of netSysctlFacts()) {
    const literal = path.replace('*', 'x');
    assert.equal(parseSysctlName(literal).path, literal);
  }
});

// The kernel is the oracle, in a namespace that goes with the command.
const canUnshare = process.geteuid?.() === 0;

test(
  'netSysctlFacts() is what this kernel shows in a new network namespace',
  { skip: !canUnshare && 'needs root' },
  (t) => {
    const list = execFileSync(
      '/usr/bin/unshare',
      ['-n', 'find', '/proc/sys/net', '-type', 'f', '-printf', '%m %P\\n'],
      {
        encoding: 'utf8',
      },
    );
    const modes = new Map(
      list
        .trim()
        .split('\n')
        .map((line): [string, string] => [`net/${line.slice(4)}`, line.slice(0, 3)]),
    );
    let checked = 0;
    for (const [path, { state }] of netSysctlFacts()) {
      // An older or smaller kernel lacks some of the table; what it lacks says nothing.
      if (path.includes('*') || !existsSync(`/proc/sys/${path}`)) continue;
      checked++;
      if (state === 'absent') assert.equal(modes.get(path), undefined, path);
      else if (state === 'read-only' || state === 'never-writable')
        assert.equal(modes.get(path), '444', path);
      else assert.ok(modes.has(path), path);
    }
    t.diagnostic(`${checked} keys of the table exist here`);
    assert.ok(checked > 20);
    // And nothing else is read-only there that can be written here.
    for (const [path, mode] of modes) {
      const here = existsSync(`/proc/sys/${path}`)
        ? (statSync(`/proc/sys/${path}`).mode & 0o777).toString(8)
        : mode;
      if (mode !== here) assert.equal(netSysctlFact(path)?.state, 'read-only', path);
    }
  },
);
