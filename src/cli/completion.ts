import { capabilityNames } from '../kernel/capabilities.js';
import { signalNumbers } from '../kernel/signals.js';
import type { Command, CompletedNames } from './command.js';
import type { Completion, OptionSpec } from './options.js';

export const completionShells = ['bash', 'zsh', 'fish'] as const;
export type CompletionShell = (typeof completionShells)[number];

/** The script for one shell. Options are known beforehand, and names are those of files: completing starts no Node. */
export function completionScript(shell: CompletionShell, commands: readonly Command[]): string {
  switch (shell) {
    case 'bash':
      return bashScript(commands);
    case 'zsh':
      // zsh runs bash's functions; its own system would be a second generator to keep right.
      return `autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n${bashScript(commands)}`;
    case 'fish':
      return fishScript(commands);
  }
}

/** Closed sets as words; undefined for what the shell lists itself. */
function wordsOf(completion: Completion | undefined): readonly string[] | undefined {
  switch (completion) {
    case 'signal':
      return Object.keys(signalNumbers).map((name) => name.replace(/^SIG/, ''));
    case 'capability':
      return ['ALL', ...capabilityNames.map((name) => name.replace(/^CAP_/, ''))];
    case 'file':
    case 'directory':
    case 'user':
    case undefined:
      return undefined;
    default:
      return completion;
  }
}

function optionNames(name: string, spec: OptionSpec): string[] {
  return [
    `--${name}`,
    ...(spec.aliases ?? []).map((alias) => `--${alias}`),
    ...(spec.short ? [`-${spec.short}`] : []),
  ];
}

function takesNextWord(spec: OptionSpec): boolean {
  return spec.kind === 'value' || spec.kind === 'list';
}

// ── bash ──

const bashHead = `# Completion of warren for bash; in zsh after bashcompinit.
_warren_names() {
  local state=\${WARREN_STATE:-} kind file
  if [[ -z $state ]]; then
    if ((EUID == 0)); then state=/var/lib/warren; else state=\${XDG_DATA_HOME:-$HOME/.local/share}/warren; fi
  fi
  for kind in "$@"; do
    case $kind in
      network) command find "$state/networks" -mindepth 1 -maxdepth 1 -type d ;;
      container) command find "$state/names" -mindepth 1 -maxdepth 1 ;;
      netns) command find /run/netns -mindepth 1 -maxdepth 1 ;;
      device) command find /sys/class/net -mindepth 1 -maxdepth 1 -type l ;;
    esac 2>/dev/null | while IFS= read -r file; do
      # What bash would have to quote is typed by hand.
      [[ \${file##*/} == *[!A-Za-z0-9_.@-]* ]] || echo "\${file##*/}"
    done
  done
}
_warren() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]} equals=0 i
  COMPREPLY=()
  # bash splits words at = and :, so --opt=va is three of them.
  if [[ $word == = ]]; then word= equals=1
  elif [[ $before == = ]]; then before=\${COMP_WORDS[COMP_CWORD-2]} equals=1; fi
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '@COMMANDS@ --help --version' -- "$word"))
    return
  fi
  # What follows -- is a command line of its own.
  for ((i = 2; i < COMP_CWORD; i++)); do
    if [[ \${COMP_WORDS[i]} == -- ]]; then
      if declare -F _command_offset >/dev/null; then _command_offset $((i + 1))
      elif ((COMP_CWORD == i + 1)); then COMPREPLY=($(compgen -c -- "$word"))
      else COMPREPLY=($(compgen -f -- "$word")); fi
      return
    fi
  done
`;

function bashScript(commands: readonly Command[]): string {
  const lines = [
    bashHead.replace('@COMMANDS@', commands.map(({ name }) => name).join(' ')),
    '  case $command in',
  ];
  for (const command of commands) {
    lines.push(`    ${command.name})`, '      case $before in');
    for (const [name, spec] of Object.entries(command.options)) {
      if (spec.kind === 'flag') continue;
      const reply = `${bashReply(spec.complete)}; return`;
      const guarded = spec.kind === 'optional' ? `if ((equals)); then ${reply}; fi` : reply;
      lines.push(`        ${optionNames(name, spec).join('|')}) ${guarded} ;;`);
    }
    const names = Object.keys(command.options).map((name) => `--${name}`);
    lines.push(
      '      esac',
      `      COMPREPLY=($(compgen -W '${[...names, '--help', ...(command.operands ?? [])].join(' ')}' -- "$word"))`,
      ...bashNames(command),
      '      ;;',
    );
  }
  lines.push('  esac', '}', 'complete -F _warren warren ./warren', '');
  return lines.join('\n');
}

/** Behind an action the actions are offered no more, but what it takes. */
function bashNames({ names = [], operands = [] }: Command): string[] {
  const reply = (kinds: readonly CompletedNames[]): string =>
    `COMPREPLY+=($(compgen -W "$(_warren_names ${kinds.join(' ')})" -- "$word"))`;
  if (isList(names)) return names.length === 0 ? [] : [`      [[ $word == -* ]] || ${reply(names)}`];
  return [
    '      if ((COMP_CWORD > 2)) && [[ $word != -* ]]; then case ${COMP_WORDS[2]} in',
    ...Object.entries(names).map(([action, kinds]) => `        ${action}) COMPREPLY=(); ${reply(kinds)} ;;`),
    `        ${operands.filter((each) => !(each in names)).join('|')}) COMPREPLY=() ;;`,
    '      esac; fi',
  ];
}

function isList(names: NonNullable<Command['names']>): names is readonly CompletedNames[] {
  return Array.isArray(names);
}

/** For a value without anything to offer: nothing, rather than the names of options. */
function bashReply(completion: Completion | undefined): string {
  const words = wordsOf(completion);
  if (words !== undefined) return `COMPREPLY=($(compgen -W '${words.join(' ')}' -- "$word"))`;
  switch (completion) {
    case 'file':
      return 'COMPREPLY=($(compgen -f -- "$word"))';
    case 'directory':
      return 'COMPREPLY=($(compgen -d -- "$word"))';
    case 'user':
      return 'COMPREPLY=($(compgen -u -- "$word"))';
    default:
      return 'COMPREPLY=()';
  }
}

// ── fish ──

function fishScript(commands: readonly Command[]): string {
  const lines = ['# Completion of warren for fish.', 'complete -c warren -f'];
  for (const { name, summary } of commands) {
    lines.push(`complete -c warren -n __fish_use_subcommand -a ${name} -d ${fishQuote(summary)}`);
  }
  for (const command of commands) {
    const when = `complete -c warren -n '__fish_seen_subcommand_from ${command.name}; and not contains -- -- (commandline -opc)'`;
    for (const [name, spec] of Object.entries(command.options))
      lines.push(`${when} ${fishOption(name, spec)}`);
    if (command.operands !== undefined) lines.push(`${when} -a '${command.operands.join(' ')}'`);
  }
  lines.push(
    "complete -c warren -n 'contains -- -- (commandline -opc)' -a '(__fish_complete_subcommand --fcs-skip=3)'",
    '',
  );
  return lines.join('\n');
}

function fishOption(name: string, spec: OptionSpec): string {
  const parts = [`-l ${name}`];
  if (spec.short !== undefined) parts.push(`-s ${spec.short}`);
  if (takesNextWord(spec)) parts.push('-r');
  if (spec.kind !== 'flag') {
    const words = wordsOf(spec.complete);
    if (words !== undefined) parts.push(`-a '${words.join(' ')}'`);
    else if (spec.complete === 'user') parts.push("-a '(__fish_complete_users)'");
    else if (spec.complete === 'file' || spec.complete === 'directory') parts.push('-F');
  }
  parts.push(`-d ${fishQuote(spec.help)}`);
  return parts.join(' ');
}

function fishQuote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
