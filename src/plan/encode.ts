/**
 * Encodes a plan for the launcher. The layout is defined in native/launcher/plan.h; keep the two together.
 *
 *   header (32 bytes) | ops (80 bytes each) | relocations (4 each) | data
 *
 * Each step is encoded by itself (fragment.ts) and the fragments are linked here: most steps of a container's start are
 * the same every time, so their fragments are kept.
 */
import { FragmentEncoder, commonSlots, type Fragment } from './fragment.js';
import { HEADER_SIZE, MAGIC, MAX_JUMP, MAX_SLOTS, OP_SIZE, OP_WORDS, W_SKIPS } from './layout.js';
import { lower } from './lower/index.js';
import type { Call } from './call.js';
import type { Step } from './step.js';

/** A step's calls; the report of a failure names the step's index. */
export interface EncodableStep {
  readonly calls: readonly Call[];
}

export interface Encoded {
  readonly bytes: Uint8Array;
  readonly opCount: number;
  /** What an op, by its index, stands for: several ops may stand for one call. For the report of a failure. */
  locate(op: number): { readonly step: number; readonly call: Call } | undefined;
}

/**
 * @param preset Slots that hold a value from the beginning, such as the descriptors given to the launcher.
 * @throws {RangeError} for a label that does not follow its jump, or too many slots: mistakes of a planner.
 */
export function encodePlan(
  steps: readonly EncodableStep[],
  preset: Readonly<Record<string, number>> = {},
): Encoded {
  return link(
    steps.map(({ calls }) => encodeCalls(calls)),
    preset,
  );
}

/** The same for steps that are not lowered yet; uses what was encoded before. */
export function encodeSteps(steps: readonly Step[], preset: Readonly<Record<string, number>> = {}): Encoded {
  return link(steps.map(fragmentOf), preset);
}

/** Steps whose fields are few and small, and recur from one container to the next. */
const keptOps: ReadonlySet<Step['op']> = new Set([
  'attach-root',
  'attach-scratch',
  'bounding',
  'capabilities',
  'cgroups',
  'clone',
  'close-rest',
  'devices',
  'die-with-parent',
  'empty-directory',
  'enter',
  'loopback',
  'mask',
  'mount',
  'no-new-privileges',
  'pivot',
  'propagation',
  'read-only-path',
  'read-only-root',
  'rlimit',
  'supervise',
  'sysctl',
  'umask',
  'unblock-signals',
  'user',
  'working-directory',
]);

/** Enough for some hundred different configurations; then it starts anew. */
const MAX_KEPT = 4096;
const kept = new Map<string, Fragment>();
const keptFilters = new WeakMap<Uint8Array, Fragment>();

function fragmentOf(step: Step): Fragment {
  if (step.op === 'seccomp') {
    // A filter is the largest step, and the same object for the same capabilities.
    const known = keptFilters.get(step.program);
    if (known !== undefined) return known;
    const fragment = encodeCalls(lower(step));
    keptFilters.set(step.program, fragment);
    return fragment;
  }
  if (!keptOps.has(step.op) || (step.op === 'supervise' && step.termios !== undefined)) {
    return encodeCalls(lower(step));
  }
  const key = JSON.stringify(step, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
  const known = kept.get(key);
  if (known !== undefined) return known;
  if (kept.size >= MAX_KEPT) kept.clear();
  const fragment = encodeCalls(lower(step));
  kept.set(key, fragment);
  return fragment;
}

function encodeCalls(calls: readonly Call[]): Fragment {
  const encoder = new FragmentEncoder();
  for (const call of calls) encoder.add(call);
  return encoder.finish();
}

function link(fragments: readonly Fragment[], preset: Readonly<Record<string, number>>): Encoded {
  const presets = Object.entries(preset);
  const first = encodeCalls(presets.map(([store, value]): Call => ({ op: 'set', store, value })));
  const all = [first, ...fragments];

  let ops = 0;
  let relocations = 0;
  let dataLength = 0;
  for (const fragment of all) {
    ops += fragment.calls.length;
    relocations += fragment.relocations.length;
    dataLength = align(dataLength) + fragment.data.length;
  }
  const relocationsAt = HEADER_SIZE + ops * OP_SIZE;
  const dataAt = align(relocationsAt + relocations * 4);
  const bytes = new Uint8Array(dataAt + dataLength);
  const words = new Int32Array(bytes.buffer, 0, dataAt / 4);
  words.set([MAGIC, ops, HEADER_SIZE, relocations, relocationsAt, dataAt, dataLength]);

  const view = new DataView(bytes.buffer);
  const slots = new Map<string, number>();
  const labels = new Map<string, number>();
  const jumps: { readonly op: number; readonly field: number; readonly label: string }[] = [];
  let relocation = relocationsAt / 4;
  let dataBase = 0;
  let firstOp = 0;
  for (const fragment of all) {
    dataBase = align(dataBase);
    const wordBase = HEADER_SIZE / 4 + firstOp * OP_WORDS;
    words.set(fragment.words, wordBase);
    if (dataBase > 0) for (const word of fragment.dataWords) patch(words, wordBase + word, dataBase);
    for (const { word, shift, name } of fragment.slots)
      patch(words, wordBase + word, slotNumber(slots, name) << shift);
    for (const [label, op] of fragment.labels) labels.set(label, firstOp + op);
    for (const { op, field, label } of fragment.jumps) jumps.push({ op: firstOp + op, field, label });
    bytes.set(fragment.data, dataAt + dataBase);
    // The pointers themselves are offsets too, from the start of the fragment's data.
    for (const offset of fragment.relocations) {
      const at = dataAt + dataBase + offset;
      view.setUint32(at, view.getUint32(at, true) + dataBase, true);
      words[relocation++] = dataBase + offset;
    }
    firstOp += fragment.calls.length;
    dataBase += fragment.data.length;
  }

  const halves = new Int16Array(bytes.buffer, 0, relocationsAt / 2);
  for (const { op, field, label } of jumps) {
    const target = labels.get(label);
    if (target === undefined || target <= op) throw new RangeError(`label ${label} does not follow its jump`);
    if (target - op > MAX_JUMP) throw new RangeError(`label ${label} is too far from its jump`);
    halves[(HEADER_SIZE / 4 + op * OP_WORDS + W_SKIPS) * 2 + field] = target - op - 1;
  }
  return { bytes, opCount: ops, locate: (op) => locate(all, op) };
}

/** The first fragment holds the presets and is no step. */
function locate(fragments: readonly Fragment[], op: number): { step: number; call: Call } | undefined {
  let rest = op;
  for (const [index, { calls }] of fragments.entries()) {
    const call = calls[rest];
    if (call !== undefined) return { step: Math.max(0, index - 1), call };
    rest -= calls.length;
  }
  return undefined;
}

function align(offset: number): number {
  return (offset + 7) & ~7;
}

function patch(words: Int32Array, index: number, add: number): void {
  words[index] = (words[index] ?? 0) + add;
}

/** Numbers beyond those of the common names, in the order they are met. */
function slotNumber(slots: Map<string, number>, name: string): number {
  const known = slots.get(name);
  if (known !== undefined) return known;
  const number = commonSlots.size + slots.size;
  if (number >= MAX_SLOTS) throw new RangeError(`a plan keeps at most ${MAX_SLOTS} results`);
  slots.set(name, number);
  return number;
}
