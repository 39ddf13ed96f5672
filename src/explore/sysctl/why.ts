/** The answer to "I changed it on the host; why does it not take effect in the container?", for one key. */
import { readlinkSync } from 'node:fs';
import { parseSysctlName, type SysctlName } from '../../kernel/sysctl-name.js';
import { isSysctlFolder } from '../../kernel/sysctl-files.js';
import { pidSysctl } from '../../kernel/sysctl-scope.js';
import { atLeast } from '../../kernel/sysctl-measured.js';
import { WarrenError, quote } from '../../errors.js';
import { combine } from './why-combination.js';
import { decideByOrigin, type Decision } from './why-origin.js';
import { inheritedOrigin } from './conf.js';
import { sysctlKnowledge, type Knowledge } from './knowledge.js';
import { Place, type PlaceTarget } from './place.js';
import { errnoOf, sameReading, showReading, type Access, type Reading } from '../../kernel/sysctl-reading.js';
import { remediesFor } from './why-remedies.js';
import type { Remedy } from './remedies.js';
import { inInitialNetwork, surroundingsOf } from './surroundings.js';
import { documents, interfaceOf, type Origin } from './table/index.js';
import type { SysctlTools } from './tools.js';
import { localKeys } from './survey.js';
import { machineKeys } from './machine-keys.js';
import { originSentences, scopeNames, useSentence } from './words.js';

/**
 * What it comes down to.
 *
 * - `global`: the machine has one value. - `absent`: a namespace does not have it. - `shared`: the namespace shows the machine's.
 * - `nowhere`: there is no such key. - `other-kind`: a PID namespace has its own, which is not set at a start.
 * - `same-namespace`: the container uses the host's namespace. - `copied`: the value of the host at the start. - `reset`: the
 * kernel's default. - `interface`: taken over when an interface appeared. - `overridden`: another key counts more.
 * - `unknown`: it is the namespace's own, and where its first value comes from is not known.
 */
export type Verdict =
  | 'global'
  | 'absent'
  | 'nowhere'
  | 'other-kind'
  | 'shared'
  | 'same-namespace'
  | 'copied'
  | 'reset'
  | 'interface'
  | 'overridden'
  | 'unknown';

export interface Statement {
  readonly text: string;
  /** What it rests on: what was read, measured or looked up. */
  readonly evidence: string;
}

export interface WhyReport {
  readonly path: string;
  readonly name: string;
  readonly verdict: Verdict;
  /** One sentence. */
  readonly summary: string;
  readonly values: readonly { readonly place: string; readonly reading: Reading }[];
  readonly statements: readonly Statement[];
  readonly remedies: readonly Remedy[];
  /** What could not be seen, so that it is not taken for granted. */
  readonly unseen: readonly string[];
}

export interface WhyOptions {
  /** As uname(2) says. */
  readonly release: string;
  /** A process in the container, or the file of its namespace. Default: a container that is to be started. */
  readonly in?: PlaceTarget | undefined;
  /** What the user calls it. */
  readonly label?: string | undefined;
}

/**
 * Explains one key. The host's values are read, throw-away namespaces are made; nothing is written.
 *
 * @throws {WarrenError} `ERR_SYSCTL_NAME`, `ERR_SYSCTL_NOT_FOUND` for a folder, `ERR_NAMESPACE_NOT_FOUND`
 */
export async function whySysctl(key: string, tools: SysctlTools, options: WhyOptions): Promise<WhyReport> {
  const parsed = parseSysctlName(key);
  checkIsKey(parsed);
  const knowledge = sysctlKnowledge(parsed.path, options.release);
  const target = options.in === undefined ? undefined : await Place.open(options.in, tools, options.label);
  const investigation = new Investigation(parsed, knowledge, tools, options, target);
  try {
    return await investigation.run();
  } finally {
    investigation.close();
  }
}

/** @throws {WarrenError} `ERR_SYSCTL_NOT_FOUND` */
export function checkIsKey({ path, name }: SysctlName): void {
  if (!isSysctlFolder(path)) return;
  throw new WarrenError('ERR_SYSCTL_NOT_FOUND', `Cannot explain ${quote(name)}`, {
    kind: 'invalid-argument',
    why: 'it is a folder of keys',
    fix: `name one of them: warren sysctl ls ${name}`,
  });
}

/** What was seen in a throw-away namespace; undefined where it would mislead. */
interface Fresh {
  readonly reading: Reading | undefined;
  readonly access: Access | undefined;
}

class Investigation {
  readonly #statements: Statement[] = [];
  readonly #unseen: string[] = [];
  /** What else has to be set for the key to count. */
  #overriding: readonly string[] = [];
  readonly #host: Place;
  readonly #target: Place | undefined;
  #fresh: Place | undefined;

  constructor(
    private readonly key: SysctlName,
    private readonly knowledge: Knowledge,
    private readonly tools: SysctlTools,
    private readonly options: WhyOptions,
    target: Place | undefined,
  ) {
    this.#host = Place.own(tools);
    this.#target = target;
  }

  close(): void {
    this.#fresh?.close();
    this.#target?.close();
    this.#host.close();
  }

  async run(): Promise<WhyReport> {
    const { path } = this.key;
    const host = await this.#host.read(path);
    const target = this.#target?.has(path) === true ? await this.#target.read(path) : undefined;
    const fresh = await this.#inFresh(path);
    const { verdict, summary } = await this.#decide(host, target, fresh);
    const settable = settableVerdicts.has(verdict);
    if (settable) this.#aboutWriting();
    this.#aboutUse(verdict, settable);
    return {
      path,
      name: this.key.name,
      verdict,
      summary,
      values: [
        { place: 'host', reading: host },
        ...(target && this.#target ? [{ place: this.#target.label, reading: target }] : []),
        ...(fresh?.reading ? [{ place: 'fresh namespace', reading: fresh.reading }] : []),
      ],
      statements: this.#statements,
      remedies: await remediesFor(verdict, {
        key: this.key,
        knowledge: this.knowledge,
        host,
        there: target ?? fresh?.reading,
        overriding: this.#overriding,
        running: this.#target === undefined ? undefined : String(this.options.label ?? this.options.in),
        keys: async () => [
          ...(await (this.#fresh ?? this.#host).keys()),
          ...(await this.#host.keys()),
          ...machineKeys(),
          ...localKeys(),
        ],
      }),
      unseen: this.#unseen,
    };
  }

  #say(text: string, evidence: string): void {
    this.#statements.push({ text, evidence });
  }

  async #inFresh(path: string): Promise<Fresh | undefined> {
    if (this.knowledge.scope === 'host') return undefined;
    try {
      this.#fresh = await Place.freshOfCaller(this.tools);
    } catch (error) {
      this.#unseen.push(
        `a fresh namespace (${error instanceof WarrenError ? error.message : errnoOf(error)})`,
      );
      return undefined;
    }
    const reading = await this.#fresh.read(path);
    const access = await this.#fresh.access(path);
    const { measured } = this.knowledge;
    // What root of a user namespace is kept from says nothing of others, where the machine's root was seen to be less so.
    const ofUserOnly =
      this.#fresh.ofUserNamespace &&
      access !== 'writable' &&
      measured &&
      measured.access !== measured.userAccess;
    if (!ofUserOnly) return { reading, access };
    this.#unseen.push(
      'a fresh namespace that belongs to the machine’s own user namespace, whose root may write what others may not',
    );
    return { reading: 'value' in reading ? reading : undefined, access: undefined };
  }

  async #decide(host: Reading, target: Reading | undefined, fresh: Fresh | undefined): Promise<Decision> {
    const { name, path } = this.key;
    const { scope, scopeReason, restriction, facts } = this.knowledge;
    const kind = scopeNames[scope];
    const place = this.#target?.label ?? 'a new container';
    if (scope === 'host') return this.#ofMachine(host, scopeReason);
    if (this.#target?.isOwn(path) === true && this.#target.has(path)) {
      this.#say(
        `${place} is in the same ${kind} namespace as this command: they have one value.`,
        `${namespaceFile(this.#target.pid, this.options.in, scope)} and /proc/self/ns are the same namespace`,
      );
      return {
        verdict: 'same-namespace',
        summary: `${place} uses the host's ${kind} namespace: ${name} is the host's, and a change on the host holds there at once.`,
      };
    }
    if (fresh?.access === 'absent' && (target === undefined || !('value' in target)))
      return this.#absent(host);
    const ofAnInterface = interfaceOf(path) !== undefined && fresh?.access === 'absent';
    if (
      !ofAnInterface &&
      (restriction?.state === 'global' || facts?.origin === 'shared' || fresh?.access === 'read-only')
    ) {
      this.#say(
        `It can be seen in a new ${kind} namespace and is not its own${restriction ? `: ${restriction.reason}` : ''}.`,
        fresh?.access === 'read-only'
          ? 'opening it for writing as root in a throw-away namespace: EACCES (mode 0444 there)'
          : 'the kernel keeps one for all namespaces; see docs/sysctl.md',
      );
      return {
        verdict: 'shared',
        summary: `${name} looks like the container's own and is the machine's: it can be set on the host only.`,
      };
    }
    this.#say(
      `${capital(kind)} namespaces have one value each${facts?.since === undefined ? '' : `, since Linux ${facts.since}`}.`,
      this.#ownEvidence(host, target, fresh?.reading),
    );
    const { origin, source } = await this.#origin();
    if (origin !== undefined) this.#say(originSentences[origin], source);
    this.#compare(host, target, fresh?.reading);
    const { statements, overriding } = await combine(
      path,
      this.#target ?? this.#host,
      this.#target ? `In ${place}` : 'On the host',
    );
    this.#statements.push(...statements);
    if (this.#target) this.#overriding = overriding;
    return decideByOrigin({
      name,
      scope,
      origin,
      overriding: this.#overriding,
      place,
      running: this.#target !== undefined,
      fresh: fresh?.reading,
    });
  }

  /** No namespace of a kind that is asked about has it. */
  #ofMachine(host: Reading, scopeReason: string): Decision {
    const { name, path } = this.key;
    const ofPid = pidSysctl(path);
    if (ofPid && atLeast(this.options.release, ofPid.since)) {
      this.#say(`Each PID namespace has its own, since Linux ${ofPid.since}: ${ofPid.what}.`, ofPid.source);
      return {
        verdict: 'other-kind',
        summary: `${name} belongs to the PID namespace: a container has its own, and what the host sets does not change it. Only processes inside can set it.`,
      };
    }
    if ('errno' in host && host.errno === 'ENOENT') {
      this.#say('No namespace isolates a key of that name.', 'the folder it would be in was looked at');
      return this.#nowhere();
    }
    this.#say(capital(scopeReason), 'the kernel registers it outside every namespace');
    return {
      verdict: 'global',
      summary: `${name} has one value for the whole machine: what the host sets holds in every container, and no container can have its own.`,
    };
  }

  /** Where it is not known what the machine's first network namespace has. */
  #aboutFirst(): void {
    if (inInitialNetwork() || this.knowledge.scope !== 'network') return;
    this.#say(
      'This command is not in the machine’s first network namespace: “host” is only what is seen from here, and new namespaces copy from the first one.',
      'net.core.devconf_inherit_init_net, which only that one has, is not here',
    );
  }

  #absent(host: Reading): Decision {
    const { name, path } = this.key;
    const { scope, restriction } = this.knowledge;
    const kind = scopeNames[scope];
    const device = interfaceOf(path);
    this.#say(
      device === undefined || restriction
        ? `A new ${kind} namespace does not have it${restriction ? `: ${restriction.reason}` : ''}.`
        : `A namespace has it only as long as it has an interface ${device}.`,
      'a throw-away namespace was made: the file is not there (ENOENT)',
    );
    if ('value' in host && device !== undefined && !restriction) {
      return {
        verdict: 'absent',
        summary: `${name} is of the host's interface ${device}, and a container has no interface of that name: its own have keys of their own.`,
      };
    }
    if (!restriction && 'errno' in host && host.errno === 'ENOENT') return this.#nowhere();
    this.#aboutFirst();
    return {
      verdict: 'absent',
      summary: `${name} does not exist in a new ${kind} namespace: only the machine's first one has it, and what it sets holds for all.`,
    };
  }

  #nowhere(): Decision {
    const { name, path } = this.key;
    const device = interfaceOf(path);
    const removed = removedKeys.get(path);
    if (removed) {
      this.#say(`Linux ${removed.release} removed it: ${removed.why}.`, removed.source);
      return {
        verdict: 'nowhere',
        summary: `${name} is gone from the kernel since Linux ${removed.release}.`,
      };
    }
    return {
      verdict: 'nowhere',
      summary:
        device === undefined
          ? `${name} exists neither here nor in a new namespace: a slip of spelling, or a part of the kernel that is not there.`
          : `${name} exists neither here nor in a new namespace: there is no interface ${device}, or it has no such key.`,
    };
  }

  #ownEvidence(host: Reading, target: Reading | undefined, fresh: Reading | undefined): string {
    const { measured } = this.knowledge;
    const other = target ?? fresh;
    if (other && 'value' in host && 'value' in other && host.value !== other.value)
      return `they differ at this moment: ${showReading(host)} here, ${showReading(other)} there`;
    if (measured?.leaks === false)
      return `measured on Linux ${measured.kernel.release}: a write in a namespace did not reach the host`;
    return 'the file can be written in a throw-away namespace, and the table of docs/sysctl.md has it';
  }

  async #origin(): Promise<{ origin: Origin | undefined; source: string }> {
    const { path } = this.key;
    const setting = await this.#host.read('net/core/devconf_inherit_init_net');
    const inherited = 'value' in setting ? inheritedOrigin(path, setting.value) : undefined;
    if (inherited !== undefined && 'value' in setting)
      return { origin: inherited, source: `net.core.devconf_inherit_init_net is ${setting.value}` };
    const { origin, originSource, measured } = this.knowledge;
    return {
      origin,
      source:
        originSource === 'census' && measured
          ? `measured on Linux ${measured.kernel.release}: ${originTrials[origin ?? 'default'] ?? 'the host had another value when a namespace was made'}`
          : 'the kernel’s source and documentation, by the table of docs/sysctl.md',
    };
  }

  #compare(host: Reading, target: Reading | undefined, fresh: Reading | undefined): void {
    this.#aboutFirst();
    if (!target && fresh && 'value' in host && sameReading(host, fresh)) {
      this.#say(
        'At this moment the host has the same value as a fresh namespace: no difference is to be seen.',
        `${showReading(host)} in both`,
      );
    }
    if (!target || !this.#target || !fresh) return;
    if (sameReading(target, fresh)) {
      this.#say(
        `${this.#target.label} has what a namespace made now would have: nobody has set it there.`,
        `${showReading(target)} in both`,
      );
    } else if ('value' in target && 'value' in fresh) {
      this.#say(
        `${this.#target.label} has another value than a namespace made now: it was set there, or what it was copied from has changed since.`,
        `${showReading(target)} there, ${showReading(fresh)} in a throw-away namespace; the host has ${showReading(host)}`,
      );
    }
  }

  /** What keeps somebody inside from setting it. */
  #aboutWriting(): void {
    const pid = this.#target?.pid;
    if (pid === undefined) {
      this.#say(
        'In an ordinary container /proc/sys is mounted read-only: it has to be set at the start, or from outside.',
        'what warren, docker and podman do by default; a privileged container has it writable',
      );
      return;
    }
    const { procSys, netAdmin, otherUserNamespace, unseen } = surroundingsOf(pid);
    this.#unseen.push(...unseen);
    if (procSys?.readOnly === true)
      this.#say(
        'Inside, /proc/sys is mounted read-only: writing there gives “Read-only file system”.',
        procSys.evidence,
      );
    else if (procSys) this.#say('Inside, /proc/sys is writable.', procSys.evidence);
    if (netAdmin && !netAdmin.held && this.knowledge.scope === 'network' && procSys?.readOnly !== true)
      this.#say(
        `Process ${pid} lacks CAP_NET_ADMIN: it may write it only where it is user 0 of the machine.`,
        netAdmin.evidence,
      );
    if (otherUserNamespace === true)
      this.#say(
        'It is in a user namespace of its own: what the kernel keeps for the machine’s root is not for its root.',
        `/proc/${pid}/ns/user is not /proc/self/ns/user`,
      );
  }

  #aboutUse(verdict: Verdict, settable: boolean): void {
    const { facts, scope } = this.knowledge;
    if (!facts || verdict === 'nowhere') return;
    const source = documents[facts.document];
    if (settable && facts.use !== undefined)
      this.#say(useSentence(facts.use, scope), 'the kernel’s source, by the table of docs/sysctl.md');
    if (facts.trap !== undefined) this.#say(facts.trap, source);
    if (facts.limit !== undefined) this.#say(facts.limit, source);
  }
}

/** What instructions of old still ask for. */
const removedKeys: ReadonlyMap<
  string,
  { readonly release: string; readonly why: string; readonly source: string }
> = new Map([
  [
    'net/ipv4/tcp_tw_recycle',
    {
      release: '4.12',
      why: 'behind a NAT it dropped connections; tcp_tw_reuse is what there is, for the side that connects',
      source: 'https://git.kernel.org/linus/4396e46187ca',
    },
  ],
]);

const settableVerdicts: ReadonlySet<Verdict> = new Set<Verdict>([
  'copied',
  'reset',
  'interface',
  'overridden',
  'unknown',
]);

/** How the other origins were found out. */
const originTrials: Readonly<Partial<Record<Origin, string>>> = {
  creator: 'a namespace was made inside one that had another value',
  'conf-default': 'conf/default had another value when a namespace was made',
  'neigh-default': 'the machine’s neigh/default had another value when a namespace was made',
};

function namespaceFile(pid: number | undefined, target: PlaceTarget | undefined, scope: string): string {
  const kind = scope === 'network' ? 'net' : scope;
  const file = pid === undefined ? String(target) : `/proc/${pid}/ns/${kind}`;
  try {
    return `${file} (${readlinkSync(`/proc/self/ns/${kind}`)})`;
  } catch (error) {
    errnoOf(error);
    return file;
  }
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
