/** Numbers that a namespace has for others: what `link-netnsid` refers to. See ip-netns(8). */
import { messageForm, s32, struct, u32, u8 } from '../codec/index.js';
import { netlinkRequest, type NetlinkSocket, type RequestOptions } from '../socket/index.js';
import { RTM } from './constants.js';
import { type NamespaceTarget } from './link-requests.js';

const nsidForm = messageForm('namespace id', struct({ family: u8 }), {
  nsid: [1, s32],
  pid: [2, u32],
  fd: [3, u32],
  target_nsid: [4, s32],
  current_nsid: [5, s32],
});

const NOT_ASSIGNED = -1;

/** The number that the socket's namespace has for another; undefined when it has none yet. */
export async function nsidOf(
  socket: NetlinkSocket,
  target: NamespaceTarget,
  options?: RequestOptions,
): Promise<number | undefined> {
  const request = netlinkRequest(nsidForm, {
    what: 'find the number of a network namespace',
    type: RTM.GETNSID,
    header: {},
    attributes: target,
  });
  const [found] = await socket.request(request, nsidForm, options);
  const nsid = found?.attributes.nsid ?? NOT_ASSIGNED;
  return nsid === NOT_ASSIGNED ? undefined : nsid;
}

/**
 * Gives another namespace a number, which it keeps.
 *
 * @param nsid Default: the lowest that is free.
 * @throws {NetlinkError} errno EEXIST: it has one, or the number is taken.
 */
export async function setNsid(
  socket: NetlinkSocket,
  target: NamespaceTarget,
  nsid = NOT_ASSIGNED,
  options?: RequestOptions,
): Promise<void> {
  const request = netlinkRequest(nsidForm, {
    what: 'number a network namespace',
    type: RTM.NEWNSID,
    header: {},
    attributes: { nsid, ...target },
  });
  await socket.request(request, options);
}

/** The numbers in use. */
export async function nsids(socket: NetlinkSocket, options?: RequestOptions): Promise<number[]> {
  const request = netlinkRequest(nsidForm, {
    what: 'list the namespace numbers',
    type: RTM.GETNSID,
    header: {},
  });
  const found = await socket.dump(request, nsidForm, options);
  return found.flatMap(({ attributes: { nsid } }) => (nsid === undefined ? [] : [nsid]));
}
