/** What nf_tables has: tables, chains, rules, sets and their elements. */
import { type attributes, type Body, type Decoded, nfnlSubsystems, type Wide } from '../codec/index.js';
import {
  netlinkRequest,
  type NetlinkRequest,
  type NetlinkSocket,
  type RequestOptions,
  NetlinkError,
} from '../socket/index.js';
import { type DataType, typesOf } from './datatypes.js';
import {
  chainForm,
  elementsForm,
  type expression,
  generationForm,
  type NftFamily,
  nftFamilies,
  NFT_MSG,
  objectData,
  objectForm,
  objectTypes,
  type RawElement,
  ruleForm,
  setForm,
  tableForm,
} from './forms.js';
import { hooksOf } from './requests.js';

export type RuleExpression = Decoded<typeof expression>;

export interface NftTable {
  readonly family: NftFamily | number;
  readonly name: string;
  readonly handle: Wide;
  readonly flags: readonly string[];
}

export interface NftChain {
  readonly family: NftFamily | number;
  readonly table: string;
  readonly name: string;
  readonly handle: Wide;
  /** Of a base chain, as the next four. */
  readonly hook?: string;
  readonly type?: string;
  readonly priority?: number;
  readonly policy?: string | number;
  readonly devices?: readonly string[];
}

export interface NftRule {
  readonly family: NftFamily | number;
  readonly table: string;
  readonly chain: string;
  readonly handle: Wide;
  readonly comment?: string;
  readonly expressions: readonly RuleExpression[];
}

export interface NftSet {
  readonly family: NftFamily | number;
  readonly table: string;
  readonly name: string;
  readonly handle: Wide;
  readonly flags: readonly string[];
  /** Undefined for a type that is not known here. */
  readonly key: readonly (DataType | undefined)[];
  readonly keyLength: number;
  /** Which byte of numbers without a type of their own comes first: as nft(8) has noted it. */
  readonly keyOrder?: 'host' | 'network';
  /** Of a map to stateful objects: what they are. */
  readonly objects?: string;
  /** Of a map's values: longer than their type where they are from and to. */
  readonly dataLength?: number;
  /** Of a map. */
  readonly data?: readonly (DataType | undefined)[] | 'verdict';
  readonly timeoutMs?: Wide;
  readonly gcIntervalMs?: number;
  /** nft joins intervals that touch. */
  readonly isAutoMerge?: boolean;
  readonly size?: number;
  readonly comment?: string;
  /** What each element keeps: counters, limits. */
  readonly expressions?: readonly RuleExpression[];
  /** Lengths of the parts of a key with ranges. */
  readonly fields?: readonly number[];
  /** As the kernel has them; of intervals, each end is an element of its own. */
  readonly elements: readonly RawElement[];
}

export interface NftObject {
  readonly family: NftFamily | number;
  readonly table: string;
  readonly name: string;
  readonly handle: Wide;
  /** `counter`, `ct helper`; `object 7` for what is not known here. */
  readonly type: string;
  readonly comment?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Ruleset {
  readonly tables: readonly NftTable[];
  readonly chains: readonly NftChain[];
  readonly rules: readonly NftRule[];
  readonly sets: readonly NftSet[];
  readonly objects: readonly NftObject[];
}

export interface RulesetOptions extends RequestOptions {
  readonly family?: NftFamily;
  readonly table?: string;
}

/** All requests, or none. @throws {NetlinkError} */
export async function commit(
  socket: NetlinkSocket,
  requests: readonly NetlinkRequest[],
  options: RequestOptions & { readonly generation?: number } = {},
): Promise<void> {
  await socket.transaction(nfnlSubsystems.nftables, requests, options);
}

/** Counts transactions: what is read between two equal numbers belongs together. */
export async function generation(socket: NetlinkSocket, options?: RequestOptions): Promise<number> {
  const request = netlinkRequest(generationForm, {
    what: 'read the rules’ generation',
    type: NFT_MSG.GETGEN,
    header: {},
  });
  const [found] = await socket.request(request, generationForm, options);
  return found?.attributes.id ?? 0;
}

/** Everything, read again when it changed meanwhile (at most ten times). */
export async function ruleset(socket: NetlinkSocket, options: RulesetOptions = {}): Promise<Ruleset> {
  for (let tries = 0; ; tries++) {
    const before = await generation(socket, options);
    try {
      const found: Ruleset = {
        tables: await tables(socket, options),
        chains: await chains(socket, options),
        rules: await rules(socket, options),
        sets: await sets(socket, options),
        objects: await objects(socket, options),
      };
      if (before === (await generation(socket, options)) || tries >= 10) return found;
    } catch (error) {
      // A set that was listed has gone.
      if (!(error instanceof NetlinkError && error.errno === 'ENOENT' && tries < 10)) throw error;
    }
  }
}

export async function tables(socket: NetlinkSocket, options: RulesetOptions = {}): Promise<NftTable[]> {
  const request = netlinkRequest(tableForm, {
    what: 'list the tables',
    type: NFT_MSG.GETTABLE,
    header: header(options),
  });
  return (await socket.dump(request, tableForm, options))
    .map(({ header: { family }, attributes: found }) => ({
      family: familyName(family),
      name: found.name ?? '',
      handle: found.handle ?? 0,
      flags: found.flags ?? [],
    }))
    .filter(({ name }) => options.table === undefined || name === options.table);
}

export async function chains(socket: NetlinkSocket, options: RulesetOptions = {}): Promise<NftChain[]> {
  const request = netlinkRequest(chainForm, {
    what: 'list the chains',
    type: NFT_MSG.GETCHAIN,
    header: header(options),
  });
  return (await socket.dump(request, chainForm, options)).map(toChain).filter(wanted(options));
}

export async function rules(
  socket: NetlinkSocket,
  options: RulesetOptions & { readonly chain?: string } = {},
): Promise<NftRule[]> {
  const request = netlinkRequest(ruleForm, {
    what: 'list the rules',
    type: NFT_MSG.GETRULE,
    header: header(options),
    attributes: { table: options.table, chain: options.chain },
  });
  return (await socket.dump(request, ruleForm, options))
    .map(toRule)
    .filter(wanted(options))
    .filter(({ chain }) => options.chain === undefined || chain === options.chain);
}

/** With their elements; those that rules have for themselves (`{ 22, 80 }`) too. */
export async function sets(socket: NetlinkSocket, options: RulesetOptions = {}): Promise<NftSet[]> {
  const request = netlinkRequest(setForm, {
    what: 'list the sets',
    type: NFT_MSG.GETSET,
    header: header(options),
    attributes: { table: options.table },
  });
  const found: NftSet[] = [];
  for (const body of await socket.dump(request, setForm, options))
    found.push(await toSet(socket, body, options));
  return found.filter(wanted(options));
}

export async function elements(
  socket: NetlinkSocket,
  set: { readonly family: NftFamily | number; readonly table: string; readonly set: string },
  options: RequestOptions = {},
): Promise<RawElement[]> {
  const request = netlinkRequest(elementsForm, {
    what: `list the set ${set.set}`,
    type: NFT_MSG.GETSETELEM,
    header: { family: typeof set.family === 'number' ? set.family : nftFamilies[set.family] },
    attributes: { table: set.table, set: set.set },
  });
  const parts = await socket.dump(request, elementsForm, options);
  return parts.flatMap(({ attributes: { elements: some = [] } }) => some);
}

export async function objects(socket: NetlinkSocket, options: RulesetOptions = {}): Promise<NftObject[]> {
  const request = netlinkRequest(objectForm, {
    what: 'list the stateful objects',
    type: NFT_MSG.GETOBJ,
    header: header(options),
  });
  return (await socket.dump(request, objectForm, options)).map(toObject).filter(wanted(options));
}

function header({ family }: RulesetOptions): { family: number } {
  return { family: family === undefined ? 0 : nftFamilies[family] };
}

function wanted({ table }: RulesetOptions): (each: { readonly table: string }) => boolean {
  return (each) => table === undefined || each.table === table;
}

function familyName(number: number): NftFamily | number {
  const found = Object.entries(nftFamilies).find(([, value]) => value === number);
  return found ? (found[0] as NftFamily) : number;
}

type BodyOf<F extends { header: unknown; attributes: { fields: unknown } }> = F extends {
  header: infer H;
  attributes: { fields: infer A };
}
  ? Body<Decoded<H>, A extends Parameters<typeof attributes>[0] ? A : never>
  : never;

function toChain({ header: { family }, attributes: found }: BodyOf<typeof chainForm>): NftChain {
  const { hook, policy, type } = found;
  const name = Object.entries(hooksOf(familyName(family))).find(([, number]) => number === hook?.number)?.[0];
  const devices = hook?.devs?.names ?? (hook?.dev === undefined ? undefined : [hook.dev]);
  return {
    family: familyName(family),
    table: found.table ?? '',
    name: found.name ?? '',
    handle: found.handle ?? 0,
    ...(hook === undefined
      ? {}
      : {
          hook:
            family === nftFamilies.netdev
              ? hook.number === 0
                ? 'ingress'
                : 'egress'
              : (name ?? String(hook.number)),
          priority: hook.priority ?? 0,
        }),
    ...(type === undefined ? {} : { type }),
    ...(policy === undefined ? {} : { policy }),
    ...(devices === undefined ? {} : { devices }),
  };
}

function toRule({ header: { family }, attributes: found }: BodyOf<typeof ruleForm>): NftRule {
  const comment = userComment(found.userdata, 0);
  return {
    family: familyName(family),
    table: found.table ?? '',
    chain: found.chain ?? '',
    handle: found.handle ?? 0,
    ...(comment === undefined ? {} : { comment }),
    expressions: found.expressions ?? [],
  };
}

async function toSet(
  socket: NetlinkSocket,
  { header: { family }, attributes: found }: BodyOf<typeof setForm>,
  options: RequestOptions,
): Promise<NftSet> {
  const { table = '', name = '', flags = [], key_type = 0, key_len = 0, data_type, timeout, desc } = found;
  const VERDICT_TYPE = 0xffff_ff00;
  const comment = userComment(found.userdata, 7);
  const keyOrder = ([undefined, 'host', 'network'] as const)[orderOf(found.userdata)];
  const isMap = flags.includes('map') && data_type !== undefined;
  return {
    family: familyName(family),
    table,
    name,
    handle: found.handle ?? 0,
    flags,
    key: typesOf(key_type),
    keyLength: key_len,
    ...(keyOrder === undefined ? {} : { keyOrder }),
    ...(found.obj_type === undefined ? {} : { objects: objectKind(found.obj_type) }),
    ...(isMap && found.data_len !== undefined ? { dataLength: found.data_len } : {}),
    ...(isMap ? { data: data_type === VERDICT_TYPE ? ('verdict' as const) : typesOf(data_type) } : {}),
    ...(timeout === undefined ? {} : { timeoutMs: timeout }),
    ...(found.gc_interval === undefined ? {} : { gcIntervalMs: found.gc_interval }),
    ...(userdataOf(found.userdata, 2)?.some((byte) => byte !== 0) === true ? { isAutoMerge: true } : {}),
    ...(desc?.size === undefined ? {} : { size: desc.size }),
    ...(desc?.concat === undefined ? {} : { fields: desc.concat.map(({ len }) => len ?? 0) }),
    ...(comment === undefined ? {} : { comment }),
    ...(found.expr === undefined && found.expressions === undefined
      ? {}
      : { expressions: [...(found.expr ? [found.expr] : []), ...(found.expressions ?? [])] }),
    elements: await elements(socket, { family: familyName(family), table, set: name }, options),
  };
}

function toObject({ header: { family }, attributes: found }: BodyOf<typeof objectForm>): NftObject {
  const { table = '', name = '', handle = 0, type = 0, data = Buffer.alloc(0) } = found;
  const kind = objectKind(type);
  const comment = userComment(found.userdata, 0);
  return {
    family: familyName(family),
    table,
    name,
    handle,
    type: kind,
    ...(comment === undefined ? {} : { comment }),
    data: kind in objectData ? objectData[kind as keyof typeof objectData].read(data, 0, data.length) : {},
  };
}

function objectKind(type: number): string {
  return Object.entries(objectTypes).find(([, number]) => number === type)?.[0] ?? `object ${type}`;
}

export function userComment(userdata: Buffer | undefined, type: number): string | undefined {
  return userdataOf(userdata, type)?.toString('utf8').replace(/\0.*$/s, '');
}

/** User data are of nft's making: a row of type, length (a byte each) and bytes. What does not fit is not ours to judge. */
function userdataOf(userdata: Buffer | undefined, type: number): Buffer | undefined {
  for (let at = 0; userdata && at + 2 <= userdata.length; at += 2 + (userdata[at + 1] as number)) {
    const end = at + 2 + (userdata[at + 1] as number);
    if (userdata[at] === type && end <= userdata.length) return userdata.subarray(at + 2, end);
  }
  return undefined;
}

function orderOf(userdata: Buffer | undefined): number {
  const found = userdataOf(userdata, 0);
  return found?.length === 4 ? found.readUInt32LE(0) : 0;
}
