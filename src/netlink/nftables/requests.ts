/** Requests that make and delete nf_tables' objects, for a transaction. See nft(8). */
import { invalid, quote } from '../../errors.js';
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, type Wide } from '../codec/index.js';
import { netlinkRequest, type NetlinkRequest } from '../socket/index.js';
import { type Expression } from './build.js';
import { type DataType, encodeKey, isNetworkOrder, typeLength, typeNumber } from './datatypes.js';
import {
  chainForm,
  elementsForm,
  type NftFamily,
  nftFamilies,
  NFT_MSG,
  type RawElementInput,
  ruleForm,
  type setFlags,
  setForm,
  tableForm,
  type verdictCodes,
} from './forms.js';

/** NF_INET_*; the netdev family has its own. */
export const hooks = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4, ingress: 5 } as const;
const netdevHooks = { ingress: 0, egress: 1 } as const;
const arpHooks = { input: 0, output: 1, forward: 2 } as const;

/** The hooks of a family, which have other numbers in other families. */
export function hooksOf(family: NftFamily | number): Readonly<Record<string, number>> {
  if (family === 'netdev') return netdevHooks;
  return family === 'arp' ? arpHooks : hooks;
}

export const priorities = {
  raw: -300,
  mangle: -150,
  dstnat: -100,
  filter: 0,
  security: 50,
  srcnat: 100,
} as const;

export interface TableName {
  readonly family: NftFamily;
  readonly table: string;
}

export interface NewChain extends TableName {
  readonly chain: string;
  /** For a base chain. A regular one is only jumped to. */
  readonly hook?: keyof typeof hooks | 'egress';
  /** Default filter. */
  readonly type?: 'filter' | 'nat' | 'route';
  /** Default 0. */
  readonly priority?: number;
  readonly policy?: 'accept' | 'drop';
  /** For the netdev family. */
  readonly devices?: readonly string[];
}

export interface NewRule extends TableName {
  readonly chain: string;
  readonly expressions: readonly Expression[];
  /** Shown by nft; at most 127 bytes. */
  readonly comment?: string;
  /** Default: at the chain's end. */
  readonly place?: 'first' | 'last' | { readonly after: Wide } | { readonly before: Wide };
}

export interface SetName extends TableName {
  readonly set: string;
}

export interface NewSet extends SetName {
  /** Several: a concatenation. */
  readonly key: readonly DataType[];
  /** Makes it a map. */
  readonly data?: readonly DataType[];
  readonly flags?: readonly Exclude<keyof typeof setFlags, 'map' | 'anonymous' | 'object' | 'expr'>[];
  readonly timeoutMs?: number;
  readonly size?: number;
  /** A number by which rules and elements of the same transaction can name it; any that is unique there. */
  readonly id?: number;
  readonly comment?: string;
}

/** What a set's elements need to be written: its types. */
export interface SetShape extends SetName {
  readonly key: readonly DataType[];
  readonly data?: readonly DataType[];
}

export interface NewElement {
  readonly key: readonly (string | number)[];
  /** Of a map: values, or a verdict. */
  readonly data?:
    readonly (string | number)[] | { readonly verdict: keyof typeof verdictCodes; readonly chain?: string };
  readonly timeoutMs?: number;
  readonly comment?: string;
}

export function addTable(name: TableName, options: { readonly exclusive?: boolean } = {}): NetlinkRequest {
  return netlinkRequest(tableForm, {
    what: `create the table ${shown(name)}`,
    type: NFT_MSG.NEWTABLE,
    flags: NLM_F_CREATE | (options.exclusive === true ? NLM_F_EXCL : 0),
    header: header(name),
    attributes: { name: checkName(name.table), flags: [] },
  });
}

/** Deletes it with everything in it. */
export function deleteTable(name: TableName): NetlinkRequest {
  return netlinkRequest(tableForm, {
    what: `delete the table ${shown(name)}`,
    type: NFT_MSG.DELTABLE,
    header: header(name),
    attributes: { name: name.table },
  });
}

export function addChain(spec: NewChain): NetlinkRequest {
  const { family, table, chain, hook, type = 'filter', priority = 0, policy, devices } = spec;
  const number =
    hook === undefined
      ? undefined
      : family === 'netdev'
        ? netdevHooks[hook as 'ingress']
        : hooks[hook as 'input'];
  return netlinkRequest(chainForm, {
    what: `create the chain ${shown(spec)} ${chain}`,
    type: NFT_MSG.NEWCHAIN,
    flags: NLM_F_CREATE,
    header: { family: nftFamilies[family] },
    attributes: {
      table,
      name: checkName(chain),
      hook:
        number === undefined
          ? undefined
          : {
              number,
              priority,
              dev: devices?.length === 1 ? devices[0] : undefined,
              devs: devices && devices.length > 1 ? { names: devices } : undefined,
            },
      policy,
      type: hook === undefined ? undefined : type,
    },
  });
}

/** It must not be jumped to. Its rules go with it. */
export function deleteChain(spec: TableName & { readonly chain: string }): NetlinkRequest {
  return netlinkRequest(chainForm, {
    what: `delete the chain ${shown(spec)} ${spec.chain}`,
    type: NFT_MSG.DELCHAIN,
    header: header(spec),
    attributes: { table: spec.table, name: spec.chain },
  });
}

export function addRule(spec: NewRule): NetlinkRequest {
  const { table, chain, expressions, comment, place = 'last' } = spec;
  const position = typeof place === 'string' ? undefined : 'after' in place ? place.after : place.before;
  const append = place === 'last' || (typeof place === 'object' && 'after' in place);
  return netlinkRequest(ruleForm, {
    what: `add a rule to the chain ${shown(spec)} ${chain}`,
    type: NFT_MSG.NEWRULE,
    flags: NLM_F_CREATE | (append ? NLM_F_APPEND : 0),
    header: header(spec),
    attributes: {
      table,
      chain,
      position,
      expressions,
      userdata: comment === undefined ? undefined : commentData(0, comment),
    },
  });
}

/** One rule by its handle; without one, all of the chain. */
export function deleteRule(
  spec: TableName & { readonly chain: string; readonly handle?: Wide },
): NetlinkRequest {
  const { table, chain, handle } = spec;
  return netlinkRequest(ruleForm, {
    what: `delete ${handle === undefined ? 'the rules' : `rule ${handle}`} of the chain ${shown(spec)} ${chain}`,
    type: NFT_MSG.DELRULE,
    header: header(spec),
    attributes: { table, chain, handle },
  });
}

export function addSet(spec: NewSet): NetlinkRequest {
  const { table, set, key, data, flags = [], timeoutMs, size, id = 1, comment } = spec;
  const isRanged = key.length > 1 && flags.includes('interval');
  return netlinkRequest(setForm, {
    what: `create the set ${shown(spec)} ${set}`,
    type: NFT_MSG.NEWSET,
    flags: NLM_F_CREATE,
    header: header(spec),
    attributes: {
      table,
      name: checkName(set),
      flags: [
        ...flags,
        ...(data === undefined ? [] : (['map'] as const)),
        ...(isRanged && !flags.includes('concat') ? (['concat'] as const) : []),
      ],
      key_type: typeNumber(key),
      key_len: typeLength(key),
      data_type: data === undefined ? undefined : data[0] === 'verdict' ? VERDICT_TYPE : typeNumber(data),
      data_len: data === undefined ? undefined : data[0] === 'verdict' ? 0 : typeLength(data),
      id,
      desc:
        size === undefined && !isRanged
          ? undefined
          : { size, concat: isRanged ? key.map((type) => ({ len: typeLength([type]) })) : undefined },
      timeout: timeoutMs,
      userdata: Buffer.concat([
        byteOrder(KEY_BYTE_ORDER, key),
        ...(data === undefined || data[0] === 'verdict' ? [] : [byteOrder(DATA_BYTE_ORDER, data)]),
        ...(comment === undefined ? [] : [commentData(SET_COMMENT, comment)]),
      ]),
    },
  });
}

const VERDICT_TYPE = 0xffff_ff00;
/** NFTNL_UDATA_SET_*: what nft(8) wants to know to show and sort elements. */
const KEY_BYTE_ORDER = 0;
const DATA_BYTE_ORDER = 1;
const SET_COMMENT = 7;

function byteOrder(type: number, types: readonly DataType[]): Buffer {
  const [HOST, NETWORK, NONE] = [1, 2, 0];
  const order = types.length > 1 ? NONE : isNetworkOrder(types[0]) ? NETWORK : HOST;
  return Buffer.from([type, 4, order, 0, 0, 0]);
}

export function deleteSet(spec: SetName): NetlinkRequest {
  return netlinkRequest(setForm, {
    what: `delete the set ${shown(spec)} ${spec.set}`,
    type: NFT_MSG.DELSET,
    header: header(spec),
    attributes: { table: spec.table, name: spec.set },
  });
}

/** @throws {NetlinkError} at the transaction, errno EEXIST with `exclusive`: an element is there. */
export function addElements(
  shape: SetShape,
  elements: readonly NewElement[],
  options: { readonly exclusive?: boolean; readonly setId?: number } = {},
): NetlinkRequest {
  return netlinkRequest(elementsForm, {
    what: `add elements to the set ${shown(shape)} ${shape.set}`,
    type: NFT_MSG.NEWSETELEM,
    flags: NLM_F_CREATE | (options.exclusive === true ? NLM_F_EXCL : 0),
    header: header(shape),
    attributes: {
      table: shape.table,
      set: shape.set,
      set_id: options.setId,
      elements: elements.map((each) => encodeElement(shape, each)),
    },
  });
}

/** Without elements: all of them. */
export function deleteElements(shape: SetShape, elements?: readonly NewElement[]): NetlinkRequest {
  return netlinkRequest(elementsForm, {
    what: `delete elements of the set ${shown(shape)} ${shape.set}`,
    type: NFT_MSG.DELSETELEM,
    header: header(shape),
    attributes: {
      table: shape.table,
      set: shape.set,
      elements: elements?.map((each) => encodeElement(shape, each)),
    },
  });
}

function encodeElement(shape: SetShape, { key, data, timeoutMs, comment }: NewElement): RawElementInput {
  const isVerdict = data !== undefined && 'verdict' in data;
  return {
    key: { value: encodeKey(shape.key, key) },
    data:
      data === undefined
        ? undefined
        : isVerdict
          ? { verdict: { code: data.verdict, chain: data.chain } }
          : { value: encodeKey(shape.data ?? [], data) },
    timeout: timeoutMs,
    userdata: comment === undefined ? undefined : commentData(0, comment),
  };
}

function header({ family }: TableName): { family: number } {
  return { family: nftFamilies[family] };
}

function shown({ family, table }: TableName): string {
  return `${family} ${quote(table)}`;
}

/** nft(8) could not name another. */
function checkName(name: string): string {
  if (!/^[A-Za-z_./][\w./\\-]{0,126}$/.test(name)) {
    throw invalid(
      'ERR_NFT_NAME',
      `Cannot use ${quote(name)} as a name in nf_tables`,
      'it is not a letter, then letters, digits, _ . / -',
    );
  }
  return name;
}

/** A comment as nft keeps it in user data: type, length, text with its NUL. */
function commentData(type: number, comment: string): Buffer {
  const text = Buffer.from(`${comment}\0`);
  if (text.length > 128)
    throw invalid(
      'ERR_NFT_COMMENT',
      `Cannot use the comment ${quote(comment)}`,
      'it is longer than 127 bytes',
    );
  return Buffer.concat([Buffer.from([type, text.length]), text]);
}
