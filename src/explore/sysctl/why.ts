/** The answer to "I changed it on the host; why does it not take effect in the container?", for one key. */
import { readlinkSync } from 'node:fs';
import { parseSysctlName, type SysctlName } from '../../kernel/sysctl-name.js';
import { combinationOf, effectiveValue, inheritedOrigin, siblingKey } from './conf.js';
import { sysctlKnowledge, type Knowledge } from './knowledge.js';
import { Place, type PlaceTarget } from './place.js';
import { errnoOf, sameReading, showReading, type Access, type Reading } from '../../kernel/sysctl-reading.js';
import { remediesInContainer, remediesOnHost, type Remedy } from './remedies.js';
import { inInitialNetwork, surroundingsOf } from './surroundings.js';
import { documents, interfaceOf, type Origin } from './table/index.js';
import type { SysctlTools } from './tools.js';
import { combinationSentences, originSentences, scopeNames, useSentences } from './words.js';

/**
 * What it comes down to.
 *
 * - `global`: the machine has one value. - `absent`: a namespace does not have it. - `shared`: the namespace shows the machine's.
 * - `same-namespace`: the container uses the host's namespace. - `copied`: the value of the host at the start. - `reset`: the
 * kernel's default. - `interface`: taken over when an interface appeared. - `overridden`: another key counts more.
 * - `unknown`: it is the namespace's own, and where its first value comes from is not known.
 */
export type Verdict =
  | 'global'
  | 'absent'
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
 * @throws {WarrenError} `ERR_SYSCTL_NAME`, `ERR_NAMESPACE_NOT_FOUND`
 */
export async function whySysctl(key: string, tools: SysctlTools, options: WhyOptions): Promise<WhyReport> {
  const parsed = parseSysctlName(key);
  const knowledge = sysctlKnowledge(parsed.path, options.release);
  const investigation = new Investigation(parsed, knowledge, tools, options);
  try {
    return await investigation.run();
  } finally {
    investigation.close();
  }
}

class Investigation {
  readonly #statements: Statement[] = [];
  readonly #unseen: string[] = [];
  readonly #host: Place;
  readonly #target: Place | undefined;
  #fresh: Place | undefined;

  constructor(
    private readonly key: SysctlName,
    private readonly knowledge: Knowledge,
    private readonly tools: SysctlTools,
    private readonly options: WhyOptions,
  ) {
    this.#host = Place.own(tools);
    this.#target = options.in === undefined ? undefined : Place.open(options.in, tools, options.label);
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
    const verdict = await this.#decide(host, target, fresh);
    if (verdict.settable) this.#aboutWriting();
    this.#aboutUse(verdict.settable);
    return {
      path,
      name: this.key.name,
      verdict: verdict.verdict,
      summary: verdict.summary,
      values: [
        { place: 'host', reading: host },
        ...(target && this.#target ? [{ place: this.#target.label, reading: target }] : []),
        ...(fresh ? [{ place: 'fresh namespace', reading: fresh.reading }] : []),
      ],
      statements: this.#statements,
      remedies: this.#remedies(verdict.settable, host),
      unseen: this.#unseen,
    };
  }

  #say(text: string, evidence: string): void {
    this.#statements.push({ text, evidence });
  }

  async #inFresh(path: string): Promise<{ reading: Reading; access: Access } | undefined> {
    if (this.knowledge.scope === 'host') return undefined;
    try {
      this.#fresh = await Place.fresh(this.tools);
      return { reading: await this.#fresh.read(path), access: await this.#fresh.access(path) };
    } catch (error) {
      this.#unseen.push(`a fresh namespace (${errnoOf(error)}: making one needs root)`);
      return undefined;
    }
  }

  async #decide(
    host: Reading,
    target: Reading | undefined,
    fresh: { reading: Reading; access: Access } | undefined,
  ): Promise<{ verdict: Verdict; summary: string; settable: boolean }> {
    const { name, path } = this.key;
    const { scope, scopeReason, restriction, facts } = this.knowledge;
    const kind = scopeNames[scope];
    const place = this.#target?.label ?? 'a new container';
    if (scope === 'host') {
      this.#say(capital(scopeReason), 'the kernel registers it outside every namespace');
      return {
        verdict: 'global',
        summary: `${name} has one value for the whole machine: what the host sets holds in every container, and no container can have its own.`,
        settable: false,
      };
    }
    if (this.#target?.isOwn(path) === true && this.#target.has(path)) {
      this.#say(
        `${place} is in the same ${kind} namespace as this command: they have one value.`,
        `${namespaceFile(this.#target.pid, this.options.in, scope)} and /proc/self/ns are the same namespace`,
      );
      return {
        verdict: 'same-namespace',
        summary: `${place} uses the host's ${kind} namespace: ${name} is the host's, and a change on the host holds there at once.`,
        settable: false,
      };
    }
    const device = interfaceOf(path);
    if (
      fresh?.access === 'absent' &&
      (device === undefined || target === undefined || !('value' in target))
    ) {
      this.#say(
        device !== undefined && 'value' in host
          ? `A namespace has ${name} only where it has ${path.includes('/neigh/default/') ? 'it as the machine’s default' : `an interface ${device}`}${restriction ? `: ${restriction.reason}` : ''}.`
          : `A new ${kind} namespace does not have it${restriction ? `: ${restriction.reason}` : ''}.`,
        'a throw-away namespace was made: the file is not there (ENOENT)',
      );
      const nowhere = !('value' in host) && !restriction && host.errno === 'ENOENT';
      return {
        verdict: 'absent',
        summary: nowhere
          ? `${name} exists neither here nor in a new namespace: a module that is not loaded, an interface that is not there, or a slip of spelling.`
          : `${name} does not exist in a new ${kind} namespace: only the machine's first one has it, and what it sets holds for all.`,
        settable: false,
      };
    }
    if (restriction?.state === 'global' || facts?.origin === 'shared' || fresh?.access === 'read-only') {
      this.#say(
        `It can be seen in a new ${kind} namespace and is not its own${restriction ? `: ${restriction.reason}` : ''}.`,
        fresh?.access === 'read-only'
          ? 'opening it for writing as root in a throw-away namespace: EACCES (mode 0444 there)'
          : 'the kernel keeps one for all namespaces; see docs/sysctl.md',
      );
      return {
        verdict: 'shared',
        summary: `${name} looks like the container's own and is the machine's: it can be set on the host only.`,
        settable: false,
      };
    }
    this.#say(
      `${capital(kind)} namespaces have one value each${facts?.since === undefined ? '' : `, since Linux ${facts.since}`}.`,
      this.#ownEvidence(host, target, fresh?.reading),
    );
    const { origin, source } = await this.#origin();
    if (origin !== undefined) this.#say(originSentences[origin], source);
    this.#compare(host, target, fresh?.reading);
    const overridden = await this.#combination();
    return { ...this.#verdict(origin, overridden, place, fresh?.reading), settable: true };
  }

  #ownEvidence(host: Reading, target: Reading | undefined, fresh: Reading | undefined): string {
    const { measured } = this.knowledge;
    const other = target ?? fresh;
    if (other && 'value' in host && 'value' in other && host.value !== other.value)
      return `they differ at this moment: ${showReading(host)} here, ${showReading(other)} there`;
    if (measured?.leaks === false)
      return `census of Linux ${measured.kernel.release}: a write in a namespace did not reach the host`;
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
          ? `census of Linux ${measured.kernel.release}: the host’s value was changed and a namespace made`
          : 'the kernel’s source and documentation, by the table of docs/sysctl.md',
    };
  }

  #compare(host: Reading, target: Reading | undefined, fresh: Reading | undefined): void {
    if (!inInitialNetwork() && this.knowledge.scope === 'network') {
      this.#say(
        'This command is not in the machine’s first network namespace: “host” is only what is seen from here, and new namespaces copy from the first one.',
        'net.core.devconf_inherit_init_net, which only that one has, is not here',
      );
    }
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

  /** @returns Whether another key than this one decides. */
  async #combination(): Promise<boolean> {
    const { path } = this.key;
    const rule = combinationOf(path);
    const device = interfaceOf(path);
    if (rule === undefined || device === undefined || device === 'default') return false;
    this.#say(combinationSentences[rule], 'the kernel’s source, by the table of docs/sysctl.md');
    const place = this.#target ?? this.#host;
    const devices = device === 'all' ? interfacesIn(await place.keys(), path) : [device];
    let overridden = false;
    let same = 0;
    for (const each of devices) {
      const [all, own, forwarding] = await Promise.all(
        [
          siblingKey(path, 'all'),
          siblingKey(path, each),
          siblingKey(path, each).replace(/[^/]+$/, 'forwarding'),
        ].map(async (sibling) => place.read(sibling)),
      );
      if (!all || !own || !('value' in all) || !('value' in own)) continue;
      const forwards = forwarding !== undefined && 'value' in forwarding && forwarding.value !== '0';
      const effective = effectiveValue(rule, all.value, own.value, forwards);
      if (effective === undefined) continue;
      const mine = device === 'all' ? all.value : own.value;
      if (String(effective) === mine && device === 'all') {
        same += 1;
        continue;
      }
      if (String(effective) !== mine) overridden = true;
      this.#say(
        `${this.#target ? `In ${place.label}` : 'On the host'}, on ${each}, ${effective} counts.`,
        `conf.all is ${all.value}, conf.${each} is ${own.value}`,
      );
    }
    if (same > 0)
      this.#say(
        `${this.#target ? `In ${place.label}` : 'On the host'} conf.all’s own value counts on ${same} of ${devices.length} interfaces.`,
        'conf.all and each interface were read',
      );
    return overridden && this.#target !== undefined;
  }

  #verdict(
    origin: Origin | undefined,
    overridden: boolean,
    place: string,
    fresh: Reading | undefined,
  ): { verdict: Verdict; summary: string } {
    const { name } = this.key;
    if (overridden) {
      return {
        verdict: 'overridden',
        summary: `${name} is set in ${place}, and another key counts more there: conf.all and the interface’s own are combined.`,
      };
    }
    const value = fresh && 'value' in fresh ? ` (${showReading(fresh)})` : '';
    switch (origin) {
      case 'initial':
      case 'creator':
        return {
          verdict: 'copied',
          summary: `${name} was copied when the namespace was made: later changes on the host do not reach ${place}.`,
        };
      case 'conf-default':
      case 'neigh-default':
        return {
          verdict: 'interface',
          summary: `${name} was taken over when the interface appeared: later changes of the default do not reach it.`,
        };
      case 'default':
      case 'computed':
        return {
          verdict: 'reset',
          summary: `${name} does not follow the host: every namespace has its own, and a new one starts with the kernel’s ${origin === 'computed' ? 'computed value' : 'default'}${value}.`,
        };
      default:
        return {
          verdict: 'unknown',
          summary: `${name} is the namespace’s own: the host’s value does not hold in ${place}.`,
        };
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
    if (netAdmin && !netAdmin.held && this.knowledge.scope === 'network')
      this.#say(
        `Process ${pid} lacks CAP_NET_ADMIN: where /proc/sys is writable, only user 0 of its namespaces’ owner could write it.`,
        netAdmin.evidence,
      );
    if (otherUserNamespace === true)
      this.#say(
        'It is in a user namespace of its own: what the kernel keeps for the machine’s root is not for its root.',
        `/proc/${pid}/ns/user is not /proc/self/ns/user`,
      );
  }

  #aboutUse(settable: boolean): void {
    const { facts } = this.knowledge;
    if (!facts) return;
    const source = documents[facts.document];
    if (settable && facts.use !== undefined)
      this.#say(useSentences[facts.use], 'the kernel’s source, by the table of docs/sysctl.md');
    if (facts.trap !== undefined) this.#say(facts.trap, source);
    if (facts.limit !== undefined) this.#say(facts.limit, source);
  }

  #remedies(settable: boolean, host: Reading): readonly Remedy[] {
    const value = 'value' in host && host.value !== '' ? showReading(host) : 'VALUE';
    if (!settable) return remediesOnHost(this.key.name, value);
    const running = this.#target === undefined ? undefined : String(this.options.label ?? this.options.in);
    return remediesInContainer(this.knowledge, value, running);
  }
}

function interfacesIn(keys: readonly string[], path: string): string[] {
  return keys.flatMap((key) => {
    const device = interfaceOf(key);
    return device !== undefined &&
      device !== 'all' &&
      device !== 'default' &&
      siblingKey(path, device) === key
      ? [device]
      : [];
  });
}

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
