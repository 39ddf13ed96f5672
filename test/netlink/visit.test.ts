/** Sockets in other namespaces, and the way back. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { newNetworkNamespace } from '../../src/native/index.js';
import { addLink, links, openNetlink } from '../../src/netlink/index.js';
import { finish } from '../support/cli.js';
import { assertFakeHost } from '../support/fake-host.js';

assertFakeHost();

const own = (): string => readlinkSync('/proc/thread-self/ns/net');

test('who opens sockets in other namespaces stays in its own, also where the other cannot be entered', async () => {
  const before = own();
  const other = newNetworkNamespace();
  try {
    for (let round = 0; round < 100; round++) openNetlink('route', { namespace: { fd: other } }).close();
    assert.equal(own(), before);
    const there = openNetlink('route', { namespace: { fd: other } });
    await addLink(there, { kind: 'bridge', ifname: 'far' });
    const here = openNetlink('route');
    const names = async (socket: typeof here) => (await links(socket)).map(({ ifname }) => ifname);
    assert.deepEqual(await names(there), ['lo', 'far']);
    assert.ok(!(await names(here)).includes('far'));
    here.close();
    there.close();
    assert.throws(() => openNetlink('route', { namespace: { path: '/proc/self/ns/uts' } }), {
      code: 'ERR_NETLINK_SOCKET',
    });
    assert.equal(own(), before);
  } finally {
    closeSync(other);
  }
});

test('a process whose own namespace belongs to another user namespace, and could not come back, is not sent out itself', async () => {
  const script = `
    const { openNetlink, links } = await import(${JSON.stringify(new URL('../../src/netlink/index.js', import.meta.url).href)});
    const { newNetworkNamespace } = await import(${JSON.stringify(new URL('../../src/native/index.js', import.meta.url).href)});
    const { readlinkSync } = await import('node:fs');
    const own = () => readlinkSync('/proc/thread-self/ns/net');
    const before = own();
    const socket = openNetlink('route', { namespace: { fd: newNetworkNamespace() } });
    console.log((await links(socket)).length, own() === before);`;
  const child = spawn('unshare', [
    ...['--user', '--map-root-user', process.execPath, '--input-type=module', '--eval', script],
  ]);
  const { code, stdout, stderr } = await finish(child);
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '1 true\n', stderr: '' });
});
