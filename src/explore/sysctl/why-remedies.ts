/** What to do, by what an explanation came down to. */
import { sameReading, showReading, type Reading } from '../../kernel/sysctl-reading.js';
import { parseSysctlName, type SysctlName } from '../../kernel/sysctl-name.js';
import type { SysctlScope } from '../../kernel/sysctl-scope.js';
import { siblingKey } from './conf.js';
import type { Knowledge } from './knowledge.js';
import { nearKeys } from '../../kernel/near-sysctls.js';
import { remediesInContainer, remediesOnHost, type Remedy, type Setting } from './remedies.js';
import { interfaceOf } from './table/index.js';
import type { Verdict } from './why.js';
import { scopeNames } from './words.js';

export interface Circumstances {
  readonly key: SysctlName;
  readonly knowledge: Knowledge;
  readonly host: Reading;
  /** In the container, or in a fresh namespace. */
  readonly there: Reading | undefined;
  /** What else has to be set for the key to count, slashed. */
  readonly overriding: readonly string[];
  /** What the user calls the container that runs already. */
  readonly running: string | undefined;
  /** Those that may have been meant. */
  readonly keys: () => Promise<readonly string[]>;
}

const ownNamespace: Readonly<Record<SysctlScope, string>> = {
  network: 'in a network namespace of its own: without --network host',
  ipc: 'in an IPC namespace of its own: without --ipc host',
  uts: 'in a UTS namespace of its own: without --uts host',
  user: 'in a user namespace of its own; docker, podman and Kubernetes set none of user.*',
  host: '',
};

/** What somebody who looks at kernel.pid_max is after. */
const limitProcesses: readonly Remedy[] = [
  {
    tool: 'warren',
    lines: ['warren run --pids-limit NUMBER …'],
    note: 'a control group limits its processes',
  },
  { tool: 'docker', lines: ['docker run --pids-limit NUMBER …'] },
];

export async function remediesFor(verdict: Verdict, about: Circumstances): Promise<readonly Remedy[]> {
  const { name, path } = about.key;
  const { scope } = about.knowledge;
  const unknown = { name, value: 'VALUE' };
  switch (verdict) {
    case 'nowhere':
      return otherKeys(about);
    case 'other-kind':
      return path === 'kernel/pid_max' ? limitProcesses : [];
    case 'same-namespace':
      return [
        ...remediesOnHost(
          unknown,
          `it holds for the host and every container that shares its ${scopeNames[scope]} namespace`,
        ),
        ...remediesInContainer(about.knowledge, [unknown])
          .slice(0, 1)
          .map((remedy) => ({ ...remedy, note: ownNamespace[scope] })),
      ];
    case 'global':
    case 'shared':
    case 'absent':
      return remediesOnHost(
        unknown,
        interfaceOf(path) === undefined || path.includes('/default/')
          ? 'it holds for the machine and every container on it'
          : 'it holds for the host’s own interface',
      );
    case 'overridden':
    case 'copied':
    case 'reset':
    case 'interface':
    case 'unknown':
      return remediesInContainer(about.knowledge, settings(about), about.running);
  }
}

function settings({ key: { name }, host, there, overriding }: Circumstances): readonly Setting[] {
  // What the host has is what is wanted, if that is another value than the container's.
  const wanted = 'value' in host && host.value !== '' && !(there && sameReading(host, there));
  if (overriding.length === 0) return [{ name, value: wanted ? showReading(host) : 'VALUE' }];
  // All the keys that are combined get the value that the one asked about has.
  const value = there && 'value' in there ? showReading(there) : 'VALUE';
  return [name, ...overriding.map(dotted)].map((each) => ({ name: each, value }));
}

/** For a key that is not there. */
async function otherKeys(about: Circumstances): Promise<readonly Remedy[]> {
  const { path } = about.key;
  const keys = await about.keys();
  const device = interfaceOf(path);
  if (device !== undefined && device !== 'default' && keys.includes(siblingKey(path, 'lo')))
    return ofInterface(about);
  const near = device === undefined ? withDots(path) : undefined;
  const meant =
    near !== undefined && keys.includes(siblingKey(near, 'lo'))
      ? [near]
      : nearKeys(device === undefined ? path : siblingKey(path, 'lo'), keys).map((each) =>
          device === undefined ? each : siblingKey(each, device),
        );
  return meant.length === 0
    ? [{ tool: 'warren', lines: ['warren sysctl ls'], note: 'shows the keys that are there' }]
    : [
        {
          tool: 'warren',
          lines: meant.map((each) => `warren sysctl why ${each === near ? each : dotted(each)}`),
          note:
            meant[0] === near
              ? 'likely meant: with slashes, since the interface’s name has dots'
              : 'likely meant',
        },
      ];
}

/** The key is one that interfaces have, and this interface is not there (yet). */
function ofInterface({ key: { path, name }, knowledge, running }: Circumstances): readonly Remedy[] {
  const initial = dotted(siblingKey(path, 'default'));
  if (path.split('/')[2] === 'neigh')
    return remediesOnHost(
      { name: initial, value: 'VALUE' },
      'an interface that appears afterwards copies it',
    );
  if (running === undefined) return remediesInContainer(knowledge, [{ name, value: 'VALUE' }]);
  return [
    {
      tool: 'warren',
      lines: [`warren sysctl set --in ${running} ${initial}=VALUE`],
      note: 'an interface that appears afterwards copies it',
    },
  ];
}

/** With the dots of an interface's name written as sysctl(8) wants them; undefined where it is no such key. */
function withDots(path: string): string | undefined {
  const [, folder, device = '', name] =
    /^(net\/ipv[46]\/(?:conf|neigh))\/([^/]+(?:\/[^/]+)+)\/([^/]+)$/.exec(path) ?? [];
  return folder === undefined ? undefined : `${folder}/${device.replaceAll('/', '.')}/${name}`;
}

function dotted(path: string): string {
  return parseSysctlName(path).name;
}
