import { invalid, quote } from '../../errors.js';
import type { UserNamespaceChain } from '../../explore/ids/levels.js';
import { didYouMean } from '../../kernel/nearest.js';
import { defineCommand } from '../command.js';
import type { OptionValues } from '../options.js';
import { STDOUT, writeText } from '../output.js';

const actions = ['show', 'map', 'volume', 'check'] as const;
type Action = (typeof actions)[number];

const options = {
  in: {
    kind: 'value',
    placeholder: 'TARGET',
    help: 'map, volume: a process id, a container, or self: whose user namespace is meant',
    group: 'Options',
  },
  'to-host': { kind: 'flag', help: 'map: the ids are those inside (the default)', group: 'Options' },
  'from-host': { kind: 'flag', help: 'map: the ids are those here', group: 'Options' },
  gid: { kind: 'flag', short: 'g', help: 'map: group ids, not user ids', group: 'Options' },
  json: { kind: 'flag', help: 'print one JSON object', group: 'Options' },
} as const;

type Values = OptionValues<typeof options>;

/** `warren ids show|map|volume|check`. */
export const idsCommand = defineCommand({
  name: 'ids',
  summary:
    'User and group ids inside and outside: maps through every level, who owns a volume, what stands in the way.',
  usage: [
    'show [OPTIONS] TARGET',
    'map [OPTIONS] --in TARGET ID…',
    'volume [OPTIONS] --in TARGET PATH',
    'check [OPTIONS]',
  ],
  options,
  operands: actions,
  notes: `
Examples:
  warren ids show 1234
  warren ids map --in 1234 0 1000
  warren ids map --in 1234 --from-host 100000
  warren ids volume --in 1234 /srv/data

TARGET is a process id, a container, or self. Here is the user namespace that warren runs in. An id without a name in a namespace shows there as 65534.
check ends with 1 when something stands in the way of having ranges of ids.`,
  async run({ values, operands, afterDashes = [] }, { env }) {
    const [action, ...words] = [...operands, ...afterDashes];
    if (action === undefined || !isAction(action)) throw unknownAction(action);
    return handlers[action](words, values, env);
  },
});

type Handler = (words: readonly string[], values: Values, env: NodeJS.ProcessEnv) => Promise<number>;

const handlers: Readonly<Record<Action, Handler>> = {
  async show(words, values) {
    const [word, ...more] = words;
    if (word === undefined || more.length > 0) throw usage('show ids', 'it takes one process or container');
    const { processTargetOf } = await import('../process-target.js');
    const { readUserNamespaces } = await import('../../explore/ids/levels.js');
    const chain = await readUserNamespaces(await processTargetOf(word, 'look at'));
    if (values.json === true) printJson(chain);
    else writeText(STDOUT, (await import('../ids/text.js')).chainText(chain));
    return 0;
  },

  async map(words, values) {
    if (words.length === 0) throw usage('map ids', 'no id is given');
    if (values['to-host'] === true && values['from-host'] === true) {
      throw usage('map ids', '--to-host and --from-host exclude each other');
    }
    const direction = values['from-host'] === true ? 'from-host' : 'to-host';
    const ids = words.map(parseId);
    const chain = await chainOf(values);
    const { resolveId } = await import('../../explore/ids/resolve.js');
    const resolved = ids.map((id) => resolveId(chain, values.gid === true ? 'gid' : 'uid', id, direction));
    if (values.json === true) printJson(resolved);
    else {
      const { resolvedText } = await import('../ids/text.js');
      writeText(STDOUT, resolved.map((each) => resolvedText(each, direction)).join(''));
    }
    return 0;
  },

  async volume(words, values) {
    const [path, ...more] = words;
    if (path === undefined || more.length > 0) throw usage('look at a volume', 'it takes one path');
    const chain = await chainOf(values);
    const { examineVolume } = await import('../../explore/ids/volume.js');
    const report = await examineVolume(path, chain);
    if (values.json === true) printJson(report);
    else writeText(STDOUT, (await import('../ids/text.js')).volumeText(report));
    return 0;
  },

  async check(words, values, env) {
    if (words.length > 0) throw usage('check ids', 'it takes no operands');
    const { checkIds, readIdFacts } = await import('../../explore/ids/check.js');
    const checks = checkIds(await readIdFacts(env));
    if (values.json === true) printJson(checks);
    else writeText(STDOUT, (await import('../ids/text.js')).checksText(checks));
    return checks.some(({ verdict }) => verdict === 'no') ? 1 : 0;
  },
};

async function chainOf(values: Values): Promise<UserNamespaceChain> {
  if (values.in === undefined)
    throw usage('translate ids', 'no process is given', 'add --in PID or --in CONTAINER');
  const { processTargetOf } = await import('../process-target.js');
  const { readUserNamespaces } = await import('../../explore/ids/levels.js');
  return readUserNamespaces(await processTargetOf(values.in, 'look at'));
}

function parseId(word: string): number {
  if (/^\d{1,10}$/.test(word) && Number(word) < 4_294_967_295) return Number(word);
  throw invalid(
    'ERR_ID',
    `Cannot map the id ${quote(word)}`,
    'it is no whole number below 4294967295',
    'give ids as numbers; id NAME tells those of a user',
  );
}

/** What has no value is null, so that every object has every field. */
function printJson(value: unknown): void {
  writeText(
    STDOUT,
    `${JSON.stringify(value, (_key, each: unknown) => (each === undefined ? null : each))}\n`,
  );
}

function isAction(word: string): word is Action {
  return (actions as readonly string[]).includes(word);
}

function usage(action: string, why: string, fix = 'see warren ids --help'): Error {
  return invalid('ERR_USAGE', `Cannot ${action}`, why, fix);
}

function unknownAction(word: string | undefined): Error {
  return invalid(
    'ERR_USAGE',
    word === undefined ? 'Cannot tell what to do' : `Cannot ${quote(word)} ids`,
    'the actions are show, map, volume and check',
    (word === undefined ? undefined : didYouMean(word, actions)) ?? 'see warren ids --help',
  );
}
