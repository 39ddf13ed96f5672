/** A plan, printed: as a person would do it by hand, or as JSON. */
import type { Call } from '../plan/call.js';
import { FSCONFIG_CMD_CREATE } from '../plan/constants.js';
import { describeStep } from '../plan/describe.js';
import { formatCall } from '../plan/format-call.js';
import { lower } from '../plan/lower/index.js';
import type { Plan, Step } from '../plan/step.js';
import type { ContainerOptions } from './options.js';
import { plan } from './start.js';

/** What `warren run --plan` prints; nothing is started. */
export async function describePlan(
  command: readonly string[],
  options: ContainerOptions,
  format: 'text' | 'json',
): Promise<string> {
  const made = await plan(command, options);
  return format === 'json' ? `${JSON.stringify(planToJson(made), undefined, 2)}\n` : planToText(made);
}

/** As data: each step with its fields, its words and its system calls. Bytes are base64, big integers hexadecimal. */
export function planToJson({ steps }: Plan): unknown {
  const inside = steps.findIndex(({ op }) => op === 'enter');
  return {
    steps: steps.map((step, index) => ({
      number: index + 1,
      side: inside >= 0 && index >= inside ? 'inside' : 'outside',
      ...describeStep(step),
      step: plainValues(step),
      calls: lower(step).flatMap((call) => formatCall(call) ?? []),
    })),
  };
}

/** As text: what each step does, its system calls as strace(1) would show them, and why it stands there. */
export function planToText({ steps }: Plan): string {
  const inside = steps.findIndex(({ op }) => op === 'enter');
  const blocks = group(steps, inside);
  const width = Math.max(...blocks.map(({ numbers }) => numbers.length));
  const margin = ' '.repeat(width + 2);
  return blocks
    .map(({ first, count, numbers, what, why, step }) => {
      const heading =
        first === 0
          ? 'outside, by the launcher:\n'
          : first === inside
            ? '\ninside, by the process that becomes the command:\n'
            : '';
      const others = count === 1 ? [] : [`… and the same for the other ${count === 2 ? 'one' : count - 1}`];
      const calls = [...callLines(step), ...others].map((line) => `${margin}  ${line}\n`);
      return `${heading}${numbers.padStart(width)}  ${what}\n${margin}# ${why}\n${calls.join('')}`;
    })
    .join('');
}

interface Block {
  /** Index of its first step. */
  readonly first: number;
  readonly count: number;
  readonly numbers: string;
  readonly what: string;
  readonly why: string;
  /** The one whose calls are shown. */
  readonly step: Step;
}

/** Steps that often come in a row, and differ in a path only. */
const alike: ReadonlySet<Step['op']> = new Set([
  'layer-directory',
  'layer-file',
  'mount',
  'mask',
  'read-only-path',
]);

/** Such a row is shown as one block: "57–68  mask /proc/acpi, /proc/asound, …". */
function group(steps: readonly Step[], inside: number): Block[] {
  const blocks: Block[] = [];
  for (let first = 0; first < steps.length;) {
    const step = steps[first] as Step;
    const { what, why } = describeStep(step);
    const sentences = [what];
    for (let next = steps[first + sentences.length]; next; next = steps[first + sentences.length]) {
      const other = describeStep(next);
      const fits = alike.has(step.op) && next.op === step.op && other.why === why;
      if (!fits || first + sentences.length === inside || joined([...sentences, other.what]) === undefined)
        break;
      sentences.push(other.what);
    }
    const last = first + sentences.length;
    const numbers = sentences.length === 1 ? String(last) : `${first + 1}–${last}`;
    blocks.push({ first, count: sentences.length, numbers, what: joined(sentences) ?? what, why, step });
    first = last;
  }
  return blocks;
}

/** Sentences that differ in one word, as one sentence with all of those words; else undefined. */
function joined(sentences: readonly string[]): string | undefined {
  const all = sentences.map((sentence) => sentence.split(' '));
  const [model = []] = all;
  if (all.some((words) => words.length !== model.length)) return undefined;
  const differing = model.flatMap((word, index) =>
    all.some((words) => words[index] !== word) ? [index] : [],
  );
  const [at] = differing;
  if (differing.length > 1) return undefined;
  if (at === undefined) return sentences[0];
  const list = all.map((words) => words[at] ?? '').join(', ');
  return model.map((word, index) => (index === at ? list : word)).join(' ');
}

const mostAlike = 4;

/** Calls that only close, or that say what the next one says too, are left to `--plan=json`. */
function callLines(step: Step): string[] {
  const calls = lower(step);
  const lines: { name: string; text: string }[] = calls.flatMap((call, index) => {
    if (isAuxiliary(call)) return [];
    if (call.op === 'label') {
      const text = elseLabel(calls, index);
      return text === undefined ? [] : [{ name: '', text }];
    }
    const text = formatCall(call, { brief: true });
    const name = call.op === 'call' ? call.name : call.op;
    return text === undefined ? [] : [{ name, text: text + conditions(call, calls) }];
  });
  const shown: string[] = [];
  for (let index = 0; index < lines.length;) {
    const { name, text } = lines[index] as (typeof lines)[number];
    let end = index + 1;
    while (lines[end]?.name === name) end++;
    if (end - index > mostAlike) shown.push(text, `… and ${end - index - 1} more of ${name}`);
    else shown.push(...lines.slice(index, end).map((line) => line.text));
    index = end;
  }
  return shown;
}

function isAuxiliary(call: Call): boolean {
  if (call.op !== 'call') return call.op === 'set' || call.op === 'peek32';
  if (call.name === 'close') return true;
  if (call.name !== 'fsconfig') return false;
  const [, command, key] = call.args;
  return command === FSCONFIG_CMD_CREATE || key === 'source';
}

/** What an expected error leads to. */
function conditions(call: Call, calls: readonly Call[]): string {
  if (call.op !== 'call' || call.may === undefined || call.may.length === 0) return '';
  const errors = call.may.join(', ');
  if (call.mayGoto === undefined) return `  (${errors}: go on)`;
  const last = calls.at(-1);
  const skips = last?.op === 'label' && last.label === call.mayGoto;
  return `  (${errors}: ${skips ? 'skip this step' : 'the lines after “else”'})`;
}

function elseLabel(calls: readonly Call[], index: number): string | undefined {
  const isTarget = calls.some(
    (call) =>
      call.op === 'call' &&
      call.mayGoto !== undefined &&
      call.mayGoto === (calls[index] as { label?: string }).label,
  );
  return isTarget && index < calls.length - 1 ? 'else:' : undefined;
}

function plainValues(step: Step): unknown {
  return JSON.parse(
    JSON.stringify(step, (_, value: unknown) => {
      if (typeof value === 'bigint') return `0x${value.toString(16)}`;
      if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
      return value;
    }),
  );
}
