/** Devices and queueing disciplines of every kind beside ip(8) and tc(8), on whatever kernel this is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import {
  addClass,
  addQdisc,
  classes,
  deleteLink,
  link,
  links,
  type NewQdisc,
  openNetlink,
  qdiscs,
  setLink,
  addLink,
} from '../../src/netlink/index.js';
import { oracle } from '../support/oracle.js';

type Row = Record<string, unknown>;
const json = (file: string, ...args: string[]): Row[] =>
  JSON.parse(oracle(file, ['-json', ...args]).stdout) as Row[];

/** Of a union, each member without its device. */
type Spec = NewQdisc extends infer Each ? (Each extends NewQdisc ? Omit<Each, 'ifindex'> : never) : never;

/** Devices as ip(8) makes them: with a name, and what they are made of. `low0` is there. */
const linkCases: Readonly<Record<string, readonly string[]>> = {
  veth: ['type', 'veth', 'peer', 'name', 'kind1'],
  bridge: ['type', 'bridge', 'stp_state', '1', 'priority', '4096', 'ageing_time', '1000'],
  vlan: ['link', 'low0', 'type', 'vlan', 'id', '77', 'reorder_hdr', 'off'],
  macvlan: ['link', 'low0', 'type', 'macvlan', 'mode', 'private'],
  macvtap: ['link', 'low0', 'type', 'macvtap', 'mode', 'vepa'],
  ipvlan: ['link', 'low0', 'type', 'ipvlan', 'mode', 'l3'],
  vxlan: [
    'type',
    'vxlan',
    'id',
    '9',
    'dstport',
    '4789',
    'local',
    '10.0.0.1',
    'ttl',
    '7',
    'nolearning',
    'ageing',
    '60',
  ],
  bond: ['type', 'bond', 'mode', '802.3ad', 'miimon', '100', 'xmit_hash_policy', 'layer3+4'],
};

/** What is said of both ways: ours by their reader, theirs by ours. */
const qdiscCases: readonly { readonly spec: Spec; readonly tc: string }[] = [
  {
    spec: { kind: 'tbf', rate: 125_000, burst: 32_768, latencyMs: 400 },
    tc: 'tbf rate 1mbit burst 32k latency 400ms',
  },
  { spec: { kind: 'htb', default: 0x10 }, tc: 'htb default 10' },
  {
    spec: {
      kind: 'netem',
      delayMs: 100,
      jitterMs: 10,
      lossPercent: 1,
      duplicatePercent: 2,
      corruptPercent: 0.5,
      reorderPercent: 25,
      limit: 2000,
      rate: 125_000,
    },
    tc: 'netem limit 2000 delay 100ms 10ms loss 1% duplicate 2% corrupt 0.5% reorder 25% rate 1mbit',
  },
  {
    spec: {
      kind: 'fq_codel',
      options: { limit: 100, target: 7000, interval: 50_000, flows: 512, quantum: 1000, ecn: 0 },
    },
    tc: 'fq_codel limit 100 target 7ms interval 50ms flows 512 quantum 1000 noecn',
  },
  {
    spec: {
      kind: 'fq',
      options: { limit: 200, flow_limit: 20, quantum: 3000, initial_quantum: 9000, maxrate: 125_000 },
    },
    tc: 'fq limit 200 flow_limit 20 quantum 3000 initial_quantum 9000 maxrate 1mbit',
  },
  { spec: { kind: 'pfifo', limit: 50 }, tc: 'pfifo limit 50' },
  { spec: { kind: 'bfifo', limit: 30_000 }, tc: 'bfifo limit 30000' },
];

/** The kernel was built without it: nothing else may be the reason. */
function isMissing(stderr: string): boolean {
  return /Unknown device type|qdisc kind is unknown/.test(stderr);
}

export function kindTests(): void {
  for (const [kind, args] of Object.entries(linkCases)) {
    void test(`links() decodes what ip -details says of the kind ${kind}`, async (t) => {
      const socket = openNetlink('route');
      const made = await addLink(socket, {
        kind: 'veth',
        ifname: 'low0',
        up: true,
        peer: { ifname: 'low1' },
      });
      try {
        const { code, stderr } = oracle('ip', ['link', 'add', 'name', 'kind0', ...args], {
          allowFailure: true,
        });
        if (code !== 0) {
          assert.ok(isMissing(stderr), stderr);
          t.skip(`this kernel has no ${kind}`);
          return;
        }
        await compareKind(socket, kind);
      } finally {
        oracle('ip', ['link', 'delete', 'kind0'], { allowFailure: true });
        await deleteLink(socket, made);
        socket.close();
      }
    });
  }

  for (const { spec, tc } of qdiscCases) {
    void test(`addQdisc() and qdiscs() of ${spec.kind} say what tc says`, async (t) => {
      await withPair(async (socket, [one, other]) => {
        const { code, stderr } = oracle(
          'tc',
          ['qdisc', 'add', 'dev', 'kind1', 'root', 'handle', '1:', ...tc.split(' ')],
          {
            allowFailure: true,
          },
        );
        if (code !== 0) {
          assert.ok(isMissing(stderr), stderr);
          t.skip(`this kernel has no ${spec.kind}`);
          return;
        }
        await addQdisc(socket, { ...spec, ifindex: one, handle: '1:' });
        const [our, their] = ['kind0', 'kind1'].map((dev) =>
          json('tc', '-details', 'qdisc', 'show', 'dev', dev),
        );
        assert.deepEqual(our, their);
        const [[mine], [tcs]] = [
          await qdiscs(socket, { ifindex: one }),
          await qdiscs(socket, { ifindex: other }),
        ];
        assert.deepEqual([mine?.kind, mine?.handle, mine?.parent], [spec.kind, '1:', 'root']);
        assert.ok(typeof mine?.options === 'object');
        assert.deepEqual(withoutTables(mine.options), withoutTables(tcs?.options));
      });
    });
  }

  void test('addClass() and classes() of htb say what tc says', async () => {
    await withPair(async (socket, [one, other]) => {
      for (const ifindex of [one, other]) await addQdisc(socket, { ifindex, kind: 'htb', handle: '1:' });
      await addClass(socket, {
        ifindex: one,
        parent: '1:',
        classid: '1:10',
        rate: 1_250_000,
        ceil: 2_500_000,
        prio: 2,
        burst: 5000,
        cburst: 10_000,
      });
      oracle(
        'tc',
        'class add dev kind1 parent 1: classid 1:10 htb rate 10mbit ceil 20mbit prio 2 burst 5000 cburst 10000'.split(
          ' ',
        ),
      );
      // tc 6.1 prints classes of htb as text only.
      const [our, their] = ['kind0', 'kind1'].map(
        (dev) => oracle('tc', ['-details', 'class', 'show', 'dev', dev]).stdout,
      );
      assert.equal(our, their);
      const [[mine], [tcs]] = [
        await classes(socket, { ifindex: one }),
        await classes(socket, { ifindex: other }),
      ];
      assert.deepEqual(withoutTables(mine?.options), withoutTables(tcs?.options));
    });
  });

  void test('qdiscs() counts what tc -statistics counts', async () => {
    await withPair(async (socket, [one]) => {
      await addQdisc(socket, { ifindex: one, kind: 'pfifo', limit: 50 });
      oracle('ip', ['addr', 'add', '10.44.0.1/24', 'dev', 'kind0']);
      for (const name of ['kind0', 'kind1'])
        await setLink(socket, name, { up: true, inet6_addr_gen_mode: 'none' });
      // Of a known address: one packet, and no question that is asked again while we look.
      oracle('ip', ['neigh', 'add', '10.44.0.9', 'lladdr', '02:00:00:00:00:09', 'dev', 'kind0']);
      oracle('ping', ['-nc1', '-W1', '10.44.0.9'], { allowFailure: true });
      const [their] = json('tc', '-statistics', 'qdisc', 'show', 'dev', 'kind0');
      const [our] = (await qdiscs(socket, { ifindex: one })) as unknown as Row[];
      for (const key of ['bytes', 'packets', 'drops', 'overlimits', 'requeues', 'backlog', 'qlen'])
        assert.equal(Number(our?.[key]), their?.[key], key);
      assert.ok(Number(our?.['packets']) > 0);
    });
  });
}

async function compareKind(socket: ReturnType<typeof openNetlink>, kind: string): Promise<void> {
  const [their] = json('ip', '-details', 'link', 'show', 'kind0') as [Row & { linkinfo: Row }];
  const our = await link(socket, 'kind0');
  assert.equal(our.linkinfo?.info_kind, kind);
  const names = new Map((await links(socket)).map(({ ifindex, ifname }) => [ifindex, ifname]));
  const info = their.linkinfo['info_data'] as Row | undefined;
  const mine = (our.linkinfo.info_data ?? {}) as unknown as Row;
  const known: string[] = [];
  for (const [key, value] of Object.entries(info ?? {})) {
    // Timers run on; ip spells out single bits, and text for the hash of a group.
    if (/timer$|^no_linklocal|^mcast_vlan|^group_fwd_mask$|_id$|^flags$/.test(key) && key !== 'id') continue;
    const said = mine[key];
    // ip prints null for a setting that it has no word for: none.
    if (value === null && said === 0) continue;
    if (said === undefined) continue;
    // Settings of bonds that ip has words for and we the kernel's numbers.
    if (kind === 'bond' && typeof value === 'string' && typeof said === 'number') continue;
    known.push(key);
    assert.ok(
      [said, names.get(Number(said)), JSON.stringify(said), said === 1, Number(said)].some((each) =>
        isDeepStrictEqual(each, value),
      ),
      `${key}: ${JSON.stringify(said)}, ip says ${JSON.stringify(value)}`,
    );
  }
  const least = { veth: 0, bridge: 30, vlan: 2, vxlan: 6, bond: 10 }[kind] ?? 1;
  assert.ok(known.length >= least, `${kind}: ${known.join(' ')}; ip says ${JSON.stringify(info)}`);
}

/** Two ends of a pair: one for us, one for tc. */
async function withPair(
  body: (socket: ReturnType<typeof openNetlink>, ends: readonly [number, number]) => Promise<void>,
): Promise<void> {
  const socket = openNetlink('route');
  const one = await addLink(socket, { kind: 'veth', ifname: 'kind0', peer: { ifname: 'kind1' } });
  try {
    await body(socket, [one, (await link(socket, 'kind1')).ifindex]);
  } finally {
    await deleteLink(socket, one);
    socket.close();
  }
}

/** tc sends tables of rates for old kernels, which the kernel does not give back. */
function withoutTables(options: unknown): unknown {
  return JSON.parse(
    JSON.stringify(options, (key, value: unknown) =>
      /^[rpc]tab$/.test(key) ? undefined : typeof value === 'bigint' ? Number(value) : value,
    ),
  );
}
