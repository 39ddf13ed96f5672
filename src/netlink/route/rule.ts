/** Policy routing rules. See ip-rule(8). */
import {
  be64,
  type Body,
  type Decoded,
  enumeration,
  ip,
  messageForm,
  NLM_F_CREATE,
  NLM_F_EXCL,
  pad,
  string,
  struct,
  u16,
  u32,
  u8,
} from '../codec/index.js';
import {
  netlinkRequest,
  type NetlinkRequest,
  type NetlinkSocket,
  type RequestOptions,
} from '../socket/index.js';
import {
  families,
  familyName,
  type IpFamily,
  routeProtocols,
  RTM,
  type TableName,
  tableName,
  tableNumber,
} from './constants.js';
import { formatPrefix, parsePrefix } from './prefix.js';

const actions = {
  unspec: 0,
  lookup: 1,
  goto: 2,
  nop: 3,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
} as const;
const INVERT = 2;
/** What the kernel puts where no prefix length limits the rule. */
const NO_LIMIT = 0xffff_ffff;

const range = struct({ start: u16, end: u16 });

export const ruleForm = messageForm(
  'rule',
  struct({
    family: u8,
    dst_len: u8,
    src_len: u8,
    tos: u8,
    table: u8,
    _: pad(2),
    action: enumeration(u8, actions),
    flags: u32,
  }),
  {
    dst: [1, ip],
    src: [2, ip],
    iif: [3, string],
    goto: [4, u32],
    priority: [6, u32],
    fwmark: [10, u32],
    realms: [11, u32],
    tun_id: [12, be64],
    suppress_ifgroup: [13, u32],
    suppress_prefixlen: [14, u32],
    table: [15, u32],
    fwmask: [16, u32],
    oif: [17, string],
    l3mdev: [19, u8],
    uid_range: [20, struct({ start: u32, end: u32 })],
    protocol: [21, enumeration(u8, routeProtocols)],
    ipproto: [22, u8],
    sport: [23, range],
    dport: [24, range],
  },
);

/** A rule, named as in `ip -json rule`. */
export interface Rule {
  readonly family: IpFamily | `family ${number}`;
  readonly priority: number;
  /** `all`, or a prefix. */
  readonly src: string;
  readonly dst?: string;
  readonly not?: true;
  readonly iif?: string;
  readonly oif?: string;
  readonly fwmark?: number;
  readonly fwmask?: number;
  readonly tos?: number;
  readonly l3mdev?: true;
  readonly uid_range?: { readonly start: number; readonly end: number };
  readonly ipproto?: number;
  readonly sport?: { readonly start: number; readonly end: number };
  readonly dport?: { readonly start: number; readonly end: number };
  readonly action: keyof typeof actions | number;
  /** For the action lookup. */
  readonly table?: TableName;
  readonly goto?: number;
  readonly suppress_prefixlen?: number;
  readonly protocol?: keyof typeof routeProtocols | number;
}

export interface NewRule extends Partial<Omit<Rule, 'family' | 'action' | 'not' | 'l3mdev'>> {
  /** Default: that of `src` or `dst`, else inet. */
  readonly family?: IpFamily;
  /** Default lookup. */
  readonly action?: keyof typeof actions;
  readonly not?: boolean;
  readonly l3mdev?: boolean;
}

export function addRuleRequest(spec: NewRule): NetlinkRequest {
  return ruleRequest('add', RTM.NEWRULE, NLM_F_CREATE | NLM_F_EXCL, spec);
}

/** Deletes the first rule that all of what is given fits. */
export function deleteRuleRequest(spec: NewRule): NetlinkRequest {
  return ruleRequest('delete', RTM.DELRULE, 0, spec);
}

export async function addRule(socket: NetlinkSocket, spec: NewRule, options?: RequestOptions): Promise<void> {
  await socket.request(addRuleRequest(spec), options);
}

export async function deleteRule(
  socket: NetlinkSocket,
  spec: NewRule,
  options?: RequestOptions,
): Promise<void> {
  await socket.request(deleteRuleRequest(spec), options);
}

export async function rules(
  socket: NetlinkSocket,
  options: RequestOptions & { readonly family?: IpFamily } = {},
): Promise<Rule[]> {
  const found: Rule[] = [];
  for (const family of options.family === undefined ? (['inet', 'inet6'] as const) : [options.family]) {
    const request = netlinkRequest(ruleForm, {
      what: 'list the routing rules',
      type: RTM.GETRULE,
      header: { family: families[family] },
    });
    found.push(...(await socket.dump(request, ruleForm, options)).map(toRule));
  }
  return found;
}

function ruleRequest(verb: 'add' | 'delete', type: number, flags: number, spec: NewRule): NetlinkRequest {
  const src = spec.src === undefined || spec.src === 'all' ? undefined : parsePrefix(spec.src);
  const dst = spec.dst === undefined ? undefined : parsePrefix(spec.dst);
  const table = spec.table === undefined ? undefined : tableNumber(spec.table);
  const { iif, oif, priority, fwmark, fwmask, uid_range, ipproto, sport, dport, protocol } = spec;
  return netlinkRequest(ruleForm, {
    what: `${verb} the routing rule ${priority ?? ''}`.trimEnd(),
    type,
    flags,
    header: {
      family: families[spec.family ?? src?.family ?? dst?.family ?? 'inet'],
      dst_len: dst?.length ?? 0,
      src_len: src?.length ?? 0,
      tos: spec.tos ?? 0,
      table: table !== undefined && table < 256 ? table : 0,
      action: spec.action ?? (verb === 'add' || table !== undefined ? 'lookup' : 'unspec'),
      flags: spec.not === true ? INVERT : 0,
    },
    attributes: {
      dst: dst?.address,
      src: src?.address,
      iif,
      oif,
      priority,
      fwmark,
      fwmask,
      table,
      goto: spec.goto,
      l3mdev: spec.l3mdev === true ? 1 : undefined,
      suppress_prefixlen: spec.suppress_prefixlen,
      uid_range,
      ipproto,
      sport,
      dport,
      protocol,
    },
  });
}

function toRule({
  header,
  attributes: found,
}: Body<Decoded<typeof ruleForm.header>, typeof ruleForm.attributes.fields>): Rule {
  const { src, dst, table, l3mdev, suppress_prefixlen: limit, fwmark, fwmask, priority = 0 } = found;
  const { iif, oif, uid_range, ipproto, sport, dport, goto, protocol } = found;
  const number = table ?? header.table;
  const marked = fwmark !== undefined && (fwmark !== 0 || (fwmask ?? 0) !== 0);
  const optional = { iif, oif, uid_range, ipproto, sport, dport, goto, protocol };
  return {
    family: familyName(header.family),
    priority,
    src: src === undefined ? 'all' : formatPrefix(src, header.src_len),
    ...(dst === undefined ? {} : { dst: formatPrefix(dst, header.dst_len) }),
    ...((header.flags & INVERT) === 0 ? {} : { not: true }),
    ...(marked ? { fwmark } : {}),
    ...(marked && fwmask !== 0xffff_ffff ? { fwmask: fwmask ?? 0xffff_ffff } : {}),
    ...(header.tos === 0 ? {} : { tos: header.tos }),
    ...(l3mdev === 1 ? { l3mdev: true } : {}),
    action: header.action,
    ...(header.action === 'lookup' && number !== 0 ? { table: tableName(number) } : {}),
    ...(limit === undefined || limit === NO_LIMIT ? {} : { suppress_prefixlen: limit }),
    ...(Object.fromEntries(
      Object.entries(optional).filter(([, value]) => value !== undefined),
    ) as Partial<Rule>),
  };
}
