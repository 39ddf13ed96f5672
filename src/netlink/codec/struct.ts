/** C structures: members of fixed size, one after another. */
import { malformed } from './errors.js';
import { type AnyType, type Decoded, type Encodable, type Siblings, type Type } from './type.js';
import { type Writer } from './writer.js';

export type StructFields = Readonly<Record<string, AnyType & { readonly size: number }>>;
export type DecodedStruct<F extends StructFields> = {
  readonly [K in keyof F as Decoded<F[K]> extends undefined ? never : K]: Decoded<F[K]>;
};
/** Members that are left out are zero. */
export type EncodableStruct<F extends StructFields> = {
  readonly [K in keyof F as Decoded<F[K]> extends undefined ? never : K]?: Encodable<F[K]> | undefined;
};

export interface StructType<F extends StructFields> extends Type<DecodedStruct<F>, EncodableStruct<F>> {
  readonly size: number;
}

/** A C structure: members of fixed size, in order; where the compiler pads, {@link pad}. Bytes beyond it are passed over. */
export function struct<const F extends StructFields>(fields: F): StructType<F> {
  const members = Object.entries(fields);
  const size = members.reduce((sum, [, type]) => sum + type.size, 0);
  return {
    size,
    read(bytes, start, end) {
      if (end - start < size)
        throw malformed('a structure', `it has ${end - start} bytes instead of ${size}`);
      return readMembers(members, bytes, start, end) as DecodedStruct<F>;
    },
    write(out, value) {
      for (const [name, type] of members) writeMember(out, type, (value as Siblings)[name]);
    },
  };
}

/**
 * A structure that has grown over the years: of an older kernel's shorter one, the members that are there. Written up to
 * the last member that is given.
 */
export function growingStruct<const F extends StructFields>(
  fields: F,
): Type<Partial<DecodedStruct<F>>, EncodableStruct<F>> {
  const members = Object.entries(fields);
  return {
    read: (bytes, start, end) => readMembers(members, bytes, start, end) as Partial<DecodedStruct<F>>,
    write(out, value) {
      const given = value as Siblings;
      const last = members.findLastIndex(([name]) => given[name] !== undefined);
      for (const [name, type] of members.slice(0, last + 1)) writeMember(out, type, given[name]);
    },
  };
}

function readMembers(
  members: readonly (readonly [string, AnyType & { readonly size: number }])[],
  bytes: Buffer,
  start: number,
  end: number,
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  let at = start;
  for (const [name, type] of members) {
    if (at + type.size > end) break;
    const value: unknown = type.read(bytes, at, at + type.size);
    if (value !== undefined) values[name] = value;
    at += type.size;
  }
  return values;
}

function writeMember(out: Writer, type: AnyType & { readonly size: number }, value: unknown): void {
  if (value === undefined) out.reserve(type.size);
  else type.write(out, value);
}
