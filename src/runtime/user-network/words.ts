/** The network of an ordinary user's container: a program of the user's own passes its packets on. */

/** `user`: by pasta(1) or slirp4netns(1), whichever is there. */
export const userNetworkWords = ['user', 'pasta', 'slirp4netns'] as const;
export type UserNetworkWord = (typeof userNetworkWords)[number];

export function isUserNetwork(text: string | undefined): text is UserNetworkWord {
  return text !== undefined && (userNetworkWords as readonly string[]).includes(text);
}
