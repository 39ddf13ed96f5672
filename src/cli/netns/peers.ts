/** The other ends of a namespace's devices, in words. */
import { listNetworks } from '../../network/index.js';
import { PeerFinder } from '../../network/netns/index.js';
import { describeView, type NetnsView } from './places.js';
import { peerText } from './text.js';

export interface PeerView {
  readonly ifindex: number;
  readonly device: string;
  readonly peer: string;
  readonly peerIfindex: number;
  /** Inode of the other end's namespace. */
  readonly namespace: number;
  readonly container?: string;
  readonly bridge?: string;
  readonly network?: string;
  readonly text: string;
}

export async function peersOf(view: NetnsView, views: readonly NetnsView[]): Promise<PeerView[]> {
  const finder = new PeerFinder(
    views.flatMap(({ inode, place }) => (place === undefined ? [] : [{ inode, namespace: place }])),
  );
  const networks = listNetworks();
  try {
    const found: PeerView[] = [];
    for (const device of await finder.devices(view.inode)) {
      const peer = await finder.find(view.inode, device);
      if (!peer) continue;
      const there = views.find(({ inode }) => inode === peer.place.inode);
      const bridge = peer.bridge ?? undefined;
      const own = networks.find(({ group }) => group === peer.device.group || group === device.group)?.name;
      found.push({
        ifindex: device.ifindex,
        device: device.ifname,
        peer: peer.device.ifname,
        peerIfindex: peer.device.ifindex,
        namespace: peer.place.inode,
        ...(there?.container === undefined ? {} : { container: there.container }),
        ...(bridge === undefined ? {} : { bridge }),
        ...(own === undefined ? {} : { network: own }),
        text: peerText(peer, there ? describeView(there) : `net:[${peer.place.inode}]`, own),
      });
    }
    return found;
  } finally {
    finder.close();
  }
}
