/**
 * The part of DNS that a responder for a few names needs: the question of a query, and answers with addresses and names. All
 * else is passed on as it came. Pure. See RFC 1035, RFC 6891.
 */
import { codec } from '../../netlink/index.js';

export const recordTypes = { A: 1, PTR: 12, AAAA: 28, ANY: 255 } as const;
const OPT = 41;
const INTERNET = 1;

export const responseCodes = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
} as const;

/** Bits of the second 16-bit word. */
const QR = 0x8000;
const OPCODE = 0x7800;
const AA = 0x0400;
const TC = 0x0200;
const RD = 0x0100;
const RA = 0x0080;

const HEADER_BYTES = 12;
const MOST_LABEL_BYTES = 63;
const MOST_NAME_BYTES = 255;
/** What every client takes over UDP (RFC 1035, 4.2.1). */
const PLAIN_UDP_BYTES = 512;

export interface Query {
  readonly id: number;
  readonly flags: number;
  /** In lower case, without the final dot; `` is the root. */
  readonly name: string;
  readonly type: number;
  readonly isInternet: boolean;
  /** The question as it came: its spelling is repeated in the answer. */
  readonly question: Buffer;
  /** How much the client takes over UDP; undefined without EDNS. */
  readonly ednsBytes: number | undefined;
}

/**
 * Reads a query with one question.
 *
 * @returns Undefined for what is none; a code for what is to be refused with it.
 */
export function readQuery(message: Buffer): Query | 'FORMERR' | 'NOTIMP' | undefined {
  if (message.length < HEADER_BYTES) return undefined;
  const flags = message.readUInt16BE(2);
  // Never answer an answer: two servers would go on for ever.
  if ((flags & QR) !== 0) return undefined;
  if ((flags & OPCODE) !== 0) return 'NOTIMP';
  if (message.readUInt16BE(4) !== 1) return 'FORMERR';
  const read = readName(message, HEADER_BYTES);
  if (!read || read.end + 4 > message.length) return 'FORMERR';
  const { name, end } = read;
  return {
    id: message.readUInt16BE(0),
    flags,
    name,
    type: message.readUInt16BE(end),
    isInternet: message.readUInt16BE(end + 2) === INTERNET,
    question: message.subarray(HEADER_BYTES, end + 4),
    ednsBytes: readEdns(message, end + 4),
  };
}

/** A question's name has no pointers: there is nothing before it that they could point to. */
function readName(message: Buffer, start: number): { name: string; end: number } | undefined {
  const labels: string[] = [];
  let at = start;
  for (;;) {
    const length = message[at];
    if (length === undefined || length > MOST_LABEL_BYTES || at + 1 + length > message.length)
      return undefined;
    at++;
    if (length === 0) return { name: labels.join('.').toLowerCase(), end: at };
    // A dot within a label is no dot between labels.
    labels.push(message.toString('latin1', at, at + length).replaceAll('.', '\\.'));
    at += length;
    if (at - start > MOST_NAME_BYTES) return undefined;
  }
}

/** Where EDNS is used, its record stands alone in the additional section of a query. */
function readEdns(message: Buffer, at: number): number | undefined {
  const isAlone = message.readUInt16BE(6) === 0 && message.readUInt16BE(8) === 0;
  if (!isAlone || message.readUInt16BE(10) === 0 || at + 11 > message.length) return undefined;
  if (message[at] !== 0 || message.readUInt16BE(at + 1) !== OPT) return undefined;
  return Math.max(PLAIN_UDP_BYTES, message.readUInt16BE(at + 3));
}

/** One record of an answer: its owner is the name that was asked for. */
export type Answer =
  | { readonly type: 'A' | 'AAAA'; readonly address: string }
  | { readonly type: 'PTR'; readonly target: string };

/** Long enough to spare questions, short enough that who is restarted elsewhere is found. Docker's too. */
const TTL_SEC = 600;

/**
 * Writes an answer.
 *
 * @param options `overUdp`: what does not fit is left out, and the client told to ask by TCP.
 */
export function writeAnswer(
  query: Query,
  code: keyof typeof responseCodes,
  answers: readonly Answer[],
  options: { readonly overUdp: boolean },
): Buffer {
  const edns = query.ednsBytes === undefined ? Buffer.alloc(0) : ednsRecord(query.ednsBytes);
  const records = answers.map(writeRecord);
  const most = options.overUdp ? (query.ednsBytes ?? PLAIN_UDP_BYTES) : 0xffff;
  let length = HEADER_BYTES + query.question.length + edns.length;
  const fitting: Buffer[] = [];
  for (const record of records) {
    if (length + record.length > most) break;
    length += record.length;
    fitting.push(record);
  }
  const truncated = fitting.length < records.length ? TC : 0;
  const authoritative = code === 'NOERROR' || code === 'NXDOMAIN' ? AA : 0;
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(query.id, 0);
  header.writeUInt16BE(QR | authoritative | truncated | (query.flags & RD) | RA | responseCodes[code], 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(fitting.length, 6);
  header.writeUInt16BE(edns.length === 0 ? 0 : 1, 10);
  return Buffer.concat([header, query.question, ...fitting, edns]);
}

/** For what could not be read: only its number is known. */
export function writeRefusal(message: Buffer, code: 'FORMERR' | 'NOTIMP'): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  message.copy(header, 0, 0, 2);
  header.writeUInt16BE(QR | (message.readUInt16BE(2) & (OPCODE | RD)) | responseCodes[code], 2);
  return header;
}

function writeRecord(answer: Answer): Buffer {
  const data =
    answer.type === 'PTR' ? encodeName(answer.target) : (codec.parseIp(answer.address) ?? Buffer.alloc(0));
  const head = Buffer.alloc(12);
  // The question's name, at the end of the header.
  head.writeUInt16BE(0xc000 | HEADER_BYTES, 0);
  head.writeUInt16BE(recordTypes[answer.type], 2);
  head.writeUInt16BE(INTERNET, 4);
  head.writeUInt32BE(TTL_SEC, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function ednsRecord(bytes: number): Buffer {
  const record = Buffer.alloc(11);
  record.writeUInt16BE(OPT, 1);
  record.writeUInt16BE(bytes, 3);
  return record;
}

/** @throws {RangeError} for what is no host name. */
export function encodeName(name: string): Buffer {
  const labels = name === '' ? [] : name.split('.');
  const parts = labels.map((label) => {
    const bytes = Buffer.from(label, 'latin1');
    if (bytes.length === 0 || bytes.length > MOST_LABEL_BYTES) throw new RangeError(`no host name: ${name}`);
    return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  });
  const whole = Buffer.concat([...parts, Buffer.from([0])]);
  if (whole.length > MOST_NAME_BYTES) throw new RangeError(`no host name: ${name}`);
  return whole;
}
