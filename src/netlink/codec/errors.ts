import { invalid, WarrenError } from '../../errors.js';

/** What arrived does not have the form that netlink(7) or the message's definition gives it. */
export function malformed(what: string, why: string): WarrenError {
  return new WarrenError('ERR_NETLINK_MALFORMED', `Cannot read ${what}`, { kind: 'kernel', why });
}

/** A value that no such attribute can hold. */
export function unencodable(what: string, why: string): WarrenError {
  return invalid('ERR_NETLINK_VALUE', `Cannot write ${what}`, why);
}
