/** The programs that podman and containerd attach containers with, called as these call them. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from './box.js';
import type { AttachSubject } from './attach.js';
import { runProgram } from './run-program.js';

const NETAVARK = '/usr/lib/podman/netavark';
const PLUGINS = '/usr/lib/cni';

/** podman's: bridge, address, routes, NAT by iptables, one published port. Without names (aardvark-dns). */
export function netavark(scratch: string): AttachSubject {
  const netns = 'hand-nav';
  const file = join(scratch, 'netavark.json');
  const config = {
    container_id: newId(),
    container_name: 'one',
    networks: { nav: { static_ips: ['10.110.0.9'], interface_name: 'eth0' } },
    network_info: {
      nav: {
        ...{ name: 'nav', id: newId(), driver: 'bridge', network_interface: 'nav0' },
        subnets: [{ subnet: '10.110.0.0/24', gateway: '10.110.0.1' }],
        ...{
          ipv6_enabled: false,
          internal: false,
          dns_enabled: false,
          ipam_options: { driver: 'host-local' },
        },
      },
    },
    port_mappings: [{ host_ip: '', container_port: 80, host_port: 18_082, range: 1, protocol: 'tcp' }],
  };
  writeFileSync(file, JSON.stringify(config));
  const call = (action: string): void => {
    runProgram(NETAVARK, ['-c', scratch, '-f', file, action, `/run/netns/${netns}`]);
  };
  return {
    name: '`netavark setup` (podman’s)',
    prepare() {
      runProgram('ip', ['netns', 'add', netns]);
    },
    attach() {
      call('setup');
    },
    remove() {
      call('teardown');
      runProgram('ip', ['netns', 'delete', netns]);
    },
  };
}

/** The standard plugins `bridge` (with `host-local`) and `portmap`, one after the other. */
export function containerNetworkInterface(scratch: string): AttachSubject {
  const netns = 'hand-cni';
  const id = newId();
  const dataDir = join(scratch, 'cni');
  mkdirSync(dataDir);
  const head = { cniVersion: '0.4.0', name: 'hand' };
  const bridge = {
    ...{ ...head, type: 'bridge', bridge: 'cni0', isGateway: true, ipMasq: true },
    ipam: { type: 'host-local', subnet: '10.111.0.0/24', routes: [{ dst: '0.0.0.0/0' }], dataDir },
  };
  const call = (plugin: string, command: string, input: object): string => {
    const { status, stdout, stderr, error } = spawnSync(join(PLUGINS, plugin), [], {
      input: JSON.stringify(input),
      encoding: 'utf8',
      env: {
        ...{ PATH: process.env['PATH'] ?? '', CNI_PATH: PLUGINS, CNI_COMMAND: command, CNI_CONTAINERID: id },
        ...{ CNI_NETNS: `/run/netns/${netns}`, CNI_IFNAME: 'eth0' },
      },
    });
    if (status !== 0) throw error ?? new Error(`${plugin} ${command}: ${stderr}${stdout}`);
    return stdout;
  };
  const portmap = (prevResult: unknown) => ({
    ...{ ...head, type: 'portmap', prevResult },
    runtimeConfig: { portMappings: [{ hostPort: 18_083, containerPort: 80, protocol: 'tcp' }] },
  });
  let result: unknown;
  return {
    name: 'CNI plugins `bridge` and `portmap`',
    prepare() {
      runProgram('ip', ['netns', 'add', netns]);
    },
    attach() {
      result = JSON.parse(call('bridge', 'ADD', bridge));
      call('portmap', 'ADD', portmap(result));
    },
    remove() {
      call('portmap', 'DEL', portmap(result));
      call('bridge', 'DEL', bridge);
      runProgram('ip', ['netns', 'delete', netns]);
    },
  };
}
