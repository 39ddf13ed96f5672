/** Where parameters are read and written: this process's namespaces, another's, or throw-away ones. */
import { closeSync, constants, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { ipcSysctls, sysctlScope, type SysctlScope } from '../../kernel/sysctl-scope.js';
import type { NamespaceKind } from '../../plan/constants.js';
import type { Step } from '../../plan/step.js';
import { wayThrough } from '../../plan/way.js';
import { NetworkSysctls } from '../../kernel/sysctl-files.js';
import { accessOfErrno, errnoOf, trimValue, type Access, type Reading } from '../../kernel/sysctl-reading.js';
import { isOwn, openFolders, openNamespace, ownerToJoin, scopeOfFile } from './place-doors.js';
import type { SysctlTools } from './tools.js';

/** A process id, or the file of a namespace: `/run/netns/blue`, `/proc/1234/ns/ipc`. */
export type PlaceTarget = number | string;

export type IsolatedScope = Exclude<SysctlScope, 'host'>;

export const kindOfScope: Readonly<Record<IsolatedScope, NamespaceKind>> = {
  network: 'net',
  ipc: 'ipc',
  uts: 'uts',
  user: 'user',
};
const scopes = ['network', 'ipc', 'uts', 'user'] as const;

/** One set of namespaces. To be closed. */
export class Place {
  readonly label: string;
  readonly pid: number | undefined;
  /** What kinds of keys it can answer for, besides the machine's. */
  readonly scopes: ReadonlySet<IsolatedScope>;
  readonly #tools: SysctlTools;
  readonly #network: NetworkSysctls | undefined;
  /** How to get to a namespace that is not the caller's. */
  readonly #ways: ReadonlyMap<IsolatedScope, readonly Step[]>;
  readonly #held: readonly number[];
  /** Named as somebody's, so that the machine's own parameters are none of its. */
  readonly #named: boolean;
  /** Its namespaces belong to a throw-away user namespace, since the caller may not make others. */
  readonly ofUserNamespace: boolean;

  private constructor(fields: {
    label: string;
    pid?: number | undefined;
    scopes?: readonly IsolatedScope[];
    tools: SysctlTools;
    network: NetworkSysctls | undefined;
    ways?: ReadonlyMap<IsolatedScope, readonly Step[]>;
    held?: readonly number[];
    named?: boolean;
    ofUserNamespace?: boolean;
  }) {
    this.label = fields.label;
    this.pid = fields.pid;
    this.scopes = new Set(fields.scopes ?? scopes);
    this.#tools = fields.tools;
    this.#network = fields.network;
    this.#ways = fields.ways ?? new Map();
    this.#held = fields.held ?? [];
    this.#named = fields.named ?? false;
    this.ofUserNamespace = fields.ofUserNamespace ?? false;
  }

  /** The caller's own namespaces. */
  static own(tools: SysctlTools, label = 'host'): Place {
    return new Place({ label, tools, network: new NetworkSysctls() });
  }

  /**
   * Another's namespaces, held from now on: they do not end while they are read.
   *
   * @throws {WarrenError} `ERR_NAMESPACE_NOT_FOUND`, `ERR_NAMESPACE_SPEC`
   */
  static async open(target: PlaceTarget, tools: SysctlTools, label = String(target)): Promise<Place> {
    // A process has one of each kind, a file is one.
    const ofTarget = typeof target === 'number' ? scopes : [await scopeOfFile(target)];
    const held: number[] = [];
    const ways = new Map<IsolatedScope, readonly Step[]>();
    let network: NetworkSysctls | undefined;
    const hold = (kind: NamespaceKind): number => {
      const fd = openNamespace(typeof target === 'number' ? `/proc/${target}/ns/${kind}` : target);
      held.push(fd);
      return fd;
    };
    try {
      // `networkFd` is the first.
      const others = ofTarget.flatMap((scope): [IsolatedScope, number][] => {
        const fd = hold(kindOfScope[scope]);
        if (!isOwn(fd, kindOfScope[scope])) return [[scope, fd]];
        if (scope === 'network') network = new NetworkSysctls();
        return [];
      });
      const user = ownerToJoin(others, typeof target === 'number');
      if (user !== undefined && !held.includes(user)) held.push(user);
      for (const [scope, fd] of others) {
        const kind = kindOfScope[scope];
        const by = user === undefined || scope === 'user' ? [] : [['user', user] as const];
        const doors = [...by, [kind, fd] as const];
        // By the descriptor: the process may end meanwhile, and its number be given to another.
        ways.set(scope, wayThrough(doors.map(([each, door]) => [each, `/proc/${process.pid}/fd/${door}`])));
      }
      const [net] = others.filter(([scope]) => scope === 'network');
      if (net) {
        network =
          user === undefined
            ? new NetworkSysctls(net[1])
            : NetworkSysctls.of(await openFolders(tools, ways.get('network') ?? []));
      }
    } catch (error) {
      for (const fd of held) closeSync(fd);
      throw error;
    }
    const pid = typeof target === 'number' ? target : undefined;
    return new Place({ label, pid, scopes: ofTarget, tools, network, ways, held, named: true });
  }

  /**
   * Throw-away namespaces: what a new container would find.
   *
   * @param options.user They belong to a new user namespace.
   * @param options.from A descriptor of the network namespace in which they are made. Default: the caller's.
   */
  static async fresh(
    tools: SysctlTools,
    { user = false, from }: { readonly user?: boolean; readonly from?: number } = {},
  ): Promise<Place> {
    const owner: NamespaceKind[] = user ? ['user'] : [];
    const creator = wayThrough(from === undefined ? [] : [['net', `/proc/${process.pid}/fd/${from}`]]);
    const fd = await tools.makeNamespace([...owner, 'net'], 'net', creator);
    return new Place({
      label: user ? 'fresh namespaces of a new user namespace' : 'fresh namespaces',
      tools,
      network: new NetworkSysctls(fd),
      ways: waysToFresh(owner),
      held: [fd],
    });
  }

  /**
   * Throw-away namespaces as the caller can have them: whoever may not make others has them in a user namespace of their own, whose
   * root may write less than the machine's.
   *
   * @throws {WarrenError} `ERR_STEP` where those cannot be made either.
   */
  static async freshOfCaller(tools: SysctlTools): Promise<Place> {
    try {
      return await Place.fresh(tools);
    } catch (error) {
      if (errnoOf(error) !== 'EPERM') throw error;
    }
    const { fd, files } = await tools.makeUserNetwork();
    return new Place({
      label: 'fresh namespaces of a new user namespace',
      tools,
      network: files,
      ways: waysToFresh(['user']),
      held: [fd],
      ofUserNamespace: true,
    });
  }

  /** The network namespace; undefined where this place has none of its own, nor the caller's. */
  get network(): NetworkSysctls | undefined {
    return this.#network;
  }

  /** A descriptor of the network namespace, for as long as this is open; undefined for the caller's own. */
  get networkFd(): number | undefined {
    return this.#held[0];
  }

  /** Whether it can answer for a key: a network namespace by itself says nothing of message queues. */
  has(path: string): boolean {
    const { scope } = sysctlScope(path);
    return scope === 'host' || this.scopes.has(scope);
  }

  /** Why a key is not this place's to set: it would be changed for others as well. Undefined: it is. */
  foreign(path: string): string | undefined {
    if (!this.#named) return undefined;
    const { scope } = sysctlScope(path);
    if (scope === 'host') return 'no namespace isolates it: it would be changed for the whole machine';
    if (!this.has(path)) return `that is one namespace only, and the key belongs to the ${scope} namespace`;
    if (this.pid !== undefined && this.isOwn(path))
      return `it belongs to the ${scope} namespace, which that process shares with this command`;
    return undefined;
  }

  /** Whether a key is read in the caller's own namespace here. */
  isOwn(path: string): boolean {
    const { scope } = sysctlScope(path);
    return scope === 'host' || !this.#ways.has(scope);
  }

  /** The keys that a namespace isolates, slashed and sorted. */
  async keys(): Promise<string[]> {
    const others = [...ipcSysctls, ...utsSysctls, ...listUser()].filter((path) => this.has(path));
    const present = await Promise.all(
      others.map(async (path) => {
        const reading = await this.read(path);
        return 'value' in reading || reading.errno === 'EACCES' ? [path] : [];
      }),
    );
    return [...(this.#network?.keys() ?? []), ...present.flat()].sort();
  }

  /** Many at once, which costs far less: network keys in one go, others in one launcher for each kind. */
  async readMany(paths: readonly string[]): Promise<Map<string, Reading>> {
    const network = paths.filter((path) => sysctlScope(path).scope === 'network');
    const answers = this.#network?.readMany(network);
    const found = new Map(
      network.map((path, index): [string, Reading] => [path, answers?.[index] ?? { errno: 'ENOENT' }]),
    );
    const others = paths.filter((path) => !found.has(path));
    const readings = await Promise.all(others.map(async (path) => this.read(path)));
    for (const [index, path] of others.entries()) found.set(path, readings[index] ?? { errno: 'ENOENT' });
    return found;
  }

  async read(path: string): Promise<Reading> {
    const { scope } = sysctlScope(path);
    if (scope === 'network') return this.#network?.read(path) ?? { errno: 'ENOENT' };
    const way = scope === 'host' ? undefined : this.#ways.get(scope);
    try {
      if (!way) return { value: trimValue(readFileSync(`/proc/sys/${path}`, 'utf8')) };
      const reply = await this.#tools.ask({ steps: [...way, { op: 'read-sysctl', path }] });
      return { value: trimValue(reply.toString('utf8', 8, 8 + reply.readUInt32LE(4))) };
    } catch (error) {
      return { errno: errnoOf(error) };
    }
  }

  /** @returns The errno where the kernel refused; undefined when it is written. */
  async write(path: string, value: string): Promise<string | undefined> {
    const { scope } = sysctlScope(path);
    if (scope === 'network') return this.#network ? this.#network.write(path, value) : 'ENOENT';
    const way = scope === 'host' ? undefined : this.#ways.get(scope);
    try {
      if (way) await this.#tools.ask({ steps: [...way, { op: 'write-sysctl', path, value }] });
      else writeFileSync(`/proc/sys/${path}`, value, { flag: 'r+' });
      return undefined;
    } catch (error) {
      return errnoOf(error);
    }
  }

  /** Whether the caller could write it here; nothing is written. */
  async access(path: string): Promise<Access> {
    const { scope } = sysctlScope(path);
    if (scope === 'network') return this.#network?.access(path) ?? 'absent';
    const way = scope === 'host' ? undefined : this.#ways.get(scope);
    try {
      if (!way) {
        closeSync(openSync(`/proc/sys/${path}`, constants.O_WRONLY));
        return 'writable';
      }
      const reply = await this.#tools.ask({ steps: [...way, { op: 'probe-sysctls', paths: [path] }] });
      const answer = reply.readInt32LE(4);
      return answer >= 0 ? 'writable' : accessOfErrno(errnoNames.get(-answer) ?? 'ENOENT');
    } catch (error) {
      return accessOfErrno(errnoOf(error));
    }
  }

  close(): void {
    this.#network?.close();
    for (const fd of this.#held) closeSync(fd);
  }
}

/** @param owner `user`, where they belong to a new user namespace. */
function waysToFresh(owner: readonly NamespaceKind[]): ReadonlyMap<IsolatedScope, readonly Step[]> {
  const leave = (kind: NamespaceKind): readonly Step[] => [
    {
      op: 'leave',
      kinds: kind === 'user' ? ['user'] : [...owner, kind],
      uid: process.geteuid?.() ?? 0,
      gid: process.getegid?.() ?? 0,
    },
  ];
  return new Map(
    scopes.flatMap((scope) => (scope === 'network' ? [] : [[scope, leave(kindOfScope[scope])]])),
  );
}

const utsSysctls = ['kernel/domainname', 'kernel/hostname'];

export const errnoNames: ReadonlyMap<number, string> = new Map([
  [1, 'EPERM'],
  [2, 'ENOENT'],
  [13, 'EACCES'],
  [20, 'ENOTDIR'],
  [30, 'EROFS'],
]);

function listUser(): string[] {
  try {
    return readdirSync('/proc/sys/user').map((name) => `user/${name}`);
  } catch (error) {
    errnoOf(error);
    return [];
  }
}
