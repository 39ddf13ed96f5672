/** How to get a value into a container, for those who start it in different ways. */
import type { Knowledge } from './knowledge.js';
import { beforeStart } from './words.js';

export interface Remedy {
  readonly tool: 'warren' | 'docker' | 'compose' | 'podman' | 'kubernetes' | 'host';
  /** Lines to type, or to put into a file. */
  readonly lines: readonly string[];
  /** When, and why then; or what to know. */
  readonly note?: string;
}

/**
 * @param value What is wanted; a placeholder where it is not known.
 * @param running A process in the container that runs already.
 */
export function remediesInContainer(
  { name, facts, kubernetes, docker }: Knowledge,
  value: string,
  running?: string,
): Remedy[] {
  const setting = `${name}=${value}`;
  const word = shellWord(setting);
  const when = facts?.use === undefined ? undefined : beforeStart[facts.use];
  const remedies: Remedy[] = [
    {
      tool: 'warren',
      lines: [
        `warren run --sysctl ${word} …`,
        ...(running === undefined ? [] : [`warren sysctl set --in ${running} ${word}`]),
      ],
      ...(when === undefined ? {} : { note: `at the start: ${when}` }),
    },
  ];
  if (docker === 'accepted') {
    remedies.push(
      { tool: 'docker', lines: [`docker run --sysctl ${word} …`] },
      { tool: 'compose', lines: ['services:', '  SERVICE:', '    sysctls:', `      - ${yamlWord(setting)}`] },
    );
  }
  remedies.push({ tool: 'podman', lines: [`podman run --sysctl ${word} …`] });
  if (kubernetes !== 'refused') remedies.push(kubernetesRemedy(name, value, kubernetes === 'safe'));
  return remedies;
}

function kubernetesRemedy(name: string, value: string, safe: boolean): Remedy {
  const pod = [
    'spec:',
    '  securityContext:',
    '    sysctls:',
    `      - name: ${name}`,
    `        value: ${JSON.stringify(value)}`,
  ];
  if (safe) return { tool: 'kubernetes', lines: pod, note: 'it is one of the safe ones: any pod may set it' };
  return {
    tool: 'kubernetes',
    lines: [
      ...pod,
      '# and on the nodes it may run on:',
      `kubelet --allowed-unsafe-sysctls ${shellWord(name)}`,
    ],
    note: 'it is an unsafe one: a kubelet that was not told to allow it fails the pod with SysctlForbidden',
  };
}

/** For what only the machine has. */
export function remediesOnHost(name: string, value: string): Remedy[] {
  const word = shellWord(`${name}=${value}`);
  return [
    {
      tool: 'host',
      lines: [
        `sysctl -w ${word}`,
        `echo ${shellWord(`${name} = ${value}`)} > /etc/sysctl.d/90-${fileWord(name)}.conf`,
      ],
      note: 'it holds for the machine and every container on it',
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
  return /^[\w./=-]+$/.test(text) ? text : JSON.stringify(text);
}

function fileWord(name: string): string {
  return name.replace(/[^\w]+/g, '-');
}
