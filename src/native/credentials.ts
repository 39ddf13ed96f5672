/**
 * Credentials of this process, and attributes of the entries of a directory: `name` is one, as bytes, and a link is not
 * followed. Each throws the system error it met.
 */
import { credentialsAddon } from './index.js';

/** The part of the addon that native/addon/credentials.c is. */
export interface CredentialsAddon {
  securebits(): number;
  getEntryAttribute(directoryFd: number, name: Uint8Array, attribute: string): Buffer;
  setEntryAttribute(directoryFd: number, name: Uint8Array, attribute: string, value: Uint8Array): void;
  removeEntryAttribute(directoryFd: number, name: Uint8Array, attribute: string): void;
  /** native/addon/detached.c */
  detachedMount(type: string): number;
}

/** @see prctl(2), PR_GET_SECUREBITS */
export function ownSecurebits(): number {
  return credentialsAddon().securebits();
}

/** @returns At most 4096 bytes; ERANGE for a longer value. @see getxattr(2) */
export function getEntryAttribute(directoryFd: number, name: Uint8Array, attribute: string): Buffer {
  return credentialsAddon().getEntryAttribute(directoryFd, name, attribute);
}

/** @see setxattr(2) */
export function setEntryAttribute(
  directoryFd: number,
  name: Uint8Array,
  attribute: string,
  value: Uint8Array,
): void {
  credentialsAddon().setEntryAttribute(directoryFd, name, attribute, value);
}

/** @see removexattr(2) */
export function removeEntryAttribute(directoryFd: number, name: Uint8Array, attribute: string): void {
  credentialsAddon().removeEntryAttribute(directoryFd, name, attribute);
}

/** A file system that is mounted nowhere, and goes with its descriptor: `/proc/self/fd/N/…`. @see fsmount(2) */
export function detachedMount(type: string): number {
  return credentialsAddon().detachedMount(type);
}
