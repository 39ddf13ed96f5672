/** Queueing disciplines and classes. See tc(8), tc-htb(8), tc-tbf(8), tc-netem(8). */
import { invalid, quote } from '../../errors.js';
import {
  type Body,
  type Decoded,
  type Encodable,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  type Wide,
} from '../codec/index.js';
import {
  netlinkRequest,
  type NetlinkRequest,
  type NetlinkSocket,
  type RequestOptions,
} from '../socket/index.js';
import { RTM } from './constants.js';
import { qdiscForm, type qdiscKinds } from './qdisc-attributes.js';

const ROOT = 0xffff_ffff;
const INGRESS = 0xffff_fff1;
const TC_LINKLAYER_ETHERNET = 1;
/** The kernel's clock of packet scheduling: one tick is 64 ns (PSCHED_SHIFT). */
const NS_PER_TICK = 64;

/** A discipline or class, named as in `tc -json -statistics qdisc`; the device is its index. */
export interface Qdisc {
  readonly kind: string;
  /** `1:`, of a class `1:10`. */
  readonly handle: string;
  readonly ifindex: number;
  /** `root`, `ingress`, or the handle above. */
  readonly parent: string;
  /** As the kernel has them, by kind; bytes for one that is not known here. */
  readonly options?: Decoded<(typeof qdiscKinds)[keyof typeof qdiscKinds]> | Buffer;
  readonly bytes: Wide;
  readonly packets: Wide;
  readonly drops: number;
  readonly overlimits: number;
  readonly requeues: number;
  readonly backlog: number;
  readonly qlen: number;
}

/** What to put at a device's root or below a class. Rates are bytes a second. */
export type NewQdisc = {
  readonly ifindex: number;
  /** Default `root`. */
  readonly parent?: string | undefined;
  /** `1:`. Default: the kernel chooses. */
  readonly handle?: string | undefined;
} & (
  | {
      readonly kind: 'tbf';
      readonly rate: number;
      /** Bytes that may go at once. */
      readonly burst: number;
      /** How long a packet may wait at most. Default 50 ms. */
      readonly latencyMs?: number;
    }
  | {
      readonly kind: 'htb';
      /** The minor number of the class for what no filter sorts. Default 0: it goes unshaped. */
      readonly default?: number;
    }
  | {
      readonly kind: 'netem';
      readonly delayMs?: number;
      readonly jitterMs?: number;
      readonly lossPercent?: number;
      readonly duplicatePercent?: number;
      readonly reorderPercent?: number;
      readonly corruptPercent?: number;
      readonly rate?: number;
      /** Packets in the queue. Default 1000. */
      readonly limit?: number;
    }
  | { readonly kind: 'fq_codel'; readonly options?: Encodable<(typeof qdiscKinds)['fq_codel']> }
  | { readonly kind: 'fq'; readonly options?: Encodable<(typeof qdiscKinds)['fq']> }
  | { readonly kind: 'pfifo' | 'bfifo'; readonly limit?: number }
  | { readonly kind: 'ingress' | 'clsact' | 'noqueue' }
);

/** A class of htb. */
export interface NewClass {
  readonly ifindex: number;
  /** The discipline or class above: `1:`. */
  readonly parent: string;
  /** `1:10` */
  readonly classid: string;
  /** Bytes a second that it always has. */
  readonly rate: number;
  /** Bytes a second with what others leave. Default: `rate`. */
  readonly ceil?: number | undefined;
  /** Bytes at once. Default: a 250th of a second's, at least 1600. */
  readonly burst?: number | undefined;
  readonly cburst?: number | undefined;
  readonly prio?: number | undefined;
}

export function addQdiscRequest(
  spec: NewQdisc,
  options: { readonly replace?: boolean } = {},
): NetlinkRequest {
  const { kind, ifindex } = spec;
  const isIngress = kind === 'ingress' || kind === 'clsact';
  return netlinkRequest(qdiscForm, {
    what: `add the queueing discipline ${kind}`,
    type: RTM.NEWQDISC,
    flags: NLM_F_CREATE | (options.replace === true ? NLM_F_REPLACE : NLM_F_EXCL),
    header: {
      ifindex,
      parent: isIngress ? INGRESS : parseHandle(spec.parent ?? 'root'),
      handle: isIngress ? 0xffff_0000 : spec.handle === undefined ? 0 : parseHandle(spec.handle),
    },
    attributes: { kind, options: qdiscOptions(spec) },
  });
}

export function deleteQdiscRequest(spec: {
  readonly ifindex: number;
  readonly parent?: string;
}): NetlinkRequest {
  return netlinkRequest(qdiscForm, {
    what: `delete the queueing discipline at ${spec.parent ?? 'root'}`,
    type: RTM.DELQDISC,
    header: { ifindex: spec.ifindex, parent: parseHandle(spec.parent ?? 'root') },
  });
}

export function addClassRequest(
  spec: NewClass,
  options: { readonly replace?: boolean } = {},
): NetlinkRequest {
  const { rate, ceil = rate, prio = 0 } = spec;
  const buffer = ticks(rate, spec.burst ?? Math.max(1600, Math.round(rate / 250)));
  const cbuffer = ticks(ceil, spec.cburst ?? Math.max(1600, Math.round(ceil / 250)));
  return netlinkRequest(qdiscForm, {
    what: `add the class ${spec.classid}`,
    type: RTM.NEWTCLASS,
    flags: NLM_F_CREATE | (options.replace === true ? NLM_F_REPLACE : NLM_F_EXCL),
    header: { ifindex: spec.ifindex, parent: parseHandle(spec.parent), handle: parseHandle(spec.classid) },
    attributes: {
      kind: 'htb',
      options: {
        parms: { rate: speed(rate), ceil: speed(ceil), buffer, cbuffer, prio },
        ...(rate >= 2 ** 32 ? { rate64: rate } : {}),
        ...(ceil >= 2 ** 32 ? { ceil64: ceil } : {}),
      },
    },
  });
}

export function deleteClassRequest(spec: {
  readonly ifindex: number;
  readonly classid: string;
}): NetlinkRequest {
  return netlinkRequest(qdiscForm, {
    what: `delete the class ${spec.classid}`,
    type: RTM.DELTCLASS,
    header: { ifindex: spec.ifindex, handle: parseHandle(spec.classid) },
  });
}

export async function addQdisc(
  socket: NetlinkSocket,
  spec: NewQdisc,
  options?: RequestOptions & { readonly replace?: boolean },
): Promise<void> {
  await socket.request(addQdiscRequest(spec, options), options);
}

export async function deleteQdisc(
  socket: NetlinkSocket,
  spec: { readonly ifindex: number; readonly parent?: string },
  options?: RequestOptions,
): Promise<void> {
  await socket.request(deleteQdiscRequest(spec), options);
}

export async function addClass(
  socket: NetlinkSocket,
  spec: NewClass,
  options?: RequestOptions & { readonly replace?: boolean },
): Promise<void> {
  await socket.request(addClassRequest(spec, options), options);
}

export async function deleteClass(
  socket: NetlinkSocket,
  spec: { readonly ifindex: number; readonly classid: string },
  options?: RequestOptions,
): Promise<void> {
  await socket.request(deleteClassRequest(spec), options);
}

/** Of one device, or of all. */
export async function qdiscs(
  socket: NetlinkSocket,
  options: RequestOptions & { readonly ifindex?: number } = {},
): Promise<Qdisc[]> {
  const request = netlinkRequest(qdiscForm, {
    what: 'list the queueing disciplines',
    type: RTM.GETQDISC,
    header: { ifindex: options.ifindex },
  });
  const all = (await socket.dump(request, qdiscForm, options)).map(toQdisc);
  return all.filter((each) => options.ifindex === undefined || each.ifindex === options.ifindex);
}

/** The classes of one device. */
export async function classes(
  socket: NetlinkSocket,
  options: RequestOptions & { readonly ifindex: number },
): Promise<Qdisc[]> {
  const request = netlinkRequest(qdiscForm, {
    what: 'list the classes',
    type: RTM.GETTCLASS,
    header: { ifindex: options.ifindex },
  });
  return (await socket.dump(request, qdiscForm, options)).map(toQdisc);
}

function qdiscOptions(spec: NewQdisc): Encodable<(typeof qdiscForm)['attributes']>['options'] {
  switch (spec.kind) {
    case 'tbf': {
      const { rate, burst, latencyMs = 50 } = spec;
      const limit = Math.round((rate * latencyMs) / 1000 + burst);
      return {
        parms: { rate: speed(rate), limit, buffer: ticks(rate, burst) },
        burst,
        ...(rate >= 2 ** 32 ? { rate64: rate } : {}),
      };
    }
    case 'htb':
      return { init: { version: 3, r2q: 10, default: spec.default ?? 0 } };
    case 'netem':
      return netemOptions(spec);
    case 'fq':
    case 'fq_codel':
      return spec.options ?? {};
    case 'pfifo':
    case 'bfifo':
      return spec.limit === undefined ? undefined : { limit: spec.limit };
    default:
      return undefined;
  }
}

function netemOptions(spec: NewQdisc & { kind: 'netem' }): Encodable<(typeof qdiscKinds)['netem']> {
  const probability = (percent = 0): number => Math.min(0xffff_ffff, Math.round((percent / 100) * 2 ** 32));
  const nanoseconds = (ms = 0): number => Math.round(ms * 1e6);
  const { reorderPercent, corruptPercent, rate } = spec;
  return {
    header: {
      limit: spec.limit ?? 1000,
      loss: probability(spec.lossPercent),
      duplicate: probability(spec.duplicatePercent),
      gap: reorderPercent === undefined ? 0 : 1,
      latency: Math.round(nanoseconds(spec.delayMs) / NS_PER_TICK),
      jitter: Math.round(nanoseconds(spec.jitterMs) / NS_PER_TICK),
    },
    attributes: {
      reorder: reorderPercent === undefined ? undefined : { probability: probability(reorderPercent) },
      corrupt: corruptPercent === undefined ? undefined : { probability: probability(corruptPercent) },
      rate: rate === undefined ? undefined : { rate: Math.min(rate, 0xffff_ffff) },
    },
  };
}

/** With a link layer given, the kernel wants no table of rates. */
function speed(rate: number): { rate: number; linklayer: number } {
  return { rate: Math.min(rate, 0xffff_ffff), linklayer: TC_LINKLAYER_ETHERNET };
}

/** How long `bytes` take at `rate`, in the scheduler's ticks. */
function ticks(rate: number, bytes: number): number {
  return Math.min(0xffff_ffff, Math.round(((bytes / rate) * 1e9) / NS_PER_TICK));
}

/** `root`, `1:`, `1:10` (hexadecimal). */
function parseHandle(text: string): number {
  if (text === 'root') return ROOT;
  if (text === 'ingress') return INGRESS;
  const match = /^([0-9a-f]{1,4}):([0-9a-f]{0,4})$/i.exec(text);
  if (!match)
    throw invalid(
      'ERR_TC_HANDLE',
      `Cannot use ${quote(text)} as a handle`,
      'it is not MAJOR:MINOR in hexadecimal',
    );
  return ((parseInt(match[1] as string, 16) << 16) | parseInt(`0${match[2] as string}`, 16)) >>> 0;
}

function formatHandle(handle: number): string {
  if (handle === ROOT) return 'root';
  if (handle === INGRESS) return 'ingress';
  const minor = handle & 0xffff;
  return `${(handle >>> 16).toString(16)}:${minor === 0 ? '' : minor.toString(16)}`;
}

function toQdisc({
  header,
  attributes: { kind = '', options, stats2 },
}: Body<Decoded<typeof qdiscForm.header>, typeof qdiscForm.attributes.fields>): Qdisc {
  const { qlen = 0, backlog = 0, drops = 0, requeues = 0, overlimits = 0 } = stats2?.queue ?? {};
  return {
    kind,
    handle: formatHandle(header.handle),
    ifindex: header.ifindex,
    parent: formatHandle(header.parent),
    ...(options === undefined ? {} : { options }),
    bytes: stats2?.basic?.bytes ?? 0,
    packets: stats2?.packets64 ?? stats2?.basic?.packets ?? 0,
    drops,
    overlimits,
    requeues,
    backlog,
    qlen,
  };
}
