import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LegacyTable, legacyTables, links, nft, openNetlink } from '../../src/netlink/index.js';
import { assertFakeHost, holdNetworkNamespace } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';
import { commands, opaque as unread } from './iptables-corpus.js';

assertFakeHost();

/** What others may write: one of everything that rulesets are made of. */
const foreign = String.raw`
table inet filter {
	set s4 { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 192.168.1.1-192.168.1.9 } ; }
	set tm { type ipv4_addr . inet_service; flags timeout,dynamic; timeout 1h; }
	map ports { type inet_proto . inet_service : ipv4_addr . inet_service; elements = { tcp . 8080 : 10.0.0.2 . 80, udp . 53 : 10.0.0.3 . 53 } ; }
	map vm { type ifname : verdict; elements = { "eth0" : jump other, "lo" : accept }; }
	counter cnt { packets 5 bytes 10; }
	chain input { type filter hook input priority filter; policy accept;
		ct state established,related accept
		ct state invalid counter drop
		iifname "lo" accept comment "loop"
		ip saddr @s4 tcp dport { 22, 80-90, 443 } counter accept
		ip saddr 10.0.0.0/8 ip daddr != 10.0.0.1 udp dport 53 log prefix "dns " level info drop
		tcp dport 1000-2000 reject with tcp reset
		icmp type echo-request limit rate 5/second accept
		icmpv6 type { nd-neighbor-solicit, nd-router-advert } accept
		ip6 saddr fe80::/10 meta mark set 0x10
		meta mark & 0xff == 0x5 ct mark set meta mark
		fib daddr type local accept
		fib saddr . iif oif missing drop
		iifname vmap @vm
		meta l4proto tcp counter name "cnt"
		tcp flags & (syn | ack) == syn accept
		ct mark 5 accept
		ip protocol icmp reject
		reject with icmpx type admin-prohibited
		meta pkttype broadcast drop
		ct status dnat accept
		ip saddr . tcp dport @tm drop
		add @tm { ip saddr . tcp dport timeout 10s } 
		jump other
		goto other
		return
	}
	chain other { }
}
table ip natx {
	chain pre { type nat hook prerouting priority dstnat; policy accept;
		fib daddr type local dnat to meta l4proto . th dport map @m
		tcp dport 80 dnat to 10.0.0.5:8080
		tcp dport 81 dnat to 10.0.0.5
		tcp dport 82 redirect to :8082
		ip daddr != 127.0.0.0/8 udp dport 1-5 dnat ip to 10.0.0.1-10.0.0.4:10-20
	}
	map m { type inet_proto . inet_service : ipv4_addr . inet_service; }
	chain post { type nat hook postrouting priority srcnat + 5; policy accept;
		oifname "eth0" masquerade
		ip saddr 172.17.0.0/16 oifname != "docker0" masquerade random
		ip saddr 10.0.0.1 snat to 1.2.3.4 persistent
		oifname "veth*" accept
	}
}
table bridge br {
 chain brfwd {
  type filter hook forward priority 0; policy drop;
  ether saddr 02:00:00:00:00:01 accept
  ether type ip accept
  vlan id 5 accept
  ip saddr 10.0.0.1 accept
 }
}
table arp a {
 chain ain {
  type filter hook input priority filter; policy accept;
  arp operation request drop
 }
}
table ip6 six {
  map mm { type ipv4_addr : ipv4_addr; }
  set iv { type inet_service; flags interval; elements = { 1-1024, 5000 } }
  set both { type ipv6_addr . inet_service; flags interval; elements = { fd00::/64 . 80, fd01::1 . 90-99 } }
  set cmt { type ipv6_addr; counter; elements = { fd00::5 comment "five" } }
  chain c {
    type nat hook prerouting priority -100
    tcp dport 80 dnat to [fd00::1]:8080
    ip6 saddr fd00::/8 dnat to fd00::9
    ip6 saddr . tcp dport @both return
    icmpv6 type echo-request return
    tcp dport @iv counter
    limit rate over 10 mbytes/second counter
    limit rate 10/minute burst 7 packets return
  }
  chain f { type filter hook input priority 0; policy accept
    reject
    reject with icmpv6 admin-prohibited
    ct original ip6 saddr fd00::1 accept
    ct direction reply accept
    meta skuid 1000 drop
    notrack
    tcp flags syn accept
    tcp flags == syn accept
    ct state != new accept
    meta l4proto { tcp, udp } th dport 53 accept
    quota over 1000 bytes drop
    iif lo accept
    log group 5 prefix "y"
    ct count over 10 drop
    udp sport != 5-6 accept
    ip6 daddr ff02::1-ff02::9 accept
    log flags all
  }
}
table ip y {
 chain c {
  reject
  reject with icmp host-unreachable
  tcp dport 5 reject with tcp reset
 }
}
table inet x {
  chain c { type nat hook postrouting priority srcnat;
   ip saddr 10.0.0.0/24 snat ip to 10.0.0.1-10.0.0.9 fully-random,persistent
   oifname { "eth0", "eth1" } tcp dport 1 masquerade to :1000-2000
   ip protocol . th dport vmap { tcp . 22 : accept, udp . 53 : drop }
   tcp dport vmap { 80 : accept, 1000-2000 : drop }
   meta mark set ct mark
   meta mark set 0x5
   ct mark set 0xa
   ip6 nexthdr tcp accept
   meta nfproto ipv6 accept
   meta protocol ip accept
  }
  chain g { type filter hook forward priority 0
   reject
   ip saddr 1.2.3.4 reject
   reject with icmp host-unreachable
   ct status dnat,snat accept
   meta mark & 0x1 == 0 drop
   meta mark != 0x1 drop
   ether saddr 02:00:00:00:00:01 accept
   fib daddr . iif type != local drop
   ct mark & 0xff == 3 accept
  }
}
`;

/** iptables-nft's own: without the command's name, `6` for ip6tables. Docker's are among them. */
const iptables = String.raw`
4 -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
4 -t nat -N DOCKER
4 -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
4 -t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
4 -t nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
4 -t nat -A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE
4 -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
4 -A INPUT -p tcp -m multiport --dports 22,80 -j ACCEPT
4 -A INPUT -m state --state NEW -j LOG --log-prefix "x "
4 -P FORWARD DROP
4 -A FORWARD -j REJECT
4 -A INPUT -s 1.2.3.4 -p udp --sport 5 -m limit --limit 5/min -j DROP
4 -t mangle -A PREROUTING -m mark --mark 1/3 -j MARK --set-mark 5
4 -A INPUT -i lo -j ACCEPT
4 -A INPUT -p icmp --icmp-type echo-request -j ACCEPT
4 -A FORWARD -i docker0 -o docker0 -j ACCEPT
4 -A FORWARD -p tcp --syn -j DROP
4 -A FORWARD -p tcp -m tcp --dport 1000:2000 -j REJECT --reject-with tcp-reset
4 -t nat -A PREROUTING -p tcp --dport 99 -j REDIRECT --to-ports 80
4 -t nat -A POSTROUTING -j SNAT --to-source 1.2.3.4
4 -A OUTPUT -m owner --uid-owner 5 -j DROP
6 -t nat -A POSTROUTING -s fd00::/64 ! -o br0 -j MASQUERADE
6 -A INPUT -p ipv6-icmp -j ACCEPT
6 -A FORWARD -j REJECT
4 -A INPUT -m iprange --src-range 10.0.0.1-10.0.0.9 -j ACCEPT
4 -A INPUT -p tcp --tcp-option 5 -j DROP
4 -A INPUT -m conntrack --ctstatus ASSURED -j ACCEPT
6 -A INPUT -m iprange --src-range fd00::1-fd00::9 -j ACCEPT
4 -A INPUT -m ttl --ttl-eq 64 -j ACCEPT
4 -A INPUT -m length --length 64 -j ACCEPT
6 -t nat -A PREROUTING -p tcp --dport 99 -j DNAT --to-destination [fd00::2]:80
4 -A INPUT -m string --string abc --algo bm -j DROP
`
  .trim()
  .split('\n');

/** nft's lines without how it breaks and indents them. */
function lines(text: string): string[] {
  return text
    .replace(/,\s+/g, ', ')
    .split('\n')
    .map((line) => line.replace(/\s+/g, ' ').trim())
    .filter((line) => line !== '' && !line.startsWith('# Warning'));
}

test('rulesetText() shows what others wrote as nft -a list ruleset does', async () => {
  oracle('nft', ['-f', '-'], { input: foreign });
  const route = openNetlink('route');
  const devices = new Map((await links(route)).map(({ ifindex, ifname }) => [ifindex, ifname]));
  route.close();
  const socket = openNetlink('netfilter');
  const text = nft.rulesetText(await nft.ruleset(socket), { devices });
  assert.deepEqual(lines(text), lines(oracle('nft', ['-a', 'list', 'ruleset']).stdout));
  oracle('nft', ['flush', 'ruleset']);
  socket.close();
});

test('rulesetText() shows the rules of iptables-nft translated, as nft does, and more where nft has no translation', async () => {
  for (const line of iptables) {
    const [version, ...args] = splitWords(line);
    oracle(version === '6' ? 'ip6tables-nft' : 'iptables-nft', args);
  }
  const socket = openNetlink('netfilter');
  const ours = lines(nft.rulesetText(await nft.ruleset(socket)));
  const theirs = lines(oracle('nft', ['-a', 'list', 'ruleset']).stdout);
  assert.equal(ours.length, theirs.length);
  for (const [index, their] of theirs.entries()) {
    const our = ours[index] ?? '';
    // nft leaves out IPv6's NAT targets here, and writes "skuid" without "meta".
    if (/ip6 saddr fd00::.*masquerade|dnat to \[fd00::2\]:80/.test(our)) continue;
    assert.equal(our.replace('meta skuid', 'skuid'), their.replace('meta skuid', 'skuid'));
  }
  oracle('nft', ['flush', 'ruleset']);
  socket.close();
});

function splitWords(line: string): string[] {
  return (line.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replace(/^"|"$/g, ''));
}

test('legacyTables() shows what iptables-legacy -S does, and makes no table by looking', async (t) => {
  const held = await holdNetworkNamespace();
  t.after(async () => held[Symbol.asyncDispose]());
  const namespace = { pid: held.pid };
  assert.deepEqual(legacyTables({ namespace }), []);
  const run = (program: string, ...args: string[]) =>
    oracle('nsenter', [`--net=${held.path}`, program, ...args]).stdout;
  for (const line of iptables) {
    const [version, ...args] = splitWords(line);
    run(version === '6' ? 'ip6tables-legacy' : 'iptables-legacy', ...args);
  }
  assert.deepEqual(legacyTables(), [], 'those of this namespace');
  const tables = legacyTables({ namespace });
  assert.deepEqual(tables.map(({ family, name }) => `${family} ${name}`).sort(), [
    'ip filter',
    'ip mangle',
    'ip nat',
    'ip6 filter',
    'ip6 nat',
  ]);
  for (const table of tables) {
    const program = table.family === 'ip' ? 'iptables-legacy' : 'ip6tables-legacy';
    // Of a match that is not known here only the name is shown.
    const theirs = run(program, '-t', table.name, '-S').replace(/-m string .*? -j/, '-m string -j');
    assert.deepEqual(legacyLines(table), theirs.trim().split('\n').sort());
  }
  const opaque = tables.flatMap(({ chains }) =>
    chains.flatMap(({ rules }) => rules.flatMap((rule) => rule.opaque)),
  );
  assert.deepEqual(opaque, ['string']);
});

test('legacyTables() reads every match and target that it knows as iptables-legacy -S says it, and names those it does not', async (t) => {
  const held = await holdNetworkNamespace();
  t.after(async () => held[Symbol.asyncDispose]());
  const run = (program: string, ...args: string[]) =>
    oracle('nsenter', [`--net=${held.path}`, program, ...args], { allowFailure: true });
  const refused = commands.filter((line) => {
    const [version, ...args] = splitWords(line);
    return run(version === '6' ? 'ip6tables-legacy' : 'iptables-legacy', ...args).code !== 0;
  });
  t.diagnostic(`${commands.length - refused.length} rules; this kernel lacks: ${refused.join(' | ')}`);
  assert.ok(refused.length < commands.length / 4);
  const seen = new Set<string>();
  for (const { family, name, chains } of legacyTables({ namespace: { pid: held.pid } })) {
    const program = family === 'ip' ? 'iptables-legacy' : 'ip6tables-legacy';
    for (const chain of chains) {
      const theirs = run(program, '-t', name, '-S', chain.name)
        .stdout.trim()
        .split('\n')
        .filter((line) => line.startsWith('-A'));
      assert.equal(chain.rules.length, theirs.length);
      for (const [index, { text, opaque }] of chain.rules.entries()) {
        for (const each of opaque) seen.add(each);
        if (opaque.length === 0) assert.equal(`-A ${chain.name} ${text}`.trim(), theirs[index]);
        else for (const each of opaque) assert.match(text, new RegExp(`-[mj] ${each}( |$)`));
      }
    }
  }
  assert.deepEqual(
    [...seen].filter((each) => !unread.has(each)),
    [],
  );
});

function legacyLines({ chains }: LegacyTable): string[] {
  return chains
    .flatMap(({ name, policy, rules }) => [
      policy === undefined ? `-N ${name}` : `-P ${name} ${policy}`,
      ...rules.map(({ text }) => `-A ${name} ${text}`),
    ])
    .sort();
}

const table = { family: 'inet', table: 'ours' } as const;
const ports = {
  ...table,
  set: 'ports',
  key: ['inet_proto', 'inet_service'],
  data: ['ipv4_addr', 'inet_service'],
} as const;

test('a transaction makes table, chains, maps, elements and rules, and nft understands them', async () => {
  const socket = openNetlink('netfilter');
  await nft.commit(socket, [
    nft.addTable(table),
    nft.addSet({ ...ports, id: 1 }),
    nft.addSet({ ...table, set: 'nets', key: ['ipv4_addr'], id: 2, comment: 'of ours' }),
    nft.addSet({ ...table, set: 'links', key: ['ifname'], data: ['verdict'], id: 3 }),
    nft.addChain({
      ...table,
      chain: 'pre',
      hook: 'prerouting',
      type: 'nat',
      priority: nft.priorities.dstnat,
    }),
    nft.addChain({ ...table, chain: 'forward', hook: 'forward', policy: 'drop' }),
    nft.addChain({ ...table, chain: 'own' }),
    nft.addElements(ports, [
      { key: ['tcp', 8080], data: ['10.0.0.2', 80] },
      { key: ['udp', 53], data: ['10.0.0.3', 53] },
    ]),
    nft.addElements({ ...table, set: 'nets', key: ['ipv4_addr'] }, [{ key: ['10.0.0.1'], comment: 'one' }]),
    nft.addElements({ ...table, set: 'links', key: ['ifname'], data: ['verdict'] }, [
      { key: ['lo'], data: { verdict: 'accept' } },
      { key: ['eth0'], data: { verdict: 'jump', chain: 'own' } },
    ]),
    nft.addRule({
      ...table,
      chain: 'pre',
      expressions: [
        ...nft.fibType('daddr', 'local'),
        ...nft.dnatMap('inet', ['meta l4proto', 'th dport'], 'ports', { ip: 'ip', withPort: true }),
      ],
      comment: 'published',
    }),
    nft.addRule({
      ...table,
      chain: 'pre',
      expressions: [...nft.matchField('inet', 'tcp dport', 81), ...nft.redirect(82)],
    }),
    nft.addRule({
      ...table,
      chain: 'pre',
      expressions: [...nft.matchField('inet', 'tcp dport', 83), ...nft.nat('dnat', 'fd00::1', { port: 84 })],
    }),
    nft.addRule({
      ...table,
      chain: 'forward',
      expressions: [...nft.ctState('established', 'related'), nft.verdict('accept')],
    }),
    nft.addRule({
      ...table,
      chain: 'forward',
      expressions: nft.verdictMap('inet', ['meta iifname'], 'links'),
    }),
    nft.addRule({
      ...table,
      chain: 'forward',
      expressions: [
        ...nft.lookup('inet', ['ip saddr'], 'nets', { inverted: true }),
        nft.log({ prefix: 'no ' }),
        nft.counter(),
        nft.reject(),
      ],
    }),
    nft.addRule({
      ...table,
      chain: 'own',
      expressions: [
        ...nft.matchPrefix('inet', 'ip daddr', '10.0.0.0/9', '!='),
        ...nft.setMark('meta', 5),
        nft.verdict('return'),
      ],
    }),
  ]);
  const theirs = oracle('nft', ['-a', 'list', 'ruleset']).stdout;
  assert.deepEqual(lines(nft.rulesetText(await nft.ruleset(socket))), lines(theirs));
  for (const rule of [
    'fib daddr type local dnat ip to meta l4proto . th dport map @ports comment "published"',
    'tcp dport 81 redirect to :82',
    'tcp dport 83 dnat ip6 to [fd00::1]:84',
    'ct state established,related accept',
    'iifname vmap @links',
    'ip saddr != @nets log prefix "no " counter packets 0 bytes 0 reject',
    'ip daddr != 10.0.0.0/9 meta mark set 0x00000005 return',
  ]) {
    assert.ok(theirs.includes(rule), rule);
  }
  // nft can read back what it shows.
  oracle('nft', ['flush', 'ruleset']);
  oracle('nft', ['-f', '-'], { input: theirs });
  await nft.commit(socket, [nft.deleteTable(table)]);
  assert.equal(oracle('nft', ['list', 'ruleset']).stdout, '');
  socket.close();
});

test('a transaction of which one request fails changes nothing, and says which it was', async () => {
  const socket = openNetlink('netfilter');
  const before = await nft.generation(socket);
  const requests = [
    nft.addTable(table),
    nft.addChain({ ...table, chain: 'c' }),
    nft.addRule({ ...table, chain: 'c', expressions: [nft.verdict('jump', 'nowhere')] }),
  ];
  await assert.rejects(nft.commit(socket, requests), {
    code: 'ERR_NETLINK',
    errno: 'ENOENT',
    message: /add a rule/,
  });
  assert.deepEqual(await nft.tables(socket), []);
  assert.equal(await nft.generation(socket), before);
  await assert.rejects(nft.commit(socket, [nft.addTable(table)], { generation: before + 77 }), {
    errno: 'ERESTART',
  });
  await assert.rejects(nft.commit(socket, [nft.deleteTable(table)]), { errno: 'ENOENT', kind: 'not-found' });
  socket.close();
});

test('chains and sets are deleted one by one, and not while a rule uses them', async () => {
  const socket = openNetlink('netfilter');
  const jump = { ...table, chain: 'from' };
  await nft.commit(socket, [
    nft.addTable(table),
    nft.addSet(ports),
    nft.addChain(jump),
    nft.addChain({ ...table, chain: 'to' }),
    nft.addRule({ ...jump, expressions: [nft.verdict('jump', 'to')] }),
  ]);
  await assert.rejects(nft.commit(socket, [nft.deleteChain({ ...table, chain: 'to' })]), {
    errno: 'EBUSY',
    message: /delete the chain .*to/,
  });
  await nft.commit(socket, [
    nft.deleteChain(jump),
    nft.deleteChain({ ...table, chain: 'to' }),
    nft.deleteSet(ports),
  ]);
  const listed = oracle('nft', ['list', 'table', table.family, table.table]).stdout;
  assert.doesNotMatch(listed, /chain|map|set/);
  await assert.rejects(nft.commit(socket, [nft.deleteSet(ports)]), { errno: 'ENOENT' });
  await nft.commit(socket, [nft.deleteTable(table)]);
  socket.close();
});

test('elements are added once, deleted, and thousands fit into one transaction', async () => {
  const socket = openNetlink('netfilter');
  await nft.commit(socket, [nft.addTable(table), nft.addSet(ports)]);
  const one = [{ key: ['tcp', 1], data: ['10.0.0.1', 1] }] as const;
  await nft.commit(socket, [nft.addElements(ports, one, { exclusive: true })]);
  await assert.rejects(nft.commit(socket, [nft.addElements(ports, one, { exclusive: true })]), {
    errno: 'EEXIST',
  });
  await nft.commit(socket, [nft.deleteElements(ports, one)]);
  const many = Array.from(
    { length: 5000 },
    (_, index) => ({ key: ['udp', index + 1], data: ['10.0.0.2', index + 1] }) as const,
  );
  // 65535 bytes is what one list of elements holds: so several requests, one transaction.
  const parts = Array.from({ length: 10 }, (_, index) =>
    nft.addElements(ports, many.slice(index * 500, index * 500 + 500)),
  );
  await nft.commit(socket, parts);
  const [set] = await nft.sets(socket, table);
  assert.equal(set?.elements.length, 5000);
  await nft.commit(socket, [nft.deleteElements(ports)]);
  assert.deepEqual(await nft.elements(socket, ports), []);
  await nft.commit(socket, [nft.deleteTable(table)]);
  socket.close();
});

test('names that nft(8) could not write are refused', () => {
  for (const name of ['', 'a b', '1x', '{', 'x'.repeat(200)]) {
    assert.throws(() => nft.addTable({ family: 'inet', table: name }), { code: 'ERR_NFT_NAME' }, name);
  }
});
