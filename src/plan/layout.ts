/** Sizes and offsets of the encoded plan, as native/launcher/plan.h defines them. */

export const MAGIC = 0x314c5057;
export const HEADER_SIZE = 32;
export const OP_SIZE = 80;
export const NO_SLOT = 255;
export const MAX_SLOTS = 255;
/** A signed 16-bit number of ops. */
export const MAX_JUMP = 0x7fff;

export const opCodes = {
  call: 0,
  set: 1,
  u32: 2,
  u64: 3,
  text: 4,
  peek32: 5,
  check: 6,
  mkpath: 7,
  exec: 8,
  supervise: 9,
  init: 10,
  exit: 11,
  cgroup: 12,
  collect: 13,
  monitor: 14,
  handOver: 15,
  helper: 16,
  remove: 17,
  companion: 18,
  trace: 19,
} as const;

/** An op in 32-bit words; both architectures we know are little-endian. */
export const OP_WORDS = OP_SIZE / 4;
export const W_CODE = 0;
export const W_NR = 1;
export const W_KIND = 2;
/** Two more kinds, then the slot that takes the result, then how many errors may happen: a byte each. */
export const W_STORE_COUNT = 3;
export const W_MAY = 4;
/** Three 16-bit jumps: after such an error, on a result of 0, after success. */
export const W_SKIPS = 6;
export const W_ARGS = 8;

export const MAY_SKIP = 0;
export const ZERO_SKIP = 1;
export const FINE_SKIP = 2;
export type SkipField = typeof MAY_SKIP | typeof ZERO_SKIP | typeof FINE_SKIP;

/** What an argument is. */
export const NUMBER = 0;
export const DATA = 1;
export const SLOT = 2;
