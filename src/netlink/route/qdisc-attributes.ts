/** Queueing disciplines and classes: a table of facts. See tc(8), <linux/pkt_sched.h>. */
import {
  attributes,
  choice,
  growingStruct,
  headed,
  messageForm,
  pad,
  s32,
  string,
  struct,
  type Type,
  u16,
  u32,
  u64,
  u8,
  binary,
} from '../codec/index.js';

/** struct tc_ratespec; bytes a second. */
const rateSpec = struct({ cell_log: u8, linklayer: u8, overhead: u16, cell_align: u16, mpu: u16, rate: u32 });

const htb = attributes({
  /** Of a class (struct tc_htb_opt): buffers in ticks. */
  parms: [
    1,
    struct({
      rate: rateSpec,
      ceil: rateSpec,
      buffer: u32,
      cbuffer: u32,
      quantum: u32,
      level: u32,
      prio: u32,
    }),
  ],
  /** Of the discipline (struct tc_htb_glob). */
  init: [2, struct({ version: u32, r2q: u32, default: u32, debug: u32, direct_packets_stat: u32 })],
  ctab: [3, binary],
  rtab: [4, binary],
  direct_qlen: [5, u32],
  rate64: [6, u64],
  ceil64: [7, u64],
});

const tbf = attributes({
  parms: [1, struct({ rate: rateSpec, peakrate: rateSpec, limit: u32, buffer: u32, mtu: u32 })],
  rtab: [2, binary],
  ptab: [3, binary],
  rate64: [4, u64],
  prate64: [5, u64],
  /** Bytes. */
  burst: [6, u32],
  pburst: [7, u32],
});

/** Times in ticks or, in the 64-bit attributes, nanoseconds; probabilities of 2^32. */
const netem = headed(struct({ latency: u32, limit: u32, loss: u32, gap: u32, duplicate: u32, jitter: u32 }), {
  correlation: [1, struct({ delay: u32, loss: u32, duplicate: u32 })],
  reorder: [3, struct({ probability: u32, correlation: u32 })],
  corrupt: [4, struct({ probability: u32, correlation: u32 })],
  rate: [6, struct({ rate: u32, packet_overhead: s32, cell_size: u32, cell_overhead: s32 })],
  ecn: [7, u32],
  rate64: [8, u64],
  latency64: [10, u64],
  jitter64: [11, u64],
});

/** Times in microseconds. */
const fqCodel = attributes({
  target: [1, u32],
  limit: [2, u32],
  interval: [3, u32],
  ecn: [4, u32],
  flows: [5, u32],
  quantum: [6, u32],
  ce_threshold: [7, u32],
  drop_batch: [8, u32],
  memory_limit: [9, u32],
});

const fq = attributes({
  limit: [1, u32],
  flow_limit: [2, u32],
  quantum: [3, u32],
  initial_quantum: [4, u32],
  pacing: [5, u32],
  flow_default_rate: [6, u32],
  maxrate: [7, u32],
  buckets_log: [8, u32],
  refill_delay: [9, u32],
  orphan_mask: [10, u32],
  low_rate_threshold: [11, u32],
  ce_threshold: [12, u32],
  timer_slack: [13, u32],
  horizon: [14, u32],
  horizon_drop: [15, u8],
});

/** The one structure of the simple queues, which may be left out. */
const fifo: Type<{ readonly limit?: number }> = growingStruct({ limit: u32 });

export const qdiscKinds = { htb, tbf, netem, fq_codel: fqCodel, fq, pfifo: fifo, bfifo: fifo } as const;

export const qdiscForm = messageForm(
  'queueing discipline',
  struct({ family: u8, _: pad(3), ifindex: s32, handle: u32, parent: u32, info: u32 }),
  {
    kind: [1, string],
    options: [2, choice('kind', qdiscKinds)],
    xstats: [4, binary],
    stats2: [
      7,
      attributes({
        basic: [1, growingStruct({ bytes: u64, packets: u32 })],
        rate: [2, struct({ bps: u32, pps: u32 })],
        queue: [3, struct({ qlen: u32, backlog: u32, drops: u32, requeues: u32, overlimits: u32 })],
        app: [4, binary],
        rate64: [5, struct({ bps: u64, pps: u64 })],
        packets64: [8, u64],
      }),
    ],
    chain: [11, u32],
    hw_offload: [12, u8],
    ingress_block: [13, u32],
    egress_block: [14, u32],
    dump_invisible: [10, binary],
  },
);
