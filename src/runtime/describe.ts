/** A plan, printed: as a person would do it by hand, or as JSON. */
import type { Argument, Call } from '../plan/call.js';
import { describeStep } from '../plan/describe.js';
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
      calls: lower(step).flatMap((call) => callText(call) ?? []),
    })),
  };
}

export function planToText({ steps }: Plan): string {
  const width = String(steps.length).length;
  const inside = steps.findIndex(({ op }) => op === 'enter');
  return steps
    .map((step, index) => {
      const { what, why } = describeStep(step);
      const heading =
        index === 0
          ? 'outside, by the launcher:\n'
          : index === inside
            ? '\ninside, by the process that becomes the command:\n'
            : '';
      const number = String(index + 1).padStart(width);
      return `${heading}${number}  ${what}\n${' '.repeat(width)}    ${callSummary(step)}\n${' '.repeat(width)}    # ${why}\n`;
    })
    .join('');
}

const maxSummary = 100;

/** The calls that matter: those that only open and close are left to `--plan=json`. */
function callSummary(step: Step): string {
  const calls = lower(step).flatMap((call) => (isAuxiliary(call) ? [] : (callText(call) ?? [])));
  const names: string[] = [];
  for (const text of calls) {
    const last = names.at(-1);
    const name = text.slice(0, text.indexOf('('));
    if (calls.length > 4 && last?.startsWith(`${name} ×`) === true)
      names[names.length - 1] = `${name} ×${Number(last.split('×')[1]) + 1}`;
    else names.push(calls.length > 4 ? `${name} ×1` : text);
  }
  const text = names.map((name) => name.replace(/ ×1$/, '')).join('; ');
  return text.length > maxSummary && calls.length > 1
    ? `${calls.length} calls: ${[...new Set(calls.map((one) => one.slice(0, one.indexOf('('))))].join(', ')}`
    : text;
}

function isAuxiliary(call: Call): boolean {
  return call.op !== 'call'
    ? call.op !== 'exec' && call.op !== 'supervise' && call.op !== 'init'
    : call.name === 'close';
}

function callText(call: Call): string | undefined {
  switch (call.op) {
    case 'call':
      return `${call.name}(${call.args.map(argumentText).join(', ')})${call.store === undefined ? '' : ` → ${call.store}`}`;
    case 'mkpath':
      return `openat2(${call.root.slot}, ${JSON.stringify(call.path)}, IN_ROOT, ${call.file ? 'file' : 'directory'} made if missing) → ${call.store}`;
    case 'exec':
      return `execve(${call.paths.map((path) => JSON.stringify(path)).join(' | ')}, [${call.argv.map((word) => JSON.stringify(word)).join(', ')}], …)`;
    case 'supervise':
      return 'ppoll(control, command)';
    case 'init':
      return 'clone(SIGCHLD)';
    case 'exit':
      return `exit_group(${call.code})`;
    default:
      return undefined;
  }
}

function argumentText(argument: Argument): string {
  if (argument === null) return 'NULL';
  if (typeof argument === 'string')
    return JSON.stringify(argument.length > 60 ? `${argument.slice(0, 60)}…` : argument);
  if (typeof argument === 'number')
    return argument === -100 ? 'AT_FDCWD' : argument > 4096 ? `0x${argument.toString(16)}` : String(argument);
  if (typeof argument === 'bigint') return `0x${argument.toString(16)}`;
  if (argument instanceof Uint8Array) return `${argument.length} bytes`;
  if ('text' in argument) return `"${argument.text}{${argument.slot}}"`;
  if ('slot' in argument) return argument.slot;
  if ('buffer' in argument) return `&${argument.buffer}`;
  return `{${argument.struct.map(fieldText).join(', ')}}`;
}

function fieldText(field: object): string {
  const [value] = Object.values(field) as [unknown];
  if (value === null) return 'NULL';
  if (typeof value === 'object') return argumentText(value as Argument);
  return argumentText(value as number | bigint | string);
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
