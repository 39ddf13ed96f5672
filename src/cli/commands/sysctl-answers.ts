/** `warren sysctl diff`, `explain` and `why`. */
import { release } from 'node:os';
import { invalid, quote } from '../../errors.js';
import {
  Place,
  combinationSentences,
  diffPlaces,
  documents,
  keyPattern,
  originSentences,
  scopeNames,
  showReading,
  useSentence,
  whySysctl,
  explainSysctl,
  type Difference,
  type Explained,
  type Knowledge,
  type Probed,
  type SysctlTools,
  type WhyReport,
} from '../../explore/sysctl/index.js';
import { parseSysctlName } from '../../kernel/sysctl-name.js';
import { STDERR, STDOUT, writeText } from '../output.js';
import { resolveSysctlTarget, sysctlTools } from './sysctl-target.js';

export interface AnswerOptions {
  readonly in: string | undefined;
  readonly json: boolean;
}

export async function diffCommand(words: readonly string[], options: AnswerOptions): Promise<number> {
  const [a, b, ...patterns] = words;
  if (a === undefined || b === undefined) {
    throw invalid(
      'ERR_USAGE',
      'Cannot compare',
      'two places are needed',
      'write: warren sysctl diff host blue; a place is host, fresh, a process, a network namespace or a path',
    );
  }
  const tests = patterns.map((pattern) => keyPattern(pattern));
  const tools = await sysctlTools();
  const first = await place(a, tools);
  try {
    const second = await place(b, tools);
    try {
      const matches = (path: string): boolean =>
        first.has(path) && second.has(path) && (tests.length === 0 || tests.some((test) => test(path)));
      const differences = await diffPlaces(first, second, matches);
      if (first.ofUserNamespace || second.ofUserNamespace)
        writeText(STDERR, 'note: fresh belongs to a user namespace, for want of rights to make another\n');
      writeText(STDOUT, options.json ? differencesJson(differences) : table(differences, a, b));
    } finally {
      second.close();
    }
  } finally {
    first.close();
  }
  return 0;
}

async function place(word: string, tools: SysctlTools): Promise<Place> {
  if (word === 'host') return Place.own(tools);
  if (word === 'fresh') return Place.freshOfCaller(tools);
  return Place.open(await resolveSysctlTarget(word), tools, word);
}

function differencesJson(differences: readonly Difference[]): string {
  return `${JSON.stringify(differences.map(({ path, a, b }) => ({ key: parseSysctlName(path).name, a: a ?? null, b: b ?? null })))}\n`;
}

function table(differences: readonly Difference[], a: string, b: string): string {
  const rows = [
    ['KEY', a, b],
    ...differences.map(({ path, a: left, b: right }) => [
      parseSysctlName(path).name,
      left ? showReading(left) : '-',
      right ? showReading(right) : '-',
    ]),
  ];
  return columns(rows);
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map(
      (row) =>
        row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd() + '\n',
    )
    .join('');
}

export async function explainCommand(words: readonly string[], options: AnswerOptions): Promise<number> {
  oneKey('explain', words);
  const explained = await explainSysctl(words[0] ?? '', await sysctlTools(), release());
  // JSON has no undefined: what cannot be told is null.
  const entries = Object.entries(explained.explanation).map(([name, value]: [string, unknown]) => [
    name,
    value ?? null,
  ]);
  writeText(
    STDOUT,
    options.json ? `${JSON.stringify(Object.fromEntries(entries))}\n` : explainText(explained),
  );
  return 0;
}

function explainText({ explanation: { origin }, knowledge, probed }: Explained): string {
  const { name, scope, scopeReason, facts, restriction, measured } = knowledge;
  const rows: [string, string | undefined][] = [
    ['scope', scope === 'host' ? scopeReason : `the ${scopeNames[scope]} namespace`],
    ['since', facts?.since === undefined ? undefined : `Linux ${facts.since}`],
    ['first value', origin === undefined ? undefined : originSentences[origin]],
    ['', measured?.origin === undefined ? undefined : `(measured on Linux ${measured.kernel.release})`],
    ['in a new namespace', probed && accessText(probed)],
    ['', restriction?.reason],
    ['own value', probed && findingText(probed.isolated)],
    ['counts', facts?.combination === undefined ? undefined : combinationSentences[facts.combination]],
    ['changes', facts?.use === undefined ? undefined : useSentence(facts.use, scope)],
    ['mind', facts?.trap],
    ['limit', facts?.limit],
    ['Kubernetes', kubernetesText(knowledge)],
    [
      'Docker',
      knowledge.docker === 'accepted'
        ? 'accepted by its name (--sysctl), whether or not it works'
        : 'refused: not a name it knows',
    ],
    ['read on', facts ? documents[facts.document] : undefined],
  ];
  const shown = rows.filter((row): row is [string, string] => row[1] !== undefined);
  return `${name}\n${columns(shown.map(([title, text]) => [`  ${title}`, text]))}`;
}

function accessText({ access, userAccess }: Probed): string {
  const words = {
    writable: 'may write it',
    'read-only': 'may read it only',
    denied: 'is not permitted to open it',
    absent: 'does not find it',
    'read-only-mount': 'could not be tried: /proc/sys is read-only here',
  } as const;
  if (access === userAccess) return `root ${words[access]}, of the host or of a user namespace`;
  return `root of the host ${words[access]}; root of a user namespace ${words[userAccess]}`;
}

function findingText(finding: Probed['isolated']): string {
  if ('undecided' in finding) return `undecided by a probe: ${finding.undecided}`;
  return `${finding.answer ? 'yes' : 'no'}: ${finding.evidence}`;
}

function kubernetesText({ kubernetes, kubernetesSafeSince }: Knowledge): string {
  switch (kubernetes) {
    case 'safe':
      return `safe since ${kubernetesSafeSince ?? ''}: any pod may set it (spec.securityContext.sysctls)`;
    case 'unsafe':
      return 'unsafe: only where the kubelet has it in --allowed-unsafe-sysctls';
    case 'refused':
      return 'refused: no namespace isolates it, as far as Kubernetes knows';
  }
}

export async function whyCommand(words: readonly string[], options: AnswerOptions): Promise<number> {
  oneKey('explain', words);
  const target = options.in === undefined ? undefined : await resolveSysctlTarget(options.in);
  const report = await whySysctl(words[0] ?? '', await sysctlTools(), {
    release: release(),
    in: target,
    label: options.in,
  });
  writeText(STDOUT, options.json ? `${JSON.stringify(report)}\n` : whyText(report));
  return 0;
}

function oneKey(action: string, words: readonly string[]): string {
  const [key, ...rest] = words;
  if (key !== undefined && rest.length === 0) return parseSysctlName(key).path;
  throw invalid(
    'ERR_USAGE',
    `Cannot ${action}`,
    key === undefined ? 'no key is named' : `${quote(rest[0] ?? '')} is a second key`,
    'name one key, such as net.core.somaxconn',
  );
}

function whyText({ summary, values, statements, remedies, unseen }: WhyReport): string {
  const shown = columns(values.map(({ place, reading }) => [`  ${place}`, showReading(reading)]));
  const because = statements.map(
    ({ text, evidence }, index) => `  ${index + 1}. ${text}\n     seen: ${evidence}\n`,
  );
  const what = remedies.map(
    ({ tool, lines, note }) =>
      lines.map((line, index) => `  ${(index === 0 ? tool : '').padEnd(11)}${line}\n`).join('') +
      (note === undefined ? '' : `  ${''.padEnd(11)}(${note})\n`),
  );
  return [
    `${summary}\n\n`,
    shown,
    `\nBecause\n${because.join('')}`,
    what.length === 0 ? '' : `\nWhat to do\n${what.join('')}`,
    unseen.length === 0 ? '' : `\nNot seen: ${unseen.join('; ')}\n`,
  ].join('');
}
