import { type Capability, defaultCapabilities } from '../../kernel/capabilities.js';

/** Who gives what to a container that asks for nothing, by the name that users know them by. */
export interface DefaultSet {
  readonly name: string;
  readonly capabilities: readonly Capability[];
}

const podman: readonly Capability[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_NET_BIND_SERVICE',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_CHROOT',
];

/** As of docker 28, containerd 2, podman 5 and CRI-O 1.3x; all of them can be configured otherwise. */
export const defaultSets: readonly DefaultSet[] = [
  { name: 'docker', capabilities: defaultCapabilities },
  { name: 'containerd (Kubernetes)', capabilities: defaultCapabilities },
  {
    name: 'CRI-O (Kubernetes)',
    capabilities: podman.filter((name) => name !== 'CAP_SETFCAP' && name !== 'CAP_SYS_CHROOT'),
  },
  { name: 'podman', capabilities: podman },
  { name: 'warren', capabilities: defaultCapabilities },
];
