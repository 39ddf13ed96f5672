import { planContainer } from '../../src/plan/container.js';
import type { Step } from '../../src/plan/step.js';
import { everyConfig } from './plan-config.js';

/** At least one step of each kind. */
export function everyStep(): Step[] {
  const steps = everyConfig().flatMap(({ config, facts }) => planContainer(config, facts).steps);
  return [
    ...steps,
    { op: 'leave', kinds: ['user', 'net'], uid: 1000, gid: 1000 },
    { op: 'collect-cgroups', candidates: [{ parent: '/sys/fs/cgroup', name: 'warren-aaaaaaaaaaaa' }] },
    { op: 'probe-sysctls', paths: ['net/core/somaxconn'] },
    { op: 'read-sysctl', path: 'net/core/somaxconn' },
    { op: 'write-sysctl', path: 'net/core/somaxconn', value: '1024' },
  ];
}
