/**
 * Measures where new namespaces take their values from, by changing the host's values one at a time and looking. It disturbs the
 * machine while it runs, and puts everything back.
 */
import { NetworkSysctls } from '../../../kernel/sysctl-files.js';
import { otherValues } from '../other-value.js';
import { Place } from '../place.js';
import { sameReading, type Access, type Reading } from '../../../kernel/sysctl-reading.js';
import { interfaceOf, type Origin } from '../table/index.js';
import type { SysctlTools } from '../tools.js';
import { localCensus, localSnapshot } from './local.js';
import { removeJournal, restore, writeJournal, type HostFiles, type Unrestored } from './journal.js';

/** What was measured of one key of a fresh namespace. */
export interface CensusEntry {
  /** What root of the first user namespace may do in a fresh namespace; of a user namespace itself, root of a new one. */
  readonly access: Access;
  /** What root of a new user namespace, who is nobody outside, may do in a namespace that belongs to it. */
  readonly userAccess: Access;
  /** Undefined: it could not be decided, and `note` says why. */
  readonly origin: Origin | 'default-or-computed' | undefined;
  /** Whether a write in a namespace reached the host. Undefined: not tried. */
  readonly leaks: boolean | undefined;
  readonly note?: string;
}

/** What `conf/default` of a namespace was copied from, for each setting of net.core.devconf_inherit_init_net. */
export interface InheritEntry {
  readonly setting: number;
  readonly ipv4: 'initial' | 'creator' | 'default' | undefined;
  readonly ipv6: 'initial' | 'creator' | 'default' | undefined;
}

export interface CensusResult {
  /** `6.18.3-arch1`, as uname(2) says. */
  readonly kernel: string;
  readonly entries: ReadonlyMap<string, CensusEntry>;
  /** Keys of the host's network that a fresh network namespace lacks. */
  readonly absent: readonly string[];
  readonly inherit: readonly InheritEntry[];
  readonly unrestored: readonly Unrestored[];
}

export interface CensusOptions {
  readonly kernel: string;
  readonly journal: string;
  readonly onProgress?: (done: number, all: number) => void;
}

/** Never changed: it could not be undone, or does more than set a value. */
const untouchable: readonly RegExp[] = [
  // Takes the addresses away, which a value does not bring back.
  /\/disable_ipv6$/,
  // Drops the routes learned from routers.
  /ipv6\/conf\/all\/forwarding$/,
  // Interfaces make and drop addresses.
  /\/addr_gen_mode$/,
  // Cannot be unset.
  /\/stable_secret$/,
  // Cannot be switched back.
  /\/nf_hooks_lwtunnel$/,
  // Acts when written.
  /\/flush$/,
  // The device's, not the namespace's.
  /\/mtu$/,
];

/** Counters, and what is random. */
const restless: ReadonlySet<string> = new Set([
  'net/netfilter/nf_conntrack_count',
  'net/core/netdev_rss_key',
]);

/** @throws {WarrenError} `ERR_SYSCTL_CENSUS`, `ERR_STEP` */
export async function takeCensus(tools: SysctlTools, options: CensusOptions): Promise<CensusResult> {
  const host = new NetworkSysctls();
  const files = hostFiles(host);
  const before = new Map([...snapshot(host), ...localSnapshot(files)]);
  writeJournal(options.journal, before);
  let entries: ReadonlyMap<string, CensusEntry>;
  let absent: string[];
  let inherit: InheritEntry[];
  let unrestored: Unrestored[];
  try {
    const survey = new Survey(tools, host);
    const network = await survey.run(before, options.onProgress ?? (() => undefined));
    entries = new Map([...network, ...(await localCensus(tools, files, before))]);
    inherit = await measureInherit(tools, host);
    absent = host.keys().filter((path) => !entries.has(path) && interfaceOf(path) === undefined);
  } finally {
    unrestored = restore(before, files);
    if (unrestored.length === 0) removeJournal(options.journal);
  }
  return { kernel: options.kernel, entries, absent, inherit, unrestored };
}

export function hostFiles(host: NetworkSysctls): HostFiles {
  return {
    read: (path) => {
      const reading = host.read(path);
      return 'value' in reading ? reading.value : undefined;
    },
    write: (path, value) => host.write(path, value),
  };
}

function snapshot(files: NetworkSysctls): Map<string, string> {
  return new Map(
    files.keys().flatMap((path): [string, string][] => {
      const reading = files.read(path);
      return 'value' in reading && !restless.has(path) ? [[path, reading.value]] : [];
    }),
  );
}

/**
 * Keys that are changed together. Apart are those that others take their first value from, or that are written over by them.
 */
const rounds = ['plain', 'tables', 'all', 'default', 'interface', 'neighbours', 'coarse'] as const;
type Round = (typeof rounds)[number];

/** The same value in another unit: changed at once, one would undo the other. */
const coarse = /\/(?:base_reachable_time|retrans_time|unres_qlen|gc_min_interval)$/;

function roundOf(path: string): Round {
  const device = interfaceOf(path);
  if (coarse.test(path)) return 'coarse';
  if (device === undefined) return path.includes('_child_') ? 'tables' : 'plain';
  if (path.includes('/neigh/')) return device === 'default' ? 'neighbours' : 'interface';
  return device === 'all' || device === 'default' ? device : 'interface';
}

class Survey {
  /** The rounds in which the first value of a fresh namespace's key was another. */
  readonly #moved = new Map<string, Set<Round>>();
  /** Where it was the host's new one. */
  readonly #copied = new Set<string>();
  readonly #shared = new Set<string>();
  readonly #changed = new Set<string>();

  constructor(
    private readonly tools: SysctlTools,
    private readonly host: NetworkSysctls,
  ) {}

  async run(
    before: ReadonlyMap<string, string>,
    onProgress: (done: number, all: number) => void,
  ): Promise<ReadonlyMap<string, CensusEntry>> {
    const old = await Place.fresh(this.tools);
    const user = await Place.fresh(this.tools, { user: true });
    try {
      const first = networkOf(old).keys();
      const values = readAll(networkOf(old), first);
      const wanted = [...before.keys()].filter((path) => this.#mayMatter(path, values));
      for (const [index, round] of rounds.entries()) {
        const paths = wanted.filter((path) => roundOf(path) === round);
        try {
          await this.#disturb(round, paths, before, values, networkOf(old));
        } finally {
          restore(before, hostFiles(this.host));
        }
        onProgress(index + 1, rounds.length);
      }
      const created = await this.#creators(first, values);
      return new Map(
        first.map((path) => [path, this.#conclude(path, networkOf(old), networkOf(user), created)]),
      );
    } finally {
      old.close();
      user.close();
    }
  }

  /** A key that fresh namespaces have too, or the machine's defaults of their interfaces. */
  #mayMatter(path: string, fresh: ReadonlyMap<string, Reading>): boolean {
    if (untouchable.some((pattern) => pattern.test(path))) return false;
    const device = interfaceOf(path);
    if (device === 'default' && path.includes('/neigh/')) return true;
    return fresh.has(path);
  }

  /** Changes some of the host's values, and looks at a namespace that was there and at one that is made now. */
  async #disturb(
    round: Round,
    paths: readonly string[],
    before: ReadonlyMap<string, string>,
    fresh: ReadonlyMap<string, Reading>,
    old: NetworkSysctls,
  ): Promise<void> {
    const changed = paths.filter(
      (path) => this.#change(this.host, path, before.get(path) ?? '') !== undefined,
    );
    for (const path of changed) this.#changed.add(path);
    const next = await Place.fresh(this.tools);
    try {
      for (const [key, earlier] of fresh) {
        const [now, inOld, inHost] = [networkOf(next).read(key), old.read(key), this.host.read(key)];
        if (!('value' in now) || !('value' in earlier) || now.value === earlier.value) continue;
        this.#moved.set(key, (this.#moved.get(key) ?? new Set()).add(round));
        if (roundOf(key) !== round || !sameReading(now, inHost)) continue;
        // What shows in a namespace that was there before is not copied.
        if (sameReading(inOld, inHost)) this.#shared.add(key);
        else this.#copied.add(key);
      }
    } finally {
      next.close();
    }
  }

  /** @returns The value that the kernel took; undefined where it took none. */
  #change(files: NetworkSysctls, path: string, value: string): string | undefined {
    for (const candidate of otherValues(path, value, this.#choices(files))) {
      if (files.write(path, candidate) !== undefined) continue;
      const now = files.read(path);
      if ('value' in now && now.value !== value) return now.value;
    }
    return undefined;
  }

  #choices(files: NetworkSysctls): string[] {
    const allowed = files.read('net/ipv4/tcp_allowed_congestion_control');
    return 'value' in allowed ? allowed.value.split(' ') : [];
  }

  /** Which keys a namespace takes from the namespace that it is made in; and the marks of those written there that reached the host. */
  async #creators(
    keys: readonly string[],
    values: ReadonlyMap<string, Reading>,
  ): Promise<{ readonly copied: ReadonlySet<string>; readonly leaks: ReadonlyMap<string, boolean> }> {
    const copied = new Set<string>();
    const leaks = new Map<string, boolean>();
    const creator = await Place.fresh(this.tools);
    try {
      const files = networkOf(creator);
      for (const path of keys) {
        const value = values.get(path);
        if (value === undefined || !('value' in value) || untouchable.some((pattern) => pattern.test(path)))
          continue;
        const hostBefore = this.host.read(path);
        if (this.#change(files, path, value.value) === undefined) continue;
        const hostAfter = this.host.read(path);
        leaks.set(
          path,
          'value' in hostBefore && 'value' in hostAfter && hostBefore.value !== hostAfter.value,
        );
      }
      const child = await Place.fresh(this.tools, { from: creator.networkFd ?? -1 });
      try {
        for (const path of keys) {
          const [mine, theirs, usual] = [networkOf(child).read(path), files.read(path), values.get(path)];
          if (usual === undefined || !('value' in usual) || !('value' in mine) || !('value' in theirs))
            continue;
          if (theirs.value !== usual.value && mine.value === theirs.value) copied.add(path);
        }
      } finally {
        child.close();
      }
    } finally {
      creator.close();
    }
    return { copied, leaks };
  }

  #conclude(
    path: string,
    old: NetworkSysctls,
    user: NetworkSysctls,
    created: { readonly copied: ReadonlySet<string>; readonly leaks: ReadonlyMap<string, boolean> },
  ): CensusEntry {
    const leaks = created.leaks.get(path);
    return {
      access: old.access(path),
      userAccess: user.access(path),
      leaks,
      ...this.#origin(path, created.copied),
    };
  }

  #origin(path: string, fromCreator: ReadonlySet<string>): Pick<CensusEntry, 'origin' | 'note'> {
    const moved = this.#moved.get(path) ?? new Set();
    if (this.#shared.has(path)) return { origin: 'shared' };
    if (fromCreator.has(path)) return { origin: 'creator' };
    // A fresh namespace has no other neighbours' folder than that of an interface.
    if (path.includes('/neigh/') && moved.size > 0) return { origin: 'neigh-default' };
    if (roundOf(path) === 'interface' && moved.has('default')) return { origin: 'conf-default' };
    if (this.#copied.has(path)) return { origin: 'initial' };
    // The size of the namespace's own tables, which its maker can choose, decides about others.
    if (moved.has('tables') || moved.has(roundOf(path)))
      return { origin: 'computed', note: 'moved by other keys of the host' };
    if (this.#changed.has(path)) return { origin: 'default-or-computed' };
    return { origin: undefined, note: 'the host’s value was not changed' };
  }
}

const inheritKey = 'net/core/devconf_inherit_init_net';
/** Keys without effect on who talks to whom, with the kernel's own value and two others. */
const witnesses = {
  ipv4: { path: 'net/ipv4/conf/default/arp_announce', default: '0', initial: '1', creator: '2' },
  ipv6: { path: 'net/ipv6/conf/default/dad_transmits', default: '1', initial: '2', creator: '3' },
} as const;

async function measureInherit(tools: SysctlTools, host: NetworkSysctls): Promise<InheritEntry[]> {
  const entries: InheritEntry[] = [];
  for (const { path, initial } of Object.values(witnesses)) host.write(path, initial);
  for (const setting of [0, 1, 2, 3]) {
    if (host.write(inheritKey, String(setting)) !== undefined) continue;
    const creator = await Place.fresh(tools);
    for (const witness of Object.values(witnesses)) networkOf(creator).write(witness.path, witness.creator);
    const child = await Place.fresh(tools, { from: creator.networkFd ?? -1 });
    const seen = (family: keyof typeof witnesses): InheritEntry['ipv4'] => {
      const witness = witnesses[family];
      const reading = networkOf(child).read(witness.path);
      return (['initial', 'creator', 'default'] as const).find(
        (origin) => 'value' in reading && reading.value === witness[origin],
      );
    };
    entries.push({ setting, ipv4: seen('ipv4'), ipv6: seen('ipv6') });
    child.close();
    creator.close();
  }
  return entries;
}

function networkOf(place: Place): NetworkSysctls {
  if (!place.network) throw new TypeError('a fresh place has a network');
  return place.network;
}

function readAll(files: NetworkSysctls, keys: readonly string[]): Map<string, Reading> {
  return new Map(keys.filter((path) => !restless.has(path)).map((path) => [path, files.read(path)]));
}
