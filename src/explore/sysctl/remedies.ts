/** How to get a value into a container, for those who start it in different ways. */
import type { Knowledge } from './knowledge.js';
import { interfaceOf } from './table/index.js';
import { beforeStart } from './words.js';

export interface Remedy {
  readonly tool: 'warren' | 'docker' | 'compose' | 'podman' | 'kubernetes' | 'host';
  /** Lines to type, or to put into a file. */
  readonly lines: readonly string[];
  /** When, and why then; or what to know. */
  readonly note?: string;
}

/** A key, dotted, and what is wanted: a placeholder where it is not known. */
export interface Setting {
  readonly name: string;
  readonly value: string;
}

/**
 * @param settings The key itself, and what else must be set for it to count.
 * @param running What the user calls a container that runs already.
 */
export function remediesInContainer(
  knowledge: Knowledge,
  settings: readonly Setting[],
  running?: string,
): Remedy[] {
  const { scope, path } = knowledge;
  const words = settings.map(({ name, value }) => shellWord(`${name}=${value}`));
  const now = running === undefined ? [] : [`warren sysctl set --in ${running} ${words.join(' ')}`];
  const value = settings[0]?.value ?? 'VALUE';
  if (path === 'kernel/hostname') return named('hostname', value, now);
  if (path === 'kernel/domainname') return named('domainname', value, now);
  if (scope === 'user') return inUserNamespace(words, now);
  const device = interfaceOf(path);
  if (device !== undefined && !['all', 'default', 'lo'].includes(device))
    return ofInterface(device, settings, words, now);
  const options = words.map((word) => `--sysctl ${word}`).join(' ');
  const when = knowledge.facts?.use === undefined ? undefined : beforeStart[knowledge.facts.use];
  return [
    { tool: 'warren', lines: [`warren run ${options} …`, ...now], ...noteOf(when) },
    ...(knowledge.docker === 'accepted'
      ? ([
          { tool: 'docker', lines: [`docker run ${options} …`] },
          { tool: 'compose', lines: composeLines(settings) },
          { tool: 'podman', lines: [`podman run ${options} …`] },
        ] as const)
      : []),
    ...(knowledge.kubernetes === 'refused'
      ? []
      : [kubernetesRemedy(settings, knowledge.kubernetes === 'safe' && settings.length === 1)]),
  ];
}

function noteOf(note: string | undefined): { readonly note?: string } {
  return note === undefined ? {} : { note };
}

/** Names have options of their own, and no engine takes them as a sysctl. */
function named(option: 'hostname' | 'domainname', value: string, now: readonly string[]): Remedy[] {
  const word = `--${option} ${shellWord(value)}`;
  const both: Remedy[] = [
    { tool: 'warren', lines: [`warren run ${word} …`, ...now] },
    { tool: 'docker', lines: [`docker run ${word} …`] },
    { tool: 'compose', lines: ['services:', '  SERVICE:', `    ${option}: ${yamlWord(value)}`] },
  ];
  if (option === 'domainname') return both;
  return [
    ...both,
    { tool: 'podman', lines: [`podman run ${word} …`] },
    { tool: 'kubernetes', lines: ['spec:', `  hostname: ${yamlWord(value)}`] },
  ];
}

function inUserNamespace(words: readonly string[], now: readonly string[]): Remedy[] {
  const options = words.map((word) => `--sysctl ${word}`).join(' ');
  return [
    {
      tool: 'warren',
      lines: [`warren run --uidmap 0:100000:65536 ${options} …`, ...now],
      note: 'with a user namespace of its own; docker, podman and Kubernetes set none of user.*',
    },
    {
      tool: 'host',
      lines: [`sysctl -w ${words.join(' ')}`],
      note: 'for containers that share the host’s user namespace, which is what docker and Kubernetes do by default',
    },
  ];
}

/** docker names the interface when it connects the network, and not before. */
function ofInterface(
  device: string,
  settings: readonly Setting[],
  words: readonly string[],
  now: readonly string[],
): Remedy[] {
  const options = words.map((word) => `--sysctl ${word}`).join(' ');
  const byEndpoint = settings
    .map(({ name, value }) => `${name.replace(`.${device.replaceAll('.', '/')}.`, '.IFNAME.')}=${value}`)
    .join(',');
  const endpoint = `driver-opt=com.docker.network.endpoint.sysctls=${byEndpoint}`;
  return [
    {
      tool: 'warren',
      lines: [`warren run --network NETWORK ${options} …`, ...now],
      note: 'eth0 is the interface in the first network that is named, eth1 in the second',
    },
    {
      tool: 'docker',
      lines: [
        `docker run --network ${shellWord(`name=NETWORK,${settings.length > 1 ? `"${endpoint}"` : endpoint}`)} …`,
      ],
      note: 'Docker 27 or newer, with IFNAME as it stands: which interface it will be is not known before',
    },
    {
      tool: 'compose',
      lines: [
        'services:',
        '  SERVICE:',
        '    networks:',
        '      NETWORK:',
        '        driver_opts:',
        `          com.docker.network.endpoint.sysctls: ${yamlWord(byEndpoint)}`,
      ],
    },
    { tool: 'podman', lines: [`podman run --network NETWORK ${options} …`] },
    {
      ...kubernetesRemedy(settings, false),
      note: 'whether the interface is there by then depends on the node’s runtime; the kubelet must allow the key',
    },
  ];
}

function composeLines(settings: readonly Setting[]): string[] {
  return [
    'services:',
    '  SERVICE:',
    '    sysctls:',
    ...settings.map(({ name, value }) => `      - ${yamlWord(`${name}=${value}`)}`),
  ];
}

function kubernetesRemedy(settings: readonly Setting[], safe: boolean): Remedy {
  const pod = [
    'spec:',
    '  securityContext:',
    '    sysctls:',
    ...settings.flatMap(({ name, value }) => [
      `      - name: ${name}`,
      `        value: ${JSON.stringify(value)}`,
    ]),
  ];
  if (safe) return { tool: 'kubernetes', lines: pod, note: 'it is one of the safe ones: any pod may set it' };
  const names = settings.map(({ name }) => name);
  return {
    tool: 'kubernetes',
    lines: [
      ...pod,
      '# and on the nodes it may run on:',
      `kubelet --allowed-unsafe-sysctls ${shellWord(names.join(','))}`,
      `# or in the kubelet’s configuration: allowedUnsafeSysctls: ${JSON.stringify(names)}`,
    ],
    note: 'it is an unsafe one: a kubelet that was not told to allow it fails the pod with SysctlForbidden',
  };
}

/** For what the host’s own namespaces, or the machine, hold. */
export function remediesOnHost({ name, value }: Setting, note: string): Remedy[] {
  return [
    {
      tool: 'host',
      lines: [
        `sysctl -w ${shellWord(`${name}=${value}`)}`,
        `echo ${shellWord(`${name} = ${value}`)} > /etc/sysctl.d/90-${fileWord(name)}.conf`,
      ],
      note,
    },
    {
      tool: 'kubernetes',
      lines: [
        '# on the node: by its operating system’s configuration, or a privileged DaemonSet with hostNetwork',
      ],
    },
  ];
}

function shellWord(text: string): string {
  return /^[\w./:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function yamlWord(text: string): string {
  return /^[\w./=,-]+$/.test(text) ? text : JSON.stringify(text);
}

function fileWord(name: string): string {
  return name.replace(/[^\w]+/g, '-');
}
