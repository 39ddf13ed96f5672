import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  addAddress,
  addClass,
  addFdbEntry,
  addLink,
  addNeighbour,
  addQdisc,
  addRoute,
  addRule,
  addresses,
  classes,
  deleteAddress,
  deleteClass,
  deleteFdbEntry,
  deleteLink,
  deleteNeighbour,
  deleteQdisc,
  deleteRoute,
  deleteRule,
  fdb,
  links,
  neighbours,
  openNetlink,
  qdiscs,
  type Route,
  routes,
  routeTo,
  rules,
  setLink,
  watchAddresses,
  watchRoutes,
} from '../../src/netlink/index.js';
import { assertFakeHost } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';

assertFakeHost();

const socket = openNetlink('route');
let bridge = 0;
let port = 0;
let names = new Map<number, string>();
type Row = Record<string, unknown>;
const json = (file: string, ...args: string[]): Row[] =>
  JSON.parse(oracle(file, args).stdout || '[]') as Row[];

before(async () => {
  bridge = await addLink(socket, { kind: 'bridge', ifname: 'br0', up: true });
  port = await addLink(socket, {
    kind: 'veth',
    ifname: 'v0',
    master: bridge,
    up: true,
    peer: { ifname: 'v1' },
  });
  await setLink(socket, 'v1', { up: true, inet6_addr_gen_mode: 'none' });
  await addAddress(socket, { ifindex: bridge, local: '10.1.0.1', prefixlen: 24, broadcast: '10.1.0.255' });
  await addAddress(socket, { ifindex: bridge, local: 'fd00::1', prefixlen: 64, flags: ['nodad'] });
  names = new Map((await links(socket)).map(({ ifindex, ifname }) => [ifindex, ifname]));
});

after(async () => {
  await deleteLink(socket, port);
  await deleteLink(socket, bridge);
  socket.close();
});

test('addresses() says what ip -json address says', async () => {
  const scope = { ifindex: bridge, local: '10.5.0.1', prefixlen: 32, scope: 'link', label: 'br0:x' } as const;
  await addAddress(socket, { ...scope, valid_life_time: 600, preferred_life_time: 300 });
  await addAddress(socket, { ifindex: bridge, local: '10.6.0.1', address: '10.6.0.2', prefixlen: 32 });
  type Their = Record<string, unknown> & { local: string; prefixlen: number };
  const theirs = json('ip', '-json', '-details', 'addr') as unknown as {
    ifindex: number;
    addr_info: Their[];
  }[];
  const ours = await addresses(socket);
  assert.equal(ours.length, theirs.flatMap(({ addr_info }) => addr_info).length);
  for (const { ifindex, addr_info } of theirs) {
    for (const their of addr_info) {
      const our = ours.find((each) => each.ifindex === ifindex && each.local === their.local) as
        Record<string, unknown> | undefined;
      assert.ok(our, their.local);
      for (const key of ['family', 'prefixlen', 'scope', 'broadcast', 'label', 'address'] as const) {
        assert.equal(our[key], their[key], `${their.local} ${key}`);
      }
      assert.equal((our['flags'] as string[]).includes('tentative'), their['tentative'] === true);
    }
  }
  await deleteAddress(socket, scope);
  await deleteAddress(socket, { ifindex: bridge, local: '10.6.0.1', address: '10.6.0.2', prefixlen: 32 });
  await assert.rejects(deleteAddress(socket, scope), { errno: 'EADDRNOTAVAIL', kind: 'not-found' });
});

/** A route of ours as ip shows it: with the names of devices. */
function asIp(route: Route): Record<string, unknown> {
  const { oif, table, metric, nexthops } = route;
  return {
    type: route.type,
    dst: route.dst,
    gateway: route.gateway,
    dev: oif === undefined ? undefined : names.get(oif),
    table: String(table),
    protocol: route.protocol,
    scope: route.scope,
    prefsrc: route.prefsrc,
    metric,
    metrics: route.metrics === undefined ? undefined : [route.metrics],
    nexthops: nexthops?.map((hop) => ({
      gateway: hop.gateway,
      dev: names.get(hop.oif ?? 0),
      weight: hop.weight,
      flags: hop.flags,
    })),
  };
}

test('routes() says of every table what ip -json route says, multipath and metrics included', async () => {
  const made = [
    {
      dst: '10.9.0.0/24',
      nexthops: [
        { gateway: '10.1.0.2', weight: 2 },
        { gateway: '10.1.0.3', oif: bridge },
      ],
    },
    {
      dst: '10.10.0.0/16',
      gateway: '10.1.0.2',
      table: 1000,
      metrics: { mtu: 1400, advmss: 1300 },
      metric: 7,
    },
    { dst: 'default', gateway: '10.1.0.254', protocol: 'boot' },
    { dst: '10.66.0.0/16', type: 'blackhole' },
    { dst: '10.7.7.7', oif: bridge, prefsrc: '10.1.0.1' },
    { dst: 'fd01::/64', gateway: 'fd00::2' },
    { dst: 'default', family: 'inet6', oif: bridge, table: 5 },
    { dst: '10.8.0.0/24', gateway: 'fd00::9', oif: bridge },
  ] as const;
  for (const spec of made) await addRoute(socket, spec);
  // Without -details ip says nothing of the main table and of unicast; with it, everything.
  const theirs = [
    ...json('ip', '-4', '-json', '-details', 'route', 'show', 'table', 'all'),
    ...json('ip', '-6', '-json', '-details', 'route', 'show', 'table', 'all'),
  ];
  const pick = (all: Record<string, unknown>[]): string[] =>
    all
      .map((each) =>
        JSON.stringify(
          Object.fromEntries(Object.keys(asIp({ flags: [] } as never)).map((key) => [key, each[key]])),
        ),
      )
      .sort();
  const ours = await routes(socket);
  assert.deepEqual(pick(ours.map(asIp)), pick(theirs));
  const through = ours.find(({ dst }) => dst === '10.8.0.0/24');
  assert.deepEqual(through?.via, { family: 'inet6', host: 'fd00::9' });
  assert.deepEqual(
    (await routes(socket, { table: 1000 })).map(({ dst }) => dst),
    ['10.10.0.0/16'],
  );
  assert.deepEqual(await routes(socket, { table: 4711 }), []);
  assert.equal(
    await routeTo(socket, '10.66.1.1').catch((error: unknown) => (error as { errno: string }).errno),
    'EINVAL',
  );
  assert.equal((await routeTo(socket, '10.7.7.7')).prefsrc, '10.1.0.1');
  for (const spec of made) await deleteRoute(socket, spec);
  assert.equal(
    (await routes(socket)).filter(({ protocol }) => protocol === 'static' || protocol === 'boot').length,
    0,
  );
});

test('addRoute() with mode replace changes a route that is there; without it says that there is one', async () => {
  await addRoute(socket, { dst: '10.9.0.0/24', gateway: '10.1.0.2' });
  await assert.rejects(addRoute(socket, { dst: '10.9.0.0/24', gateway: '10.1.0.3' }), { errno: 'EEXIST' });
  await addRoute(socket, { dst: '10.9.0.0/24', gateway: '10.1.0.3' }, { mode: 'replace' });
  const found = (await routes(socket, { family: 'inet' })).filter(({ dst }) => dst === '10.9.0.0/24');
  assert.deepEqual(
    found.map(({ gateway }) => gateway),
    ['10.1.0.3'],
  );
  await deleteRoute(socket, { dst: '10.9.0.0/24' });
});

test('rules() says what ip -json rule says', async () => {
  const made = [
    { src: '10.2.0.0/16', table: 100, priority: 100 },
    { src: 'all', dst: '10.3.0.0/16', iif: 'br0', action: 'unreachable', priority: 101 },
    { fwmark: 0x10, fwmask: 0xff, table: 'main', priority: 102, not: true },
    { src: 'fd00::/8', table: 7, priority: 103 },
    { priority: 104, ipproto: 6, dport: { start: 80, end: 90 }, table: 8 },
    { priority: 105, uid_range: { start: 1000, end: 2000 }, suppress_prefixlen: 0, table: 'main' },
  ] as const;
  for (const spec of made) await addRule(socket, spec);
  const theirs = [...json('ip', '-4', '-json', 'rule'), ...json('ip', '-6', '-json', 'rule')];
  const ours = await rules(socket);
  const sides = (rule: Record<string, unknown>): string => {
    const src =
      rule['srclen'] === undefined ? rule['src'] : `${rule['src'] as string}/${rule['srclen'] as number}`;
    const dst =
      rule['dstlen'] === undefined ? rule['dst'] : `${rule['dst'] as string}/${rule['dstlen'] as number}`;
    return [rule['priority'], src, dst, rule['table'] ?? '', rule['iif']].join(' ');
  };
  assert.deepEqual(ours.map((rule) => sides({ ...rule })).sort(), theirs.map(sides).sort());
  const find = (priority: number) => ours.find((rule) => rule.priority === priority);
  assert.deepEqual([find(102)?.not, find(102)?.fwmark, find(102)?.fwmask], [true, 0x10, 0xff]);
  assert.equal(find(101)?.action, 'unreachable');
  assert.deepEqual(find(104)?.dport, { start: 80, end: 90 });
  assert.deepEqual([find(105)?.uid_range, find(105)?.suppress_prefixlen], [{ start: 1000, end: 2000 }, 0]);
  for (const spec of made) await deleteRule(socket, spec);
  assert.equal((await rules(socket)).filter(({ priority }) => priority >= 100 && priority < 200).length, 0);
});

test('neighbours() says what ip -json neigh says, fdb() what bridge -json fdb says', async () => {
  await addNeighbour(socket, { ifindex: bridge, dst: '10.1.0.9', lladdr: '02:00:00:00:00:09' });
  await addNeighbour(socket, { ifindex: bridge, dst: 'fd00::9', lladdr: '02:00:00:00:00:09' });
  await addFdbEntry(socket, { ifindex: port, mac: '02:00:00:00:00:22', state: 'static' });
  const theirs = json('ip', '-json', 'neigh') as unknown as {
    dst: string;
    dev: string;
    lladdr?: string;
    state: string[];
  }[];
  const line = (dst: string, dev: string, lladdr: string | undefined, state: readonly string[]): string =>
    [dst, dev, lladdr, ...state].join(' ');
  assert.deepEqual(
    (await neighbours(socket))
      .map(({ dst, ifindex, lladdr, state }) => line(dst, names.get(ifindex) ?? '', lladdr, state))
      .sort(),
    theirs.map(({ dst, dev, lladdr, state }) => line(dst, dev, lladdr, state)).sort(),
  );
  const entries = json('bridge', '-json', 'fdb') as unknown as {
    mac: string;
    ifname: string;
    master?: string;
    state: string;
  }[];
  assert.deepEqual(
    (await fdb(socket))
      .map((each) => [each.mac, names.get(each.ifindex), names.get(each.master ?? 0), each.state].join(' '))
      .sort(),
    entries.map((each) => [each.mac, each.ifname, each.master, each.state].join(' ')).sort(),
  );
  assert.ok(
    (await fdb(socket, { master: bridge })).some(
      ({ mac, state }) => mac === '02:00:00:00:00:22' && state === 'static',
    ),
  );
  await deleteFdbEntry(socket, { ifindex: port, mac: '02:00:00:00:00:22' });
  await deleteNeighbour(socket, { ifindex: bridge, dst: '10.1.0.9' });
  await deleteNeighbour(socket, { ifindex: bridge, dst: 'fd00::9' });
  assert.deepEqual(
    (await neighbours(socket)).filter(({ state }) => state.includes('PERMANENT')),
    [],
  );
});

test('tbf and htb are set as tc(8) understands them', async () => {
  await addQdisc(socket, { ifindex: port, kind: 'tbf', rate: 125_000, burst: 32_000, latencyMs: 400 });
  const [tbf] = json('tc', '-json', 'qdisc', 'show', 'dev', 'v0') as unknown as {
    kind: string;
    options: { rate: number; lat: number };
  }[];
  // In microseconds, with the rounding of the scheduler's ticks.
  assert.deepEqual([tbf?.kind, tbf?.options.rate], ['tbf', 125_000]);
  assert.ok(Math.abs((tbf?.options.lat ?? 0) - 400_000) < 100);
  await deleteQdisc(socket, { ifindex: port });
  await addQdisc(socket, { ifindex: port, kind: 'htb', handle: '1:', default: 0x10 });
  await addClass(socket, {
    ifindex: port,
    parent: '1:',
    classid: '1:10',
    rate: 1_250_000,
    ceil: 2_500_000,
    prio: 2,
  });
  const text = oracle('tc', ['class', 'show', 'dev', 'v0']).stdout;
  assert.match(text, /class htb 1:10 root prio 2 rate 10Mbit ceil 20Mbit burst 5000b cburst 10000b/);
  const [mine] = await classes(socket, { ifindex: port });
  assert.deepEqual([mine?.kind, mine?.handle, mine?.parent], ['htb', '1:10', 'root']);
  const found = await qdiscs(socket, { ifindex: port });
  assert.deepEqual(
    found.map(({ kind, handle, parent }) => [kind, handle, parent]),
    [['htb', '1:', 'root']],
  );
  await deleteClass(socket, { ifindex: port, classid: '1:10' });
  await deleteQdisc(socket, { ifindex: port });
});

test('netem, fq and fq_codel are set, or the kernel says that it has none', async (t) => {
  for (const spec of [
    { kind: 'netem', delayMs: 10, lossPercent: 1 },
    { kind: 'fq_codel', options: { limit: 100 } },
    { kind: 'fq', options: { limit: 100 } },
  ] as const) {
    try {
      await addQdisc(socket, { ifindex: port, ...spec });
      assert.equal((await qdiscs(socket, { ifindex: port }))[0]?.kind, spec.kind);
      await deleteQdisc(socket, { ifindex: port });
    } catch (error) {
      if ((error as { errno?: string }).errno !== 'ENOENT') throw error;
      t.diagnostic(`this kernel has no ${spec.kind}`);
    }
  }
});

test('watchAddresses() and watchRoutes() tell of changes', async () => {
  const address = watchAddresses();
  const route = watchRoutes();
  const spec = { ifindex: bridge, local: '10.77.0.1', prefixlen: 24 };
  await addAddress(socket, spec);
  await deleteAddress(socket, spec);
  for (const expected of ['new', 'deleted'] as const) {
    const { value } = await address.next();
    assert.ok(value?.kind === 'message');
    assert.deepEqual([value.message.change, value.message.address.local], [expected, '10.77.0.1']);
  }
  for (;;) {
    const { value } = await route.next();
    assert.ok(value?.kind === 'message');
    if (value.message.route.dst === '10.77.0.0/24' && value.message.change === 'deleted') break;
  }
  address.close();
  route.close();
});
