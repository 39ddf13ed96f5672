import { formatIp } from '../codec/index.js';

/** One extension in words: as nft(8) says it, and as options of iptables(8). */
export interface ExtensionText {
  readonly nft: string;
  readonly iptables: string;
}

/** @param isIpv6 Of a table of IPv6: addresses have sixteen bytes, else the first four of them. */
export type Read = (info: Buffer, transport: string, isIpv6: boolean) => ExtensionText;
/** By name and revision: bytes that there must be, and how to read them. */
export type Table = Readonly<Record<string, readonly [minimum: number, read: Read]>>;

export const hex = (number: number): string => `0x${number.toString(16)}`;
export const hexByte = (number: number): string => `0x${number.toString(16).padStart(2, '0')}`;
export const ports = (from: number, to: number, between: string): string =>
  from === to ? `${from}` : `${from}${between}${to}`;
/** `! ` before what is inverted. */
export const not = (inverted: boolean): string => (inverted ? '! ' : '');

export function text(bytes: Buffer, from: number, to: number): string {
  return bytes.toString('utf8', from, to).replace(/\0.*$/s, '');
}

/** As iptables-save(8) quotes: only what a shell would not take for one word. */
export function quoted(word: string): string {
  return /^[\w-]+$/.test(word) ? word : `"${word.replace(/["\\]/g, '\\$&')}"`;
}

export function addressAt(info: Buffer, at: number, isIpv6: boolean): string {
  return formatIp(info.subarray(at, at + (isIpv6 ? 16 : 4)));
}
