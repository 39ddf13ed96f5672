/** Addresses and policy rules in one line each, in the words of ip-address(8) and ip-rule(8). Pure. */
import type { InterfaceAddress, Rule } from '../../netlink/index.js';

const FOR_EVER = 0xffff_ffff;

/** `10.1.0.1/24 brd 10.1.0.255 scope global`; a label only where it is not the device's name. */
export function addressLine(all: InterfaceAddress, device: string): string {
  const { local, address, prefixlen, broadcast, scope, label, flags, valid_life_time: valid } = all;
  const isPeer = address !== undefined && address !== local;
  return words(
    isPeer ? `${local} peer ${address}/${prefixlen}` : `${local}/${prefixlen}`,
    broadcast !== undefined && `brd ${broadcast}`,
    `scope ${scope}`,
    ...flags.filter((flag) => flag !== 'permanent'),
    label !== undefined && label !== device && `label ${printable(label)}`,
    valid !== undefined && valid !== FOR_EVER && `valid ${valid}s`,
  );
}

/** `100: from 10.2.0.0/16 fwmark 0x10/0xff iif eth0 lookup 100`. */
export function ruleLine(rule: Rule): string {
  const { src, dst, fwmark, fwmask, iif, oif, tos, ipproto, sport, dport, uid_range: uids } = rule;
  return words(
    `${rule.priority}:`,
    rule.not === true && 'not',
    `from ${src}`,
    dst !== undefined && `to ${dst}`,
    tos !== undefined && tos !== 0 && `tos ${hex(tos)}`,
    (fwmark !== undefined || fwmask !== undefined) && `fwmark ${markText(fwmark, fwmask)}`,
    iif !== undefined && `iif ${printable(iif)}`,
    oif !== undefined && `oif ${printable(oif)}`,
    rule.l3mdev === true && 'l3mdev',
    uids && `uidrange ${uids.start}-${uids.end}`,
    ipproto !== undefined && `ipproto ${ipproto}`,
    sport && `sport ${rangeText(sport)}`,
    dport && `dport ${rangeText(dport)}`,
    actionText(rule),
    rule.suppress_prefixlen !== undefined && `suppress_prefixlength ${rule.suppress_prefixlen}`,
    rule.family !== 'inet' && (rule.family === 'inet6' ? '(IPv6)' : `(${rule.family})`),
  );
}

function actionText({ action, table, goto }: Rule): string {
  if (goto !== undefined) return `goto ${goto}`;
  return table === undefined ? String(action) : `${action} ${table}`;
}

/** Without a mask, all 32 bits count. */
function markText(mark = 0, mask = 0xffff_ffff): string {
  return mask === 0xffff_ffff ? hex(mark) : `${hex(mark)}/${hex(mask)}`;
}

function rangeText({ start, end }: { readonly start: number; readonly end: number }): string {
  return start === end ? String(start) : `${start}-${end}`;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

function words(...parts: readonly (string | false | undefined)[]): string {
  return parts.filter((part) => typeof part === 'string').join(' ');
}

/** A device's name may hold any bytes but a space. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}
