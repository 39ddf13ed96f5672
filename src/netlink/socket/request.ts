import {
  type AnyForm,
  be32,
  type EncodableFields,
  type Fields,
  messageForm,
  type MessageForm,
  nfgenHeader,
  NLM_F_REQUEST,
  type Writer,
  writeBody,
  writeEnvelope,
} from '../codec/index.js';

/** A message for the kernel, not yet sent: a value, which can be shown, kept, and put into a batch with others. */
export interface NetlinkRequest {
  /** What it is for, as it follows "Cannot": `create the link "br0"`. */
  readonly what: string;
  readonly type: number;
  /** Beside NLM_F_REQUEST and NLM_F_ACK, which the socket adds. */
  readonly flags: number;
  readonly form: AnyForm;
  readonly header: unknown;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** Makes a request of values that fit its form. */
export function netlinkRequest<H, HIn, const F extends Fields>(
  form: MessageForm<H, HIn, F>,
  request: {
    readonly what: string;
    readonly type: number;
    /** Default: none. */
    readonly flags?: number;
    readonly header: NoInfer<HIn>;
    /** Default: none. */
    readonly attributes?: NoInfer<EncodableFields<F>>;
  },
): NetlinkRequest {
  const { what, type, flags = 0, header, attributes = {} } = request;
  return { what, type, flags, form, header, attributes };
}

export function writeRequest(out: Writer, request: NetlinkRequest, flags: number, sequence: number): void {
  const { form, type, header, attributes } = request;
  writeEnvelope(out, type, request.flags | flags | NLM_F_REQUEST, sequence, () => {
    writeBody(out, form, header, attributes as EncodableFields<Fields>);
  });
}

const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;

const transactionForm = messageForm('transaction', nfgenHeader, { generation: [1, be32] });

/** What stands before and after the requests of a transaction (nfnetlink batches). */
export function transactionFrame(
  place: 'begin' | 'end',
  subsystem: number,
  generation?: number,
): NetlinkRequest {
  return netlinkRequest(transactionForm, {
    what: `${place} a transaction`,
    type: place === 'begin' ? NFNL_MSG_BATCH_BEGIN : NFNL_MSG_BATCH_END,
    header: { resource: subsystem },
    attributes: { generation },
  });
}
