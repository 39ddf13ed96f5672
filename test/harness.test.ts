import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { onTerminal, warren } from './support/cli.js';
import {
  assertFakeHost,
  holdNetworkNamespace,
  namespaceOf,
  networkDevices,
  realHostNamespaces,
} from './support/fake-host.js';
import { assertNoTraces, takeTraces } from './support/leaks.js';
import { oracle } from './support/oracle.js';
import { busyboxRootfs } from './support/rootfs.js';

assertFakeHost();

test('a fake host has mount, network and PID namespaces of its own', () => {
  const host = realHostNamespaces();
  assert.equal(host.size, 3);
  for (const [kind, id] of host) assert.notEqual(namespaceOf(kind), id);
  // Its process 1 is the script that made it.
  assert.equal(namespaceOf('pid', 1), namespaceOf('pid'));
});

test('a fake host has only a loopback, which is up, and an empty /run/netns', () => {
  assert.deepEqual(networkDevices(), ['lo']);
  assert.match(oracle('ip', ['-oneline', 'addr', 'show', 'lo']).stdout, /inet 127\.0\.0\.1\/8/);
  assert.deepEqual(readdirSync('/run/netns'), []);
});

test('mounts made in a fake host are not those of the machine: their propagation is slave', () => {
  assert.match(oracle('findmnt', ['--noheadings', '--output', 'PROPAGATION', '/run']).stdout, /private/);
});

test('holdNetworkNamespace() makes one that ends with its holder', async () => {
  const before = takeTraces();
  const held = await holdNetworkNamespace();
  assert.notEqual(namespaceOf('net', held.pid), namespaceOf('net'));
  await held[Symbol.asyncDispose]();
  await assertNoTraces(before);
});

test('assertNoTraces() names a process that was left', async () => {
  const before = takeTraces();
  const child = spawn('sleep', ['1000']);
  await once(child, 'spawn');
  const fresh = takeTraces().filter((trace) => !before.includes(trace));
  assert.ok(fresh.includes(`process ${child.pid} (sleep)`), fresh.join('\n'));
  child.kill();
  await once(child, 'exit');
});

test('oracle() tells that a tool is missing', () => {
  assert.throws(() => oracle('no-such-tool'), /no-such-tool is missing/);
});

test('busyboxRootfs() makes a root that chroot(8) can run a shell in', () => {
  const rootfs = busyboxRootfs();
  assert.equal(
    oracle('chroot', [rootfs.path, '/bin/sh', '-c', 'echo in; ls /bin/busybox']).stdout,
    'in\n/bin/busybox\n',
  );
  rootfs[Symbol.dispose]();
});

test('the built command line starts, and a terminal session sees its exit code', async () => {
  const { code, stdout } = await warren(['--version']);
  assert.equal(code, 0);
  assert.match(stdout, /^warren \d+\.\d+\.\d+\n$/);
  const session = onTerminal(['sh', '-c', 'test -t 0 && echo tty; read line; exit 7']);
  await session.expect(/tty/);
  session.type('\r');
  assert.equal(await session.end(), 7);
});
