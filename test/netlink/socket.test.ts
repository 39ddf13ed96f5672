import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addAddress,
  addAddressRequest,
  addLink,
  addRouteRequest,
  addresses,
  deleteAddressRequest,
  deleteLink,
  deleteRouteRequest,
  links,
  openNetlink,
  routes,
  setLink,
  subscribe,
} from '../../src/netlink/index.js';
import { assertFakeHost } from '../support/fake-host.js';
import { leavesNothing } from '../support/leaks.js';

assertFakeHost();

test('batch() gives one result a request, in their order, and a failure does not stop those after it', async () => {
  const socket = openNetlink('route');
  const local = (last: number) => addAddressRequest({ ifindex: 1, local: `10.1.0.${last}`, prefixlen: 32 });
  const results = await socket.batch([
    local(1),
    local(1),
    local(2),
    addRouteRequest({ dst: '10.2.0.0/8', oif: 1 }),
    local(3),
  ]);
  assert.deepEqual(
    results.map(({ error }) => error?.errno),
    [undefined, 'EEXIST', undefined, 'EINVAL', undefined],
  );
  const there = (await addresses(socket, { ifindex: 1 })).map((each) => each.local);
  assert.ok(['10.1.0.1', '10.1.0.2', '10.1.0.3'].every((address) => there.includes(address)));
  const gone = await socket.batch(
    [1, 2, 3].map((last) => deleteAddressRequest({ ifindex: 1, local: `10.1.0.${last}`, prefixlen: 32 })),
  );
  assert.deepEqual(
    gone.map(({ error }) => error),
    [undefined, undefined, undefined],
  );
  socket.close();
});

test('batch() of a thousand requests loses no acknowledgement', async () => {
  const socket = openNetlink('route');
  await setLink(socket, 1, { up: true });
  const all = Array.from({ length: 1000 }, (_, index) => `10.${50 + (index >> 8)}.${index & 255}.1`);
  const made = await socket.batch(all.map((dst) => addRouteRequest({ dst, oif: 1 })));
  assert.equal(made.filter(({ error }) => error === undefined).length, 1000);
  const found = new Set((await routes(socket, { family: 'inet', table: 'main' })).map(({ dst }) => dst));
  assert.ok(all.every((dst) => found.has(dst)));
  const gone = await socket.batch(all.map((dst) => deleteRouteRequest({ dst, oif: 1 })));
  assert.equal(gone.filter(({ error }) => error !== undefined).length, 0);
  assert.equal((await routes(socket, { family: 'inet', table: 'main' })).length, 0);
  socket.close();
});

test('requests made at once on one socket each get their own answer', async () => {
  const socket = openNetlink('route');
  const many = await Promise.all(
    Array.from({ length: 50 }, async (_, index) => (index % 2 ? links(socket) : addresses(socket))),
  );
  assert.ok(many.every((list) => list.length > 0));
  socket.close();
});

test('a dump that is changed underneath is asked for again: its result is one that was true', async () => {
  const socket = openNetlink('route');
  const other = openNetlink('route');
  for (let round = 0; round < 20; round++) {
    const [index, listed] = await Promise.all([
      addLink(other, { kind: 'bridge', ifname: 'race0' }),
      links(socket),
    ]);
    assert.equal(new Set(listed.map(({ ifindex }) => ifindex)).size, listed.length);
    await Promise.all([deleteLink(other, index), links(socket)]);
  }
  socket.close();
  other.close();
});

test('a signal that is aborted refuses the request; one in a background send gives up waiting', async () => {
  const socket = openNetlink('route');
  await assert.rejects(links(socket, { signal: AbortSignal.abort() }), {
    code: 'ERR_CANCELLED',
    kind: 'cancelled',
  });
  const index = await addLink(socket, { kind: 'veth', ifname: 'slow0', peer: { ifname: 'slow1' } });
  const controller = new AbortController();
  const removal = deleteLink(socket, index, { signal: controller.signal });
  controller.abort();
  await removal.catch((error: unknown) => assert.equal((error as { code: string }).code, 'ERR_CANCELLED'));
  // Whatever became of the answer, the next request gets its own.
  const names = (await links(socket)).map(({ ifname }) => ifname);
  assert.ok(names.includes('lo') && !names.includes('slow0'));
  socket.close();
});

test('a socket that is closed says so', async () => {
  await leavesNothing(async () => {
    const socket = openNetlink('route');
    await socket[Symbol.asyncDispose]();
    socket.close();
    await assert.rejects(links(socket), { code: 'ERR_NETLINK_CLOSED' });
  });
});

test('a subscription that is read too slowly tells of an overrun, and goes on', async () => {
  const socket = openNetlink('route');
  const IPV4_ADDRESSES = 5;
  const watch = subscribe('route', [IPV4_ADDRESSES], { receiveBufferBytes: 4096 });
  for (let round = 0; round < 30; round++) {
    await addAddress(socket, { ifindex: 1, local: '10.7.0.1', prefixlen: 32 });
    await socket.request(deleteAddressRequest({ ifindex: 1, local: '10.7.0.1', prefixlen: 32 }));
  }
  let messages = 0;
  for (;;) {
    const { value } = await watch.next();
    if (value?.kind === 'overrun') break;
    messages++;
  }
  assert.ok(messages < 60);
  // It still hears what comes now.
  await addAddress(socket, { ifindex: 1, local: '10.7.0.2', prefixlen: 32 });
  const { value } = await watch.next();
  assert.equal(value?.kind, 'message');
  await socket.request(deleteAddressRequest({ ifindex: 1, local: '10.7.0.2', prefixlen: 32 }));
  watch.close();
  socket.close();
});

test('an unknown netlink family is refused with its reason', () => {
  assert.throws(() => openNetlink(31), {
    code: 'ERR_NETLINK_SOCKET',
    errno: 'EPROTONOSUPPORT',
    kind: 'unsupported',
  });
});
