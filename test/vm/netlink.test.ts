/** Kinds of devices and disciplines that the kernel of a container host often lacks: npm run test:vm. */
import { kindTests } from '../netlink/kinds.js';
import { oracle } from '../support/oracle.js';

// The kernel asks modprobe(8) for them, which a machine without modules of its own lacks: ours is busybox's.
const modules =
  'veth bridge 8021q macvlan macvtap ipvlan vxlan bonding sch_tbf sch_htb sch_netem sch_fq_codel sch_fq';
for (const name of modules.split(' ')) oracle('busybox', ['modprobe', name]);

kindTests();
