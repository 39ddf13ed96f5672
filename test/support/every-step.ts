import { planContainer, planRoot } from '../../src/plan/container.js';
import { planExec } from '../../src/plan/exec.js';
import type { Step } from '../../src/plan/step.js';
import { slirpNetwork } from '../../src/runtime/user-network/arguments.js';
import { bindMount, containerConfig, everyConfig, facts } from './plan-config.js';

/** At least one step of each kind. */
export function everyStep(): Step[] {
  const steps = everyConfig().flatMap(({ config, facts }) => planContainer(config, facts).steps);
  const [first] = everyConfig();
  const exec = planExec(
    {
      ...containerConfig(),
      kinds: ['user', 'mnt', 'pid'],
      cgroups: ['/sys/fs/cgroup/warren-aaaaaaaaaaaa'],
      denySetgroups: false,
      oomScoreAdj: 1,
      terminal: { rows: 24, columns: 80 },
    },
    facts,
  );
  return [
    ...steps,
    ...exec.steps,
    ...(first ? planRoot(first.config, first.facts).steps : []),
    { op: 'map-volume', mount: bindMount({ idMapped: true }), index: 0 },
    {
      op: 'map-ids',
      uid: [{ inside: 0, outside: 100_000, length: 65_536 }],
      gid: [{ inside: 0, outside: 1000, length: 1 }],
      denySetgroups: true,
      uidHelper: '/usr/bin/newuidmap',
    },
    {
      op: 'user-network',
      network: slirpNetwork(
        '/usr/bin/slirp4netns',
        [{ hostPorts: { first: 8080, last: 8080 }, containerPort: 80, protocol: 'tcp' }],
        '/run/user/1000/warren-aaaaaaaaaaaaaaaa.sock',
      ),
    },
    { op: 'remove-tree', path: '/var/lib/warren/removing/aaaaaaaaaaaa' },
    { op: 'trace', watched: [0, 90, 1023] },
    { op: 'open-root', path: '/proc/1234/root' },
    { op: 'enter-root' },
    { op: 'take-target', readOnly: true },
    { op: 'attach-target', at: 'target' },
    { op: 'fresh-sysfs' },
    { op: 'cover', source: '/etc/netns/blue/resolv.conf', target: '/etc/resolv.conf' },
    { op: 'leave', kinds: ['user', 'net'], uid: 1000, gid: 1000 },
    { op: 'collect-cgroups', candidates: [{ parent: '/sys/fs/cgroup', name: 'warren-aaaaaaaaaaaa' }] },
    { op: 'hand-over-namespace', kind: 'net' },
    { op: 'hand-over-sysctls', path: 'net/core' },
    { op: 'mount-over', index: 0, target: '/etc/hosts' },
    { op: 'leave', kinds: ['user', 'ipc'], uid: 65_534, gid: 65_534, become: true },
    { op: 'mark-sysctls', marks: [{ path: 'kernel/msgmax', values: ['8193', '8191'] }] },
    { op: 'survey-sysctls', paths: ['kernel/msgmax', 'kernel/hostname'] },
    { op: 'probe-sysctls', paths: ['net/core/somaxconn'] },
    { op: 'read-sysctl', path: 'net/core/somaxconn' },
    { op: 'write-sysctl', path: 'net/core/somaxconn', value: '1024' },
  ];
}
