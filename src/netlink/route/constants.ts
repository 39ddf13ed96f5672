export const RTM = {
  NEWLINK: 16,
  DELLINK: 17,
  GETLINK: 18,
  SETLINK: 19,
  NEWADDR: 20,
  DELADDR: 21,
  GETADDR: 22,
  NEWROUTE: 24,
  DELROUTE: 25,
  GETROUTE: 26,
  NEWNEIGH: 28,
  DELNEIGH: 29,
  GETNEIGH: 30,
  NEWRULE: 32,
  DELRULE: 33,
  GETRULE: 34,
  NEWQDISC: 36,
  DELQDISC: 37,
  GETQDISC: 38,
  NEWTCLASS: 40,
  DELTCLASS: 41,
  GETTCLASS: 42,
  NEWNSID: 88,
  DELNSID: 89,
  GETNSID: 90,
} as const;

/** RTNLGRP_* */
export const routeGroups = {
  link: 1,
  neigh: 3,
  tc: 4,
  ipv4_ifaddr: 5,
  ipv4_route: 7,
  ipv4_rule: 8,
  ipv6_ifaddr: 9,
  ipv6_route: 11,
  ipv6_rule: 19,
  nsid: 28,
} as const;

export const AF_INET = 2;
export const AF_BRIDGE = 7;
export const AF_INET6 = 10;

export const families = { inet: AF_INET, bridge: AF_BRIDGE, inet6: AF_INET6 } as const;
export type IpFamily = 'inet' | 'inet6';

export function familyOf(address: string): IpFamily {
  return address.includes(':') ? 'inet6' : 'inet';
}

/** A family's name as `ip -json` has it; the number of one that has none here. */
export function familyName(family: number): IpFamily | `family ${number}` {
  if (family === AF_INET) return 'inet';
  return family === AF_INET6 ? 'inet6' : `family ${family}`;
}

export const scopes = { global: 0, site: 200, link: 253, host: 254, nowhere: 255 } as const;

export const routeProtocols = {
  unspec: 0,
  redirect: 1,
  kernel: 2,
  boot: 3,
  static: 4,
  gated: 8,
  ra: 9,
  mrt: 10,
  zebra: 11,
  bird: 12,
  dnrouted: 13,
  xorp: 14,
  ntk: 15,
  dhcp: 16,
  mrouted: 17,
  keepalived: 18,
  babel: 42,
  openr: 99,
  bgp: 186,
  isis: 187,
  ospf: 188,
  rip: 189,
  eigrp: 192,
} as const;

/** As `ip` names them without /etc/iproute2. */
export const tables = { default: 253, main: 254, local: 255 } as const;
export type TableName = keyof typeof tables | number;

export function tableName(number: number): TableName {
  if (number === tables.main) return 'main';
  if (number === tables.local) return 'local';
  return number === tables.default ? 'default' : number;
}

export function tableNumber(table: TableName): number {
  return typeof table === 'number' ? table : tables[table];
}
