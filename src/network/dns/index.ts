/** Names of a network's containers, answered inside them. */
export { encodeName, readQuery, recordTypes, responseCodes, writeAnswer } from './message.js';
export { DNS_ADDRESS, type DnsOptions, type DnsResponder, startDns } from './responder.js';
export { answerFrom, type DnsHost, type DnsZone, type ZoneAnswer } from './zone.js';
