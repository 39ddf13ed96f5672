/** The frame of netlink messages: struct nlmsghdr, struct nlmsgerr and what follows it. See netlink(7). */
import {
  type AttributesType,
  type DecodedFields,
  type EncodableFields,
  type Fields,
  attributes,
} from './compound.js';
import { malformed } from './errors.js';
import { string, u32, binary } from './scalars.js';
import { type Type } from './type.js';
import { align, type Writer } from './writer.js';

export const NLMSG_NOOP = 1;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
export const NLMSG_OVERRUN = 4;

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP_INTR = 0x10;
/** The header of the request in an acknowledgement stands without its body. */
export const NLM_F_CAPPED = 0x100;
export const NLM_F_ACK_TLVS = 0x200;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;

const HEADER = 16;

/** One message in a buffer of them; its payload is bytes[start, end). */
export interface Envelope {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly port: number;
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** Takes a buffer apart into its messages. */
export function readEnvelopes(bytes: Buffer): Envelope[] {
  const envelopes: Envelope[] = [];
  let at = 0;
  while (at < bytes.length) {
    const left = bytes.length - at;
    if (left < HEADER) throw malformed('a netlink message', `${left} bytes are left, too few for its header`);
    const length = bytes.readUInt32LE(at);
    if (length < HEADER || length > left) {
      throw malformed('a netlink message', `it claims ${length} bytes where ${left} are left`);
    }
    envelopes.push({
      type: bytes.readUInt16LE(at + 4),
      flags: bytes.readUInt16LE(at + 6),
      sequence: bytes.readUInt32LE(at + 8),
      port: bytes.readUInt32LE(at + 12),
      bytes,
      start: at + HEADER,
      end: at + length,
    });
    at += align(length);
  }
  return envelopes;
}

/** Writes a header and what `body` writes. */
export function writeEnvelope(
  out: Writer,
  type: number,
  flags: number,
  sequence: number,
  body: () => void,
): void {
  const start = out.reserve(HEADER);
  body();
  const { memory } = out;
  memory.writeUInt32LE(out.length - start, start);
  memory.writeUInt16LE(type, start + 4);
  memory.writeUInt16LE(flags, start + 6);
  memory.writeUInt32LE(sequence, start + 8);
  out.pad();
}

/** The form of a message's payload: a structure, then attributes. */
export interface MessageForm<H, HIn, F extends Fields> {
  /** For messages of errors: `link`, `route`. */
  readonly name: string;
  readonly header: Type<H, HIn> & { readonly size: number };
  readonly attributes: AttributesType<F>;
}

/** Any form, for containers of forms. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyForm = MessageForm<any, any, any>;

export interface Body<H, F extends Fields> {
  readonly header: H;
  readonly attributes: DecodedFields<F>;
}

export function messageForm<H, HIn, const F extends Fields>(
  name: string,
  header: Type<H, HIn> & { readonly size: number },
  fields: F,
): MessageForm<H, HIn, F> {
  return { name, header, attributes: attributes(fields) };
}

export function readBody<H, HIn, F extends Fields>(
  form: MessageForm<H, HIn, F>,
  message: Envelope,
): Body<H, F> {
  const { bytes, start, end } = message;
  const split = start + align(form.header.size);
  if (split > end)
    throw malformed(`a ${form.name} message`, `its payload has ${end - start} bytes, too few for its header`);
  return {
    header: form.header.read(bytes, start, start + form.header.size),
    attributes: form.attributes.read(bytes, split, end),
  };
}

export function writeBody<H, HIn, F extends Fields>(
  out: Writer,
  form: MessageForm<H, HIn, F>,
  header: HIn,
  values: EncodableFields<F>,
): void {
  form.header.write(out, header);
  out.pad();
  form.attributes.write(out, values);
}

/** What the kernel answers to a request: zero for success, else what is wrong. */
export interface Acknowledgement {
  /** 0, or the errno as a positive number. */
  readonly errno: number;
  /** Extended acknowledgement: what the kernel has to say in words, a warning where errno is 0. */
  readonly text?: string;
  /** Where in the request the attribute stands that is meant: bytes from the beginning of its nlmsghdr. */
  readonly offset?: number;
  /** The number of an attribute that is missing. */
  readonly missing?: number;
}

const acknowledgementFields = attributes({
  text: [1, string],
  offset: [2, u32],
  cookie: [3, binary],
  missing: [5, u32],
});

/** Reads NLMSG_ERROR, and NLMSG_DONE, which has an errno of the dump's end and may have the same words. */
export function readAcknowledgement(message: Envelope): Acknowledgement {
  const { bytes, start, end, flags, type } = message;
  if (end - start < 4) {
    if (type === NLMSG_DONE) return { errno: 0 };
    throw malformed('an acknowledgement', `it has ${end - start} bytes`);
  }
  const errno = Math.abs(bytes.readInt32LE(start));
  if ((flags & NLM_F_ACK_TLVS) === 0) return { errno };
  let at = start + 4;
  if (type === NLMSG_ERROR) {
    if (end - at < HEADER) throw malformed('an acknowledgement', 'the header of the request is not whole');
    // The request comes back whole, unless it was acknowledged without error or NETLINK_CAP_ACK is set.
    const request = bytes.readUInt32LE(at);
    at += (flags & NLM_F_CAPPED) !== 0 ? HEADER : align(Math.max(request, HEADER));
  }
  if (at > end) throw malformed('an acknowledgement', 'the request in it is not whole');
  const { text, offset, missing } = acknowledgementFields.read(bytes, at, end);
  return {
    errno,
    ...(text === undefined ? {} : { text }),
    ...(offset === undefined ? {} : { offset }),
    ...(missing === undefined ? {} : { missing }),
  };
}
