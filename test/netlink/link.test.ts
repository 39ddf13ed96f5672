import assert from 'node:assert/strict';
import { closeSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import {
  addAddress,
  addLink,
  bridgePortOf,
  createTun,
  deleteLink,
  isKind,
  type Link,
  link,
  links,
  netlinkSockets,
  nsidOf,
  nsids,
  openInNamespace,
  openNetlink,
  setBridgePort,
  setLink,
  setNsid,
  watchLinks,
} from '../../src/netlink/index.js';
import { assertFakeHost, holdNetworkNamespace } from '../support/fake-host.js';
import { leavesNothing } from '../support/leaks.js';
import { oracle } from '../support/oracle.js';

assertFakeHost();

/** What `ip -json` says of links, reduced to what both say the same way. */
type IpLink = Record<string, unknown> & { readonly ifname: string; readonly ifindex: number };
const ipLinks = (...args: string[]): IpLink[] =>
  JSON.parse(oracle('ip', ['-json', '-details', ...args, 'link', 'show']).stdout) as IpLink[];

const socket = openNetlink('route');
const made: number[] = [];
let bridge = 0;
let port = 0;

before(async () => {
  bridge = await addLink(socket, {
    kind: 'bridge',
    ifname: 'br0',
    // ip writes the bytes of bridge ids without leading zeros.
    address: '12:34:56:78:9a:bc',
    up: true,
    data: { forward_delay: 200, stp_state: 0 },
  });
  made.push(bridge);
  port = await addLink(socket, {
    kind: 'veth',
    ifname: 'port0',
    master: bridge,
    up: true,
    mtu: 1400,
    peer: { ifname: 'peer0', address: '02:00:00:00:00:01', mtu: 1400 },
  });
  await setLink(socket, 'peer0', { up: true, inet6_addr_gen_mode: 'none', ifalias: 'the other end' });
  await setBridgePort(socket, port, { isolated: true, hairpin: true, cost: 7 });
  const peer = await link(socket, 'peer0');
  made.push(
    port,
    await addLink(socket, { kind: 'macvlan', ifname: 'mac0', link: peer.ifindex, data: { mode: 'bridge' } }),
    await addLink(socket, {
      kind: 'vxlan',
      ifname: 'vx0',
      data: { id: 42, port: 4789, group: '10.1.0.5', link: bridge },
    }),
  );
  createTun('tun0');
  made.push((await link(socket, 'tun0')).ifindex);
});

after(async () => {
  // Those below last: what is on top of them goes with them.
  for (const index of made.reverse()) await deleteLink(socket, index);
  socket.close();
});

test('links() says of every device what ip -json says', async () => {
  const ours = new Map((await links(socket)).map((each) => [each.ifname, each]));
  const theirs = ipLinks();
  assert.deepEqual([...ours.keys()].sort(), theirs.map(({ ifname }) => ifname).sort());
  for (const their of theirs) {
    const our = ours.get(their.ifname) as unknown as Record<string, unknown>;
    for (const key of [
      'ifindex',
      'flags',
      'mtu',
      'qdisc',
      'operstate',
      'link_type',
      'address',
      'broadcast',
      'master',
      'link',
      'txqlen',
      'promiscuity',
      'allmulti',
      'min_mtu',
      'max_mtu',
      'num_tx_queues',
      'gso_max_size',
      'inet6_addr_gen_mode',
      'ifalias',
    ]) {
      assert.deepEqual(our[key], their[key], `${their.ifname} ${key}`);
    }
  }
});

test('links() decodes the data of bridge, port, macvlan, vxlan and tun as ip -json -details does', async () => {
  const all = await links(socket);
  const find = (name: string): Link => all.find(({ ifname }) => ifname === name) ?? assert.fail(name);
  const theirs = (name: string, key = 'info_data'): Record<string, unknown> =>
    (
      ipLinks().find(({ ifname }) => ifname === name)?.['linkinfo'] as Record<string, Record<string, unknown>>
    )[key] ?? {};

  const br = find('br0');
  assert.ok(isKind(br, 'bridge'));
  const bridgeData = br.linkinfo.info_data as unknown as Record<string, unknown>;
  for (const [key, value] of Object.entries(theirs('br0'))) {
    // Timers run on; two are bits of one number, one is text in ip's.
    if (/timer$|^no_linklocal|^mcast_vlan|^group_fwd_mask$/.test(key)) continue;
    assert.deepEqual(bridgeData[key], value, `br0 ${key}`);
  }
  const portData = bridgePortOf(find('port0')) as unknown as Record<string, unknown>;
  for (const [key, value] of Object.entries(theirs('port0', 'info_slave_data'))) {
    if (/timer$|^group_fwd_mask/.test(key)) continue;
    assert.equal(
      portData[key],
      typeof value === 'string' && value.startsWith('0x') ? Number(value) : value,
      `port0 ${key}`,
    );
  }
  const macvlan = find('mac0');
  assert.ok(isKind(macvlan, 'macvlan'));
  assert.equal(macvlan.linkinfo.info_data.mode, theirs('mac0')['mode']);
  const vxlan = find('vx0');
  assert.ok(isKind(vxlan, 'vxlan'));
  const vx = theirs('vx0');
  assert.deepEqual(
    [
      vxlan.linkinfo.info_data.id,
      vxlan.linkinfo.info_data.group,
      vxlan.linkinfo.info_data.port,
      vxlan.linkinfo.info_data.learning,
    ],
    [vx['id'], vx['remote'], vx['port'], vx['learning']],
  );
  const tun = find('tun0');
  assert.ok(isKind(tun, 'tun'));
  for (const key of ['type', 'pi', 'vnet_hdr', 'persist'] as const) {
    assert.equal(tun.linkinfo.info_data[key], theirs('tun0')[key], key);
  }
});

test('links() counts as ip -statistics does, and lists by master or kind', async () => {
  const [lo] = await links(socket);
  const [their] = JSON.parse(oracle('ip', ['-json', '-statistics', 'link', 'show', 'lo']).stdout) as [
    { stats64: Record<'rx' | 'tx', { bytes: number; packets: number }> },
  ];
  assert.deepEqual(
    [lo?.stats64?.rx_bytes, lo?.stats64?.tx_packets],
    [their.stats64.rx.bytes, their.stats64.tx.packets],
  );
  assert.deepEqual(
    (await links(socket, { master: bridge })).map(({ ifname }) => ifname),
    ['port0'],
  );
  assert.deepEqual(
    (await links(socket, { kind: 'vxlan' })).map(({ ifname }) => ifname),
    ['vx0'],
  );
});

test('what a device has that no table knows is kept as bytes', async () => {
  const { unknown = [] } = await link(socket, 'lo');
  for (const { type, data } of unknown) assert.ok(type > 0 && data instanceof Uint8Array);
});

test('a refusal names errno, the kernel’s words and the attribute they are about', async () => {
  await assert.rejects(addLink(socket, { kind: 'vxlan', ifname: 'bad', data: { id: 2 ** 25 } }), {
    code: 'ERR_NETLINK',
    errno: 'ERANGE',
    kind: 'invalid-argument',
    attribute: 'linkinfo.info_data.id',
    kernelText: /lower than 16777216/,
  });
  await assert.rejects(addLink(socket, { kind: 'bridge', ifname: 'br0' }), {
    errno: 'EEXIST',
    kind: 'already-exists',
  });
  await assert.rejects(link(socket, 'nothing'), { errno: 'ENODEV', kind: 'not-found' });
  await assert.rejects(setLink(socket, 99_999, { up: true }), { errno: 'ENODEV' });
});

test('addLink() refuses an index for a peer alone, which the kernel would ignore', async () => {
  const spec = { kind: 'veth', ifname: 'x0', peer: { ifindex: 5 } } as const;
  await assert.rejects(addLink(socket, spec), { code: 'ERR_LINK_INDEX' });
});

test('addLink() makes a vlan, or the kernel says that it has none', async (t) => {
  try {
    const index = await addLink(socket, { kind: 'vlan', ifname: 'vl5', link: bridge, data: { id: 5 } });
    const vlan = await link(socket, index);
    assert.ok(isKind(vlan, 'vlan'));
    assert.deepEqual([vlan.linkinfo.info_data.id, vlan.linkinfo.info_data.protocol], [5, '802.1Q']);
    await deleteLink(socket, index);
  } catch (error) {
    if ((error as { errno?: string }).errno !== 'EOPNOTSUPP') throw error;
    t.skip('this kernel has no 802.1Q');
  }
});

test('one message makes a pair whose other end is born in another namespace, with name, index and address', async (t) => {
  await leavesNothing(async () => {
    const held = await holdNetworkNamespace();
    t.after(async () => held[Symbol.asyncDispose]());
    const inside = openNetlink('route', { namespace: { pid: held.pid } });
    const fd = openInNamespace({ path: held.path }, `/proc/${held.pid}/ns/net`);
    const outer = await addLink(socket, {
      kind: 'veth',
      ifname: 'born',
      ifindex: 7700,
      master: bridge,
      up: true,
      peer: { ifname: 'eth0', ifindex: 77, address: '02:42:00:00:00:09', netns: { fd } },
    });
    await setLink(inside, 77, { up: true });
    await addAddress(inside, { ifindex: 77, local: '10.9.0.2', prefixlen: 24 });
    const there = JSON.parse(
      oracle('nsenter', [`--net=${held.path}`, 'ip', '-json', 'addr', 'show', 'eth0']).stdout,
    ) as [{ ifindex: number; address: string; addr_info: { local: string }[] }];
    assert.deepEqual([there[0].ifindex, there[0].address], [77, '02:42:00:00:00:09']);
    assert.ok(there[0].addr_info.some(({ local }) => local === '10.9.0.2'));
    // Each end knows the other's index, and the number of its namespace.
    const here = await link(socket, outer);
    assert.deepEqual([outer, here.link_index], [7700, 77]);
    assert.equal(await nsidOf(socket, { fd }), here.link_netnsid);
    assert.ok((await nsids(socket)).includes(here.link_netnsid ?? -1));
    await assert.rejects(setNsid(socket, { pid: held.pid }), { errno: 'EEXIST' });
    await deleteLink(socket, outer);
    inside.close();
    closeSync(fd);
    await held[Symbol.asyncDispose]();
  });
});

test('a socket opened by path, pid or descriptor is in that namespace, and this process never is', async (t) => {
  const held = await holdNetworkNamespace();
  t.after(async () => held[Symbol.asyncDispose]());
  const mine = readFileSync('/proc/self/net/dev', 'utf8');
  const namespaces = [{ path: held.path }, { pid: held.pid }];
  for (const namespace of namespaces) {
    const there = openNetlink('route', { namespace });
    assert.deepEqual(
      (await links(there)).map(({ ifname }) => ifname),
      ['lo'],
    );
    there.close();
  }
  assert.equal(readFileSync('/proc/self/net/dev', 'utf8').split('\n').length, mine.split('\n').length);
  assert.throws(() => openNetlink('route', { namespace: { path: '/no/such' } }), {
    code: 'ERR_NAMESPACE_NOT_FOUND',
  });
  assert.throws(() => openNetlink('route', { namespace: { path: '/dev/null' } }), {
    code: 'ERR_NETLINK_SOCKET',
  });
  await held[Symbol.asyncDispose]();
});

test('watchLinks() tells of what happens after the call, and ends with its signal', async () => {
  const controller = new AbortController();
  const watch = watchLinks({ signal: controller.signal });
  const seen: string[] = [];
  const index = await addLink(socket, { kind: 'bridge', ifname: 'seen0' });
  await deleteLink(socket, index);
  for await (const event of watch) {
    if (event.kind !== 'message') assert.fail('an overrun');
    if (event.message.link.ifname !== 'seen0') continue;
    seen.push(event.message.change);
    if (event.message.change === 'deleted') controller.abort();
  }
  assert.ok(seen.includes('new'));
  assert.equal(seen.at(-1), 'deleted');
});

test('watchLinks() waits for an event that comes later, and closing it ends the wait', async () => {
  const watch = watchLinks();
  const first = watch.next();
  const index = await addLink(socket, { kind: 'bridge', ifname: 'later0' });
  const { value } = await first;
  assert.ok(value?.kind === 'message' && value.message.link.ifname === 'later0');
  await deleteLink(socket, index);
  for (;;) {
    const { value: event } = await watch.next();
    if (event?.kind === 'message' && event.message.change === 'deleted') break;
  }
  const last = watch.next();
  watch.close();
  assert.equal((await last).done, true);
});

test('netlinkSockets() shows our own with the groups that it has joined', async () => {
  const watch = watchLinks();
  const diag = openNetlink('sock_diag');
  const own = (await netlinkSockets(diag)).filter(
    ({ protocol, portid, groups }) => protocol === 0 && portid !== 0 && groups.includes(1),
  );
  assert.equal(new Set(own.map(({ inode }) => inode)).size, 1, JSON.stringify(own));
  diag.close();
  watch.close();
});
