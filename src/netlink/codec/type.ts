import { type Writer } from './writer.js';

/** What the attributes beside this one say: some payloads have the form that a sibling names (`kind` and its `data`). */
export type Siblings = Readonly<Record<string, unknown>>;

/**
 * How one value stands in bytes. Everything in a message is made of these: encoder, decoder and TypeScript type in one.
 *
 * @typeParam T What reading gives.
 * @typeParam In What writing takes, usually the same or a little more.
 */
export interface Type<T, In = T> {
  /** Bytes of every value, where all have the same number. */
  readonly size?: number;
  /** An attribute of this type carries NLA_F_NESTED. */
  readonly nested?: boolean;
  /** The attribute may occur several times; its value is the array of all. */
  readonly repeated?: boolean;
  /** The sibling whose value says what this one's form is. */
  readonly selector?: string;
  /** Takes bytes[start, end), which the caller has checked to be within the buffer. Throws ERR_NETLINK_MALFORMED. */
  read(bytes: Buffer, start: number, end: number, siblings?: Siblings): T;
  /** Throws ERR_NETLINK_VALUE for a value that cannot be written. */
  write(out: Writer, value: In, siblings?: Siblings): void;
  /** The name of the attribute that begins at or contains `offset`, dotted: for what the kernel complains about. */
  locate?(bytes: Buffer, start: number, end: number, offset: number, siblings?: Siblings): string | undefined;
}

/** Any type, for containers of types. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyType = Type<any, any>;

/** What reading a type gives. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Decoded<A> = A extends Type<infer T, any> ? T : never;
/** What writing it takes. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Encodable<A> = A extends Type<any, infer In> ? In : never;
