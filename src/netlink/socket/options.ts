/** Options of netlink sockets; see netlink(7), socket(7). */
import { type NetlinkAddon } from '../../native/index.js';

export const AF_NETLINK = 16;
export const SOCK_RAW = 3;

export const protocols = {
  route: 0,
  sock_diag: 4,
  netfilter: 12,
} as const;

const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;

const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;

/** What every acknowledgement of a large batch needs, and no more than a limit: nothing is allocated before it is used. */
const BUFFER_BYTES = 16 * 1024 * 1024;

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

export function prepareSocket(
  addon: NetlinkAddon,
  fd: number,
  strict: boolean,
  receiveBufferBytes = BUFFER_BYTES,
): void {
  buffers(addon, fd, receiveBufferBytes);
  for (const option of [NETLINK_EXT_ACK, NETLINK_CAP_ACK, ...(strict ? [NETLINK_GET_STRICT_CHK] : [])]) {
    tolerant(() => addon.setSocketOption(fd, SOL_NETLINK, option, int(1)));
  }
}

function buffers(addon: NetlinkAddon, fd: number, receiveBufferBytes: number): void {
  for (const [force, plain, bytes] of [
    [SO_SNDBUFFORCE, SO_SNDBUF, BUFFER_BYTES],
    [SO_RCVBUFFORCE, SO_RCVBUF, receiveBufferBytes],
  ] as const) {
    try {
      addon.setSocketOption(fd, SOL_SOCKET, force, int(bytes));
    } catch {
      // Without CAP_NET_ADMIN: as much as net.core.wmem_max and rmem_max let us have.
      tolerant(() => addon.setSocketOption(fd, SOL_SOCKET, plain, int(bytes)));
    }
  }
}

export function joinGroup(addon: NetlinkAddon, fd: number, group: number): void {
  addon.setSocketOption(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, int(group));
}

/** Options that an older kernel may lack; what they bring is then missing, not wrong. */
function tolerant(set: () => void): void {
  try {
    set();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOPROTOOPT') throw error;
  }
}
