/** Attributes that hold attributes. */
import { malformed, unencodable } from './errors.js';
import { type AnyType, type Decoded, type Encodable, type Siblings, type Type } from './type.js';
import { align } from './writer.js';

const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;
const HEAD = 4;

/** An attribute that no table knows, kept so that it can be shown and sent back. */
export interface UnknownAttribute {
  /** As on the wire, with its flags (NLA_F_NESTED is 0x8000, NLA_F_NET_BYTEORDER 0x4000). */
  readonly type: number;
  readonly data: Uint8Array;
}

/** Attributes by name: number and type. */
export type Fields = Readonly<Record<string, readonly [id: number, type: AnyType]>>;

export type DecodedFields<F extends Fields> = { readonly [K in keyof F]?: Decoded<F[K][1]> } & {
  readonly unknown?: readonly UnknownAttribute[];
};
export type EncodableFields<F extends Fields> = {
  readonly [K in keyof F]?: Encodable<F[K][1]> | undefined;
} & { readonly unknown?: readonly UnknownAttribute[] | undefined };

export interface AttributesType<F extends Fields> extends Type<DecodedFields<F>, EncodableFields<F>> {
  readonly fields: F;
}

/** Called for each attribute of bytes[start, end); every length is checked. See netlink(7), nlattr. */
export function eachAttribute(
  bytes: Buffer,
  start: number,
  end: number,
  visit: (type: number, start: number, end: number) => void,
): void {
  let at = start;
  while (at < end) {
    if (end - at < HEAD) throw malformed('attributes', `${end - at} bytes are left, too few for another`);
    const length = bytes.readUInt16LE(at);
    if (length < HEAD || at + length > end) {
      throw malformed('an attribute', `it claims ${length} bytes where ${end - at} are left`);
    }
    visit(bytes.readUInt16LE(at + 2), at + HEAD, at + length);
    at += align(length);
  }
}

/**
 * A set of attributes, as a message has after its header, and as one attribute can hold.
 *
 * Reading keeps what the table does not know under `unknown`; of an attribute that comes twice the last counts, as in
 * the kernel. Writing leaves out what is undefined (and flags that are false), and follows the order of the value's keys.
 */
export function attributes<const F extends Fields>(fields: F): AttributesType<F> {
  const known = new Map<number, readonly [string, AnyType]>();
  for (const [name, [id, type]] of Object.entries(fields)) known.set(id, [name, type]);

  return {
    fields,
    nested: true,
    read(bytes, start, end) {
      const values: Record<string, unknown> = {};
      let unknown: UnknownAttribute[] | undefined;
      let later: [string, AnyType, number, number][] | undefined;
      eachAttribute(bytes, start, end, (raw, from, to) => {
        const field = known.get(raw & NLA_TYPE_MASK);
        if (!field) {
          (unknown ??= []).push({ type: raw, data: Buffer.from(bytes.subarray(from, to)) });
          return;
        }
        const [name, type] = field;
        if (type.selector !== undefined) (later ??= []).push([name, type, from, to]);
        else if (type.repeated === true)
          ((values[name] ??= []) as unknown[]).push(type.read(bytes, from, to));
        else values[name] = type.read(bytes, from, to);
      });
      for (const [name, type, from, to] of later ?? []) values[name] = type.read(bytes, from, to, values);
      if (unknown) values['unknown'] = unknown;
      return values as DecodedFields<F>;
    },
    write(out, value) {
      for (const [name, member] of Object.entries(value) as [string, unknown][]) {
        if (member === undefined) continue;
        if (name === 'unknown') {
          for (const { type, data } of member as readonly UnknownAttribute[]) {
            out.attribute(type, () => out.append(data));
          }
          continue;
        }
        const field = fields[name];
        if (!field) throw unencodable(JSON.stringify(name), `known are ${Object.keys(fields).join(', ')}`);
        const [id, type] = field;
        if (type.size === 0 && member === false) continue;
        const raw = type.nested === true ? id | NLA_F_NESTED : id;
        const members = type.repeated === true ? (member as readonly unknown[]) : [member];
        for (const each of members) out.attribute(raw, () => type.write(out, each, value));
      }
    },
    locate(bytes, start, end, offset) {
      let found: string | undefined;
      const siblings: Record<string, unknown> = {};
      eachAttribute(bytes, start, end, (raw, from, to) => {
        const field = known.get(raw & NLA_TYPE_MASK);
        if (field && Object.values(fields).some(([, type]) => type.selector === field[0])) {
          siblings[field[0]] = field[1].read(bytes, from, to);
        }
        if (offset < from - HEAD || offset >= to) return;
        const name = field?.[0] ?? `attribute ${raw & NLA_TYPE_MASK}`;
        const inner = offset >= from ? field?.[1].locate?.(bytes, from, to, offset, siblings) : undefined;
        found = inner === undefined ? name : `${name}.${inner}`;
      });
      return found;
    },
  };
}

/** An attribute that may come several times beside others. */
export function multi<T, In>(type: Type<T, In>): Type<readonly T[], readonly In[]> {
  // attributes() calls these for each element.
  return { ...type, repeated: true } as unknown as Type<readonly T[], readonly In[]>;
}

/** An attribute whose attributes are a list: the same form, whatever their numbers. They are written with `id`. */
export function list<T, In>(type: Type<T, In>, id: number | 'index' = 1): Type<readonly T[], readonly In[]> {
  const flags = type.nested === true ? NLA_F_NESTED : 0;
  return {
    nested: true,
    read(bytes, start, end) {
      const values: T[] = [];
      eachAttribute(bytes, start, end, (_, from, to) => values.push(type.read(bytes, from, to)));
      return values;
    },
    write(out, values) {
      values.forEach((value, index) => {
        out.attribute((id === 'index' ? index + 1 : id) | flags, () => type.write(out, value));
      });
    },
    locate(bytes, start, end, offset) {
      let found: string | undefined;
      let index = 0;
      eachAttribute(bytes, start, end, (_, from, to) => {
        if (offset >= from - HEAD && offset < to) {
          const inner = offset >= from ? type.locate?.(bytes, from, to, offset) : undefined;
          found = inner === undefined ? `[${index}]` : `[${index}].${inner}`;
        }
        index++;
      });
      return found;
    },
  };
}

/** Values of fixed size one after another. */
export function array<T, In>(
  type: Type<T, In> & { readonly size: number },
): Type<readonly T[], readonly In[]> {
  return {
    read(bytes, start, end) {
      if ((end - start) % type.size !== 0) {
        throw malformed('an array', `its ${end - start} bytes are not a multiple of ${type.size}`);
      }
      const values: T[] = [];
      for (let at = start; at < end; at += type.size) values.push(type.read(bytes, at, at + type.size));
      return values;
    },
    write(out, values) {
      for (const value of values) type.write(out, value);
    },
  };
}

/** Forms by what the sibling says. Of any other sibling the bytes are kept. */
export function choice<const V extends Readonly<Record<string, AnyType>>>(
  selector: string,
  variants: V,
): Type<Decoded<V[keyof V]> | Buffer, Encodable<V[keyof V]> | Uint8Array> {
  const chosen = (siblings: Siblings | undefined): AnyType | undefined => {
    const name = siblings?.[selector];
    return typeof name === 'string' && Object.hasOwn(variants, name) ? variants[name] : undefined;
  };
  return {
    nested: true,
    selector,
    read(bytes, start, end, siblings) {
      const type = chosen(siblings);
      return type
        ? (type.read(bytes, start, end) as Decoded<V[keyof V]>)
        : Buffer.from(bytes.subarray(start, end));
    },
    write(out, value, siblings) {
      if (value instanceof Uint8Array) {
        out.append(value);
        return;
      }
      const type = chosen(siblings);
      if (!type) {
        throw unencodable(
          `the ${selector} ${JSON.stringify(siblings?.[selector])}`,
          'its form is not known here',
        );
      }
      type.write(out, value);
    },
    locate: (bytes, start, end, offset, siblings) => chosen(siblings)?.locate?.(bytes, start, end, offset),
  };
}

/** Where some attribute has a structure of its own kind: `read` and `write` through functions. */
export function mapped<T, In, U>(
  type: Type<T, In>,
  decode: (value: T) => U,
  encode: (value: U) => In,
): Type<U> {
  return {
    ...(type.size === undefined ? {} : { size: type.size }),
    ...(type.nested === undefined ? {} : { nested: type.nested }),
    read: (bytes, start, end) => decode(type.read(bytes, start, end)),
    write: (out, value) => type.write(out, encode(value)),
  };
}

/** A structure with attributes after it, in one attribute. */
export function headed<H, HIn, const F extends Fields>(
  header: Type<H, HIn> & { readonly size: number },
  fields: F,
): Type<
  { readonly header: H; readonly attributes: DecodedFields<F> },
  { readonly header: HIn; readonly attributes?: EncodableFields<F> }
> {
  const inner = attributes(fields);
  const split = align(header.size);
  return {
    nested: true,
    read(bytes, start, end) {
      if (end - start < split)
        throw malformed('an attribute', `its ${end - start} bytes are too few for its header`);
      return {
        header: header.read(bytes, start, start + header.size),
        attributes: inner.read(bytes, start + split, end),
      };
    },
    write(out, value) {
      header.write(out, value.header);
      out.pad();
      inner.write(out, value.attributes ?? {});
    },
    locate: (bytes, start, end, offset) => inner.locate?.(bytes, start + split, end, offset),
  };
}
