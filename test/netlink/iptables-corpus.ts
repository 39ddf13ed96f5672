/** Commands of iptables, without its name; `6` for ip6tables. One of each match and target that it has. */
export const commands: readonly string[] = String.raw`
4 -A INPUT -s 10.0.0.0/8 -d 1.2.3.4 -j ACCEPT
4 -A INPUT ! -s 10.0.0.0/8 ! -d 1.2.3.4 -j DROP
4 -A INPUT -s 10.0.0.0/255.0.255.0 -j DROP
4 -A INPUT ! -i eth0 -j ACCEPT
4 -A FORWARD -i eth+ ! -o veth+ -j DROP
4 -A INPUT -p tcp -j ACCEPT
4 -A INPUT ! -p tcp -j ACCEPT
4 -A INPUT -p 89 -j ACCEPT
4 -A INPUT -p 112 -j ACCEPT
4 -A INPUT -p 200 -j ACCEPT
4 -A INPUT -p esp -j ACCEPT
4 -A INPUT -f -j DROP
4 -A INPUT ! -f -j DROP
4 -A INPUT -p tcp --sport 1024:65535 --dport 22 -j ACCEPT
4 -A INPUT -p tcp ! --dport 22 -j DROP
4 -A INPUT -p tcp --dport 0:1024 -j DROP
4 -A INPUT -p tcp --tcp-flags ALL NONE -j DROP
4 -A INPUT -p tcp --tcp-flags SYN,FIN SYN,FIN -j DROP
4 -A INPUT -p tcp ! --syn -m conntrack --ctstate NEW -j DROP
4 -A INPUT -p tcp --tcp-option 5 -j DROP
4 -A INPUT -p tcp ! --tcp-option 5 -j DROP
4 -A INPUT -p udp --sport 53 --dport 1024: -j ACCEPT
4 -A INPUT -p udp ! --sport 53 -j ACCEPT
4 -A INPUT -p sctp --dport 5 -j ACCEPT
4 -A INPUT -p sctp --sport 5:9 --chunk-types any INIT,DATA -j ACCEPT
4 -A INPUT -p dccp --dport 5 -j ACCEPT
4 -A INPUT -p dccp --dccp-types REQUEST,RESPONSE -j ACCEPT
4 -A INPUT -p udplite -j ACCEPT
4 -A INPUT -p icmp --icmp-type any -j ACCEPT
4 -A INPUT -p icmp --icmp-type 3/4 -j ACCEPT
4 -A INPUT -p icmp ! --icmp-type echo-request -j ACCEPT
4 -A INPUT -p icmp --icmp-type time-exceeded -j ACCEPT
4 -A INPUT -p esp -m esp --espspi 500 -j ACCEPT
4 -A INPUT -p esp -m esp --espspi 500:600 -j ACCEPT
4 -A INPUT -p ah -m ah --ahspi 500 -j ACCEPT
4 -A INPUT -m addrtype --src-type LOCAL -j ACCEPT
4 -A INPUT -m addrtype ! --dst-type LOCAL,BROADCAST -j ACCEPT
4 -A INPUT -m addrtype --dst-type LOCAL --limit-iface-in -j ACCEPT
4 -A INPUT -m addrtype --src-type UNICAST ! --dst-type LOCAL -j ACCEPT
4 -A INPUT -m comment --comment "two words" -j ACCEPT
4 -A INPUT -m comment --comment word -j ACCEPT
4 -A INPUT -m conntrack --ctstate INVALID -j DROP
4 -A INPUT -m conntrack ! --ctstate NEW -j DROP
4 -A INPUT -m conntrack --ctstate DNAT -j ACCEPT
4 -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED,UNTRACKED -j ACCEPT
4 -A INPUT -m conntrack --ctproto 17 -j ACCEPT
4 -A INPUT -m conntrack --ctorigsrc 10.0.0.0/8 -j ACCEPT
4 -A INPUT -m conntrack --ctorigdst 10.0.0.1 -j ACCEPT
4 -A INPUT -m conntrack ! --ctreplsrc 10.0.0.1 -j ACCEPT
4 -A INPUT -m conntrack --ctorigdstport 80 -j ACCEPT
4 -A INPUT -m conntrack --ctorigsrcport 80:90 -j ACCEPT
4 -A INPUT -m conntrack --ctstatus ASSURED,SEEN_REPLY -j ACCEPT
4 -A INPUT -m conntrack --ctexpire 10:20 -j ACCEPT
4 -A INPUT -m conntrack --ctdir REPLY -j ACCEPT
4 -A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
4 -A INPUT -m state ! --state INVALID -j ACCEPT
4 -A INPUT -p tcp -m multiport --sports 1,2,3:5 -j ACCEPT
4 -A INPUT -p tcp -m multiport ! --dports 22,80 -j DROP
4 -A INPUT -p udp -m multiport --ports 53,5353 -j ACCEPT
4 -A INPUT -p tcp -m multiport --dports 8080 -j ACCEPT
4 -A INPUT -m mark --mark 0x1 -j ACCEPT
4 -A INPUT -m mark ! --mark 0x1/0xff -j ACCEPT
4 -A INPUT -m connmark --mark 0x1 -j ACCEPT
4 -A INPUT -m connmark ! --mark 0x1/0xff -j ACCEPT
4 -A INPUT -m limit --limit 3/min --limit-burst 3 -j ACCEPT
4 -A INPUT -m limit --limit 10/sec -j ACCEPT
4 -A INPUT -m limit --limit 1/hour -j ACCEPT
4 -A INPUT -m limit --limit 7/day -j ACCEPT
4 -A OUTPUT -m owner --uid-owner 1000-2000 -j ACCEPT
4 -A OUTPUT -m owner ! --gid-owner 5 -j ACCEPT
4 -A OUTPUT -m owner --socket-exists -j ACCEPT
4 -A INPUT -m iprange --src-range 10.0.0.1-10.0.0.9 -j ACCEPT
4 -A INPUT -m iprange ! --dst-range 10.0.0.1-10.0.0.9 -j ACCEPT
4 -A INPUT -m iprange --src-range 10.0.0.1-10.0.0.9 --dst-range 10.1.0.1-10.1.0.9 -j ACCEPT
4 -A INPUT -m mac --mac-source 02:00:00:00:00:01 -j ACCEPT
4 -A INPUT -m mac ! --mac-source 02:00:00:00:00:01 -j ACCEPT
4 -A INPUT -m pkttype --pkt-type broadcast -j DROP
4 -A INPUT -m pkttype ! --pkt-type multicast -j DROP
4 -A INPUT -m ttl --ttl-eq 64 -j ACCEPT
4 -A INPUT -m ttl --ttl-lt 5 -j DROP
4 -A INPUT -m ttl --ttl-gt 5 -j DROP
4 -A INPUT -m tos --tos 0x10/0xff -j ACCEPT
4 -A INPUT -m dscp --dscp 0x08 -j ACCEPT
4 -A INPUT -m dscp ! --dscp 0x0a -j ACCEPT
4 -A INPUT -m ecn --ecn-ip-ect 1 -j ACCEPT
4 -A INPUT -m length --length 100:200 -j ACCEPT
4 -A INPUT -m length ! --length 100 -j ACCEPT
4 -A INPUT -m length --length 64 -j ACCEPT
4 -A INPUT -m statistic --mode random --probability 0.5 -j ACCEPT
4 -A INPUT -m statistic --mode nth --every 3 --packet 0 -j ACCEPT
4 -A INPUT -m helper --helper ftp -j ACCEPT
4 -A INPUT -m physdev --physdev-in eth0 -j ACCEPT
4 -A FORWARD -m physdev --physdev-is-bridged -j ACCEPT
4 -A FORWARD -m physdev ! --physdev-out veth+ -j ACCEPT
4 -A INPUT -m recent --name ssh --set --rsource -j ACCEPT
4 -A INPUT -m recent --name ssh --rcheck --seconds 60 --hitcount 4 --rsource -j DROP
4 -A INPUT -m hashlimit --hashlimit-above 5/sec --hashlimit-mode srcip --hashlimit-name h1 -j DROP
4 -A INPUT -m hashlimit --hashlimit-upto 10/min --hashlimit-burst 7 --hashlimit-mode srcip,dstport --hashlimit-name h2 -j ACCEPT
4 -A INPUT -m connlimit --connlimit-above 5 -j DROP
4 -A INPUT -m connlimit --connlimit-upto 5 --connlimit-mask 24 -j ACCEPT
4 -A INPUT -m connbytes --connbytes 1000:2000 --connbytes-dir both --connbytes-mode bytes -j ACCEPT
4 -A INPUT -m quota --quota 1000 -j ACCEPT
4 -A INPUT -m time --timestart 08:00 --timestop 17:00 --weekdays Mon,Tue -j ACCEPT
4 -A INPUT -p tcp -m tcpmss --mss 500:1400 -j ACCEPT
4 -A INPUT -m u32 --u32 "0>>22&0x3C@0=5" -j ACCEPT
4 -A INPUT -m string --algo kmp --string abc --to 100 -j DROP
4 -A INPUT -m realm --realm 5 -j ACCEPT
4 -A INPUT -m rpfilter --invert -j DROP
4 -A INPUT -m socket --transparent -j ACCEPT
4 -A INPUT -m policy --dir in --pol ipsec -j ACCEPT
4 -A INPUT -m set --match-set nothing src -j ACCEPT
4 -A INPUT -m devgroup --src-group 5 -j ACCEPT
4 -A INPUT -m cpu --cpu 1 -j ACCEPT
4 -A INPUT -m cgroup --cgroup 5 -j ACCEPT
4 -A INPUT -m cluster --cluster-total-nodes 2 --cluster-local-node 1 --cluster-hash-seed 5 -j ACCEPT
4 -A INPUT -m nfacct --nfacct-name x -j ACCEPT
4 -A INPUT -m bpf --bytecode "1,6 0 0 65535" -j ACCEPT
4 -A INPUT -j LOG
4 -A INPUT -j LOG --log-level debug --log-prefix "a b" --log-tcp-options --log-ip-options --log-uid
4 -A INPUT -j LOG --log-tcp-sequence --log-level 7
4 -A INPUT -j NFLOG --nflog-group 5 --nflog-prefix x
4 -A INPUT -j NFLOG --nflog-group 5 --nflog-prefix "a b" --nflog-threshold 3
4 -A INPUT -j REJECT
4 -A INPUT -j REJECT --reject-with icmp-host-unreachable
4 -A INPUT -p tcp -j REJECT --reject-with tcp-reset
4 -A INPUT -j REJECT --reject-with icmp-admin-prohibited
4 -A INPUT -j NFQUEUE --queue-num 5
4 -A INPUT -j NFQUEUE --queue-balance 1:4 --queue-bypass
4 -A INPUT -j QUEUE
4 -A INPUT -j RETURN
4 -A INPUT
4 -N mychain
4 -A INPUT -j mychain
4 -A INPUT -g mychain
4 -A mychain -j RETURN
4 -A INPUT -j AUDIT --type accept
4 -A INPUT -j TRACE
4 -t mangle -A PREROUTING -j MARK --set-mark 0x5
4 -t mangle -A PREROUTING -j MARK --set-xmark 0x5/0xff
4 -t mangle -A PREROUTING -j MARK --or-mark 0x5
4 -t mangle -A PREROUTING -j MARK --and-mark 0x5
4 -t mangle -A PREROUTING -j MARK --xor-mark 0x5
4 -t mangle -A PREROUTING -j CONNMARK --save-mark
4 -t mangle -A PREROUTING -j CONNMARK --restore-mark
4 -t mangle -A PREROUTING -j CONNMARK --set-mark 0x5
4 -t mangle -A PREROUTING -j CONNMARK --restore-mark --mask 0xff
4 -t mangle -A PREROUTING -j CONNMARK --set-xmark 0x5/0xff
4 -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
4 -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1400
4 -t mangle -A PREROUTING -j TTL --ttl-set 64
4 -t mangle -A PREROUTING -j TTL --ttl-inc 1
4 -t mangle -A PREROUTING -j DSCP --set-dscp 0x08
4 -t mangle -A PREROUTING -j TOS --set-tos 0x10/0x3f
4 -t mangle -A PREROUTING -j TEE --gateway 10.0.0.9
4 -t mangle -A PREROUTING -p tcp -j TPROXY --on-port 5000 --tproxy-mark 0x1/0x1
4 -t mangle -A POSTROUTING -j CLASSIFY --set-class 1:10
4 -t mangle -A POSTROUTING -p udp -j CHECKSUM --checksum-fill
4 -t mangle -A PREROUTING -p tcp -j ECN --ecn-tcp-remove
4 -t raw -A PREROUTING -j CT --notrack
4 -t raw -A PREROUTING -j NOTRACK
4 -t raw -A PREROUTING -p tcp -j CT --helper ftp
4 -t raw -A PREROUTING -j CT --zone 5
4 -t raw -A PREROUTING -m rpfilter --validmark -j ACCEPT
4 -t nat -A PREROUTING -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.5
4 -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 10.0.0.5-10.0.0.9:8080-8090
4 -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 10.0.0.5:8080 --random
4 -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 10.0.0.5 --persistent
4 -t nat -A PREROUTING -p tcp --dport 80:90 -j DNAT --to-destination 10.0.0.5:8080-8090/80
4 -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination :8080
4 -t nat -A PREROUTING -p udp --dport 53 -j REDIRECT
4 -t nat -A PREROUTING -p udp --dport 53 -j REDIRECT --to-ports 5353-5354 --random
4 -t nat -A PREROUTING -j NETMAP --to 10.0.0.0/24
4 -t nat -A POSTROUTING -j MASQUERADE --random
4 -t nat -A POSTROUTING -p tcp -j MASQUERADE --to-ports 1024-65535
4 -t nat -A POSTROUTING -j MASQUERADE --random-fully
4 -t nat -A POSTROUTING -j SNAT --to-source 10.0.0.5-10.0.0.9
4 -t nat -A POSTROUTING -p tcp -j SNAT --to-source 10.0.0.5:1024-65535 --random-fully
4 -t nat -A POSTROUTING -j SNAT --to-source 10.0.0.5 --persistent
4 -P FORWARD DROP
6 -A INPUT -s fd00::/8 -d fd00::1 -j ACCEPT
6 -A INPUT ! -s fd00::1 -i eth+ -j DROP
6 -A INPUT -p tcp --dport 22 -j ACCEPT
6 -A INPUT -p ipv6-icmp --icmpv6-type echo-request -j ACCEPT
6 -A INPUT -p ipv6-icmp --icmpv6-type 1/4 -j ACCEPT
6 -A INPUT -p ipv6-icmp ! --icmpv6-type 136 -j ACCEPT
6 -A INPUT -p ipv6-icmp --icmpv6-type router-advertisement -m hl --hl-eq 255 -j ACCEPT
6 -A INPUT -m hl --hl-lt 5 -j ACCEPT
6 -A INPUT -m frag --fragmore -j DROP
6 -A INPUT -m rt --rt-type 0 -j DROP
6 -A INPUT -m ipv6header --header frag --soft -j ACCEPT
6 -A INPUT -m hbh --hbh-len 5 -j ACCEPT
6 -A INPUT -m dst --dst-len 5 -j ACCEPT
6 -A INPUT -m mh -p mh --mh-type 1 -j ACCEPT
6 -A INPUT -m eui64 -j ACCEPT
6 -A INPUT -m addrtype --dst-type LOCAL -j ACCEPT
6 -A INPUT -m conntrack --ctorigdst fd00::/64 -j ACCEPT
6 -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
6 -A INPUT -m iprange --src-range fd00::1-fd00::9 -j ACCEPT
6 -A INPUT -p tcp -m multiport --dports 22,80,1000:2000 -j ACCEPT
6 -A INPUT -m comment --comment "six" -j LOG --log-prefix "six "
6 -A INPUT -j REJECT
6 -A INPUT -j REJECT --reject-with icmp6-adm-prohibited
6 -A INPUT -j REJECT --reject-with icmp6-no-route
6 -A INPUT -p tcp -j REJECT --reject-with tcp-reset
6 -t mangle -A PREROUTING -j HL --hl-set 64
6 -t mangle -A PREROUTING -j MARK --set-mark 0x5
6 -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
6 -t nat -A POSTROUTING -s fd00::/64 -j MASQUERADE
6 -t nat -A POSTROUTING -j SNAT --to-source fd00::5-fd00::9
6 -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination [fd00::5]:8080
6 -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination fd00::5
6 -t nat -A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 8080
6 -t nat -A PREROUTING -j NETMAP --to fd01::/64
`
  .trim()
  .split('\n');

/** What is not read: such a rule is shown with the match's name, and says that there is more. */
export const opaque = new Set(
  `bpf cgroup cluster connbytes devgroup ecn hashlimit policy quota string time u32 ah dccp sctp dst frag hbh
   ipv6header rt mh eui64 ECN`.split(/\s+/),
);
