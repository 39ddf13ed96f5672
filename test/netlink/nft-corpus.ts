/**
 * Rules, sets and objects of every kind that nft(8) writes, to compare our reading of them with nft's own. A line that this
 * kernel has no module for is left out by the test, which says so.
 */

/** What the rules refer to. */
export const tables = `
table ip t {
  counter cnt { }
  counter cnt2 { packets 3 bytes 9 }
  quota q { over 10 mbytes }
  limit lim { rate 5/minute burst 7 packets }
  set s4 { type ipv4_addr; flags interval; elements = { 10.0.0.0/8 } }
  set ports { type inet_service; elements = { 22, 443, 80 } }
  set dyn { type ipv4_addr; flags dynamic,timeout; size 65535; timeout 1h; }
  set dyn2 { type ipv4_addr . inet_service; flags dynamic; size 128; }
  map dynmap { type ipv4_addr : inet_service; flags dynamic; size 100; }
  map dynmark { type ipv4_addr : mark; flags dynamic; size 100; }
  map objmap { type ipv4_addr : counter; elements = { 10.0.0.1 : "cnt" } }
  set objset { type ipv4_addr; counter; elements = { 10.0.0.1 comment "x" } }
  map natmap2 { type inet_service : ipv4_addr; }
  chain filter { type filter hook forward priority 0; policy accept; }
  chain natpre { type nat hook prerouting priority dstnat; }
  chain natpost { type nat hook postrouting priority srcnat; }
  chain pre { type filter hook prerouting priority mangle; }
  chain out { type filter hook output priority 10; }
  chain input { type filter hook input priority 10; }
  chain route1 { type route hook output priority -150; }
  chain other { }
}
table ip6 t {
  chain filter { type filter hook forward priority 0; }
  chain pre { type filter hook prerouting priority -150; }
  chain input { type filter hook input priority 10; }
  chain out { type filter hook output priority 10; }
  chain natpre { type nat hook prerouting priority dstnat; }
  chain natpost { type nat hook postrouting priority srcnat; }
  chain other { }
}
table inet t {
  chain filter { type filter hook forward priority 0; }
  chain pre { type filter hook prerouting priority -150; }
  chain input { type filter hook input priority 10; }
  chain out { type filter hook output priority 10; }
  chain natpre { type nat hook prerouting priority dstnat; }
  chain natpost { type nat hook postrouting priority srcnat; }
  chain other { }
}
table bridge t { 
  chain filter { type filter hook forward priority 0; }
  chain pre { type filter hook prerouting priority -150; }
  chain input { type filter hook input priority 10; }
  chain other { }
}
table arp t {
 chain filter { type filter hook input priority 0; }
}
table netdev t {
 chain filter { type filter hook ingress device lo priority 0; }
}
`;

/** One command a line, each on its own: a kernel may lack the kind. */
export const objects = `
add ct helper ip t ftph { type "ftp" protocol tcp; }
add ct timeout ip t ctt { protocol tcp; l3proto ip; policy = { established : 123, close : 12 } ; }
add ct timeout ip t ctu { protocol udp; l3proto ip; policy = { unreplied : 5 } ; }
add ct expectation ip t cte { protocol udp; dport 9876; timeout 2m; size 12; l3proto ip; }
add synproxy ip t sp { mss 1460; wscale 7; timestamp sack-perm; }
add counter ip t noted { comment "of ours"; }
add limit ip t fast { rate over 5 mbytes/second burst 1 mbytes; }
add quota ip t large { 25 mbytes used 1 kbytes; }
add set ip t marks { type mark; flags interval; elements = { 1, 5-9 }; }
add set ip t names { type ifname; flags interval; elements = { "lo", "eth*" }; }
add set ip t few { type ipv4_addr . inet_service; flags timeout; timeout 1d; gc-interval 10s; size 100; }
add set ip t hosts { type ether_addr . ipv4_addr; elements = { 02:00:00:00:00:01 . 10.0.0.1 }; }
add set ip t codes { type icmp_type; elements = { echo-request, echo-reply }; }
add set ip t states { type ct_state; elements = { new, established }; }
add set ip t constants { type inet_proto; flags constant; elements = { tcp, udp }; }
add set ip t users { type uid; elements = { 0, 1000 }; }
add set ip t limited { type ipv4_addr; size 10; flags dynamic; limit rate 5/second; }
add map ip t verdicts { type ipv4_addr . inet_proto : verdict; elements = { 10.0.0.1 . tcp : accept, 10.0.0.2 . udp : jump other }; }
add map ip t quotas { type ipv4_addr : quota; elements = { 10.0.0.1 : "q" }; }
add map ip t prefixes { type ipv4_addr : ipv4_addr; flags interval; elements = { 10.0.0.0/8 : 1.1.1.1 }; }
add map ip t places { type ipv4_addr : ipv4_addr . inet_service; elements = { 10.0.0.1 comment "one" : 10.0.0.2 . 80 }; }
add map ip t marked { type mark : ipv4_addr; elements = { 1 : 10.0.0.1, * : 10.0.0.9 }; }
add set inet t six { type ipv6_addr; flags interval; auto-merge; elements = { fd00::/64, fe80::1-fe80::9 }; }
add table ip asleep { flags dormant; }
`
  .trim()
  .split('\n');

/** Chains that a rule of a group may be in: the first that takes it is used. */
export const chains: Readonly<Record<string, readonly string[]>> = {
  ip: ['filter', 'pre', 'out', 'input'],
  ip6: ['filter', 'pre', 'input', 'out'],
  inet: ['filter', 'pre', 'input', 'out'],
  bridge: ['filter', 'pre', 'input'],
  arp: ['filter'],
  netdev: ['filter'],
  'ip nat': ['natpre', 'natpost'],
  'ip6 nat': ['natpre', 'natpost'],
  'inet nat': ['natpre', 'natpost'],
};

export const rules: Readonly<Record<string, string>> = {
  ip: `
ip saddr 10.0.0.1
ip saddr != 10.0.0.1 drop
ip saddr { 10.0.0.1, 10.0.0.7, 10.0.0.3 } accept
ip saddr { 10.0.0.0/8, 192.168.0.0/16, 172.16.0.5-172.16.0.9 }
ip saddr != { 10.0.0.0/8, 1.1.1.1 } drop
ip daddr 10.0.0.0/24
ip daddr 10.0.0.0/12 counter
ip daddr 10.0.0.1-10.0.0.200
ip daddr != 10.0.0.1-10.0.0.200
ip saddr & 0.0.0.255 == 0.0.0.5
ip saddr & 255.0.0.255 == 10.0.0.1
ip dscp cs1
ip dscp != af21
ip dscp { cs1, af21, ef }
ip dscp set cs3
ip ecn ce
ip ecn set ect0
ip version 4
ip hdrlength 5
ip length 100-200
ip length > 1000
ip id 22
ip id { 1, 2, 3 }
ip frag-off & 0x1fff != 0
ip frag-off 0x2000
ip ttl 64
ip ttl < 5 drop
ip ttl set 33
ip ttl { 1-5, 64 }
ip protocol tcp
ip protocol != { tcp, udp }
ip protocol vmap { tcp : accept, udp : drop, icmp : return }
ip checksum 13
ip option rr exists
ip option lsrr type 1
ip option ssrr ptr 4
ip option ra value 0
ip daddr set 10.0.0.9
icmp type echo-request
icmp type { echo-request, echo-reply, destination-unreachable }
icmp type != echo-reply
icmp code 3
icmp code port-unreachable
icmp type destination-unreachable icmp code host-unreachable
icmp id 5
icmp sequence 7
icmp mtu 1400
icmp gateway 1
icmp checksum 1
igmp type membership-query
igmp mrt 5
tcp sport 1024
tcp dport 22 accept
tcp dport != 22 accept
tcp dport 1-1024
tcp dport { 22, 80, 443 }
tcp dport { 22, 1000-2000 } accept
tcp dport != { 22, 80 } drop
tcp dport >= 1024
tcp sport 22 tcp dport 33
tcp sequence 0-10
tcp ackseq 42949672
tcp doff 8
tcp reserved 1
tcp flags syn
tcp flags == syn
tcp flags { syn, syn | ack }
tcp flags & (fin | syn | rst | ack) == syn
tcp flags & (syn | fin) == 0
tcp flags & (syn | fin) == (syn | fin)
tcp flags != syn
tcp flags ! syn,rst
tcp flags syn / fin,syn,rst,ack
tcp flags & syn != 0
tcp window 222
tcp checksum 22
tcp urgptr 0
tcp option maxseg exists
tcp option maxseg missing
tcp option maxseg size 1400
tcp option maxseg size set 1400
tcp option maxseg size set rt mtu
tcp option window count 3
tcp option sack-perm exists
tcp option timestamp exists
tcp option timestamp tsval 1
tcp option sack left 5
tcp option sack1 right 5
tcp option 27 exists
tcp option mptcp subtype 1
tcp option fastopen exists
reset tcp option sack-perm
udp sport 53
udp dport { 53, 67-68 }
udp length 8
udp checksum 0
udp checksum set 0
udplite dport 5
udplite checksum 5
sctp dport 5
sctp vtag 1
sctp chunk data exists
sctp chunk init missing
sctp chunk data flags 2
dccp dport 5
dccp type request
dccp type { request, response }
esp spi 100
esp sequence 22
ah spi 111
ah reserved 22
comp cpi 3
th dport 53
meta l4proto { tcp, udp } th dport 53
meta l4proto tcp th dport 1-5
meta l4proto 99
meta l4proto ospf
meta length 1000
meta length > 1000
meta length 33-44
meta protocol ip
meta protocol ip6
meta protocol { ip, arp, vlan }
meta priority 1:2
meta priority root
meta priority none
meta priority set 1:10
meta mark 5
meta mark != 5
meta mark 5-10
meta mark { 1, 3, 0x10-0x20 }
meta mark & 0x3 == 0x1
meta mark & 0x3 != 0x1
meta mark and 0x03 == 0x01
meta mark set 5
meta mark set meta mark | 0x10
meta mark set meta mark & 0xff
meta mark set meta mark ^ 0x5
meta mark set meta mark and 0xffff0000 or 0x5
meta mark set ct mark
meta mark set ct mark & 0xff
meta mark set ct mark << 8
meta mark set meta mark >> 4
meta mark set tcp dport map { 22 : 1, 80 : 2 }
meta mark set ip saddr map { 10.0.0.0/8 : 1, 192.168.0.0/16 : 2 }
meta mark set numgen inc mod 4
meta mark set numgen inc mod 4 offset 100
meta mark set numgen random mod 7
meta mark set jhash ip saddr mod 2
meta mark set jhash ip saddr . ip daddr mod 5 seed 0xdeadbeef
meta mark set jhash ip saddr . ip daddr mod 5 seed 0xdeadbeef offset 100
meta mark set symhash mod 2
meta mark set symhash mod 2 offset 100
meta iif lo
meta iif != lo
meta iif { lo }
meta iifname eth0
meta iifname != eth0
meta iifname "eth*"
meta iifname { eth0, eth1, lo }
iifname { "eth*", "lo" }
meta iifname . meta oifname { "lo" . "eth0" }
meta iiftype ether
meta iiftype loopback
meta oif lo
meta oifname eth0
meta oiftype ppp
meta skuid 0
meta skuid root
meta skuid 1000-2000
meta skuid { 0, 1000 }
meta skgid 33
meta nftrace set 1
meta nftrace 1
meta rtclassid 5
meta pkttype multicast
meta pkttype { host, broadcast }
meta pkttype set host
meta cpu 1
meta cpu { 0, 2-3 }
meta iifgroup 7
meta oifgroup default
meta iifgroup { 0, 11-33 }
meta cgroup 1
meta random 4
meta iifkind "veth"
meta oifkind { "veth", "bridge" }
meta secpath exists
meta ipsec missing
meta sdif lo
meta sdifname eth0
meta day "Saturday"
meta day { "Monday", "Friday" }
meta hour "17:00"-"19:00"
meta hour "17:00"
meta time "2026-01-01 00:00:00"-"2027-01-01 00:00:00"
meta time < "2027-07-08 00:00:00"
ct state new
ct state new,established
ct state != new
ct state { new, established }
ct state vmap { new : accept, established : accept, invalid : drop }
ct state & (established | related) != 0
ct state ! established
ct direction original
ct direction reply
ct status expected
ct status != expected,seen-reply
ct status & (snat|dnat) != 0
ct mark 5
ct mark & 0xff == 5
ct mark set meta mark
ct mark set 11
ct mark set ct mark | 1
ct mark set ct mark & 0xff00 | 5
ct expiration 30s
ct expiration 1m-1h
ct expiration > 4d23h
ct helper "ftp"
ct label 5
ct label set 5
ct zone 5
ct zone set 5
ct original zone 5
ct original saddr 10.0.0.1
ct reply daddr 10.0.0.1
ct original ip saddr 10.0.0.0/8
ct original protocol 17
ct original l3proto ipv4
ct bytes > 100000
ct packets > 100
ct original bytes > 100000
ct reply packets 5
ct avgpkt > 200
ct original avgpkt 200
ct id 12345
ct event set new,related,destroy
ct count 5
ct count over 5 drop
counter
counter packets 5 bytes 10
counter packets 0 bytes 0 accept
limit rate 400/minute
limit rate 1/second
limit rate over 20/day
limit rate 20/week
limit rate 400/hour burst 7 packets
limit rate 1023000/second burst 10 packets
limit rate 512 bytes/second
limit rate 2 kbytes/second
limit rate 1 mbytes/second
limit rate 1025 bytes/second burst 512 bytes
limit rate 10230 mbytes/second burst 2 kbytes
limit rate over 1 mbytes/minute burst 1 mbytes
quota 10 mbytes
quota over 512 kbytes drop
quota 1234567 bytes
quota over 10 mbytes used 1 mbytes
log
log prefix "aaaaa-aaaaaa"
log prefix "a b" group 2
log group 2 queue-threshold 2
log group 2 snaplen 33
log prefix "x" group 5 snaplen 33 queue-threshold 20
log level emerg
log level alert
log level crit
log level err
log level warn
log level notice
log level info
log level debug
log level audit
log flags tcp sequence
log flags tcp options
log flags tcp sequence,options
log flags ip options
log flags skuid
log flags ether
log flags all
log level info prefix "z" flags tcp sequence
reject
reject with icmp type host-unreachable
reject with icmp net-unreachable
reject with icmp prot-unreachable
reject with icmp port-unreachable
reject with icmp net-prohibited
reject with icmp host-prohibited
reject with icmp admin-prohibited
meta l4proto tcp reject with tcp reset
reject with tcp reset
tcp dport 22 reject with tcp reset
queue num 5
queue num 5-9
queue num 5-9 bypass
queue num 5-9 fanout
queue num 5-9 bypass,fanout
queue flags bypass to jhash ip saddr mod 4
queue to numgen inc mod 3
dup to 10.0.0.9
dup to 10.0.0.9 device lo
dup to ip saddr map { 10.0.0.1 : 10.0.0.2 }
notrack
synproxy mss 1460 wscale 7 timestamp sack-perm
synproxy
fib saddr . iif oif missing drop
fib saddr . iif oif exists
fib daddr type local
fib daddr type { local, broadcast, multicast }
fib daddr type != unicast
fib daddr . iif type vmap { blackhole : drop, prohibit : drop, unicast : accept }
fib saddr . mark oif lo
fib saddr oifname "lo"
fib daddr . oif type local
fib saddr . mark . iif oif missing
rt classid 5
rt nexthop 10.0.0.1
rt mtu 1400
rt ipsec exists
socket transparent 1
socket mark 5
socket wildcard 0
meta mark set socket mark
osf name "Linux"
osf ttl skip name "Linux"
tcp dport 80 tproxy to 127.0.0.1:50080
tcp dport 80 tproxy to :50080
udp dport 80 tproxy to 10.0.0.1
ip saddr . tcp dport { 10.0.0.1 . 22, 10.0.0.2 . 80 }
ip saddr . tcp dport { 10.0.0.0/8 . 22, 10.0.0.2 . 80-90 }
ip saddr . ip daddr . meta l4proto { 10.0.0.1 . 10.0.0.2 . tcp }
ip saddr . tcp dport vmap { 10.0.0.1 . 22 : accept, 10.0.0.2 . 80 : drop }
ip saddr . ip daddr vmap { 10.0.0.0/24 . 10.1.0.0/24 : jump other }
ct mark . meta mark { 1 . 2 }
meta iifname . ip saddr . tcp dport { "eth0" . 10.0.0.0/8 . 22-25 } accept
tcp dport vmap { 22 : accept, 23 : drop, 25 : continue, 26 : goto other }
tcp dport vmap { 1-1024 : jump other }
tcp dport vmap { 22 : accept, * : drop }
iifname vmap { "lo" : accept, "eth*" : jump other }
meta mark vmap { 1 : accept }
ct state . meta mark vmap { new . 1 : accept }
ether saddr 02:00:00:00:00:01
ether daddr != 02:00:00:00:00:01
ether saddr { 02:00:00:00:00:01, 02:00:00:00:00:02 }
@nh,8,8 5
@nh,96,32 0x0a000001
@th,16,16 53
@th,0,16 { 22, 23 }
@ll,0,48 0x020000000001
@th,100,4 5
@nh,8,8 set 5
@ih,0,32 5
accept comment "with a comment"
continue
return
goto other
jump other
drop
ip saddr @s4
ip saddr != @s4
tcp dport @ports
add @dyn { ip saddr }
update @dyn { ip saddr timeout 1m }
delete @dyn { ip saddr }
add @dyn { ip saddr limit rate 5/second }
add @dyn { ip saddr ct count over 5 } drop
add @dyn { ip saddr counter }
add @dyn { ip saddr timeout 5s limit rate over 1/second burst 3 packets } drop
update @dyn2 { ip saddr . tcp dport counter } drop
update @dynmap { ip saddr : tcp dport }
add @dynmark { ip saddr : 5 }
meter m1 { ip saddr limit rate 10/second }
meter m2 size 1024 { ip saddr . tcp dport timeout 30s ct count over 5 } drop
counter name "cnt"
counter name tcp dport map { 22 : "cnt", 80 : "cnt2" }
quota name "q"
limit name "lim"
ct helper set "ftph"
ct timeout set "ctt"
ct expectation set "cte"
synproxy name "sp"
counter name ip saddr map @objmap
ip saddr @objset
meta secmark set ct secmark
ct secmark set meta secmark
flow add @ft
ip saddr 10.0.0.1 ip daddr 10.0.0.2 tcp sport 5 tcp dport 6 ct state new counter log prefix "all " accept
tcp dport 22 ct state new limit rate 5/minute burst 10 packets counter accept comment "ssh"
udp dport 53 ip saddr 10.0.0.0/8 counter drop
ip protocol udp udp dport 53
ip protocol tcp tcp dport 22
meta l4proto icmp icmp type echo-request
ip protocol icmp icmp type echo-request
ip protocol { tcp, udp } th dport { 53, 80 } accept
icmp type echo-request icmp id 5
icmp type destination-unreachable icmp mtu 1400
ip protocol sctp sctp dport 5
meta l4proto comp
meta l4proto 4
ip protocol icmp
meta pkttype set broadcast
tcp flags & (syn | ack) { syn, ack }
meta mark & 0xff { 1, 2 }
meta mark & 0xff vmap { 1 : accept, 2 : drop }
ip saddr & 255.255.0.0 { 10.0.0.0, 10.1.0.0 }
ip dscp vmap { cs1 : accept, ef : drop }
ct state . ct status { new . expected }
ct label 1,5
ct mark and 0xff 5-9
meta cpu != 3-5
meta skuid < 1000
meta skuid != { 5, 1000-2000 }
ct bytes 5-1000
ct packets { 5, 10-20 }
ct expiration { 5s, 1m-2m }
meta day "Monday"-"Friday"
meta hour { "08:00"-"12:00", "13:00"-"17:00" }
ip length { 1-5, 100 }
ip length . ip ttl { 5 . 64 }
tcp window 5-10
ip saddr 10.0.0.0/8 ip daddr 10.1.0.0/16 tcp sport 1024-65535 tcp dport { 80, 443 } ct state new meta mark set 0x1
tcp option maxseg size 1-1400
tcp option maxseg size { 536, 1400 }
tcp option @27,16,8 5
ip option rr length 5
sctp chunk init init-tag 5
sctp chunk data tsn 5
sctp chunk heartbeat exists
sctp checksum 5
igmp checksum 5
igmp type { membership-query, leave-group }
comp flags 5
tcp dport set 80
udp sport set 53
tcp flags set syn
ip id set 5
ip length set 99
ip checksum set 0
ip frag-off set 0
ip saddr set 10.0.0.0
tcp window set 5
ipsec in reqid 1
ipsec out ip saddr 10.0.0.1
ipsec in spnum 1 spi 5
rt classid "cosmos"
numgen inc mod 2 vmap { 0 : accept, 1 : drop }
numgen random mod 10 < 5 drop
symhash mod 2 vmap { 0 : accept, 1 : drop }
jhash tcp dport mod 2 1
fib daddr oifname "lo"
fib daddr oif "lo"
fib daddr oif exists
fib saddr type vmap { local : drop, unicast : accept }
meta iifname vmap { "lo" : accept }
iifname . oifname vmap { "lo" . "eth0" : accept }
ip saddr . tcp dport . iifname { 10.0.0.1 . 22 . "eth0" }
limit rate over 5/second burst 10 packets drop
quota 0 bytes
counter name "cnt2" drop
quota name ip saddr map { 10.0.0.1 : "q" }
limit name ip saddr map { 10.0.0.1 : "lim" }
synproxy name ip saddr map { 10.0.0.1 : "sp" }
ct helper set ip saddr map { 10.0.0.1 : "ftph" }
add @dyn2 { ip saddr . tcp dport }
set add ip saddr @dyn
log prefix "quote" level debug flags all
ct original packets > 5
ct reply avgpkt 5-6
ct direction { original, reply }
ct status { expected, assured }
ct protocol tcp
ct l3proto ipv4
ct original protocol { tcp, udp }
meta protocol vmap { ip : accept, ip6 : drop }
ether type ip
vlan id 5
vlan id 5 vlan pcp 3 ip saddr 10.0.0.1
ether saddr 02:00:00:00:00:01 ip saddr 10.0.0.1
iif . oif { "lo" . "lo" }
iif vmap { "lo" : accept }
rt mtu 1000-1400
@th,0,32 { 5, 6 }
@th,16,8 & 0xf0 == 0x10
tcp flags { fin|syn, fin|ack, fin }
meta rtclassid "cosmos"
`,
  ip6: `
ip6 saddr fd00::1
ip6 saddr fd00::/8
ip6 saddr fd00::/33
ip6 daddr { fd00::1, fd00::5 }
ip6 daddr { fd00::/64, fe80::1-fe80::9 }
ip6 daddr != fd00::1-fd00::9
ip6 saddr & ffff:: == fd00::
ip6 saddr ::1
ip6 saddr ::ffff:10.0.0.1
ip6 saddr . ip6 daddr { fd00::1 . fd00::2 }
ip6 dscp cs1
ip6 dscp != cs1
ip6 dscp set cs3
ip6 ecn ect1
ip6 flowlabel 22
ip6 flowlabel set 0
ip6 length 100
ip6 nexthdr tcp
ip6 nexthdr { udp, tcp }
ip6 hoplimit 1
ip6 hoplimit > 64
ip6 version 6
icmpv6 type echo-request
icmpv6 type { nd-neighbor-solicit, nd-router-advert, mld-listener-query }
icmpv6 code 4
icmpv6 code admin-prohibited
icmpv6 id 3
icmpv6 sequence 3
icmpv6 mtu 1280
icmpv6 max-delay 5
icmpv6 type packet-too-big icmpv6 mtu 1280
icmpv6 checksum 2
tcp dport 22
udp dport 546
hbh nexthdr tcp
hbh hdrlength 0
rt type 0
rt seg-left 1
rt nexthdr udp
rt nexthop fd00::1
rt0 addr[1] fd00::1
srh tag 5
srh last-entry 1
frag frag-off 33
frag more-fragments 1
frag nexthdr udp
frag id 5
frag reserved 5
dst nexthdr tcp
mh hdrlength 0
exthdr hbh exists
reject
reject with icmpv6 no-route
reject with icmpv6 addr-unreachable
reject with icmpv6 port-unreachable
reject with icmpv6 policy-fail
reject with icmpv6 reject-route
reject with tcp reset
ct original ip6 saddr fd00::/64
ct original saddr fd00::1
fib saddr . iif oif missing drop
meta protocol ip6 counter
tcp dport 5 tproxy to [fd00::1]:50
dup to fd00::9 device lo
ip6 saddr set fd00::7
jhash ip6 saddr mod 8 0
meta l4proto ipv6-icmp accept
meta l4proto { tcp, udp, ipv6-icmp } accept
ip6 nexthdr udp udp dport 547
ip6 nexthdr ipv6-icmp icmpv6 type echo-request
meta l4proto tcp reject with tcp reset
`,
  inet: `
ip saddr 10.0.0.1 accept
ip6 saddr fd00::1 accept
meta nfproto ipv4
meta nfproto ipv4 tcp dport 22
meta nfproto ipv6 udp dport 22
meta nfproto { ipv4, ipv6 }
meta nfproto != ipv4
tcp dport 22 accept
ip protocol tcp
ip6 nexthdr udp
icmp type echo-request
icmpv6 type echo-request
icmp type echo-request limit rate 5/second accept
ip saddr 10.0.0.0/8 tcp dport { 22, 80 } accept
ip saddr . tcp dport { 10.0.0.1 . 22 }
ip6 saddr . tcp dport vmap { fd00::1 . 22 : accept }
meta l4proto { icmp, ipv6-icmp } accept
meta l4proto ipv6-icmp icmpv6 type echo-request
ip6 nexthdr icmpv6 icmpv6 type echo-request
ip dscp cs1
ip6 dscp cs1
meta protocol ip
meta protocol ip6 tcp dport 5
meta protocol ip udp dport 5
ether saddr 02:00:00:00:00:01
iiftype ether ether saddr 02:00:00:00:00:01 accept
ether type ip
vlan id 5
fib daddr type local accept
reject
reject with icmpx port-unreachable
reject with icmpx no-route
reject with icmpx host-unreachable
reject with icmpx admin-prohibited
reject with icmp host-unreachable
reject with icmpv6 no-route
ip saddr 10.0.0.1 reject
ip6 saddr fd00::1 reject
meta nfproto ipv4 reject with icmp net-unreachable
tcp dport 5 reject with tcp reset
reject with tcp reset
ct state established,related accept
ct original ip saddr 10.0.0.1
ct original ip6 saddr fd00::1
ct reply ip daddr 10.0.0.0/8
meta mark set ip dscp map { cs1 : 1, af11 : 2 }
meta l4proto tcp tproxy to :5000
meta l4proto tcp tproxy ip to 127.0.0.1:5000
tcp dport 80 tproxy ip6 to [::1]:5000
rt ip nexthop 10.0.0.1
rt ip6 nexthop fd00::1
exthdr frag exists
frag more-fragments 1
ip option rr exists
tcp option maxseg size set rt mtu
th dport 22
meta l4proto tcp th dport 22
ip length 5 ip ttl 4
ip saddr 10.0.0.1 icmp type echo-request
ip6 saddr fd00::1 icmpv6 type echo-request
ip daddr 10.0.0.1 udp dport 5 reject
ether type arp
meta l4proto vmap { tcp : jump other, udp : drop }
ip saddr vmap { 10.0.0.1 : accept }
ip protocol vmap { tcp : accept, udp : accept } comment "x"
meta iifname "lo" ip saddr 127.0.0.1 accept
iif != lo ip daddr 127.0.0.0/8 drop
iif "lo" accept
oif "lo" accept
ip protocol udp udp dport 53
ip6 nexthdr udp udp dport 53
ip6 nexthdr tcp tcp dport { 22, 80 }
ip protocol icmp icmp type echo-request
meta nfproto ipv4 icmp type echo-request
ip protocol { tcp, udp } th dport 53
ip saddr . ip daddr . tcp dport { 10.0.0.1 . 10.0.0.2 . 22 }
ip6 saddr . ip6 daddr . meta l4proto . th dport { fd00::1 . fd00::2 . tcp . 22 }
meta l4proto . th dport vmap { tcp . 22 : accept, udp . 53 : drop }
ip daddr . tcp dport vmap { 10.0.0.1 . 1-1024 : accept }
tcp dport 22 ip saddr 10.0.0.1
tcp dport 22 ip6 saddr fd00::/64
ct state new tcp flags & (fin|syn|rst|ack) != syn counter drop
ip saddr 10.0.0.1 tcp dport 80 reject with tcp reset
ip6 dscp set cs1
ip ttl set 5
ip dscp set ef
ip6 hoplimit set 5
ip6 flowlabel set 5
tcp option maxseg size 1400
sctp chunk data exists
igmp type membership-query
ether daddr 02:00:00:00:00:01 ip saddr 10.0.0.1 tcp dport 22
iiftype ether vlan id 5
log prefix "in: " level info
jhash ip saddr . tcp sport mod 8 vmap { 0 : accept, 1-7 : drop }
meta mark set jhash ip saddr . ip daddr mod 16
meta mark set numgen random mod 8 offset 1000
ip daddr 224.0.0.0/4 drop
ip6 daddr ff00::/8 drop
ip6 saddr ::/0 accept
ip saddr 0.0.0.0/0 accept
ip6 nexthdr ipv6-icmp accept
ip protocol igmp accept
meta l4proto gre accept
tcp dport { http, https, ssh } accept
udp sport 67 udp dport 68
ip frag-off & 0x1fff != 0 counter drop
ip6 nexthdr 44 drop
exthdr rt exists
rt type 0 drop
tcp sport . tcp dport { 1 . 2 }
ct helper "ftp" accept
ct mark set jhash ip saddr mod 3
meta secpath exists accept
rt ipsec missing
meta time > "2026-01-01 00:00:00" accept
exthdr frag missing
meta priority set 1:10
meta rtclassid 5
`,
  'ip nat': `
dnat to 10.0.0.5
dnat to 10.0.0.5-10.0.0.9
tcp dport 80 dnat to 10.0.0.5:8080
tcp dport 80 dnat to 10.0.0.5:8080-8090
tcp dport 80 dnat to 10.0.0.5-10.0.0.9:80 random
tcp dport 80 dnat to :8080
dnat to 10.0.0.5 persistent
dnat to ip saddr map { 10.0.0.1 : 10.0.0.2 }
dnat to tcp dport map { 80 : 10.0.0.2, 81 : 10.0.0.3 }
dnat ip to tcp dport map { 80 : 10.0.0.2 . 8080, 81 : 10.0.0.3 . 81 }
dnat ip prefix to ip saddr map { 10.0.0.0/24 : 10.1.0.0/24 }
dnat ip prefix to 10.2.0.0/24
dnat to numgen inc mod 2 map { 0 : 10.0.0.1, 1 : 10.0.0.2 }
dnat to jhash ip saddr mod 2 map { 0 : 10.0.0.1, 1 : 10.0.0.2 }
tcp dport 80 dnat to ip daddr map { 10.0.0.1 : 10.0.0.2 }:8080
tcp dport 80 dnat to 10.0.0.1:tcp dport map { 80 : 8080 }
ip daddr 10.0.0.1 tcp dport { 80, 443 } dnat to 10.0.0.2
dnat to ip saddr . tcp dport map { 10.0.0.1 . 80 : 10.0.0.2 }
dnat ip to ip daddr . tcp dport map { 10.0.0.1 . 80 : 10.0.0.2 . 8080 }
tcp dport 80 redirect
redirect
tcp dport 80 redirect to :8080
tcp dport 80 redirect to :8080-8090 random
udp dport 53 redirect to :5353 fully-random,persistent
dnat to tcp dport map @natmap2
ct state new tcp dport 80 dnat to 10.0.0.5:8080
masquerade
masquerade random
masquerade fully-random,persistent
tcp dport 80 masquerade to :1024
meta l4proto tcp masquerade to :1024-65535 random
snat to 10.0.0.5
snat to 10.0.0.5-10.0.0.9 persistent
tcp dport 80 snat to 10.0.0.5:1024-65535
snat to ip saddr map { 10.0.0.1 : 10.0.0.2 }
snat ip prefix to ip saddr map { 10.0.0.0/24 : 10.1.0.0/24 }
oifname "eth0" ip saddr 10.0.0.0/8 masquerade
oifname != "docker0" ip saddr 172.17.0.0/16 masquerade
snat to ip saddr map { 10.0.0.0/8 : 1.1.1.1-1.1.1.5 }
ct status dnat masquerade
`,
  'inet nat': `
dnat ip to 10.0.0.5
dnat ip6 to fd00::5
tcp dport 80 dnat ip to 10.0.0.5:8080
tcp dport 80 dnat ip6 to [fd00::5]:8080
tcp dport 80 dnat ip6 to [fd00::5]-[fd00::9]:8080-8090
tcp dport 80 dnat to :8080
tcp dport 80 redirect to :8080
dnat ip to ip saddr map { 10.0.0.1 : 10.0.0.2 }
dnat ip to tcp dport map { 80 : 10.0.0.2 . 8080 }
dnat ip6 to tcp dport map { 80 : fd00::5 . 8080 }
ip daddr 10.0.0.1 dnat ip to 10.0.0.9
fib daddr type local tcp dport 80 dnat ip to 10.0.0.5:80
meta l4proto { tcp, udp } th dport 53 redirect to :5353
iifname { "eth0", "eth1" } tcp dport { 80, 443 } dnat ip to 10.0.0.7 comment "published"
meta l4proto tcp dnat ip to ip daddr . tcp dport map { 10.0.0.1 . 80 : 10.0.0.2 . 8080 }
dnat ip to numgen inc mod 2 map { 0 : 10.0.0.1, 1 : 10.0.0.2 }
ct direction original tcp dport 80 dnat ip to 10.0.0.5:8080 random,persistent
tcp dport vmap { 80 : jump other }
redirect
tcp dport 1-100 redirect to :200-299
masquerade
meta nfproto ipv4 masquerade
snat ip to 10.0.0.5
snat ip6 to fd00::5
ip saddr 10.0.0.0/24 oif != lo masquerade
tcp dport 1 masquerade to :1-100 fully-random
oifname "ppp*" masquerade
snat ip to ip saddr map { 10.0.0.0/8 : 1.1.1.1-1.1.1.5 }
snat ip prefix to ip saddr map { 10.0.0.0/24 : 10.1.0.0/24 }
ip daddr != 10.0.0.0/8 ip saddr 10.0.0.0/8 masquerade
`,
  'ip6 nat': `
dnat to fd00::5
dnat to fd00::5-fd00::9
tcp dport 80 dnat to [fd00::5]:8080
tcp dport 80 dnat to [fd00::5]-[fd00::9]:8080-8090
tcp dport 80 redirect to :8080
dnat to ip6 saddr map { fd00::1 : fd00::2 }
masquerade
snat to fd00::5
tcp dport 1 snat to [fd00::5]:1-9
`,
  bridge: `
ether saddr 02:00:00:00:00:01
ether daddr { 02:00:00:00:00:01, ff:ff:ff:ff:ff:ff }
ether saddr & ff:00:00:00:00:00 == 02:00:00:00:00:00
ether type ip
ether type { ip, ip6, arp }
ether type vlan
ether type 0x88cc
vlan id 5
vlan id 1-100
vlan id { 1, 2, 5 }
vlan pcp 3
vlan dei 1
vlan id 5 vlan pcp 3
vlan type ip
vlan id 5 ip saddr 10.0.0.1
ip saddr 10.0.0.1
ip daddr 10.0.0.0/8 tcp dport 22
ip6 saddr fd00::1
ip protocol icmp accept
icmp type echo-request
icmpv6 type echo-request
tcp dport 22
arp operation request
arp saddr ip 10.0.0.1
arp daddr ether 02:00:00:00:00:01
meta ibrname "br0"
meta obrname "br0"
ibrname "br0" obrname != "br1"
meta ibrpvid 5
meta ibrvproto vlan
iifname "eth0" oifname "eth1" accept
meta protocol arp
meta protocol ip udp dport 67 drop
ether saddr . ip saddr { 02:00:00:00:00:01 . 10.0.0.1 }
ether type ip ip saddr 10.0.0.1
reject
meta pkttype broadcast
ct state established accept
ether daddr set 02:00:00:00:00:02
ether type ip6 icmpv6 type nd-neighbor-solicit
ether saddr 02:00:00:00:00:01 ip saddr 10.0.0.1 accept
ether daddr 01:00:00:00:00:00/8
ether daddr & 01:00:00:00:00:00 == 01:00:00:00:00:00
vlan id 5 tcp dport 22
vlan id . ip saddr { 5 . 10.0.0.1 }
ip saddr . ether saddr { 10.0.0.1 . 02:00:00:00:00:01 }
ether type vmap { ip : accept, arp : drop }
ip6 nexthdr udp udp dport 547
ip protocol tcp tcp dport 22 drop
udp dport 67-68 drop
meta protocol vlan
vlan type arp
vlan id 1 vlan type ip ip protocol tcp
arp htype 1 arp ptype ip arp operation request
meta mark set 5
log prefix "br " level info
limit rate 5/second accept
`,
  arp: `
arp operation request
arp operation { request, reply }
arp operation != reply
arp htype 1
arp ptype ip
arp hlen 6
arp plen 4
arp saddr ip 10.0.0.1
arp saddr ip 10.0.0.0/8
arp daddr ip { 10.0.0.1, 10.0.0.2 }
arp saddr ether 02:00:00:00:00:01
arp daddr ether 02:00:00:00:00:01 drop
iifname "eth0" accept
meta mark 5
arp operation rrequest
arp operation inreply
arp daddr ip set 10.0.0.9
arp htype 1 arp ptype ip arp hlen 6 arp plen 4 arp operation request
arp saddr ip . arp saddr ether { 10.0.0.1 . 02:00:00:00:00:01 }
arp operation vmap { request : accept, reply : drop }
limit rate 5/second accept
log prefix "arp "
`,
  netdev: `
ip saddr 10.0.0.1
ip saddr 10.0.0.0/8 drop
tcp dport 22
ether type arp
ether saddr 02:00:00:00:00:01 accept
vlan id 5
ip6 saddr fd00::1
fwd to lo
fwd ip to 10.0.0.1 device lo
dup to lo
meta mark set 5
ip daddr set 10.0.0.9
tcp dport set 80
udp dport 4789 accept
icmp type echo-request
meta protocol ip counter
ether type 8021q
ip ttl set 3
fib daddr type local
limit rate 5/second drop
fwd to ip saddr map { 10.0.0.1 : "lo" }
iif lo
ip saddr { 10.0.0.1, 10.0.0.2 } drop
ip saddr . tcp dport { 10.0.0.1 . 22 }
ip6 daddr fd00::/8 tcp dport 22 drop
ip protocol tcp tcp flags syn
meta protocol vmap { ip : accept, arp : drop }
vlan id 5 ip saddr 10.0.0.1 drop
ether daddr set 02:00:00:00:00:01
log prefix "nd "
tcp flags & (fin|psh|urg) == fin|psh|urg drop
tcp option maxseg size 1-535 drop
jhash ip saddr mod 2 0
`,
};

/** What nft 1.0 itself shows otherwise, or not at all; and what it is. */
export const ownWords: readonly (readonly [rule: string, text: string])[] = [
  // Of what is not shown at all nft says: Unknown data type in set key.
  ['ct label { 1, 5 }', 'ct label { 1, 5 }'],
  ['icmp type set echo-reply', 'icmp type set echo-reply'],
  // Later versions leave out the shift, which the set's elements do not show either.
  ['ip dscp . tcp dport { cs1 . 22 }', 'ip dscp . tcp dport { cs1 . 22 }'],
  ['ip saddr . ip dscp { 10.0.0.1 . cs1 }', 'ip saddr . ip dscp { 10.0.0.1 . cs1 }'],
];
