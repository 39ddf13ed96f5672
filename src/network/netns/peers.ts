/** The other end of a veth pair: by the number of its namespace and its index, never by name. */
import { closeSync, fstatSync } from 'node:fs';
import {
  type Link,
  link,
  links,
  NetlinkError,
  nsidOf,
  openNetlink,
  type NetlinkSocket,
  type NetworkNamespace,
  openNetworkNamespace,
} from '../../netlink/index.js';

/** A namespace that an end may be in. */
export interface NamespacePlace {
  readonly inode: number;
  /** To open it by: `/proc/7/ns/net`, `/run/netns/blue`, a socket in it. */
  readonly namespace: Exclude<NetworkNamespace, { readonly fd: number }>;
}

export interface Peer {
  readonly place: NamespacePlace;
  readonly device: Link;
  /** The bridge that it is a port of. */
  readonly bridge?: string;
}

/** @returns A descriptor, for the caller to close. Undefined: it has ended, or another one is there by now. */
export function openPlace({ namespace, inode }: NamespacePlace): number | undefined {
  let fd: number;
  try {
    fd = openNetworkNamespace(namespace);
  } catch {
    return undefined;
  }
  if (fstatSync(fd).ino === inode) return fd;
  closeSync(fd);
  return undefined;
}

/** Namespaces held open, to ask about several devices. */
export class PeerFinder {
  readonly #open: { readonly place: NamespacePlace; readonly fd: number; socket?: NetlinkSocket }[] = [];

  /** Those that are gone by now are left out. */
  constructor(places: readonly NamespacePlace[]) {
    for (const place of places) {
      const fd = openPlace(place);
      if (fd !== undefined) this.#open.push({ place, fd });
    }
  }

  /** The devices of a namespace. */
  async devices(inode: number): Promise<Link[]> {
    const socket = this.#socket(inode);
    return socket ? links(socket) : [];
  }

  /** @returns Undefined: it is no veth, or its other end is in a namespace that is not among those given. */
  async find(inode: number, device: Link): Promise<Peer | undefined> {
    if (device.linkinfo?.info_kind !== 'veth' || device.link_index === undefined) return undefined;
    const own = this.#socket(inode);
    if (!own) return undefined;
    const there = device.link_netnsid === undefined ? inode : await this.#inodeOf(own, device.link_netnsid);
    const socket = there === undefined ? undefined : this.#socket(there);
    const place = this.#open.find((each) => each.place.inode === there)?.place;
    if (!socket || !place) return undefined;
    try {
      const found = await link(socket, device.link_index);
      const bridge =
        found.master_index === undefined ? undefined : (await link(socket, found.master_index)).ifname;
      return { place, device: found, ...(bridge === undefined ? {} : { bridge }) };
    } catch (error) {
      if (error instanceof NetlinkError && error.errno === 'ENODEV') return undefined;
      throw error;
    }
  }

  close(): void {
    for (const { fd, socket } of this.#open.splice(0)) {
      socket?.close();
      closeSync(fd);
    }
  }

  async #inodeOf(socket: NetlinkSocket, nsid: number): Promise<number | undefined> {
    for (const { place, fd } of this.#open) if ((await nsidOf(socket, { fd })) === nsid) return place.inode;
    return undefined;
  }

  #socket(inode: number): NetlinkSocket | undefined {
    const found = this.#open.find((each) => each.place.inode === inode);
    if (found) found.socket ??= openNetlink('route', { namespace: { fd: found.fd } });
    return found?.socket;
  }
}
