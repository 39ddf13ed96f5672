import { invalid, quote } from '../../errors.js';
import { defineCommand } from '../command.js';

const actions = ['get', 'set', 'ls', 'diff', 'explain', 'why', 'census'] as const;
type Action = (typeof actions)[number];

/** `warren sysctl ACTION`. */
export const sysctlCommand = defineCommand({
  name: 'sysctl',
  summary: 'Read, set, compare and explain kernel parameters, in any namespace.',
  usage: [
    'get [OPTIONS] KEY…',
    'set [OPTIONS] KEY=VALUE…',
    'set [OPTIONS] -p FILE',
    'ls [OPTIONS] [PATTERN…]',
    'diff [OPTIONS] A B [PATTERN…]',
    'explain [OPTIONS] KEY',
    'why [OPTIONS] KEY',
    'census --i-may-disturb-this-host | --restore',
  ],
  options: {
    in: {
      kind: 'value',
      placeholder: 'CONTAINER|PID|NETNS|PATH',
      help: 'in the namespaces of a container or a process, a named network namespace (/run/netns), or a namespace file',
      group: 'Options',
    },
    load: {
      kind: 'value',
      short: 'p',
      placeholder: 'FILE',
      complete: 'file',
      help: 'set: apply a file in the form of sysctl.conf(5), and report line by line',
      group: 'Options',
    },
    save: {
      kind: 'flag',
      help: 'set: also for the next starts of the container that --in names',
      group: 'Options',
    },
    json: { kind: 'flag', help: 'print JSON', group: 'Options' },
    'i-may-disturb-this-host': {
      kind: 'flag',
      help: 'the machine may be disturbed: every network parameter is changed for a moment',
      group: 'Options for census',
    },
    restore: {
      kind: 'flag',
      help: 'put back what a census that was killed has changed',
      group: 'Options for census',
    },
    journal: {
      kind: 'value',
      placeholder: 'FILE',
      complete: 'file',
      help: 'where the values are kept meanwhile (default /run/warren-sysctl-census.json)',
      group: 'Options for census',
    },
  },
  operands: actions,
  notes: `
Keys are written with dots, or with slashes where an interface name has a dot; in patterns * is any text:
  warren sysctl get net.ipv4.tcp_keepalive_time
  warren sysctl set --in blue net/ipv4/conf/eth0.100/forwarding=1
  warren sysctl ls --in 1234 'net.ipv4.tcp_*'

Only the namespace that isolates a key is entered, and /proc/sys is yours: what is read-only inside a
container can be set this way. set says where sockets that exist keep the values they were made with.

diff takes host, fresh (what a namespace made now would have), a process, a network namespace or a path.
explain tells what is known of a key: whose it is, where its first value comes from, who may write it.
why answers "I changed it on the host; why does it not take effect in the container?", with evidence for
each statement, and what to do with warren, docker, compose, podman and Kubernetes:
  warren sysctl why --in 1234 net.ipv4.tcp_keepalive_time`,
  async run({ values, operands, afterDashes = [] }) {
    const [word, ...words] = [...operands, ...afterDashes];
    const action = actionOf(word);
    if (values.load !== undefined && action !== 'set') throw misplaced('--load', 'set', 'is a way to set');
    if (values.save === true && (action !== 'set' || values.load !== undefined))
      throw misplaced('--save', 'set KEY=VALUE', 'is about what is set');
    const options = { in: values.in, json: values.json === true };
    switch (action) {
      case 'get':
      case 'set':
      case 'ls': {
        const { getValues, listValues, setValues } = await import('./sysctl-values.js');
        const run = { get: getValues, set: setValues, ls: listValues }[action];
        return run(words, { ...options, load: values.load, save: values.save === true });
      }
      case 'diff':
      case 'explain':
      case 'why': {
        if (values.in !== undefined && action !== 'why')
          throw misplaced('--in', 'get, set, ls and why', 'says where a value is');
        const { diffCommand, explainCommand, whyCommand } = await import('./sysctl-answers.js');
        return { diff: diffCommand, explain: explainCommand, why: whyCommand }[action](words, options);
      }
      case 'census': {
        const { censusCommand } = await import('./sysctl-census.js');
        return censusCommand(words, {
          allowed: values['i-may-disturb-this-host'] === true,
          restore: values.restore === true,
          journal: values.journal,
          json: values.json === true,
        });
      }
    }
  },
});

function actionOf(word: string | undefined): Action {
  const action = actions.find((each) => each === word);
  if (action) return action;
  throw invalid(
    'ERR_USAGE',
    word === undefined ? 'Cannot tell what to do' : `Cannot ${quote(word)} sysctls`,
    `the actions are ${actions.slice(0, -1).join(', ')} and ${actions.at(-1) ?? ''}`,
    'see warren sysctl --help',
  );
}

function misplaced(option: string, places: string, what: string): Error {
  return invalid(
    'ERR_USAGE',
    `Cannot use ${option} here`,
    `it ${what}, and belongs to ${places}`,
    'leave it out',
  );
}
