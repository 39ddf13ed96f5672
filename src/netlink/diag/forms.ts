/** Requests and replies of sock_diag(7): facts. A request's structure is another than its reply's. */
import {
  array,
  be16,
  binary,
  bytes,
  enumeration,
  messageForm,
  pad,
  string,
  struct,
  u16,
  u32,
  u64,
  u8,
} from '../codec/index.js';

/** TCP's, which the others use too. */
export const socketStates = {
  ESTAB: 1,
  'SYN-SENT': 2,
  'SYN-RECV': 3,
  'FIN-WAIT-1': 4,
  'FIN-WAIT-2': 5,
  'TIME-WAIT': 6,
  UNCONN: 7,
  'CLOSE-WAIT': 8,
  'LAST-ACK': 9,
  LISTEN: 10,
  CLOSING: 11,
  NEW_SYN_RECV: 12,
} as const;
const state = enumeration(u8, socketStates);

export const socketTypes = {
  stream: 1,
  dgram: 2,
  raw: 3,
  rdm: 4,
  seqpacket: 5,
  dccp: 6,
  packet: 10,
} as const;
const type = enumeration(u8, socketTypes);

const identity = struct({
  sport: be16,
  dport: be16,
  src: bytes(16),
  dst: bytes(16),
  ifindex: u32,
  cookie: bytes(8),
});

/** INET_DIAG_NOCOOKIE: any socket that fits. */
export const noCookie = Buffer.alloc(8, 0xff);

export const inetRequest = messageForm(
  'socket request',
  struct({ family: u8, protocol: u8, extensions: u8, _: pad(1), states: u32, id: identity }),
  {},
);

export const inetReply = messageForm(
  'socket',
  struct({
    family: u8,
    state,
    timer: u8,
    retrans: u8,
    id: identity,
    expires: u32,
    rqueue: u32,
    wqueue: u32,
    uid: u32,
    inode: u32,
  }),
  {
    info: [2, binary],
    congestion: [4, string],
    tos: [5, u8],
    tclass: [6, u8],
    skmeminfo: [7, array(u32)],
    shutdown: [8, u8],
    protocol: [10, u8],
    v6only: [11, u8],
    mark: [15, u32],
    cgroup_id: [21, u64],
  },
);

export const unixRequest = messageForm(
  'unix socket request',
  struct({ family: u8, protocol: u8, _: pad(2), states: u32, inode: u32, show: u32, cookie: bytes(8) }),
  {},
);

export const unixReply = messageForm(
  'unix socket',
  struct({ family: u8, type, state, _: pad(1), inode: u32, cookie: bytes(8) }),
  {
    name: [0, binary],
    vfs: [1, struct({ inode: u32, dev: u32 })],
    peer: [2, u32],
    pending: [3, array(u32)],
    queues: [4, struct({ rqueue: u32, wqueue: u32 })],
    meminfo: [5, array(u32)],
    shutdown: [6, u8],
    uid: [7, u32],
  },
);

export const packetRequest = messageForm(
  'packet socket request',
  struct({ family: u8, protocol: u8, _: pad(2), inode: u32, show: u32, cookie: bytes(8) }),
  {},
);

export const packetReply = messageForm(
  'packet socket',
  struct({ family: u8, type, protocol: u16, inode: u32, cookie: bytes(8) }),
  {
    info: [
      0,
      struct({ ifindex: u32, version: u32, reserve: u32, copy_thresh: u32, tstamp: u32, flags: u32 }),
    ],
    mclist: [1, binary],
    rx_ring: [2, binary],
    tx_ring: [3, binary],
    fanout: [4, u32],
    uid: [5, u32],
    meminfo: [6, array(u32)],
    filter: [7, binary],
  },
);

export const netlinkDiagRequest = messageForm(
  'netlink socket request',
  struct({ family: u8, protocol: u8, _: pad(2), inode: u32, show: u32, cookie: bytes(8) }),
  {},
);

export const netlinkDiagReply = messageForm(
  'netlink socket',
  struct({
    family: u8,
    type,
    protocol: u8,
    state: u8,
    port: u32,
    dst_port: u32,
    dst_group: u32,
    inode: u32,
    cookie: bytes(8),
  }),
  {
    meminfo: [0, array(u32)],
    groups: [1, binary],
    rx_ring: [2, binary],
    tx_ring: [3, binary],
    flags: [4, u32],
  },
);
