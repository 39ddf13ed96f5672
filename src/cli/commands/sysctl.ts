import { invalid, quote } from '../../errors.js';
import { defineCommand } from '../command.js';
import { STDOUT, writeText } from '../output.js';

const actions = ['get', 'set'] as const;

/** `warren sysctl get|set`. */
export const sysctlCommand = defineCommand({
  name: 'sysctl',
  summary: 'Read and set kernel parameters, in any namespace.',
  usage: ['get [OPTIONS] KEY…', 'set [OPTIONS] KEY=VALUE…'],
  options: {
    in: {
      kind: 'value',
      placeholder: 'PID|NETNS|PATH',
      help: 'in the namespaces of a process, a named network namespace (/run/netns), or a namespace file',
      group: 'Options',
    },
    json: { kind: 'flag', help: 'print one JSON object, keys to values', group: 'Options' },
  },
  operands: actions,
  notes: `
Keys are written with dots, or with slashes where an interface name has a dot:
  warren sysctl get net.ipv4.tcp_keepalive_time
  warren sysctl set --in blue net/ipv4/conf/eth0.100/forwarding=1

Only the namespace that isolates a key is entered, and /proc/sys is yours: what is read-only inside a
container can be set this way. Sockets that exist keep the values they were made with.`,
  async run({ values, operands, afterDashes = [] }) {
    const [action, ...words] = [...operands, ...afterDashes];
    if (action === undefined || !isAction(action)) {
      throw invalid(
        'ERR_USAGE',
        action === undefined ? 'Cannot tell what to do' : `Cannot ${quote(action)} sysctls`,
        'the actions are get and set',
        'see warren sysctl --help',
      );
    }
    if (words.length === 0) {
      throw invalid('ERR_USAGE', `Cannot ${action} sysctls`, 'no key is named', 'see warren sysctl --help');
    }
    const { parseSysctlName } = await import('../../kernel/sysctl-name.js');
    const { readSysctl, writeSysctl } = await import('../../runtime/sysctl-access.js');
    const place = { in: placeOf(values.in) };
    const settings = words.map((word) =>
      action === 'set' ? splitSetting(word) : { key: word, value: undefined },
    );
    const result: [string, string][] = [];
    for (const { key, value } of settings) {
      if (value !== undefined) await writeSysctl(key, value, place);
      result.push([parseSysctlName(key).name, await readSysctl(key, place)]);
    }
    writeText(
      STDOUT,
      values.json === true ? `${JSON.stringify(Object.fromEntries(result))}\n` : lines(result),
    );
    return 0;
  },
});

function isAction(word: string): word is (typeof actions)[number] {
  return (actions as readonly string[]).includes(word);
}

/** A number is a process, a path a namespace file, and anything else a name that `ip netns` would know. */
function placeOf(text: string | undefined): number | string | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,9}$/.test(text)) return Number(text);
  if (text.startsWith('/')) return text;
  if (text !== '' && !text.includes('/') && text !== '.' && text !== '..' && !text.includes('\0'))
    return `/run/netns/${text}`;
  throw invalid(
    'ERR_NAMESPACE_SPEC',
    `Cannot use the namespace ${quote(text)}`,
    'it is neither a process id, a name nor an absolute path',
    'write 1234, blue or /proc/1234/ns/net',
  );
}

function splitSetting(word: string): { key: string; value: string } {
  const at = word.indexOf('=');
  if (at > 0) return { key: word.slice(0, at).trim(), value: word.slice(at + 1).trim() };
  throw invalid(
    'ERR_USAGE',
    `Cannot set ${quote(word)}`,
    'it is not KEY=VALUE',
    'write net.ipv4.ip_forward=1',
  );
}

/** As sysctl(8) prints them. */
function lines(result: readonly (readonly [string, string])[]): string {
  return result.map(([name, value]) => `${name} = ${value}\n`).join('');
}
