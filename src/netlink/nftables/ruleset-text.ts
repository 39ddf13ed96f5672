/** A whole ruleset as `nft -a list ruleset` writes it: to read, and to compare. */
import { priorities } from './requests.js';
import { type NftChain, type NftRule, type NftSet, type NftTable, type Ruleset } from './ruleset.js';
import { ruleText } from './rule-text.js';
import { elementTexts } from './set-text.js';
import { objectText } from './object-text.js';
import { statefulText } from './stateful-text.js';
import { durationText } from './value-text.js';

export interface RulesetTextOptions {
  /** Names of devices by index. */
  readonly devices?: ReadonlyMap<number, string>;
  /** Whether `# handle N` is said. Default true. */
  readonly handles?: boolean;
}

export function rulesetText(ruleset: Ruleset, options: RulesetTextOptions = {}): string {
  return ruleset.tables.map((table) => tableText(ruleset, table, options)).join('');
}

function tableText(ruleset: Ruleset, table: NftTable, options: RulesetTextOptions): string {
  const own = <T extends { readonly family: unknown; readonly table: string }>(all: readonly T[]): T[] =>
    all.filter((each) => each.family === table.family && each.table === table.name);
  const sets = own(ruleset.sets);
  const named = new Map(sets.map((set) => [set.name, set]));
  const rules = own(ruleset.rules);
  const blocks = [
    ...own(ruleset.objects).map((object) => objectText(object, handle(object, options))),
    ...sets.filter(({ flags }) => !flags.includes('anonymous')).map((set) => setText(set, options)),
    ...own(ruleset.chains).map((chain) =>
      chainText(
        chain,
        rules.filter((rule) => rule.chain === chain.name),
        named,
        options,
      ),
    ),
  ];
  const flags = table.flags.length === 0 ? '' : `\tflags ${table.flags.join(',')}\n\n`;
  const head = `table ${String(table.family)} ${table.name} {${handle(table, options)}`;
  return `${head}\n${flags}${blocks.join('\n')}}\n`;
}

function handle(of: { readonly handle: number | bigint }, { handles = true }: RulesetTextOptions): string {
  return handles ? ` # handle ${of.handle}` : '';
}

function chainText(
  chain: NftChain,
  rules: readonly NftRule[],
  sets: ReadonlyMap<string, NftSet>,
  options: RulesetTextOptions,
): string {
  const context = options.devices === undefined ? { sets } : { sets, devices: options.devices };
  const lines = rules.map((rule) => {
    const comment = rule.comment === undefined ? '' : ` comment "${rule.comment}"`;
    return `\t\t${ruleText(rule, context)}${comment}${handle(rule, options)}\n`;
  });
  return `\tchain ${chain.name} {${handle(chain, options)}\n${hookText(chain)}${lines.join('')}\t}\n`;
}

function hookText(chain: NftChain): string {
  const { type = 'filter', hook, priority = 0, policy, devices } = chain;
  if (hook === undefined) return '';
  const where =
    devices === undefined
      ? ''
      : devices.length === 1
        ? ` device "${devices[0] ?? ''}"`
        : ` devices = { ${devices.map((each) => `"${each}"`).join(', ')} }`;
  const tail = policy === undefined ? '' : ` policy ${String(policy)};`;
  return `\t\ttype ${type} hook ${hook}${where} priority ${priorityText(priority, chain)};${tail}\n`;
}

const bridgePriorities = { dstnat: -300, filter: -200, out: 100, srcnat: 300 } as const;

/** By the name of one within ten, where the hook has such: addresses are not translated everywhere. */
function priorityText(priority: number, { family, hook }: NftChain): string {
  for (const [name, value] of Object.entries(family === 'bridge' ? bridgePriorities : priorities)) {
    if (name === 'dstnat' && hook !== 'prerouting') continue;
    if (name === 'srcnat' && hook !== 'postrouting') continue;
    if ((family === 'netdev' || family === 'arp') && name !== 'filter') continue;
    const distance = priority - value;
    if (distance === 0) return name;
    if (Math.abs(distance) <= 10) return `${name} ${distance < 0 ? '-' : '+'} ${Math.abs(distance)}`;
  }
  return String(priority);
}

function setText(set: NftSet, options: RulesetTextOptions): string {
  const flags = set.flags.filter((flag) => ['constant', 'interval', 'timeout', 'dynamic'].includes(flag));
  const order = ['constant', 'dynamic', 'interval', 'timeout'];
  flags.sort((a, b) => order.indexOf(a) - order.indexOf(b));
  const types = (all: readonly (string | undefined)[]): string =>
    all.map((type) => (type === 'duration' ? 'time' : (type ?? '?'))).join(' . ');
  const value = set.objects ?? (set.data === 'verdict' ? set.data : set.data && types(set.data));
  const data = value === undefined ? '' : ` : ${value}`;
  const items = elementTexts(set, { stateful: statefulText, devices: options.devices });
  const isObjects = set.flags.includes('object');
  return [
    `\t${set.data === undefined && !isObjects ? 'set' : 'map'} ${set.name} {${handle(set, options)}`,
    `\t\ttype ${types(set.key)}${data}`,
    // Of a constant set it is the number of its elements.
    ...(set.size === undefined || flags.includes('constant') ? [] : [`\t\tsize ${set.size}`]),
    ...(flags.length === 0 || (flags.join() === 'timeout' && set.timeoutMs !== undefined)
      ? []
      : [`\t\tflags ${flags.join(',')}`]),
    ...(set.timeoutMs === undefined ? [] : [`\t\ttimeout ${durationText(set.timeoutMs)}`]),
    ...(set.gcIntervalMs === undefined ? [] : [`\t\tgc-interval ${durationText(set.gcIntervalMs)}`]),
    ...(set.isAutoMerge === true ? ['\t\tauto-merge'] : []),
    // Of a counter only that there is one: the numbers are the elements'.
    ...(set.expressions ?? []).map(
      (each) => `\t\t${each.name === 'counter' ? 'counter' : statefulText(each)}`,
    ),
    ...(set.comment === undefined ? [] : [`\t\tcomment "${set.comment}"`]),
    ...(items.length === 0 ? [] : [`\t\telements = { ${items.join(', ')} }`]),
    '\t}\n',
  ].join('\n');
}
