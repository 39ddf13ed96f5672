/** How devices of ours on the host are named and numbered, so that they can be known without a record. */
import { randomBytes } from '../native/index.js';

/** Device groups (ip-link(8)) of networks: "wr", and a number. */
export const FIRST_GROUP = 0x7772_0001;
export const LAST_GROUP = 0x7772_ffff;

/**
 * The other end of a container's interface: at most 15 bytes. Another one each time: the kernel takes a while to remove that of the
 * run before, and a restart does not wait for it.
 */
export function deviceNameFor(container: string, index: number): string {
  return `w${container.slice(0, 8)}${randomBytes(2).toString('hex')}${index.toString(36)}`;
}

export const deviceNamePattern = /^w[0-9a-f]{12}[0-9a-z]{1,2}$/;
