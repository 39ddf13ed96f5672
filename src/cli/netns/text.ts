/** Snapshots of network namespaces, for people. */
import { readFileSync } from 'node:fs';
import type { Link } from '../../netlink/index.js';
import type { NetnsSnapshot } from '../../network/netns/index.js';
import type { Peer } from '../../network/netns/index.js';
import { addressLine, ruleLine } from './lines.js';

export function snapshotText(snapshot: NetnsSnapshot, peers: ReadonlyMap<number, string>): string {
  const names = new Map(snapshot.devices.map(({ ifindex, ifname }) => [ifindex, ifname]));
  const dev = (index: number | undefined): string =>
    index === undefined ? '' : ` dev ${names.get(index) ?? index}`;
  const tables = new Map<string, string[]>();
  for (const { table, dst, type, gateway, via, oif, prefsrc, metric, nexthops } of snapshot.routes) {
    const text = [
      type === 'unicast' ? dst : `${type} ${dst}`,
      gateway === undefined ? '' : ` via ${gateway}`,
      via === undefined ? '' : ` via ${via.host}`,
      dev(oif),
      prefsrc === undefined ? '' : ` src ${prefsrc}`,
      metric === undefined ? '' : ` metric ${metric}`,
      ...(nexthops ?? []).map((hop) => ` nexthop ${hop.gateway ?? ''}${dev(hop.oif)}`),
    ].join('');
    const key = String(table);
    tables.set(key, [...(tables.get(key) ?? []), text]);
  }
  return [
    section(
      'Devices',
      snapshot.devices.flatMap((device) => [
        `${device.ifindex}: ${device.ifname} ${deviceFacts(device)}`,
        ...snapshot.addresses
          .filter(({ ifindex }) => ifindex === device.ifindex)
          .map((address) => `   ${addressLine(address, device.ifname)}`),
        ...(peers.has(device.ifindex) ? [`   other end: ${peers.get(device.ifindex)}`] : []),
      ]),
    ),
    section('Policy rules', snapshot.rules.map(ruleLine)),
    ...[...tables].map(([table, lines]) => section(`Routes, table ${table}`, lines)),
    section(
      'Neighbours',
      snapshot.neighbours.map(
        ({ dst, ifindex, lladdr, state }) => `${dst}${dev(ifindex)} ${lladdr ?? '-'} ${state.join(',')}`,
      ),
    ),
    section(
      'Forwarding table',
      snapshot.fdb.map(({ mac, ifindex, state }) => `${mac}${dev(ifindex)} ${state}`.trimEnd()),
    ),
    section(
      'nftables',
      snapshot.nftables
        .trimEnd()
        .split('\n')
        .filter((line) => line !== ''),
    ),
    section(
      'iptables-legacy',
      snapshot.iptables.flatMap(({ family, name, chains }) =>
        chains.flatMap((chain) => [
          `${family} ${name} ${chain.name}${chain.policy === undefined ? '' : ` policy ${chain.policy}`}`,
          ...chain.rules.map(({ text }) => `   ${text}`),
        ]),
      ),
    ),
    section(
      'Sockets',
      snapshot.sockets.map(
        ({ protocol, state, local, localPort, peer, peerPort, process }) =>
          `${protocol} ${String(state)} ${end(local, localPort)} ${end(peer, peerPort)}${process ? ` ${printable(process.command)} (${process.pid})` : ''}`,
      ),
    ),
    section(
      'Unix sockets',
      snapshot.unixSockets.map(({ type, state, name, process }) =>
        [String(type), String(state), printable(name ?? '*'), ownerText(process)].filter(Boolean).join(' '),
      ),
    ),
    section(
      'Packet sockets',
      snapshot.packetSockets.map(({ type, protocol, ifindex, process }) =>
        [
          String(type),
          `0x${protocol.toString(16)}`,
          ifindex === 0 ? 'all devices' : dev(ifindex).trim(),
          ownerText(process),
        ]
          .filter(Boolean)
          .join(' '),
      ),
    ),
    section(
      'Netlink sockets',
      snapshot.netlinkSockets.map(({ protocol, portid, groups, process }) =>
        [
          `protocol ${protocol}`,
          `port ${portid}`,
          groups.length === 0 ? '' : `groups ${groups.join(',')}`,
          ownerText(process),
        ]
          .filter(Boolean)
          .join(' '),
      ),
    ),
  ].join('');
}

function ownerText(process: { readonly pid: number; readonly command: string } | undefined): string {
  return process ? `${printable(process.command)} (${process.pid})` : '';
}

/** @returns `1234 sleep`; the number alone of one that has ended. */
export function processLine(pid: number): string {
  try {
    return `${pid} ${printable(readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd())}`;
  } catch {
    return String(pid);
  }
}

export function section(title: string, lines: readonly string[]): string {
  return `${title}\n${lines.length === 0 ? '  none\n' : lines.map((line) => `  ${line}\n`).join('')}`;
}

function deviceFacts({ operstate, mtu, address, link_type, linkinfo, master }: Link): string {
  return [
    linkinfo?.info_kind ?? String(link_type),
    String(operstate ?? 'UNKNOWN'),
    `mtu ${mtu ?? '?'}`,
    address ?? '',
    master === undefined ? '' : `port of ${master}`,
  ]
    .filter((part) => part !== '')
    .join(' ');
}

function end(address: string, port: number): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port === 0 ? '*' : port}`;
}

/** @param where What the other end's namespace is called. */
export function peerText({ device, bridge }: Peer, where: string, network: string | undefined): string {
  return [
    `${device.ifname} in ${where}`,
    ...(bridge === undefined ? [] : [`a port of ${bridge}`]),
    ...(network === undefined ? [] : [`network ${network}`]),
  ].join(', ');
}

/** A command's name can hold anything. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}
